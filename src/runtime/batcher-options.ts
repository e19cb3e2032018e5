/**
 * What may be asked of a Batcher and what it says of itself. Not here: what it does
 * (./batcher.ts).
 */
import { requireNotAborted, requireOptions, requireSignal } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';

/** Options of a Batcher. */
export interface BatcherOptions {
  /** The most rows (pictures) of one run, 1 to 1024. Default 16. */
  readonly maxBatch?: number | undefined;
  /**
   * Milliseconds that a call waits for others while the session is idle, 0 to 60,000. Default 0:
   * what waits begins as soon as a run can begin, and a lone call begins at once; many callers fill
   * batches all the same, while the runs before theirs are under way. With a delay, all that waits
   * goes as one run; without, as two side by side where those end sooner.
   */
  readonly maxDelayMs?: number | undefined;
  /** Aborts every call that waits or runs, and closes the batcher. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one call. */
export interface BatchedRunOptions {
  /** Rejects this call with ERR_ABORTED; the others of its batch go on. */
  readonly signal?: AbortSignal | undefined;
}

/** What a batcher has done so far. */
export interface BatcherInfo {
  /** Calls that wait. */
  readonly waiting: number;
  /** Runs of the session that are under way. */
  readonly running: number;
  /** Runs that have begun. */
  readonly runs: number;
  /** Rows of callers in them. */
  readonly rows: number;
  /** Rows beside those, which filled up sizes that had a program. */
  readonly padding: number;
}

const MOST = { maxBatch: 1024, maxDelayMs: 60_000 };

/** The options with their defaults. @throws BitplaneError ERR_ARGUMENT, ERR_ABORTED */
export function checkedOptions(options: BatcherOptions, op: string) {
  requireOptions(options, { maxBatch: true, maxDelayMs: true, signal: true }, { op });
  const { maxBatch = 16, maxDelayMs = 0, signal } = options;
  if (!isSize(maxBatch) || maxBatch < 1 || maxBatch > MOST.maxBatch)
    throw expected('ERR_ARGUMENT', `maxBatch from 1 to ${MOST.maxBatch}`, maxBatch, { op });
  if (typeof maxDelayMs !== 'number' || !(maxDelayMs >= 0 && maxDelayMs <= MOST.maxDelayMs)) {
    const what = `maxDelayMs from 0 to ${MOST.maxDelayMs}`;
    throw expected('ERR_ARGUMENT', what, maxDelayMs, { op });
  }
  requireSignal(signal, { op });
  requireNotAborted(signal, 'the batcher', { op });
  return { maxBatch, maxDelayMs, signal };
}
