/**
 * Memory planning: which bytes of one arena each value of a schedule lives in. Values whose lives do not overlap share bytes.
 * Not here: alignment inside kernels, constants (they are no part of the arena).
 */
import { elementCount, type Shape } from '../core/shape.js';
import type { Graph, Value } from '../graph/value.js';
import type { Kernel } from './fuse.js';
import { operandsOf, storage } from './links.js';

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
 * A kernel may write a result over an operand that dies in it (see `overwrites`), so that a residual network keeps one float map in the
 * cache where it would go back and forth between two.
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

  const values = [...first.keys()]
    .filter((value) => owner.get(value) === value)
    .map((value) => ({
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
  for (const [value, place] of owner) places.set(value, places.get(place) as Place);
  return { places, arenaBytes };
}

/**
 * Pairs [result, operand]: the result may take the operand's place if the operand is not needed after the kernel. Chains work element by element,
 * so that is safe where both lie alike, the kernel reads the operand only through its chain (windows and weights see neighbours), and every
 * read stands before the store.
 */
export function overwrites(kernel: Kernel): [Value, Value][] {
  const seenByAnchor = new Set(kernel.map ? [] : kernel.anchor.inputs.map(storage));
  const pairs: [Value, Value][] = [];
  const taken = new Set<Value>();
  kernel.chain.forEach((link, at) => {
    if (link.kind !== 'store' || link.value.dtype !== 'f32' || link.into !== undefined) return;
    const bytes = memoryBytes('f32', link.value.shape);
    const candidates = kernel.chain
      .slice(0, at)
      .flatMap(operandsOf)
      .flatMap(({ value, layout }) => (layout === 'tensor' ? [value] : []));
    if (kernel.map) candidates.push(kernel.anchor);
    const readLater = new Set(
      kernel.chain
        .slice(at)
        .flatMap(operandsOf)
        .map((operand) => storage(operand.value)),
    );
    const operand = candidates
      .map(storage)
      .find(
        (value) =>
          value.dtype === 'f32' &&
          value.op !== 'constant' &&
          memoryBytes('f32', value.shape) === bytes &&
          !seenByAnchor.has(value) &&
          !readLater.has(value) &&
          !readOtherwise(kernel, value) &&
          !kernel.stores.includes(value) &&
          !taken.has(value),
      );
    if (operand === undefined) return;
    taken.add(operand);
    pairs.push([link.value, operand]);
  });
  return pairs;
}

/** True if some link reads the value in another layout than element by element. */
function readOtherwise(kernel: Kernel, value: Value): boolean {
  return kernel.chain.flatMap(operandsOf).some((operand) => storage(operand.value) === value && operand.layout !== 'tensor');
}
