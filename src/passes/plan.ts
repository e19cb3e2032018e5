/**
 * Memory planning: which bytes of one arena each value of a schedule lives in. Values whose lives
 * do not overlap share bytes. Not here: who goes where (./place.ts), alignment inside kernels,
 * constants (they are no part of the arena).
 */
import type { Graph, Value } from '../graph/value.js';
import type { Kernel } from './fuse.js';
import { storage } from './links.js';
import { memoryBytes } from './memory-bytes.js';
import { overwrites } from './overwrites.js';
import { place } from './place.js';

export { bitWords, memoryBytes } from './memory-bytes.js';

/** Every buffer starts on a cache line. */
const ALIGN = 64;
/** Kernels may read, never write, this far past a buffer's end. */
const SLACK = 64;

export interface Place {
  readonly offset: number;
  readonly bytes: number;
}

export interface Plan {
  readonly places: ReadonlyMap<Value, Place>;
  readonly arenaBytes: number;
}

/**
 * Inputs live from the start (feeds are copied in before the first kernel); outputs and what is in
 * `kept` until the end. A kernel may write a result over an operand that dies in it (see
 * `overwrites`), so that a residual network keeps one float map in the cache where it would go back
 * and forth between two.
 */
export function plan(graph: Graph, kernels: readonly Kernel[], kept: readonly Value[] = []): Plan {
  const first = new Map<Value, number>();
  const last = new Map<Value, number>();
  const touch = (value: Value, at: number) => {
    if (!first.has(value)) first.set(value, at);
    last.set(value, Math.max(last.get(value) ?? 0, at));
  };
  for (const value of graph.inputs) touch(value, -1);
  kernels.forEach((kernel, i) => {
    for (const value of kernel.reads) touch(value, i);
    for (const value of kernel.stores) touch(value, i);
  });
  for (const value of Object.values(graph.outputs))
    if (first.has(storage(value))) touch(storage(value), kernels.length);
  for (const value of kept) touch(value, kernels.length);

  // The value whose place each value takes: its own, or that of an operand it is written over.
  const owner = new Map<Value, Value>([...first.keys()].map((value) => [value, value]));
  kernels.forEach((kernel, i) => {
    for (const [result, operand] of overwrites(kernel)) {
      const place = owner.get(operand);
      if (place === undefined || last.get(place) !== i || first.get(result) !== i) continue;
      owner.set(result, place);
      last.set(place, Math.max(i, last.get(result) as number));
    }
  });

  const values = [...first.keys()].filter((value) => owner.get(value) === value);
  const sizes = values.map((value) => memoryBytes(value.dtype, value.shape));
  const { offsets, end } = place(
    values.map((value, i) => ({
      size: Math.ceil((sizes[i]! + SLACK) / ALIGN) * ALIGN,
      from: first.get(value) as number,
      to: last.get(value) as number,
    })),
  );
  const places = new Map<Value, Place>(
    values.map((value, i) => [value, { offset: offsets[i]!, bytes: sizes[i]! }]),
  );
  for (const [value, holder] of owner) places.set(value, places.get(holder) as Place);
  return { places, arenaBytes: end };
}
