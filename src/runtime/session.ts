/**
 * A session: a graph, optimized once, with a native program per batch size, run any number of times.
 * Not here: reading files (src/formats/session.ts adds `create`), compiling (./compile.ts).
 */
import { setMaxListeners } from 'node:events';
import { requireOneOf, requireOptions, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import type { Feeds, Results } from '../graph/feeds.js';
import { type Graph, type Metadata, outputNamesOf, outputsOf, type Value } from '../graph/value.js';
import { cores } from '../native/cores.js';
import { resolveIsa } from '../native/isa.js';
import { verify } from '../ops/verify.js';
import { canonicalize, optimize } from '../passes/index.js';
import type { Tensor } from '../tensor/tensor.js';
import { type Program, SessionConstants, type Target } from './compile.js';
import { aborted, checkFeeds, resultArrays, resultTensor, type Sizes } from './feeds.js';
import { profileProgram } from './profile.js';
import { launch } from './scheduler.js';
import type { LayerProfile, RunOptions, SessionOptions, TensorMetadata } from './session-types.js';

/** Programs kept, one a batch size; the one unused longest goes first. */
const MAX_PROGRAMS = 4;
const MAX_THREADS = 64;

/** A run that waits for an arena. */
interface Waiting {
  readonly program: CompiledProgram;
  begin(): void;
  cancel(error: BitplaneError): void;
}

interface CompiledProgram extends Program {
  /** Runs in flight and profiles under way: with any, the program is not forgotten. */
  users: number;
  /** Microseconds that a run takes, a running mean; 0 until the first has ended, so that the first is polled for. */
  meanUs: number;
}

/** Facts about an open session. */
export interface SessionInfo {
  readonly isa: string;
  readonly threads: number;
  /** Bytes of one run's memory, for the batch sizes run so far (largest). */
  readonly arenaBytes: number;
  /** Bytes of packed weights. */
  readonly packedBytes: number;
}

/**
 * Runs a graph. Open sessions keep no process alive; runs in flight do.
 */
export class GraphSession<G extends Graph = Graph> {
  /** The graph as it runs, after optimization. */
  readonly graph: Graph;
  private readonly target: Target;
  private constants = new SessionConstants();
  private readonly programs = new Map<string, CompiledProgram>();
  private readonly waiting: Waiting[] = [];
  private readonly maxFlying: number;
  private flying = 0;
  private released = false;
  private idle: (() => void)[] = [];

  protected constructor(graph: Graph, options: SessionOptions) {
    requireOptions(options, { op: 'Session' });
    const { threads, isa, optimize: optimized = true, signZero = 'exact' } = options;
    if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS)) {
      throw expected('ERR_ARGUMENT', `threads to be a whole number from 1 to ${MAX_THREADS}`, threads, { op: 'Session' });
    }
    requireOneOf(signZero, ['exact', 'plus'], 'signZero', { op: 'Session' });
    this.target = { isa: resolveIsa(isa), threads: threads ?? Math.min(cores(), MAX_THREADS) };
    this.maxFlying = Math.max(2, cores());
    verify(graph);
    this.graph = optimized ? optimize(graph, { signZero }) : canonicalize(graph);
  }

  /**
   * A session over a graph built in code; feeds and results are typed by it.
   * @throws BitplaneError ERR_ARGUMENT, ERR_ISA, ERR_GRAPH, ERR_NATIVE
   */
  static fromGraph<G extends Graph>(graph: G, options: SessionOptions = {}): GraphSession<G> {
    return new GraphSession<G>(graph, options);
  }

  get inputNames(): readonly string[] {
    return this.graph.inputs.map((value) => value.name);
  }

  /** In the model's order. */
  get outputNames(): readonly string[] {
    return outputNamesOf(this.graph);
  }

  /** What the model file says beside the network: its recipe, its producer, its author's own entries. */
  get metadata(): Metadata {
    return this.graph.metadata ?? {};
  }

  get inputMetadata(): readonly TensorMetadata[] {
    return this.graph.inputs.map((value) => metadata(value.name, value));
  }

  get outputMetadata(): readonly TensorMetadata[] {
    return outputsOf(this.graph).map(([name, value]) => metadata(name, value));
  }

  get info(): SessionInfo {
    const arenaBytes = Math.max(0, ...[...this.programs.values()].map((program) => program.arenaBytes));
    return { ...this.target, arenaBytes, packedBytes: this.constants.packedBytes };
  }

  /**
   * Runs the graph once. Feeds are copied before this returns its promise; they may change after that.
   *
   * @param feeds a Tensor or a plain typed array for every input; a plain array takes the declared shape, its batch inferred from its length
   * @returns every output by name
   * @throws BitplaneError ERR_FEED, ERR_ABORTED, ERR_RELEASED, ERR_NATIVE
   */
  async run(feeds: Feeds<G>, options: RunOptions = {}): Promise<Results<G>> {
    this.requireOpen();
    requireOptions(options, { op: 'run' });
    const { signal } = options;
    requireSignal(signal, { op: 'run' });
    if (signal?.aborted) throw aborted(signal);
    const checked = checkFeeds(this.graph, feeds);
    const program = this.program(checked.sizes);
    const { results } = await this.submit(program, checked.arrays, signal, false);
    return Object.fromEntries(results) as Results<G>;
  }

  /**
   * Times every layer: the median over `runs` runs, after a few to warm up.
   * @param runs how many runs are measured
   * @param feeds what to run on; default: zeros, one image
   */
  async profile(runs = 20, feeds?: Feeds<G>): Promise<LayerProfile[]> {
    this.requireOpen();
    if (!Number.isInteger(runs) || runs < 1)
      throw expected('ERR_ARGUMENT', 'runs to be a whole number of 1 or more', runs, { op: 'profile' });
    const checked = feeds === undefined ? undefined : checkFeeds(this.graph, feeds);
    const program = this.program(checked?.sizes ?? this.unitSizes());
    const arrays = checked?.arrays ?? resultArrays(program.inputs);
    program.users++;
    try {
      return await profileProgram(program, runs, async () => {
        this.requireOpen();
        const { times } = await this.submit(program, arrays, undefined, true);
        return times as Float64Array;
      });
    } finally {
      program.users--;
    }
  }

  /** Frees the native memory; runs in flight end first. Safe to call twice. */
  async release(): Promise<void> {
    if (!this.released) {
      this.released = true;
      for (const waiting of this.waiting.splice(0)) waiting.cancel(releasedError());
    }
    if (this.flying > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
    for (const program of this.programs.values()) program.native.release();
    this.programs.clear();
    this.constants.release();
    this.constants = new SessionConstants();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  private requireOpen(): void {
    if (this.released) throw releasedError();
  }

  /** Every symbol as 1. */
  private unitSizes(): Sizes {
    const symbols = this.graph.inputs.flatMap((value) => value.shape.filter((dim) => typeof dim === 'string'));
    return Object.fromEntries(symbols.map((symbol) => [symbol, 1]));
  }

  private program(sizes: Sizes): CompiledProgram {
    const key = JSON.stringify(sizes);
    let program = this.programs.get(key);
    if (program === undefined) {
      program = { ...this.constants.compile(this.graph, sizes, this.target), users: 0, meanUs: 0 };
      this.forgetOldest(MAX_PROGRAMS - 1);
    } else this.programs.delete(key);
    this.programs.set(key, program); // most recently used last
    return program;
  }

  /** Forgets the programs unused longest until `keep` are left, but none in use. */
  private forgetOldest(keep: number): void {
    for (const [key, program] of this.programs) {
      if (this.programs.size <= keep) return;
      if (program.users > 0 || this.waiting.some((waiting) => waiting.program === program)) continue;
      program.native.release();
      this.programs.delete(key);
    }
  }

  private submit(program: CompiledProgram, feeds: readonly NodeJS.TypedArray[], signal: AbortSignal | undefined, profile: boolean) {
    return new Promise<{ results: [string, Tensor][]; times: Float64Array | undefined }>((resolve, reject) => {
      let arrays = feeds;
      let ticket = 0;
      const onAbort = () => {
        if (ticket !== 0) return program.native.abort(ticket);
        const place = this.waiting.indexOf(waiting);
        if (place >= 0) this.waiting.splice(place, 1);
        reject(aborted(signal as AbortSignal));
      };
      const landed = (nanoseconds: number) => {
        this.flying--;
        program.users--;
        signal?.removeEventListener('abort', onAbort);
        const stopped = signal?.aborted === true;
        let targets: NodeJS.TypedArray[] = [];
        let failure: BitplaneError | undefined;
        try {
          if (!stopped) targets = resultArrays(program.outputs);
        } catch (error) {
          failure = nativeError(error); // no memory for results
        }
        const times = program.native.finish(ticket, targets);
        this.next();
        if (stopped) return reject(aborted(signal));
        program.meanUs += (nanoseconds / 1000 - program.meanUs) / (program.meanUs === 0 ? 1 : 8);
        if (failure !== undefined) return reject(failure);
        resolve({ results: this.results(program, targets), times });
      };
      const begin = () => {
        try {
          ticket = launch(program.native, arrays, profile, program.meanUs, landed);
        } catch (error) {
          waiting.cancel(nativeError(error));
          this.next();
          return;
        }
        this.flying++;
        program.users++;
      };
      const cancel = (error: BitplaneError) => {
        signal?.removeEventListener('abort', onAbort);
        reject(error);
      };
      const waiting: Waiting = { program, begin, cancel };
      if (signal !== undefined) {
        allowListeners(signal);
        signal.addEventListener('abort', onAbort, { once: true });
      }
      if (this.flying < this.maxFlying) return begin();
      arrays = feeds.map((array) => array.slice());
      this.waiting.push(waiting);
    });
  }

  private results(program: CompiledProgram, arrays: readonly NodeJS.TypedArray[]): [string, Tensor][] {
    return this.outputNames.map((name, i) => [name, resultTensor(program.outputs[i] as Value, arrays[i] as NodeJS.TypedArray)]);
  }

  /** A run has ended: begins the next that waits, or tells who waits for quiet. */
  private next(): void {
    if (this.flying < this.maxFlying) this.waiting.shift()?.begin();
    if (this.flying === 0) for (const resolve of this.idle.splice(0)) resolve();
  }
}

/** One signal may stop any number of runs; Node warns of a leak from the eleventh on. */
function allowListeners(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal);
  } catch {
    // No signal of Node's, but of a test environment's own (jsdom): that one has no such limit.
  }
}

function metadata(name: string, value: Value): TensorMetadata {
  return { name, dtype: value.dtype, shape: value.shape };
}

function releasedError(): BitplaneError {
  return new BitplaneError('ERR_RELEASED', 'the session was released', { op: 'Session' });
}

function nativeError(cause: unknown): BitplaneError {
  return new BitplaneError('ERR_NATIVE', cause instanceof Error ? cause.message : String(cause), { op: 'run', cause });
}
