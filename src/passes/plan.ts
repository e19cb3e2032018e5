/**
 * Memory planning: which bytes of one arena each value of a schedule lives in. Values whose lives do not overlap share bytes.
 * Not here: alignment inside kernels, constants (they are no part of the arena).
 */
import { elementCount, type Shape } from '../core/shape.js';
import type { Graph, Value } from '../graph/value.js';
import { type Kernel, storage } from './fuse.js';

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

/** Words of 64 sign bits that a pixel takes. */
export function bitWords(channels: number): number {
  return Math.ceil(channels / 64);
}

/** Bytes of a value in memory: a b1 map is packed along its last axis into 64-bit words. */
export function memoryBytes(dtype: Value['dtype'], shape: Shape): number {
  const count = elementCount(shape);
  if (dtype !== 'b1') return count * (dtype === 'i8' || dtype === 'u8' ? 1 : 4);
  const channels = (shape.at(-1) as number | undefined) ?? 1;
  return channels === 0 ? 0 : (count / channels) * bitWords(channels) * 8;
}

/**
 * Offsets by greedy best fit, largest value first: each takes the tightest gap among the values that live while it does.
 * Inputs live from the start (feeds are copied in before the first kernel); outputs and what is in `kept` until the end.
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
  for (const value of Object.values(graph.outputs)) if (first.has(storage(value))) touch(storage(value), kernels.length);
  for (const value of kept) touch(value, kernels.length);

  const values = [...first.keys()].map((value) => ({
    value,
    bytes: memoryBytes(value.dtype, value.shape),
    from: first.get(value) as number,
    to: last.get(value) as number,
  }));
  values.sort((a, b) => b.bytes - a.bytes || a.from - b.from);
  const placed: { from: number; to: number; offset: number; end: number }[] = [];
  const places = new Map<Value, Place>();
  let arenaBytes = 0;
  for (const { value, bytes, from, to } of values) {
    const size = Math.ceil((bytes + SLACK) / ALIGN) * ALIGN;
    const neighbours = placed.filter((other) => other.from <= to && from <= other.to).sort((a, b) => a.offset - b.offset);
    let best: { offset: number; gap: number } | undefined;
    let cursor = 0;
    for (const other of neighbours) {
      const gap = other.offset - cursor;
      if (gap >= size && (best === undefined || gap < best.gap)) best = { offset: cursor, gap };
      cursor = Math.max(cursor, other.end);
    }
    const offset = best?.offset ?? cursor;
    placed.push({ from, to, offset, end: offset + size });
    places.set(value, { offset, bytes });
    arenaBytes = Math.max(arenaBytes, offset + size);
  }
  return { places, arenaBytes };
}
