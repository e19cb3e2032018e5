/**
 * Runs of many callers as few runs of batches: what arrives while a run is under way makes up the
 * next. Not here: joining rows and taking them apart (./batch-rows.ts), which sizes run
 * (./batch-sizes.ts).
 */
import { setImmediate } from 'node:timers';
import { abortedError, requireNotAborted, requireOptions, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import type { Feeds, Results } from '../graph/feeds.js';
import type { Graph } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { allowListeners } from './allow-listeners.js';
import { batchSymbol, joined, type Rows, rowsOf, rowsOfResults } from './batch-rows.js';
import { batchSizes, chooseSize, SizeTimes } from './batch-sizes.js';
import { GraphSession } from './session.js';

/** Options of a Batcher. */
export interface BatcherOptions {
  /** The most rows (pictures) of one run, 1 to 1024. Default 16. */
  readonly maxBatch?: number | undefined;
  /**
   * Milliseconds that a call waits for others while the session is idle, 0 to 60,000. Default 0:
   * what waits begins as soon as a run can begin, so that a lone caller waits for nobody; many
   * callers fill batches all the same, while the runs before theirs are under way.
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

/** A call that has not been answered. */
interface Call {
  readonly rows: Rows;
  readonly arrived: number;
  readonly resolve: (results: Readonly<Record<string, Tensor>>) => void;
  readonly reject: (error: unknown) => void;
  /** Nobody waits for the answer any more. */
  isGone: boolean;
  /** The run that it is in. */
  batch: Batch | undefined;
}

/** A run under way. */
interface Batch {
  readonly calls: readonly Call[];
  readonly controller: AbortController;
}

const OP = 'Batcher';
const MOST = { maxBatch: 1024, maxDelayMs: 60_000 };
/**
 * Runs under way at a time: while one ends, a second whole batch keeps the cores busy. One that is
 * not full waits, because two halves take longer than a whole.
 */
const AT_A_TIME = 2;
const MOST_TIMES = 100;

/**
 * Gathers the runs of many callers, such as the requests of a server, into batches:
 *
 *     const batcher = new Batcher(session);
 *     const { logits } = await batcher.run({ image });      // from many places at once
 *     await batcher.close();
 *
 * Each caller gets the rows that it fed and nothing of the others': a wrong feed is told to its
 * caller only, and an abort of one leaves the others. A row of a result must depend on the same row
 * of the feeds alone, as in every network for inference.
 */
export class Batcher<G extends Graph = Graph> {
  private readonly session: GraphSession<G>;
  private readonly symbol: string;
  private readonly sizes: readonly number[];
  private readonly maxBatch: number;
  private readonly maxDelayMs: number;
  /** Calls by the sizes of their other symbols, which must be equal to run together. */
  private readonly waiting = new Map<string, Call[]>();
  private readonly batches = new Set<Batch>();
  private readonly times = new Map<string, SizeTimes>();
  private readonly counts = { runs: 0, rows: 0, padding: 0 };
  private readonly unlisten: () => void;
  private timer: NodeJS.Timeout | undefined;
  private isPumping = false;
  private closing: BitplaneError | undefined;
  private quiet: (() => void)[] = [];
  /**
   * Resolves when the sizes that it runs are compiled, as far as `programBytes` of the session has
   * room for them; runs need not wait for it. Of a model with other symbols than the batch: at
   * once.
   */
  readonly ready: Promise<void>;

  /**
   * Gathers calls from now on; the sizes that it runs are compiled in turns of the event loop.
   * @param session whose model has one symbol as the first axis of every input and output, its
   *   batch; the batcher does not release it
   * @throws BitplaneError ERR_ARGUMENT
   */
  constructor(session: GraphSession<G>, options: BatcherOptions = {}) {
    if (!(session instanceof GraphSession))
      throw expected('ERR_ARGUMENT', 'a session', session, { op: OP });
    requireOptions(options, { maxBatch: true, maxDelayMs: true, signal: true }, { op: OP });
    const { maxBatch = 16, maxDelayMs = 0, signal } = options;
    if (!isSize(maxBatch) || maxBatch < 1 || maxBatch > MOST.maxBatch)
      throw expected('ERR_ARGUMENT', `maxBatch from 1 to ${MOST.maxBatch}`, maxBatch, { op: OP });
    if (typeof maxDelayMs !== 'number' || !(maxDelayMs >= 0 && maxDelayMs <= MOST.maxDelayMs)) {
      const what = `maxDelayMs from 0 to ${MOST.maxDelayMs}`;
      throw expected('ERR_ARGUMENT', what, maxDelayMs, { op: OP });
    }
    requireSignal(signal, { op: OP });
    requireNotAborted(signal, 'the batcher', { op: OP });
    this.session = session;
    this.symbol = batchSymbol(session.graph);
    this.sizes = batchSizes(maxBatch);
    this.maxBatch = maxBatch;
    this.maxDelayMs = maxDelayMs;
    this.unlisten = this.listen(signal);
    this.ready = this.compile();
  }

  /**
   * As `session.run`, in a run that other callers share. Feeds are copied before this returns its
   * promise.
   * @param feeds of one row (picture), or of a few; more than `maxBatch` run by themselves
   * @returns every output by name, as many rows as were fed
   * @throws BitplaneError ERR_FEED, ERR_ARGUMENT, ERR_ABORTED, ERR_RELEASED where the batcher was
   *   closed or the session released, and what the run throws
   */
  async run(feeds: Feeds<G>, options: BatchedRunOptions = {}): Promise<Results<G>> {
    requireOptions(options, { signal: true }, { op: OP });
    const { signal } = options;
    requireSignal(signal, { op: OP });
    if (this.closing !== undefined) throw this.closing;
    requireNotAborted(signal, 'the run', { op: OP });
    const rows = rowsOf(this.session.graph, this.symbol, feeds);
    return (await this.enter(rows, signal)) as Results<G>;
  }

  /** What it has done so far, and what waits. */
  get info(): BatcherInfo {
    return { waiting: this.countWaiting(), running: this.batches.size, ...this.counts };
  }

  /**
   * Takes no further calls; resolves when those that wait or run have ended. Safe to call twice.
   */
  async close(): Promise<void> {
    this.closing ??= new BitplaneError('ERR_RELEASED', 'the batcher was closed', { op: OP });
    this.unlisten();
    this.pump();
    if (this.batches.size > 0 || this.waiting.size > 0)
      await new Promise<void>((resolve) => this.quiet.push(resolve));
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private enter(
    rows: Rows,
    signal: AbortSignal | undefined,
  ): Promise<Readonly<Record<string, Tensor>>> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.leave(call);
        call.reject(abortedError(signal as AbortSignal, 'the run', { op: OP }));
      };
      const unlisten = () => signal?.removeEventListener('abort', onAbort);
      const call: Call = {
        rows,
        arrived: performance.now(),
        resolve: (results) => {
          unlisten();
          resolve(results);
        },
        reject: (error) => {
          unlisten();
          reject(error);
        },
        isGone: false,
        batch: undefined,
      };
      if (signal !== undefined) {
        allowListeners(signal);
        signal.addEventListener('abort', onAbort, { once: true });
      }
      const key = JSON.stringify(rows.others);
      const queue = this.waiting.get(key);
      if (queue === undefined) this.waiting.set(key, [call]);
      else queue.push(call);
      this.schedule();
    });
  }

  /** A call that nobody waits for: it is taken out of its queue, or its run goes on without it. */
  private leave(call: Call): void {
    call.isGone = true;
    if (call.batch !== undefined) {
      if (call.batch.calls.every(({ isGone }) => isGone)) call.batch.controller.abort();
      return;
    }
    const key = JSON.stringify(call.rows.others);
    const rest = (this.waiting.get(key) ?? []).filter((each) => each !== call);
    if (rest.length === 0) this.waiting.delete(key);
    else this.waiting.set(key, rest);
    this.tellQuiet();
  }

  /** Calls of the same turn of the event loop go together. */
  private schedule(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    setImmediate(() => {
      this.isPumping = false;
      this.pump();
    });
  }

  /** Begins what can begin. */
  private pump(): void {
    clearTimeout(this.timer);
    for (;;) {
      const oldest = this.oldest();
      if (oldest === undefined || this.batches.size >= AT_A_TIME) return;
      const [key, queue] = oldest;
      const rows = queue.reduce((sum, call) => sum + call.rows.count, 0);
      const isFull = rows >= this.maxBatch;
      if (this.batches.size > 0 && !isFull) return;
      const left = this.maxDelayMs - (performance.now() - (queue[0] as Call).arrived);
      if (!isFull && left > 0 && this.closing === undefined) {
        this.timer = setTimeout(() => this.pump(), left);
        return;
      }
      this.begin(key, queue, Math.min(rows, this.maxBatch));
    }
  }

  /** The queue whose first call has waited longest. */
  private oldest(): readonly [key: string, queue: readonly Call[]] | undefined {
    let found: readonly [string, readonly Call[]] | undefined;
    for (const entry of this.waiting)
      if (found === undefined || (entry[1][0] as Call).arrived < (found[1][0] as Call).arrived)
        found = entry;
    return found;
  }

  /** Runs as many of a queue's first calls as the size holds that is best for `rows`. */
  private begin(key: string, queue: readonly Call[], rows: number): void {
    const [{ rows: first }] = queue as readonly [Call];
    const isCompiled = (size: number) =>
      this.session.isCompiled({ [this.symbol]: size, ...first.others });
    const us = (size: number) => this.timesOf(key).of(size);
    const best = Math.max(chooseSize(this.sizes, rows, isCompiled, us), first.count);
    let [taken, sum] = [0, 0];
    for (const call of queue) {
      if (sum + call.rows.count > best) break;
      sum += call.rows.count;
      taken++;
    }
    const rest = queue.slice(taken);
    if (rest.length === 0) this.waiting.delete(key);
    else this.waiting.set(key, rest);
    void this.fly(queue.slice(0, taken), best, sum, key);
  }

  private async fly(calls: readonly Call[], size: number, sum: number, key: string): Promise<void> {
    const batch: Batch = { calls, controller: new AbortController() };
    for (const call of calls) call.batch = batch;
    this.batches.add(batch);
    this.counts.runs++;
    this.counts.rows += sum;
    this.counts.padding += size - sum;
    try {
      const feeds = joined(
        this.session.graph,
        calls.map(({ rows }) => rows),
        size,
      );
      const { signal } = batch.controller;
      const began = this.batches.size === 1 ? performance.now() : undefined;
      const { runs } = this.counts;
      const results = (await this.session.run(feeds as never, { signal })) as never;
      this.batches.delete(batch);
      // Runs side by side say nothing of one alone.
      if (began !== undefined && runs === this.counts.runs)
        this.timesOf(key).landed(size, (performance.now() - began) * 1000);
      // What waits begins before callers go on with their results.
      this.pump();
      let from = 0;
      for (const { rows, isGone, resolve } of calls) {
        if (!isGone) resolve(rowsOfResults(results, from, rows.count));
        from += rows.count;
      }
    } catch (error) {
      this.batches.delete(batch);
      this.failed(calls, error, key);
      this.pump();
    }
    this.tellQuiet();
  }

  /** A run of several calls that fails is run again one by one: each gets its own answer. */
  private failed(calls: readonly Call[], error: unknown, key: string): void {
    const left = calls.filter(({ isGone }) => !isGone);
    const { code } = error as Partial<BitplaneError>;
    if (calls.length === 1 || code === 'ERR_RELEASED' || code === 'ERR_ABORTED')
      for (const { reject } of left) reject(error);
    else for (const call of left) void this.fly([call], call.rows.count, call.rows.count, key);
  }

  private listen(signal: AbortSignal | undefined): () => void {
    if (signal === undefined) return () => undefined;
    const onAbort = () => {
      this.closing = abortedError(signal, 'the batcher', { op: OP });
      const calls = [...this.waiting.values(), ...[...this.batches].map((batch) => batch.calls)];
      this.waiting.clear();
      clearTimeout(this.timer);
      for (const { controller } of this.batches) controller.abort();
      for (const call of calls.flat()) {
        if (call.isGone) continue;
        call.isGone = true;
        call.reject(this.closing);
      }
      this.tellQuiet();
    };
    allowListeners(signal);
    signal.addEventListener('abort', onAbort, { once: true });
    return () => signal.removeEventListener('abort', onAbort);
  }

  /** Compiles its sizes, the largest first, until one would push out another. */
  private async compile(): Promise<void> {
    const { session, symbol } = this;
    const kept: number[] = [];
    for (const size of [...this.sizes].reverse()) {
      try {
        await session.warm([{ [symbol]: size }]);
      } catch {
        // Other symbols, no room, or released: runs compile what they need, and say what is wrong.
        return;
      }
      if (kept.some((other) => !session.isCompiled({ [symbol]: other }))) return;
      kept.push(size);
      if (this.closing !== undefined) return;
    }
  }

  private timesOf(key: string): SizeTimes {
    let times = this.times.get(key);
    if (times === undefined) {
      // Sizes of other symbols may be many.
      if (this.times.size >= MOST_TIMES) this.times.clear();
      times = new SizeTimes();
      this.times.set(key, times);
    }
    return times;
  }

  private countWaiting(): number {
    let count = 0;
    for (const queue of this.waiting.values()) count += queue.length;
    return count;
  }

  private tellQuiet(): void {
    if (this.batches.size > 0 || this.waiting.size > 0) return;
    for (const resolve of this.quiet.splice(0)) resolve();
  }
}
