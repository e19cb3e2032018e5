/**
 * What training says of each epoch, and the check of such a record. Not here: the file that keeps
 * records (./history-log.ts), the page and the line that show them (src/cli).
 */
import { type ErrorSite, expected } from '../core/errors.js';

/** What an epoch of a training came to; losses are means over its pictures. */
export interface EpochRecord {
  /** Epochs done, this one included: 1, 2, 3, ... through all phases. */
  readonly epoch: number;
  /** The part of a recipe that the epoch belongs to, such as a stage; 'train' of a single one. */
  readonly phase: string;
  /** The base rate times the schedule's factor at the last step of the epoch. */
  readonly rate: number;
  /** The mean loss of the epoch's steps. */
  readonly loss: number;
  /** Percent of the training pictures that were right in their step, as they were augmented. */
  readonly trainAccuracy: number;
  /** The mean loss on the test pictures; null where none is computed. */
  readonly testLoss: number | null;
  /** Percent of the test pictures that are right after the epoch; null without an evaluation. */
  readonly testAccuracy: number | null;
  /** Of the epoch's steps, without evaluation. */
  readonly seconds: number;
  /** Training pictures a second, without evaluation. */
  readonly imagesPerSecond: number;
  /** What else a recipe measures, by name. */
  readonly metrics?: Readonly<Record<string, number>> | undefined;
}

type Kind = 'number' | 'number or null' | 'text' | 'epoch' | 'metrics';

const FIELDS: { readonly [K in keyof EpochRecord]-?: Kind } = {
  epoch: 'epoch',
  phase: 'text',
  rate: 'number',
  loss: 'number',
  trainAccuracy: 'number',
  testLoss: 'number or null',
  testAccuracy: 'number or null',
  seconds: 'number',
  imagesPerSecond: 'number',
  metrics: 'metrics',
};

const finite = (value: unknown) => typeof value === 'number' && Number.isFinite(value);

const CHECKS: Readonly<Record<Kind, readonly [what: string, is: (value: unknown) => boolean]>> = {
  number: ['a finite number', finite],
  'number or null': ['a finite number or null', (value) => value === null || finite(value)],
  text: ['text', (value) => typeof value === 'string'],
  epoch: ['a number of epochs', (value) => Number.isInteger(value) && (value as number) > 0],
  metrics: ['finite numbers by name', isMetrics],
};

function isMetrics(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    Object.values(value).every(finite)
  );
}

/**
 * `value`, if it is the record of an epoch. `where` goes on with the sentence, such as 'in line 3'.
 * @throws BitplaneError ERR_FORMAT naming the field
 */
export function checkRecord(value: unknown, where: string, site: ErrorSite): EpochRecord {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw expected('ERR_FORMAT', `the record of an epoch ${where}`, value, site);
  const record = value as Record<string, unknown>;
  const stray = Object.keys(record).find((name) => !Object.hasOwn(FIELDS, name));
  if (stray !== undefined)
    throw expected('ERR_FORMAT', `fields of an epoch's record ${where}`, stray, site);
  for (const [name, kind] of Object.entries(FIELDS)) {
    const [what, is] = CHECKS[kind];
    // JSON has prototypes too: only a field of the record itself counts.
    const field = Object.hasOwn(record, name) ? record[name] : undefined;
    if (!is(field)) throw expected('ERR_FORMAT', `${what} as ${name} ${where}`, field, site);
  }
  return value as EpochRecord;
}
