/**
 * Runs of many callers as few runs of batches: what arrives while a run is under way makes up the
 * next. Not here: rows that wait (./batch-queue.ts), rows of feeds and results (./batch-rows.ts),
 * which sizes run, and whether two side by side (./batch-sizes.ts).
 */
import { setImmediate } from 'node:timers';
import { abortedError, requireNotAborted, requireOptions, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import type { Sizes } from '../core/shape.js';
import type { Feeds, Results } from '../graph/feeds.js';
import type { Graph } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { allowListeners } from './allow-listeners.js';
import type { Block, Caller } from './batch-block.js';
import { BatchQueue } from './batch-queue.js';
import { batchSymbol, type Rows, rowReader, rowsOfResults } from './batch-rows.js';
import { batchSizes, chooseSize } from './batch-sizes.js';
import {
  type BatchedRunOptions,
  type BatcherInfo,
  type BatcherOptions,
  checkedOptions,
} from './batcher-options.js';
import { GraphSession } from './session.js';

/** A call that has not been answered. */
interface Call extends Caller {
  readonly arrived: number;
  readonly resolve: (results: Readonly<Record<string, Tensor>>) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  /** Nobody waits for the answer any more. */
  isGone: boolean;
  /** The run that it is in. */
  batch: Batch | undefined;
}

/** A run under way. */
interface Batch {
  readonly block: Block<Call>;
  readonly size: number;
  /** Undefined where nobody can abort it. */
  readonly controller: AbortController | undefined;
  /** No other run has been under way beside it. */
  isAlone: boolean;
}

const OP = 'Batcher';
/**
 * Runs under way at a time: while the results of one are handed out and its callers come back, the
 * other keeps the cores busy.
 */
const AT_A_TIME = 2;
/** Queues in which nobody waits are kept, for their memory and times; there may be many sizes. */
const MOST_QUEUES = 100;
const NO_OPTIONS: BatchedRunOptions = Object.freeze({});

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
  private readonly read: (feeds: Readonly<Record<string, unknown>>) => Rows;
  /** By the sizes of their other symbols. */
  private readonly queues = new Map<string, BatchQueue<Call>>();
  private readonly batches = new Set<Batch>();
  private readonly counts = { runs: 0, rows: 0, padding: 0 };
  /** Rows of the run that began last: one, as long as callers come one by one. */
  private lastRows = 0;
  private readonly unlisten: () => void;
  /** Its signal may stop every run. */
  private readonly canStop: boolean;
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
    const { maxBatch, maxDelayMs, signal } = checkedOptions(options, OP);
    this.session = session;
    this.symbol = batchSymbol(session.graph);
    this.read = rowReader(session.graph, this.symbol);
    this.sizes = batchSizes(maxBatch);
    this.maxBatch = maxBatch;
    this.maxDelayMs = maxDelayMs;
    this.canStop = signal !== undefined;
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
  run(feeds: Feeds<G>, options: BatchedRunOptions = NO_OPTIONS): Promise<Results<G>> {
    return new Promise((resolve, reject) => {
      if (options !== NO_OPTIONS) requireOptions(options, { signal: true }, { op: OP });
      const { signal } = options;
      requireSignal(signal, { op: OP });
      if (this.closing !== undefined) throw this.closing;
      requireNotAborted(signal, 'the run', { op: OP });
      const rows = this.read(feeds);
      this.enter(rows, resolve as Call['resolve'], reject, signal);
    });
  }

  /** What it has done so far, and what waits. */
  get info(): BatcherInfo {
    const waiting = this.waitingCalls().length;
    return { waiting, running: this.batches.size, ...this.counts };
  }

  /**
   * Takes no further calls; resolves when those that wait or run have ended. Safe to call twice.
   */
  async close(): Promise<void> {
    this.closing ??= new BitplaneError('ERR_RELEASED', 'the batcher was closed', { op: OP });
    this.unlisten();
    this.pump();
    if (!this.isQuiet()) await new Promise<void>((resolve) => this.quiet.push(resolve));
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private enter(
    rows: Rows,
    resolve: Call['resolve'],
    reject: Call['reject'],
    signal: AbortSignal | undefined,
  ): void {
    const call: Call = {
      count: rows.count,
      at: 0,
      arrived: performance.now(),
      resolve,
      reject,
      signal,
      onAbort: undefined,
      isGone: false,
      batch: undefined,
    };
    const queue = this.queueOf(rows.others);
    queue.add(call, rows.values);
    if (signal !== undefined) {
      call.onAbort = () => {
        this.leave(call, queue);
        call.reject(abortedError(signal, 'the run', { op: OP }));
      };
      allowListeners(signal);
      signal.addEventListener('abort', call.onAbort, { once: true });
    }
    // Callers that come one by one wait for nothing; those that came together come back together.
    if (this.lastRows <= 1 && this.batches.size === 0 && !this.isPumping) this.pump();
    else this.schedule();
  }

  /** A call that nobody waits for: it is taken out of its queue, or its run goes on without it. */
  private leave(call: Call, queue: BatchQueue<Call>): void {
    call.isGone = true;
    if (call.batch !== undefined) {
      const { block, controller } = call.batch;
      if (block.callers.every(({ isGone }) => isGone)) controller?.abort();
      return;
    }
    queue.remove(call);
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
    while (this.batches.size < AT_A_TIME) {
      const queue = this.oldest();
      if (queue === undefined) return;
      const first = queue.first as Call;
      const left = this.maxDelayMs - (performance.now() - first.arrived);
      const isDue = queue.rows >= this.maxBatch || left <= 0 || this.closing !== undefined;
      if (!isDue) {
        if (this.batches.size === 0) this.timer = setTimeout(() => this.pump(), left);
        return;
      }
      const rows = this.rowsNow(queue);
      if (rows === 0) return;
      this.begin(queue, rows);
    }
  }

  /**
   * How many of the rows that wait begin now; 0 where they wait for the run under way. Full batches
   * go side by side. Fewer rows go as halves side by side, or as one whole, whichever has been
   * quicker: halves have a thread each and never wait for one another, a whole reads weights once.
   */
  private rowsNow({ rows, times }: BatchQueue<Call>): number {
    if (rows >= this.maxBatch) return this.maxBatch;
    const [other] = this.batches;
    const all = rows + (other?.size ?? 0);
    const sizeOf = (count: number) => this.sizes.find((size) => size >= count) ?? this.maxBatch;
    const halves =
      this.maxDelayMs === 0 &&
      all > 1 &&
      times.preferHalves(sizeOf(all), sizeOf(Math.ceil(all / 2)));
    if (other === undefined) return halves ? Math.ceil(rows / 2) : rows;
    // A handful beside a large run would leave the next large run alone.
    return halves && 2 * rows >= other.size ? rows : 0;
  }

  /** The queue whose first call has waited longest. */
  private oldest(): BatchQueue<Call> | undefined {
    let [found, since]: [BatchQueue<Call> | undefined, number] = [
      undefined,
      Number.POSITIVE_INFINITY,
    ];
    for (const queue of this.queues.values()) {
      const arrived = queue.first?.arrived;
      if (arrived !== undefined && arrived < since) [found, since] = [queue, arrived];
    }
    return found;
  }

  /** Runs as many of a queue's first calls as the size holds that is best for `rows`. */
  private begin(queue: BatchQueue<Call>, rows: number): void {
    const isCompiled = (size: number) =>
      this.session.isCompiled({ [this.symbol]: size, ...queue.others });
    const us = (size: number) => queue.times.of(size);
    const size = chooseSize(this.sizes, rows, isCompiled, us);
    const block = queue.take(Math.min(size, rows));
    void this.fly(block, Math.max(size, block.rows), queue);
  }

  private async fly(block: Block<Call>, size: number, queue: BatchQueue<Call>): Promise<void> {
    const { callers } = block;
    const canStop = this.canStop || callers.some(({ signal }) => signal !== undefined);
    const controller = canStop ? new AbortController() : undefined;
    const batch: Batch = { block, size, controller, isAlone: this.batches.size === 0 };
    for (const call of callers) call.batch = batch;
    for (const other of this.batches) other.isAlone = false;
    this.batches.add(batch);
    this.counts.runs++;
    this.counts.rows += block.rows;
    this.counts.padding += size - block.rows;
    this.lastRows = block.rows;
    const began = performance.now();
    try {
      const feeds = block.feeds(size) as never;
      const options = controller && { signal: controller.signal };
      const results = (await this.session.run(feeds, options)) as never;
      this.batches.delete(batch);
      queue.times.landed(size, (performance.now() - began) * 1000, batch.isAlone);
      // What waits begins before callers go on with their results.
      this.pump();
      for (const call of callers)
        if (!call.isGone) answer(call, rowsOfResults(results, call.at, call.count));
    } catch (error) {
      this.batches.delete(batch);
      this.failed(block, error, queue);
      this.pump();
    }
    queue.give(block);
    this.tellQuiet();
  }

  /** A run of several calls that fails is run again one by one: each gets its own answer. */
  private failed(block: Block<Call>, error: unknown, queue: BatchQueue<Call>): void {
    const left = block.callers.filter(({ isGone }) => !isGone);
    const { code } = error as Partial<BitplaneError>;
    if (block.callers.length === 1 || code === 'ERR_RELEASED' || code === 'ERR_ABORTED') {
      for (const call of left) refuse(call, error);
      return;
    }
    for (const call of left) {
      const alone = queue.emptyBlock();
      alone.add(call, block.valuesOf(call));
      void this.fly(alone, call.count, queue);
    }
  }

  private queueOf(others: Sizes): BatchQueue<Call> {
    const key = JSON.stringify(others);
    let queue = this.queues.get(key);
    if (queue === undefined) {
      if (this.queues.size >= MOST_QUEUES)
        for (const [each, { rows }] of this.queues) if (rows === 0) this.queues.delete(each);
      queue = new BatchQueue(this.session.graph, others, this.maxBatch);
      this.queues.set(key, queue);
    }
    return queue;
  }

  private listen(signal: AbortSignal | undefined): () => void {
    if (signal === undefined) return () => undefined;
    const onAbort = () => {
      this.closing = abortedError(signal, 'the batcher', { op: OP });
      const running = [...this.batches].flatMap(({ block }) => block.callers);
      const calls = [...this.waitingCalls(), ...running];
      for (const queue of this.queues.values()) queue.clear();
      clearTimeout(this.timer);
      for (const { controller } of this.batches) controller?.abort();
      for (const call of calls) {
        if (call.isGone) continue;
        call.isGone = true;
        refuse(call, this.closing);
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

  private waitingCalls(): Call[] {
    return [...this.queues.values()].flatMap(({ callers }) => callers);
  }

  private isQuiet(): boolean {
    return this.batches.size === 0 && this.oldest() === undefined;
  }

  private tellQuiet(): void {
    if (this.quiet.length === 0 || !this.isQuiet()) return;
    for (const resolve of this.quiet.splice(0)) resolve();
  }
}

function answer(call: Call, results: Readonly<Record<string, Tensor>>): void {
  unlisten(call);
  call.resolve(results);
}

function refuse(call: Call, error: unknown): void {
  unlisten(call);
  call.reject(error);
}

function unlisten({ signal, onAbort }: Call): void {
  if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
}
