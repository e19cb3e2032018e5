/**
 * Memory planning: which bytes of one arena each value of a schedule lives in. Values whose lives
 * do not overlap share bytes. Not here: who goes where (./place.ts), alignment inside calls,
 * constants and states (they are no part of the arena).
 */
import { atOnce, type Pausing } from '../core/turns.js';
import type { Graph, Value } from '../graph/value.js';
import { type Call, isOfRun, type Memory } from './calls.js';
import { storage } from './epilogue.js';
import { memoryBytes } from './memory-bytes.js';
import { overwrites } from './overwrites.js';
import { place } from './place.js';

/** Every buffer starts on a cache line. */
const ALIGN = 64;
/** Kernels may read, never write, this far past a buffer's end. */
const SLACK = 64;

export interface Place {
  readonly offset: number;
  readonly bytes: number;
}

export interface MemoryPlan {
  readonly places: ReadonlyMap<Memory, Place>;
  readonly arenaBytes: number;
}

export interface Demands {
  /** What must still be there at the end. */
  readonly kept?: readonly Memory[];
  /** Memory that a call needs while it runs, beside what it reads and stores. */
  readonly during?: ReadonlyMap<Call, readonly Memory[]>;
  /** What lies in the memory of states, and takes none of the arena. */
  readonly homes?: ReadonlyMap<Memory, Value>;
}

/**
 * Inputs live from the start (feeds are copied in before the first call); outputs and what is in
 * `kept` until the end. A kernel may write a result over an operand that dies in it (see
 * `overwrites`), so that a residual network keeps one float map in the cache where it would go back
 * and forth between two.
 */
export function planMemory(
  graph: Graph,
  calls: readonly Call[],
  demands: Demands = {},
): MemoryPlan {
  return atOnce(planningMemory(graph, calls, demands));
}

/** `planMemory` that pauses after every call, and before and after the placing. */
export function* planningMemory(
  graph: Graph,
  calls: readonly Call[],
  { kept = [], during, homes }: Demands = {},
): Pausing<MemoryPlan> {
  const first = new Map<Memory, number>();
  const last = new Map<Memory, number>();
  const touch = (memory: Memory, at: number) => {
    if (!isOfRun(memory) || homes?.has(memory)) return;
    if (!first.has(memory)) first.set(memory, at);
    last.set(memory, Math.max(last.get(memory) ?? 0, at));
  };
  for (const value of graph.inputs) touch(value, -1);
  calls.forEach((call, i) => {
    for (const memory of call.reads) touch(memory, i);
    for (const memory of call.stores) touch(memory, i);
    for (const memory of during?.get(call) ?? []) touch(memory, i);
  });
  for (const value of Object.values(graph.outputs))
    if (first.has(storage(value))) touch(storage(value), calls.length);
  for (const memory of kept) touch(memory, calls.length);

  // The memory whose place each takes: its own, or that of an operand it is written over.
  const owner = new Map<Memory, Memory>([...first.keys()].map((memory) => [memory, memory]));
  for (const [i, call] of calls.entries()) {
    yield;
    if (call.kind !== 'kernel') continue;
    for (const [result, operand] of overwrites(call)) {
      const place = owner.get(operand);
      if (place === undefined || last.get(place) !== i || first.get(result) !== i) continue;
      owner.set(result, place);
      last.set(place, Math.max(i, last.get(result) as number));
    }
  }
  yield;

  const own = [...first.keys()].filter((memory) => owner.get(memory) === memory);
  const sizes = own.map(({ dtype, shape }) => memoryBytes(dtype, shape));
  const { offsets, end } = place(
    own.map((memory, i) => ({
      size: Math.ceil((sizes[i]! + SLACK) / ALIGN) * ALIGN,
      from: first.get(memory) as number,
      to: last.get(memory) as number,
    })),
  );
  yield;
  const places = new Map<Memory, Place>(
    own.map((memory, i) => [memory, { offset: offsets[i]!, bytes: sizes[i]! }]),
  );
  for (const [memory, holder] of owner) places.set(memory, places.get(holder) as Place);
  return { places, arenaBytes: end };
}
