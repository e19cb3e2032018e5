/**
 * The programs that a session keeps, within a limit of memory: one for each combination of sizes
 * and outputs that was asked for, and where runs are short another of one thread, see ./pace.ts.
 * Where the limit is passed, those of the combination unused longest are forgotten, and are
 * compiled anew when they are needed again. Not here: compiling (./compile.ts), running.
 *
 * What counts: the memory of runs (arena, scratch of every thread, addresses) as often as it is
 * there, which is how many runs of the program were in flight at once, and what the program itself
 * is, instructions and tables. Packed weights, which the programs share, do not.
 */
import { type Limits, UNLIMITED } from '../core/limits.js';
import type { Sizes } from '../core/shape.js';
import { atOnce, inTurns, type Pausing, SharedWork } from '../core/turns.js';
import { type Graph, graphOf, outputsOf, updatesOf } from '../graph/value.js';
import type { Program, Target } from './compile.js';
import { Pace } from './pace.js';
import { PackedWeights } from './packed-weights.js';
import type { SessionGraph } from './session-graph.js';
import type { StateMemory } from './state-memory.js';
import { COMPILE, compileTrace, isTraced } from './tracing.js';

/** A program and what its runs hold. */
export interface Variant extends Program {
  /** Runs in flight. */
  flying: number;
  /** How many of them there has been memory for: the most that were in flight at once. */
  contexts: number;
}

/** What is kept for some sizes and outputs. */
export interface Kept {
  readonly sizes: Sizes;
  /** The graph of all outputs, for these sizes if the model is open. */
  readonly whole: Graph;
  /** The graph with these outputs only, and their names in its order. */
  readonly graph: Graph;
  readonly outputNames: readonly string[];
  /** How many threads runs get, and how long they take. */
  readonly pace: Pace;
  /** The program for all threads. */
  readonly shared: Variant;
  /**
   * The one for a single thread, whose layers are cut otherwise: once short runs are tried alone.
   */
  alone: Variant | undefined;
  /** Runs in flight or waiting, and profiles under way: with any, nothing of this is forgotten. */
  users: number;
}

export class Programs {
  /** The path of the model's file, for whoever watches what is compiled. */
  model: string | undefined;
  private readonly graph: SessionGraph;
  private readonly target: Target;
  private readonly limit: number;
  private readonly limits: Limits;
  private readonly states: StateMemory | undefined;
  private over = false;
  private readonly weights: PackedWeights;
  /** Bytes of constants that the first program asked for. */
  private firstBytes: number | undefined;
  /** The one used last stands last. */
  private readonly kept = new Map<string, Kept>();
  /**
   * The one used last, if it gives all outputs: the next run mostly takes it again, and comparing
   * sizes costs less than making a key of them.
   */
  private latest: Kept | undefined;

  constructor(
    graph: SessionGraph,
    target: Target,
    limit: number,
    limits: Limits = UNLIMITED,
    states?: StateMemory,
    weights = new PackedWeights(),
  ) {
    this.states = states;
    this.weights = weights;
    this.graph = graph;
    this.target = target;
    this.limit = limit;
    this.limits = limits;
  }

  /**
   * What is kept for these sizes of the graph's symbols and these outputs (default: all), compiled
   * if nothing is.
   */
  get(sizes: Sizes, outputs?: ReadonlySet<string>): Kept {
    const { latest } = this;
    if (outputs === undefined && latest !== undefined && sameSizes(latest.sizes, sizes))
      return latest;
    const kept = this.known(sizes, outputs) ?? this.made(sizes, outputs);
    this.latest = outputs === undefined ? kept : undefined;
    return kept;
  }

  /** Compiles for these sizes and all outputs in turns, before a run needs it. */
  async ahead(sizes: Sizes, proceed: () => void): Promise<void> {
    proceed();
    this.weights.settle();
    if (this.has(sizes)) return;
    const work = new SharedWork(this.making(sizes, undefined));
    this.weights.begin(work);
    try {
      await inTurns(work.turns(), proceed);
    } finally {
      this.weights.end(work);
    }
  }

  private known(sizes: Sizes, outputs: ReadonlySet<string> | undefined): Kept | undefined {
    const key = keyOf(sizes, outputs);
    const kept = this.kept.get(key);
    if (kept === undefined) return undefined;
    this.kept.delete(key);
    this.kept.set(key, kept);
    return kept;
  }

  private made(sizes: Sizes, outputs: ReadonlySet<string> | undefined): Kept {
    this.weights.settle();
    // It may have been just that.
    return this.known(sizes, outputs) ?? atOnce(this.making(sizes, outputs));
  }

  private *making(sizes: Sizes, outputs: ReadonlySet<string> | undefined): Pausing<Kept> {
    this.renew();
    this.weights.join(this);
    const whole = yield* this.wholeOf(sizes);
    const wanted = outputsOf(whole).filter(([name]) => outputs === undefined || outputs.has(name));
    // A run is a whole step: whatever outputs it is asked for, it carries out every update.
    const graph =
      outputs === undefined ? whole : graphOf(whole.inputs, wanted, {}, updatesOf(whole));
    const kept: Kept = {
      sizes,
      whole,
      graph,
      outputNames: wanted.map(([name]) => name),
      pace: new Pace(this.target.threads),
      shared: yield* this.compiling(graph, sizes, this.target.threads),
      alone: undefined,
      users: 0,
    };
    this.kept.set(keyOf(sizes, outputs), kept);
    this.fit();
    return kept;
  }

  private *wholeOf(sizes: Sizes): Pausing<Graph> {
    for (const { sizes: known, whole } of this.kept.values())
      if (sameSizes(known, sizes)) return whole;
    return yield* this.graph.at(sizes);
  }

  /**
   * Sizes may come with constants of their own, which stay when the programs are forgotten. Once
   * they weigh more than the programs may, all begins anew.
   */
  private renew(): void {
    if (!this.graph.isOpen) return;
    const { bytes } = this.weights.constants;
    this.firstBytes ??= this.kept.size === 0 ? undefined : bytes;
    if (bytes <= 2 * (this.firstBytes ?? bytes) + this.limit) return;
    const kept = [...this.kept.values()];
    if (kept.some(({ users }) => users > 0)) return;
    this.release();
  }

  /** The program that the next run takes. */
  next(kept: Kept): Variant {
    if (!kept.pace.alone || this.target.threads === 1) return kept.shared;
    if (kept.alone === undefined) {
      this.weights.settle();
      kept.alone = atOnce(this.compiling(kept.graph, kept.sizes, 1));
      this.fit();
    }
    return kept.alone;
  }

  private *compiling(graph: Graph, sizes: Sizes, threads: number): Pausing<Variant> {
    const target = { ...this.target, threads };
    const { limits, states } = this;
    const { model } = this;
    const end = isTraced(COMPILE) ? compileTrace({ model, sizes, threads }) : undefined;
    try {
      const program = yield* this.weights.constants.compiling(graph, sizes, target, limits, states);
      end?.();
      return { ...program, flying: 0, contexts: 0 };
    } catch (error) {
      end?.(error);
      throw error;
    }
  }

  /** The sizes of the program that was used last. */
  get lastSizes(): Sizes | undefined {
    return [...this.kept.values()].at(-1)?.sizes;
  }

  has(sizes: Sizes): boolean {
    return this.kept.has(keyOf(sizes));
  }

  get count(): number {
    let count = 0;
    for (const kept of this.kept.values()) count += variantsOf(kept).length;
    return count;
  }

  /** Bytes of one run's arena, of the program that has the largest. */
  get arenaBytes(): number {
    return [...this.kept.values()]
      .flatMap(variantsOf)
      .reduce((most, variant) => Math.max(most, variant.arenaBytes), 0);
  }

  /** Bytes that all programs hold, as counted above. */
  get heldBytes(): number {
    let sum = 0;
    for (const kept of this.kept.values()) sum += heldBy(kept);
    return sum;
  }

  get packedBytes(): number {
    return this.weights.constants.packedBytes;
  }

  /** Somebody is about to use it. */
  entered(kept: Kept): void {
    kept.users++;
  }

  /** Whoever entered does not use it any more. */
  left(kept: Kept): void {
    kept.users--;
    if (this.over && kept.users === 0) this.fit();
  }

  /** A run is in flight. */
  launched(variant: Variant): void {
    variant.flying++;
    if (variant.flying <= variant.contexts) return;
    variant.contexts = variant.flying;
    this.fit();
  }

  /** It has landed, and its memory is idle. */
  landed(variant: Variant): void {
    variant.flying--;
  }

  /**
   * Forgets programs that nobody uses until the rest fits, but never the one used last: alone above
   * the limit it still runs. Then frees the memory of runs that it keeps beyond one, unless some
   * are in flight and want it.
   */
  private fit(): void {
    let held = this.heldBytes;
    const newest = [...this.kept.values()].at(-1);
    for (const [key, kept] of this.kept) {
      if (held <= this.limit) break;
      if (kept === newest || kept.users > 0) continue;
      held -= heldBy(kept);
      releaseAll(kept);
      this.kept.delete(key);
    }
    this.over = held > this.limit;
    if (!this.over || newest === undefined || newest.users > 0) return;
    for (const variant of variantsOf(newest)) {
      if (variant.contexts <= 1) continue;
      variant.native.trim(1);
      variant.contexts = 1;
    }
  }

  release(): void {
    for (const kept of this.kept.values()) releaseAll(kept);
    this.kept.clear();
    this.latest = undefined;
    this.weights.leave(this);
    this.graph.forget();
    this.firstBytes = undefined;
  }
}

function variantsOf({ shared, alone }: Kept): readonly Variant[] {
  return alone === undefined ? [shared] : [shared, alone];
}

function releaseAll(kept: Kept): void {
  for (const { native } of variantsOf(kept)) native.release();
}

/** A program that has not run yet counts with the memory of its first run. */
function heldBy(kept: Kept): number {
  return variantsOf(kept).reduce(
    (sum, { codeBytes, contextBytes, contexts }) =>
      sum + codeBytes + contextBytes * Math.max(1, contexts),
    0,
  );
}

/** Both name the symbols of one graph. */
function sameSizes(a: Sizes, b: Sizes): boolean {
  for (const symbol in b) if (a[symbol] !== b[symbol]) return false;
  return true;
}

function keyOf(sizes: Sizes, outputs?: ReadonlySet<string>): string {
  return JSON.stringify(outputs === undefined ? [sizes] : [sizes, [...outputs].sort()]);
}
