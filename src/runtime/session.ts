/**
 * A session: a graph, optimized once, with a native program per batch size, run any number of
 * times. Not here: reading files (src/formats/session.ts adds `create`), compiling (./compile.ts).
 */
import { setImmediate } from 'node:timers';
import { BitplaneError, expected } from '../core/errors.js';
import type { Sizes } from '../core/shape.js';
import type { Chosen, Feeds, OutputName, Results } from '../graph/feeds.js';
import { isOpen, openError, symbolsOf } from '../graph/open.js';
import { type Graph, type Metadata, outputNamesOf, outputsOf, type Value } from '../graph/value.js';
import { cores } from '../native/cores.js';
import type { Tensor } from '../tensor/tensor.js';
import { ArenaQueue } from './arena-queue.js';
import type { Target } from './compile.js';
import { aborted, byName, checkFeeds, resultArrays } from './feeds.js';
import { fly, type SessionParts } from './flight.js';
import type { PackedWeights } from './packed-weights.js';
import { kernelsOf, profileProgram } from './profile.js';
import { Programs } from './programs.js';
import { ResultTargets } from './result-targets.js';
import { runArguments, taskOf } from './run-arguments.js';
import { SessionGraph } from './session-graph.js';
import { requireGoing, type SessionSettings, sessionSettings } from './session-settings.js';
import { SessionStates } from './session-states.js';
import type {
  LayerKernel,
  LayerProfile,
  Outputs,
  RunOptions,
  SessionInfo,
  SessionOptions,
  TensorMetadata,
  WarmSizes,
} from './session-types.js';
import { shownSession } from './shown-session.js';
import { isTraced, RUN, traced } from './tracing.js';
import { unitSizes, warmSizes } from './warm.js';

/** The name under which Node looks for what `util.inspect` shows of an object. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');
type Inspect = (value: unknown, options: object) => string;

/**
 * Runs a graph. Open sessions keep no process alive; runs in flight do.
 */
export class GraphSession<G extends Graph = Graph> {
  /**
   * The graph as it runs, after optimization. Of a model that has a graph for each combination of
   * sizes: its inputs and outputs, as the file declares them.
   */
  readonly graph: Graph;
  private readonly target: Target;
  private readonly programBytes: number;
  private readonly programs: Programs;
  private readonly states: SessionStates;
  private readonly arenas = new ArenaQueue(Math.max(2, cores()));
  private readonly parts: SessionParts;
  private released = false;

  /**
   * @param prepared the graph as `settings.preparing` makes it, where it has been made
   * @param weights where packed weights are, if sessions share them
   */
  protected constructor(
    graph: Graph,
    settings: SessionSettings,
    prepared?: Graph,
    weights?: PackedWeights,
  ) {
    const { target, programBytes, limits, preparing } = settings;
    this.programBytes = programBytes;
    this.target = target;
    const source = new SessionGraph(graph, preparing, prepared);
    this.graph = source.face;
    this.states = new SessionStates(this.graph, settings.states);
    const { memory } = this.states;
    this.programs = new Programs(source, target, programBytes, limits, memory, weights);
    this.parts = { programs: this.programs, states: this.states, arenas: this.arenas };
  }

  /**
   * A session over a graph built in code; feeds and results are typed by it. What `warm` lists is
   * compiled before this returns. Values of the graph are counted only where `maxNodes` is given.
   * @throws BitplaneError ERR_ARGUMENT, ERR_ISA, ERR_GRAPH, ERR_LIMIT, ERR_NATIVE, and ERR_ABORTED
   * where `signal` was aborted before
   */
  static fromGraph<G extends Graph>(graph: G, options: SessionOptions = {}): GraphSession<G> {
    return new GraphSession<G>(graph, sessionSettings(options)).warmed(options);
  }

  /** In the model's order. */
  get inputNames(): readonly string[] {
    return this.graph.inputs.map((value) => value.name);
  }

  /** In the model's order. */
  get outputNames(): readonly string[] {
    return outputNamesOf(this.graph);
  }

  /**
   * What the model file says beside the network: its recipe, its producer, its author's own
   * entries.
   */
  get metadata(): Metadata {
    return this.graph.metadata ?? {};
  }

  /** Names, dtypes and shapes, in the model's order. */
  get inputMetadata(): readonly TensorMetadata[] {
    return this.graph.inputs.map((value) => metadata(value.name, value));
  }

  /** Names, dtypes and shapes, in the model's order. */
  get outputMetadata(): readonly TensorMetadata[] {
    return outputsOf(this.graph).map(([name, value]) => metadata(name, value));
  }

  /** What it runs, and on what: model, inputs, outputs, instruction set, threads, memory. */
  get info(): SessionInfo {
    const { arenaBytes, packedBytes, heldBytes, count } = this.programs;
    return {
      model: this.model,
      inputs: this.inputMetadata,
      outputs: this.outputMetadata,
      isa: this.target.isa,
      threads: this.target.threads,
      arenaBytes,
      packedBytes,
      residentBytes: packedBytes,
      programs: count,
      heldBytes,
      programBytes: this.programBytes,
    };
  }

  /**
   * Compiles ahead, in turns of the event loop, so that first runs need not: `warm([1, 8, 32])` for
   * a model with one symbol, which is its batch; `warm([{ N: 1, H: 224, W: 224 }])` or
   * `warm([{ x: [1, 3, 224, 224] }])` for any. A model without symbols takes its own batch size.
   * @param options `task`: of a session over a store, for which of its networks
   * @throws BitplaneError ERR_ARGUMENT for sizes that the model cannot have, or that together do
   *   not fit into `programBytes`; ERR_RELEASED
   */
  async warm(sizes: readonly WarmSizes[], options: Pick<RunOptions, 'task'> = {}): Promise<void> {
    this.requireOpen();
    const task = taskOf(options, undefined);
    const other = this.elsewhere(task);
    if (other !== undefined) return other.warm(sizes);
    await this.compileAhead(warmSizes(this.graph, sizes));
  }

  /**
   * What a session compiles before it is given out: by default the model's usual size, unless it
   * has several symbols, of which none can be guessed.
   */
  protected async compileFirst(
    warm: SessionOptions['warm'],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (warm === false) return;
    if (warm !== undefined) return this.compileAhead(warmSizes(this.graph, warm), signal);
    if (isOpen(this.graph) || symbolsOf(this.graph.inputs).length > 1) return;
    await this.compileAhead([unitSizes(this.graph)], signal, false);
  }

  /**
   * As `warm`, until the signal is aborted.
   * @param keeps whether it is an error where not all of it can be kept
   */
  private async compileAhead(
    wanted: readonly Sizes[],
    signal?: AbortSignal,
    keeps = true,
  ): Promise<void> {
    this.requireOpen();
    const proceed = () => {
      requireGoing(signal);
      this.requireOpen();
      this.states.requireHeld();
    };
    for (const each of wanted) {
      await this.programs.ahead(each, proceed);
      // Many small ones take as long as a large one.
      await new Promise(setImmediate);
    }
    if (keeps) this.requireKept(wanted);
  }

  /**
   * Runs the graph once. Feeds are copied before this returns its promise; they may change after
   * that. A graph with updates changes its states: such runs go one at a time, in order, and each
   * carries out all updates, whichever outputs are asked for. As with onnxruntime the second
   * argument may be the outputs to compute: `run(feeds, ['logits'])` is `run(feeds, { outputs:
   * ['logits'] })`; and `run(feeds, { logits: tensor })` writes the result into a tensor or typed
   * array of the caller's.
   *
   * @param feeds a tensor or a plain typed array for every input; a plain array takes the declared
   *   shape, its batch inferred from its length
   * @returns every output by name, or those that were asked for
   * @throws BitplaneError ERR_FEED, ERR_ARGUMENT, ERR_ABORTED, ERR_RELEASED, ERR_NATIVE; of a model
   *   with a graph for each size, ERR_SHAPE and others naming a node that cannot have these sizes
   */
  run(
    feeds: Feeds<G>,
    options?: RunOptions & { readonly outputs?: undefined },
  ): Promise<Results<G>>;
  run<const K extends OutputName<G>>(
    feeds: Feeds<G>,
    outputs: Outputs<K>,
    options?: RunOptions,
  ): Promise<Chosen<G, K>>;
  run<const K extends OutputName<G>>(
    feeds: Feeds<G>,
    options: RunOptions<K> & { readonly outputs: Outputs<K> },
  ): Promise<Chosen<G, K>>;
  run(feeds: Feeds<G>, options: RunOptions<OutputName<G>>): Promise<Partial<Results<G>>>;
  run(feeds: Feeds<G>, second?: unknown, third?: unknown): Promise<unknown> {
    if (!isTraced(RUN)) return this.runOnce(feeds, second, third);
    const context = { session: this, model: this.model, feeds };
    return traced(RUN, context, () => this.runOnce(feeds, second, third));
  }

  private async runOnce(feeds: Feeds<G>, second: unknown, third: unknown): Promise<unknown> {
    this.requireOpen();
    const task = taskOf(second, third);
    const other = this.elsewhere(task);
    if (other !== undefined) return other.runOnce(feeds, second, third);
    const { signal, outputs, memory } = runArguments(this.outputNames, second, third);
    if (signal?.aborted) throw aborted(signal);
    this.states.requireHeld();
    const checked = checkFeeds(this.graph, feeds);
    const all = outputs === undefined || outputs.length === this.outputNames.length;
    const kept = this.programs.get(checked.sizes, all ? undefined : new Set(outputs));
    const targets =
      memory && ResultTargets.hold(memory, kept.outputNames, kept.shared.outputs, checked.arrays);
    const { tensors } = await fly(this.parts, kept, checked.arrays, signal, undefined, targets);
    const results = byName(kept.outputNames, tensors);
    if (outputs === undefined) return results;
    return byName(
      outputs,
      outputs.map((name) => results[name] as Tensor),
    );
  }

  /**
   * Which kernel computes each layer of one image, in the order in which they run; compiles that
   * program if no run has. Of an open model: at the sizes that were run or warmed last.
   * @param options `task`: of a session over a store, which of its networks
   * @throws BitplaneError ERR_RELEASED, ERR_UNSUPPORTED, ERR_LIMIT, ERR_NATIVE, ERR_ARGUMENT
   */
  kernels(options: Pick<RunOptions, 'task'> = {}): LayerKernel[] {
    this.requireOpen();
    const task = taskOf(options, undefined);
    const other = this.elsewhere(task);
    if (other !== undefined) return other.kernels();
    return kernelsOf(this.programs.get(this.usualSizes()).shared);
  }

  /**
   * Times every layer: the median over `runs` runs, after a few to warm up. States are as before
   * when it ends; runs that use them wait for it.
   * @param runs how many runs are measured
   * @param feeds what to run on; default: zeros, one image
   */
  async profile(runs = 20, feeds?: Feeds<G>): Promise<LayerProfile[]> {
    this.requireOpen();
    if (!Number.isInteger(runs) || runs < 1)
      throw expected('ERR_ARGUMENT', 'runs to be a whole number of 1 or more', runs, {
        op: 'profile',
      });
    const checked = feeds === undefined ? undefined : checkFeeds(this.graph, feeds);
    const kept = this.programs.get(checked?.sizes ?? this.usualSizes());
    const program = this.programs.next(kept);
    const arrays = checked?.arrays ?? resultArrays(program.inputs);
    this.states.requireHeld();
    this.programs.entered(kept);
    try {
      return await this.states.alone(() =>
        profileProgram(program, runs, async () => {
          this.requireOpen();
          const { times } = await fly(this.parts, kept, arrays, undefined, program);
          return times as Float64Array;
        }),
      );
    } finally {
      this.programs.left(kept);
    }
  }

  /**
   * Whether a run of these sizes, of all outputs, finds its program.
   * @internal
   */
  isCompiled(sizes: Sizes): boolean {
    return this.programs.has(sizes);
  }

  /** Frees the native memory; runs in flight end first. Safe to call twice. */
  async release(): Promise<void> {
    if (!this.released) {
      this.released = true;
      this.arenas.cancel(releasedError);
      this.states.refuse(releasedError());
    }
    await this.arenas.quiet();
    this.programs.release();
    this.states.release();
  }

  /** As `release`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** What JSON says of it: its `info`, and not the graph. */
  toJSON(): SessionInfo {
    return this.info;
  }

  /** The path of the file that it was opened from. */
  protected get model(): string | undefined {
    return this.programs.model;
  }

  protected set model(path: string | undefined) {
    this.programs.model = path;
  }

  static {
    // What console.log shows. Not a method: it would be in the type of every session.
    const value = function (this: GraphSession, depth: number, options: object, inspect: Inspect) {
      if (depth < 0) return '[Session]';
      return `Session ${inspect(shownSession(this.info, this.released), options)}`;
    };
    Object.defineProperty(GraphSession.prototype, INSPECT, { value });
  }

  /** One image; an open model says nothing of how large one is. */
  private usualSizes(): Sizes {
    if (!isOpen(this.graph)) return unitSizes(this.graph);
    const last = this.programs.lastSizes;
    if (last === undefined) throw openError(this.graph);
    return last;
  }

  /** The session of a task of the same store. @throws BitplaneError ERR_ARGUMENT */
  protected ofTask(task: string): GraphSession {
    throw expected('ERR_ARGUMENT', 'task for a session over a store only', task, { op: 'run' });
  }

  /** The session that runs `task`, unless it is this one. */
  private elsewhere(task: string | undefined): GraphSession | undefined {
    const other = task === undefined ? undefined : this.ofTask(task);
    return other === (this as unknown) ? undefined : other;
  }

  private requireOpen(): void {
    if (this.released) throw releasedError();
  }

  /** Compiles what `warm` lists, for sessions that are made in one turn. */
  protected warmed({ warm = false }: SessionOptions): this {
    if (warm === false) return this;
    const wanted = warmSizes(this.graph, warm);
    for (const each of wanted) this.programs.get(each);
    this.requireKept(wanted);
    return this;
  }

  private requireKept(wanted: readonly Sizes[]): void {
    if (wanted.every((sizes) => this.programs.has(sizes))) return;
    throw expected(
      'ERR_ARGUMENT',
      `programBytes that hold all programs that are compiled ahead`,
      this.programBytes,
      { op: 'warm' },
    );
  }
}

function metadata(name: string, value: Value): TensorMetadata {
  return { name, dtype: value.dtype, shape: value.shape };
}

function releasedError(): BitplaneError {
  return new BitplaneError('ERR_RELEASED', 'the session was released', { op: 'Session' });
}
