/**
 * Ops along one axis that look at the numbers: ArgMax, ArgMin, TopK, CumSum; and those that take or
 * put elements at places: GatherElements, ScatterND, OneHot. Not here: Gather (./move.ts).
 */
import { isByteInteger } from '../../../core/dtype.js';
import { isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { OpName } from '../../../ops/index.js';
import type { Importer, NodeContext } from '../context.js';
import { valueItem } from '../item.js';
import { integerNode, isWhole, moving, wholeOf } from './integers.js';

export const lineImporters: Readonly<Record<string, Importer>> = {
  ArgMax: extreme(true),
  ArgMin: extreme(false),

  /** The values, then where they stand; they are always sorted. */
  TopK(context) {
    const x = comparable(context);
    const axis = context.axis(context.int('axis', -1), x.shape.length);
    const count = context.opset < 10 ? context.int('k') : context.number(1);
    const largest = context.int('largest', 1) !== 0;
    const attrs = { axis, count, largest, last: false };
    const places = context.make('order', [x], attrs, '/places');
    const values = context.make('takeAlong', [context.data(0), places], { axis });
    return [valueItem(values), valueItem(places)];
  },

  CumSum(context) {
    const flag = (name: string) => context.int(name, 0) !== 0;
    const x = isWhole(context, 0) ? wholeOf(context, 0) : context.value(0);
    const axis = context.axis(context.number(1), x.shape.length);
    const attrs = { axis, exclusive: flag('exclusive'), reverse: flag('reverse') };
    return context.make('cumsum', [x], attrs);
  },

  /** Where the indices are fewer than x along another axis, x is cut to them. */
  GatherElements: moving((context) => {
    const x = context.data(0);
    const indices = wholeOf(context, 1);
    const axis = context.axis(context.int('axis', 0), x.shape.length);
    const ends = x.shape.map((size, i) => (i === axis ? size : (indices.shape[i] ?? size)));
    const cuts = ends.some((size, i) => size !== x.shape[i]);
    const zeros = x.shape.map(() => 0);
    const attrs = { starts: zeros, ends, steps: x.shape.map(() => 1) };
    const part = cuts ? context.make('slice', [x], attrs, '/part') : x;
    return context.make('takeAlong', [part, indices], { axis });
  }),

  /**
   * x with the rows of `updates` at places known at import. Row r of the result is the last update
   * of r, or row r of x; with a reduction, x and all updates of r, in their order.
   */
  ScatterND: moving((context) => {
    const x = context.data(0);
    const places = context.known(1);
    const updates = context.data(2);
    const depth = places.shape.at(-1) ?? 0;
    const outer = x.shape.slice(0, depth);
    if (!outer.every(isSize) || !x.shape.every(isSize) || depth < 1 || depth > x.shape.length)
      throw context.expected(
        'ERR_UNSUPPORTED',
        `a value of known size with at least ${depth} axes`,
        showShape(x.shape),
      );
    const sizes = outer as number[];
    const rows = rowsOf(context, sizes, context.numbers(1), depth);
    const inner = x.shape.slice(depth);
    const count = sizes.reduce((product, size) => product * size, 1);
    // Before lists of so many are made.
    context.reserve(count * Int32Array.BYTES_PER_ELEMENT);
    const flat = (value: Value, first: number, suffix: string) =>
      context.make('reshape', [value], { shape: [first, ...inner] }, suffix);
    const how = context.text('reduction', 'none');
    const written = flat(updates, rows.length, '/updates');
    let result = flat(x, count, '/rows');
    for (const [i, pass] of passesOf(context, rows, how).entries())
      result = how === 'none' ? put(pass, i) : reduced(pass, i);
    return context.make('reshape', [result], { shape: x.shape });

    /** Rows of the result so far, and the updates behind them. */
    function put(pass: ReadonlyMap<number, number>, i: number): Value {
      const both = context.make('concat', [result, written], { axis: 0 }, `/both_${i}`);
      const from = Array.from({ length: count }, (_, row) => {
        const update = pass.get(row);
        return update === undefined ? row : count + update;
      });
      return takenRows(context, both, from, `/put_${i}`);
    }

    function reduced(pass: ReadonlyMap<number, number>, i: number): Value {
      const rule = REDUCTIONS.get(how);
      if (rule === undefined)
        throw context.expected('ERR_FORMAT', 'reduction none, add, mul, max or min', how);
      if (x.dtype !== 'f32')
        throw context.expected('ERR_UNSUPPORTED', `floats for reduction ${how}`, x.dtype);
      const neutral = context.filled(rule.neutral, [1, ...(inner as number[])]);
      const both = context.make('concat', [written, neutral], { axis: 0 }, `/neutral_${i}`);
      const from = Array.from({ length: count }, (_, row) => pass.get(row) ?? rows.length);
      const other = takenRows(context, both, from, `/others_${i}`);
      return context.make(rule.op, [result, other], {}, `/reduced_${i}`);
    }
  }),

  /** values are [off, on]; an index below 0 counts from the end, one outside is all off. */
  OneHot(context) {
    const depth = context.number(1);
    if (!isSize(depth) || depth < 1)
      throw context.expected('ERR_FORMAT', 'a depth of 1 or more', depth);
    const x = context.data(0);
    const indices = isWhole(context, 0)
      ? wholeOf(context, 0)
      : context.make('cast', [x], { to: 'i32' }, '/indices');
    const rank = x.shape.length + 1;
    const axis = context.axis(context.int('axis', -1), rank);
    const shape = [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)];
    const column = context.make('reshape', [indices], { shape }, '/column');
    context.reserve(depth * Int32Array.BYTES_PER_ELEMENT);
    const line = Array.from({ length: rank }, (_, i) => (i === axis ? depth : 1));
    const range = Int32Array.from({ length: depth }, (_, i) => i);
    const numbers = context.integerConstant('i32', range, line, '/numbers');
    const places = integerNode(context, 'less', [column, 0], '/below');
    const moved = integerNode(context, 'add', [
      column,
      integerNode(context, 'mul', [places, depth], '/turn'),
    ]);
    const hot = integerNode(context, 'equal', [moved, numbers], '/hot');
    return chosen(context, hot);
  },
};

const REDUCTIONS: ReadonlyMap<string, { readonly op: OpName; readonly neutral: number }> = new Map([
  ['add', { op: 'add', neutral: 0 }],
  ['mul', { op: 'mul', neutral: 1 }],
  ['max', { op: 'max', neutral: Number.NEGATIVE_INFINITY }],
  ['min', { op: 'min', neutral: Number.POSITIVE_INFINITY }],
]);

/** The second of `values`, input 2, where `hot` is 1, else the first. */
function chosen(context: NodeContext, hot: Value): Value {
  const values = context.data(2);
  const one = (at: number, of: Value, suffix: string) =>
    context.make('slice', [of], { starts: [at], ends: [at + 1], steps: [1] }, suffix);
  if (values.dtype === 'f32') {
    const flags = context.make('cast', [hot], { to: 'f32' }, '/flags');
    const gate = (at: number, suffix: string) =>
      context.make(
        'gate',
        [one(at, values, `${suffix}_value`), flags],
        { min: at, max: at },
        suffix,
      );
    return context.make('add', [gate(1, '/on'), gate(0, '/off')], {});
  }
  const whole = wholeOf(context, 2);
  const [off, on] = [one(0, whole, '/off'), one(1, whole, '/on')];
  const span = integerNode(context, 'sub', [on, off], '/span');
  const raised = integerNode(context, 'mul', [hot, span], '/raised');
  const result = integerNode(context, 'add', [raised, off], '/result');
  return values.dtype === 'i32' ? result : context.make('cast', [result], { to: values.dtype });
}

function extreme(largest: boolean): Importer {
  return (context) => {
    const x = comparable(context);
    const axis = context.axis(context.int('axis', 0), x.shape.length);
    const last = context.int('select_last_index', 0) !== 0;
    const attrs = { axis, count: 1, largest, last };
    const kept = context.int('keepdims', 1) !== 0;
    const place = context.make('order', [x], attrs, kept ? '' : '/kept');
    if (kept) return place;
    const shape = place.shape.filter((_, i) => i !== axis);
    return context.make('reshape', [place], { shape });
  };
}

/** f32 or i32; bytes become i32. */
function comparable(context: NodeContext): Value {
  const x = context.data(0);
  if (!isByteInteger(x.dtype)) return x;
  return context.make('cast', [x], { to: 'i32' }, '/whole');
}

/** The number of the row that each index of `depth` entries names. */
function rowsOf(
  context: NodeContext,
  sizes: readonly number[],
  entries: readonly number[],
  depth: number,
): number[] {
  return Array.from({ length: entries.length / depth }, (_, i) =>
    sizes.reduce(
      (row, size, axis) => row * size + context.axis(entries[i * depth + axis] as number, size),
      0,
    ),
  );
}

/**
 * The update of each row that has one: the last of them; with a reduction the first, then the
 * second, and so on.
 */
function passesOf(
  context: NodeContext,
  rows: readonly number[],
  how: string,
): readonly ReadonlyMap<number, number>[] {
  if (how === 'none') return [new Map(rows.map((row, update) => [row, update]))];
  const passes: Map<number, number>[] = [];
  const seen = new Map<number, number>();
  for (const [update, row] of rows.entries()) {
    const turn = seen.get(row) ?? 0;
    seen.set(row, turn + 1);
    if (turn === 64)
      throw context.expected('ERR_UNSUPPORTED', 'at most 64 updates of one place', 'more');
    passes[turn] ??= new Map();
    passes[turn]?.set(row, update);
  }
  return passes;
}

function takenRows(context: NodeContext, x: Value, rows: readonly number[], suffix: string): Value {
  context.reserve(rows.length * Int32Array.BYTES_PER_ELEMENT);
  const list = Int32Array.from(rows);
  const indices = context.integerConstant('i32', list, [rows.length], `${suffix}_rows`);
  return context.make('take', [x, indices], { axis: 0 }, suffix);
}
