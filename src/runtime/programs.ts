/**
 * The programs that a session keeps: one for each combination of sizes and outputs that was asked for, within a limit of memory. Where the limit
 * is passed the one unused longest is forgotten, and is compiled anew when it is needed again. Not here: compiling (./compile.ts), running.
 *
 * What counts: the memory of runs (arena, scratch of every thread, addresses) as often as it is there, which is how many runs of the program
 * were in flight at once, and what the program itself is, instructions and tables. Packed weights, which the programs share, do not.
 */
import { type Graph, graphOf, outputsOf } from '../graph/value.js';
import { type Program, SessionConstants, type Target } from './compile.js';
import type { Sizes } from './feeds.js';
import { Pace } from './pace.js';

/** A program that is kept. */
export interface KeptProgram extends Program {
  /** The names of its outputs, in its order. */
  readonly outputNames: readonly string[];
  /** Runs in flight or waiting, and profiles under way: with any, the program is not forgotten. */
  users: number;
  /** Runs in flight. */
  flying: number;
  /** How many of them there has been memory for: the most that were in flight at once. */
  contexts: number;
  /** How many threads its runs get, and how long they take. */
  readonly pace: Pace;
}

export class Programs {
  private readonly graph: Graph;
  private readonly target: Target;
  private readonly limit: number;
  private over = false;
  private constants = new SessionConstants();
  /** The one used last stands last. */
  private readonly kept = new Map<string, KeptProgram>();

  constructor(graph: Graph, target: Target, limit: number) {
    this.graph = graph;
    this.target = target;
    this.limit = limit;
  }

  /** The program for these sizes of the graph's symbols that computes these outputs (default: all), compiled if there is none. */
  get(sizes: Sizes, outputs?: ReadonlySet<string>): KeptProgram {
    const key = keyOf(sizes, outputs);
    let program = this.kept.get(key);
    if (program !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, program);
      return program;
    }
    const wanted = outputsOf(this.graph).filter(([name]) => outputs === undefined || outputs.has(name));
    const graph = outputs === undefined ? this.graph : graphOf(this.graph.inputs, wanted);
    const compiled = this.constants.compile(graph, sizes, this.target);
    program = {
      ...compiled,
      outputNames: wanted.map(([name]) => name),
      users: 0,
      flying: 0,
      contexts: 0,
      pace: new Pace(this.target.threads),
    };
    this.kept.set(key, program);
    this.fit();
    return program;
  }

  has(sizes: Sizes): boolean {
    return this.kept.has(keyOf(sizes));
  }

  get count(): number {
    return this.kept.size;
  }

  /** Bytes of one run's arena, of the program that has the largest. */
  get arenaBytes(): number {
    return Math.max(0, ...[...this.kept.values()].map((program) => program.arenaBytes));
  }

  /** Bytes that all programs hold, as counted above. */
  get heldBytes(): number {
    let sum = 0;
    for (const program of this.kept.values()) sum += heldBy(program);
    return sum;
  }

  get packedBytes(): number {
    return this.constants.packedBytes;
  }

  /** Somebody is about to use the program. */
  entered(program: KeptProgram): void {
    program.users++;
  }

  /** Whoever entered does not use it any more. */
  left(program: KeptProgram): void {
    program.users--;
    if (this.over && program.users === 0) this.fit();
  }

  /** A run that had entered is in flight. */
  launched(program: KeptProgram): void {
    program.flying++;
    if (program.flying <= program.contexts) return;
    program.contexts = program.flying;
    this.fit();
  }

  /** It has landed, and its memory is idle. */
  landed(program: KeptProgram): void {
    program.flying--;
    this.left(program);
  }

  /**
   * Forgets programs that nobody uses until the rest fits, but never the one used last: alone above the limit it still runs. Then frees the memory
   * of runs that it keeps beyond one, unless some are in flight and want it.
   */
  private fit(): void {
    let held = this.heldBytes;
    const newest = [...this.kept.values()].at(-1);
    for (const [key, program] of this.kept) {
      if (held <= this.limit) break;
      if (program === newest || program.users > 0) continue;
      held -= heldBy(program);
      program.native.release();
      this.kept.delete(key);
    }
    if (held > this.limit && newest?.users === 0 && newest.contexts > 1) {
      newest.native.trim(1);
      newest.contexts = 1;
    }
    this.over = held > this.limit;
  }

  release(): void {
    for (const program of this.kept.values()) program.native.release();
    this.kept.clear();
    this.constants.release();
    this.constants = new SessionConstants();
  }
}

/** A program that has not run yet counts with the memory of its first run. */
function heldBy({ codeBytes, contextBytes, contexts }: KeptProgram): number {
  return codeBytes + contextBytes * Math.max(1, contexts);
}

function keyOf(sizes: Sizes, outputs?: ReadonlySet<string>): string {
  return JSON.stringify(outputs === undefined ? [sizes] : [sizes, [...outputs].sort()]);
}
