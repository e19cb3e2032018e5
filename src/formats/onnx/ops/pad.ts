/**
 * Pad: borders of a number, of the nearest element (edge), mirrored (reflect) or from the other end
 * (wrap). Not here: the pads of convolutions and pooling (./window.ts).
 */
import { type Dim, isSize } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';

export const padImporters: Readonly<Record<string, Importer>> = {
  /** A negative pad takes elements away, as a slice does. */
  Pad(context) {
    const mode = context.text('mode', 'constant');
    const x = context.value(0);
    const { before, after } = padsOf(context, x.shape.length);
    if (mode === 'constant') return constantPad(context, x, before, after);
    const border = BORDERS.get(mode);
    if (border === undefined)
      throw context.expected('ERR_FORMAT', 'mode to be constant, edge, reflect or wrap', mode);
    if (![...before, ...after].every(isSize))
      throw context.expected('ERR_UNSUPPORTED', `pads of 0 or more in mode ${mode}`, [
        ...before,
        ...after,
      ]);
    return x.shape.reduce<Value>((y, size, axis) => {
      const [first, last] = [before[axis] as number, after[axis] as number];
      if (first + last === 0) return y;
      if (!isSize(size) || size === 0)
        throw context.expected('ERR_UNSUPPORTED', `a size of 1 or more on axis ${axis}`, size);
      const side = { context, x: y, axis, size };
      const parts = [...border(side, first, 'before'), y, ...border(side, last, 'after')];
      return context.make('concat', parts, { axis }, `/axis_${axis}`);
    }, x);
  },
};

/**
 * [before each axis..., after each axis...], for all axes or, from operator set 18 on, for those
 * named.
 */
function padsOf(context: NodeContext, rank: number): { before: number[]; after: number[] } {
  const listed = context.listAt('pads', 1);
  const axes = context.has(3)
    ? context.axes(context.ints(3), rank)
    : Array.from({ length: rank }, (_, axis) => axis);
  if (listed === undefined || listed.length !== 2 * axes.length)
    throw context.expected('ERR_FORMAT', `${2 * axes.length} pads`, listed?.length ?? 'none');
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  axes.forEach((axis, i) => {
    before[axis] = listed[i] as number;
    after[axis] = listed[i + axes.length] as number;
  });
  return { before, after };
}

function constantPad(
  context: NodeContext,
  x: Value,
  before: readonly number[],
  after: readonly number[],
): Value {
  const value =
    context.opset < 11 ? context.float('value', 0) : context.has(2) ? context.number(2) : 0;
  const starts = before.map((pad) => Math.max(0, -pad));
  const ends = x.shape.map((size, axis) => cropped(context, size, starts, after, axis));
  const pads = [...before, ...after].map((pad) => Math.max(0, pad));
  const crops = [...before, ...after].some((pad) => pad < 0);
  return context.onFloats(x, (floats) => {
    const steps = starts.map(() => 1);
    const rest = crops
      ? context.make('slice', [floats], { starts, ends, steps }, '/cropped')
      : floats;
    return context.make('pad', [rest], { pads, value });
  });
}

/** Where the elements end that a negative pad leaves. */
function cropped(
  context: NodeContext,
  size: Dim,
  starts: readonly number[],
  after: readonly number[],
  axis: number,
): Dim {
  const [first, less] = [starts[axis] as number, Math.max(0, -(after[axis] as number))];
  if (first + less === 0) return size;
  if (!isSize(size) || first + less > size)
    throw context.expected(
      'ERR_UNSUPPORTED',
      `axis ${axis} to have ${first + less} elements`,
      size,
    );
  return size - less;
}

/** An axis of x, whose size is a number of 1 or more. */
interface Side {
  readonly context: NodeContext;
  readonly x: Value;
  readonly axis: number;
  readonly size: number;
}
/** The parts that a border of so many elements consists of, in order. */
type Border = (side: Side, count: number, at: 'before' | 'after') => Value[];

const BORDERS: ReadonlyMap<string, Border> = new Map([
  ['edge', edge],
  ['reflect', reflected],
  ['wrap', wrapped],
]);

function edge(side: Side, count: number, at: 'before' | 'after'): Value[] {
  if (count === 0) return [];
  const from = at === 'before' ? 0 : side.size - 1;
  const one = taken(side, from, from + 1, at);
  const shape = one.shape.map((size, axis) => (axis === side.axis ? count : size));
  return [side.context.make('expand', [one], { shape }, `/axis_${side.axis}_${at}_edge`)];
}

/** The element at the end is not repeated. */
function reflected(side: Side, count: number, at: 'before' | 'after'): Value[] {
  requireAtMost(side, count, side.size - 1);
  const order = Array.from({ length: count }, (_, i) =>
    at === 'before' ? count - i : side.size - 2 - i,
  );
  return order.map((from, i) => taken(side, from, from + 1, `${at}_${i}`));
}

function wrapped(side: Side, count: number, at: 'before' | 'after'): Value[] {
  requireAtMost(side, count, side.size);
  if (count === 0) return [];
  return [
    at === 'before' ? taken(side, side.size - count, side.size, at) : taken(side, 0, count, at),
  ];
}

function requireAtMost({ context, axis }: Side, count: number, most: number): void {
  if (count > most)
    throw context.expected('ERR_UNSUPPORTED', `at most ${most} pads on axis ${axis}`, count);
}

function taken({ context, x, axis }: Side, start: number, end: number, what: string): Value {
  const range = {
    starts: x.shape.map((_, i) => (i === axis ? start : 0)),
    ends: x.shape.map((size, i) => (i === axis ? end : size)),
    steps: x.shape.map(() => 1),
  };
  return context.make('slice', [x], range, `/axis_${axis}_${what}`);
}
