/**
 * Ops that move elements or give constants: Transpose, Slice, Split, Concat, Gather, Cast,
 * Constant, ConstantOfShape. Those that occur in shape arithmetic also work on integers known at
 * import. Not here: what a cast does (./cast.ts), Pad (./pad.ts), ops that only rename a shape
 * (./shape.ts).
 */
import { type Dim, elementCount, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { dimsItem, type Item, valueItem } from '../item.js';
import { concatenated, sliced, taken, transposed } from '../known.js';
import { decodeTensor } from '../tensor.js';
import { castTo } from './cast.js';
import { moving, wholeOf } from './integers.js';
import { pickedValue, whole } from './picked.js';

export const moveImporters: Readonly<Record<string, Importer>> = {
  Transpose: moving((context) => {
    const { length: rank } = context.shapeOf(0);
    const listed = context.intList('perm') ?? context.shapeOf(0).map((_, i) => rank - 1 - i);
    const perm = context.axes(listed, rank);
    if (!context.isIntegers(0)) return context.make('transpose', [context.value(0)], { perm });
    if (perm.length !== rank) throw context.expected('ERR_SHAPE', `${rank} axes`, listed);
    const from = context.known(0);
    return context.knownIntegers(from.entries.length, () => transposed(from, perm));
  }),

  /**
   * starts, ends, axes and steps are attributes before operator set 10, inputs after. An end beyond
   * the axis means its end.
   */
  Slice: moving((context) => {
    const starts = context.listAt('starts', 1, true);
    const ends = context.listAt('ends', 2, true);
    if (starts === undefined || ends === undefined)
      throw context.expected('ERR_FORMAT', 'starts and ends', 'none');
    const shape = context.shapeOf(0);
    const axes = context.axes(context.listAt('axes', 3) ?? starts.map((_, i) => i), shape.length);
    const steps = context.has(4) ? context.ints(4) : axes.map(() => 1);
    if (
      starts.length !== axes.length ||
      ends.length !== axes.length ||
      steps.length !== axes.length
    ) {
      throw context.expected(
        'ERR_FORMAT',
        'as many starts, ends, axes and steps',
        `${starts.length}, ${ends.length}, ${axes.length}, ${steps.length}`,
      );
    }
    if (context.isIntegers(0)) return slicedIntegers(context, { starts, ends, axes, steps });
    if (steps.some((step) => step < 1))
      return slicedBackwards(context, { starts, ends, axes, steps });
    const range = whole(shape);
    axes.forEach((axis, i) => {
      const [start, end] = extent(
        context,
        shape[axis] as Dim,
        starts[i] as number,
        ends[i] as number,
        steps[i] as number,
      );
      range.starts[axis] = start;
      range.ends[axis] = end;
      range.steps[axis] = steps[i] as number;
    });
    return context.make('slice', [context.value(0)], range);
  }),

  /**
   * The parts' sizes are an attribute or an input; without them the parts are equal, the last one
   * smaller if need be.
   */
  Split: moving((context) => {
    const shape = context.shapeOf(0);
    const axis = context.axis(context.int('axis', 0), shape.length);
    const size = shape[axis];
    if (!isSize(size))
      throw context.expected('ERR_UNSUPPORTED', 'an axis to split whose size is a number', size);
    const count = context.outputCount;
    const part = Math.ceil(size / count);
    const sizes =
      context.listAt('split', 1) ??
      Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, size - i * part)));
    if (
      sizes.length !== count ||
      !sizes.every(isSize) ||
      sizes.reduce((a, b) => a + b, 0) !== size
    ) {
      throw context.expected('ERR_FORMAT', `${count} sizes that add up to ${size}`, sizes);
    }
    let start = 0;
    return sizes.map((length, i) => {
      const range = whole(shape);
      range.starts[axis] = start;
      start += length;
      range.ends[axis] = start;
      if (!context.isIntegers(0))
        return valueItem(context.make('slice', [context.value(0)], range, `/${i}`));
      const from = context.known(0);
      const counts = from.shape.map((own, at) => (at === axis ? length : own));
      return context.knownIntegers(elementCount(counts), () =>
        sliced(from, range.starts, counts, range.steps),
      );
    });
  }),

  Concat: moving((context) => {
    const indices = Array.from({ length: context.inputCount }, (_, i) => i);
    const rank = context.shapeOf(0).length;
    if (indices.every((i) => context.isIntegers(i))) {
      const parts = indices.map((i) => context.known(i));
      const axis = context.axis(context.int('axis', 0), rank);
      const alike = (shape: readonly number[]) =>
        shape.length === rank &&
        shape.every((size, at) => at === axis || size === parts[0]?.shape[at]);
      const other = parts.find(({ shape }) => !alike(shape));
      if (other !== undefined)
        throw context.expected('ERR_SHAPE', `parts that differ along axis ${axis} only`, [
          parts[0]?.shape,
          other.shape,
        ]);
      const count = parts.reduce((sum, { entries }) => sum + entries.length, 0);
      return context.knownIntegers(count, () => concatenated(parts, axis));
    }
    const values = indices.map((i) => context.data(i));
    return context.make('concat', values, { axis: context.axis(context.int('axis', 1), rank) });
  }),

  /** Places known at import are slices; others are found by the run. */
  Gather: moving((context) => {
    const shape = context.shapeOf(0);
    const axis = context.axis(context.int('axis', 0), shape.length);
    const size = shape[axis];
    if (!isSize(size))
      throw context.expected('ERR_UNSUPPORTED', 'an axis to gather from of known size', size);
    if (!context.isIntegers(1)) return takenAt(context, axis);
    const at = context.known(1);
    const places = context.numbers(1).map((place) => context.axis(place, size));
    if (context.isIntegers(0)) {
      const from = context.known(0);
      const count = (from.entries.length / Math.max(1, size)) * places.length;
      return context.knownIntegers(count, () => taken(from, { ...at, entries: places }, axis));
    }
    const x = context.value(0);
    const found = pickedValue(context, x, axis, places, '/places');
    const to = [...x.shape.slice(0, axis), ...at.shape, ...x.shape.slice(axis + 1)];
    return context.make('reshape', [found], { shape: to });
  }),

  Cast: (context) => castTo(context, context.int('to')),

  /** To the type of the second input. */
  CastLike: (context) => castTo(context, context.elementTypeOf(1)),

  Constant(context): Item | Value {
    const tensor = context.tensor('value');
    if (tensor !== undefined) return { kind: 'tensor', tensor, name: context.name };
    if (context.hasAttribute('value_int')) return dimsItem([context.int('value_int')], true);
    if (context.hasAttribute('value_float'))
      return context.scalar(context.float('value_float'), '');
    const floats = context.floatList('value_floats');
    if (floats !== undefined)
      return context.constant(Float32Array.from(floats), [floats.length], '');
    const ints = context.intList('value_ints', true);
    if (ints !== undefined) return dimsItem(ints);
    throw context.fail('ERR_UNSUPPORTED', 'expected a dense numeric constant');
  },

  ConstantOfShape(context) {
    const shape = context.ints(0);
    if (!shape.every(isSize))
      throw context.expected('ERR_UNSUPPORTED', 'a shape of sizes', showShape(shape));
    const fill = context.tensor('value');
    const { kind, data } =
      fill === undefined ? { kind: 'f32', data: [0] } : decodeTensor(fill, context.name);
    if (data.length !== 1)
      throw context.expected('ERR_UNSUPPORTED', 'one number to fill with', data.length);
    const value = data[0] as number;
    if (kind !== 'int') return context.filled(value, shape);
    const count = elementCount(shape);
    return context.knownIntegers(count, () => ({
      entries: new Array<number>(count).fill(value),
      shape,
    }));
  },
};

interface Ranges {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

/** Gather at places that a run computes. */
function takenAt(context: NodeContext, axis: number): Value {
  return context.make('take', [context.data(0), wholeOf(context, 1)], { axis });
}

/** A slice with a step below 1: each such axis is turned round by its places. */
function slicedBackwards(context: NodeContext, { starts, ends, axes, steps }: Ranges): Value {
  return axes.reduce<Value>((x, axis, i) => {
    const size = x.shape[axis];
    const by = steps[i] as number;
    if (!isSize(size))
      throw context.expected('ERR_UNSUPPORTED', 'a known size of an axis to walk back', size);
    const places = placesOf(context, size, starts[i] as number, ends[i] as number, by);
    if (places.length === 0) {
      const range = whole(x.shape);
      range.ends[axis] = 0;
      return context.make('slice', [x], range, `/${axis}`);
    }
    const list = context.integerConstant(
      'i32',
      Int32Array.from(places),
      [places.length],
      `/places_${axis}`,
    );
    return context.make('take', [x, list], { axis }, `/${axis}`);
  }, context.value(0));
}

function placesOf(
  context: NodeContext,
  size: number,
  from: number,
  to: number,
  by: number,
): number[] {
  if (by === 0) throw context.expected('ERR_FORMAT', 'steps other than 0', by);
  const [low, high] = by > 0 ? [0, size] : [-1, size - 1];
  const clamp = (bound: number) => Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
  const [start, end] = [clamp(from), clamp(to)];
  const count = Math.max(0, Math.ceil((end - start) / by));
  context.reserve(count * Int32Array.BYTES_PER_ELEMENT);
  return Array.from({ length: count }, (_, i) => start + i * by);
}

/** A slice of integers known at import; a negative step goes backwards. */
function slicedIntegers(context: NodeContext, { starts, ends, axes, steps }: Ranges): Item {
  const from = context.known(0);
  const first = from.shape.map(() => 0);
  const count = [...from.shape];
  const step = from.shape.map(() => 1);
  axes.forEach((axis, i) => {
    const size = from.shape[axis] as number;
    const by = steps[i] as number;
    if (by === 0) throw context.expected('ERR_FORMAT', 'steps other than 0', steps);
    const [low, high] = by > 0 ? [0, size] : [-1, size - 1];
    const clamp = (bound: number) =>
      Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
    const [start, end] = [clamp(starts[i] as number), clamp(ends[i] as number)];
    first[axis] = start;
    step[axis] = by;
    count[axis] = Math.max(0, Math.ceil((end - start) / by));
  });
  return context.knownIntegers(elementCount(count), () => sliced(from, first, count, step));
}

/**
 * Negative bounds count from the end; then both are clamped to the axis. An axis of unknown size
 * can only be taken whole.
 */
function extent(
  context: NodeContext,
  size: Dim,
  start: number,
  end: number,
  step: number,
): [number, Dim] {
  if (typeof size === 'string') {
    if (start === 0 && step === 1 && end >= 2 ** 31 - 1) return [0, size];
    throw context.expected(
      'ERR_UNSUPPORTED',
      `the axis of unknown size ${size} to be taken whole`,
      `${start} to ${end} by ${step}`,
    );
  }
  const clamp = (bound: number) => Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
  const first = clamp(start);
  return [first, Math.max(first, clamp(end))];
}
