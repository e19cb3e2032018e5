/**
 * Places spans, each alive from one moment to another, so that no two that meet in time share a
 * byte. Not here: whose spans (./memory-plan.ts).
 *
 * Greedy best fit, largest first: each takes the tightest gap among those that live while it does.
 * That is quadratic and all but optimal; it gets a budget that no network of some thousand maps
 * uses up. What is left then, the smallest of very many, goes above the rest by a walk through
 * time.
 */
import { Heap } from './heap.js';

export interface Span {
  readonly size: number;
  /** The first and the last moment. */
  readonly from: number;
  readonly to: number;
}

export interface Placement {
  /** Of each span, in the order given. */
  readonly offsets: readonly number[];
  readonly end: number;
}

/** Looks at another span that best fit may take: about a tenth of a second. */
const BUDGET = 1 << 25;
/** Sizes in the walk are rounded up by at most this share, so that slots fit others. */
const CLASSES_A_DOUBLING = 8;
const LEAST_SLOT = 64;

export function place(spans: readonly Span[], budget = BUDGET): Placement {
  const order = spans
    .map((_, i) => i)
    .sort((a, b) => spans[b]!.size - spans[a]!.size || spans[a]!.from - spans[b]!.from);
  const offsets = new Array<number>(spans.length).fill(0);
  const count = bestFit(spans, order, offsets, budget);
  let end = 0;
  for (const i of order.slice(0, count)) end = Math.max(end, offsets[i]! + spans[i]!.size);
  return { offsets, end: throughTime(spans, order.slice(count), offsets, end) };
}

/** Places those of `order` that the budget allows, and says how many that were. */
function bestFit(
  spans: readonly Span[],
  order: readonly number[],
  offsets: number[],
  budget: number,
): number {
  /** By offset. */
  const placed: {
    readonly offset: number;
    readonly end: number;
    readonly from: number;
    readonly to: number;
  }[] = [];
  let left = budget;
  for (const [done, i] of order.entries()) {
    left -= placed.length;
    if (left < 0) return done;
    const { size, from, to } = spans[i]!;
    let best: { offset: number; gap: number } | undefined;
    let cursor = 0;
    for (const other of placed) {
      if (other.from > to || from > other.to) continue;
      const gap = other.offset - cursor;
      if (gap >= size && (best === undefined || gap < best.gap)) best = { offset: cursor, gap };
      if (other.end > cursor) cursor = other.end;
    }
    const offset = best?.offset ?? cursor;
    offsets[i] = offset;
    placed.splice(firstBeyond(placed, offset), 0, { offset, end: offset + size, from, to });
  }
  return order.length;
}

function firstBeyond(placed: readonly { readonly offset: number }[], offset: number): number {
  let [low, high] = [0, placed.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (placed[middle]!.offset > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Places the spans numbered `rest` from `base` on: each takes a slot of its size that is free
 * again, else a new one. Returns where the last ends.
 */
function throughTime(
  spans: readonly Span[],
  rest: readonly number[],
  offsets: number[],
  base: number,
): number {
  const free = new Map<number, number[]>();
  const alive = new Heap<{ readonly slot: number; readonly offset: number }>();
  let end = base;
  for (const i of [...rest].sort((a, b) => spans[a]!.from - spans[b]!.from)) {
    const { size, from, to } = spans[i]!;
    while (alive.least < from) {
      const { slot, offset } = alive.pop()!;
      free.get(slot)!.push(offset);
    }
    const slot = slotFor(size);
    const slots = free.get(slot) ?? [];
    free.set(slot, slots);
    let offset = slots.pop();
    if (offset === undefined) {
      offset = end;
      end += slot;
    }
    offsets[i] = offset;
    alive.push(to, { slot, offset });
  }
  return end;
}

function slotFor(size: number): number {
  const unit = Math.max(
    LEAST_SLOT,
    2 ** Math.floor(Math.log2(Math.max(1, size))) / CLASSES_A_DOUBLING,
  );
  return Math.ceil(size / unit) * unit;
}
