/**
 * The history of a training in a file: JSON lines, one an epoch, `{"epoch":1,"phase":"train",...}`.
 * Not here: what a record holds (./history.ts).
 *
 * The file is replaced as a whole with each epoch, so that a killed process or a full disk leaves
 * the epochs before: a line is never cut short.
 */
import { BitplaneError, expected } from '../core/errors.js';
import { readWholeFile } from '../formats/read-file.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { checkRecord, type EpochRecord } from './history.js';

/** Writes one line an epoch to a file. */
export interface HistoryLog {
  /** The records so far: those that were kept, and those that were added. */
  readonly records: readonly EpochRecord[];
  /**
   * Adds the record of the next epoch and writes the file. Where that fails nothing is added.
   * @throws BitplaneError ERR_FORMAT for another epoch or a number that is not finite, ERR_IO where
   * the file cannot be written
   */
  append(record: EpochRecord): Promise<void>;
}

const MAX_BYTES = 2 ** 26;

/**
 * Begins a log, or goes on with one. `keep` is how many epochs a checkpoint has done: their records
 * are kept, later ones are dropped. Without it the log begins anew, and the first record replaces
 * the file.
 * @throws BitplaneError ERR_FORMAT where a line is damaged or the log has fewer epochs than `keep`
 */
export async function openHistoryLog(path: string, keep = 0): Promise<HistoryLog> {
  const records = keep === 0 ? [] : await readHistory(path);
  if (records.length < keep) {
    const what = `the records of ${keep} epochs, which the checkpoint has done`;
    throw expected('ERR_FORMAT', what, records.length, siteOf(path));
  }
  records.length = keep;
  return {
    records,
    async append(record) {
      checkNext(checkRecord(record, 'to append', siteOf(path)), records.length, path, 'to append');
      const text = [...records, record].map((each) => `${JSON.stringify(each)}\n`).join('');
      await writeFileAtomic(path, Buffer.from(text));
      records.push(record);
    },
  };
}

/**
 * The records of a log, epochs 1, 2, 3, ...
 * @throws BitplaneError ERR_IO where the file cannot be read, ERR_FORMAT naming the damaged line
 */
export async function readHistory(path: string): Promise<EpochRecord[]> {
  const text = (await readWholeFile(path, { limit: MAX_BYTES })).toString('utf8');
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else
    throw expected(
      'ERR_FORMAT',
      `a whole line ${lines.length}`,
      'a line without end',
      siteOf(path),
    );
  return lines.map((line, i) => {
    const where = `in line ${i + 1}`;
    const record = checkRecord(parse(line, where, path), where, siteOf(path));
    checkNext(record, i, path, where);
    return record;
  });
}

function checkNext({ epoch }: EpochRecord, done: number, path: string, where: string): void {
  if (epoch !== done + 1)
    throw expected('ERR_FORMAT', `epoch ${done + 1} ${where}`, `epoch ${epoch}`, siteOf(path));
}

function parse(line: string, where: string, path: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new BitplaneError('ERR_FORMAT', `expected JSON ${where} but received something else`, {
      ...siteOf(path),
      cause,
    });
  }
}

function siteOf(path: string) {
  return { op: 'history', node: path };
}
