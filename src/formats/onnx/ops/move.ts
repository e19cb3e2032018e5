/**
 * Ops that move elements or give constants: Transpose, Slice, Split, Concat, Gather, Pad, Cast,
 * Constant, ConstantOfShape. Those that occur in shape arithmetic also work on integers known at
 * import. Not here: ops that only rename a shape (./shape.ts).
 */
import { DTYPES } from '../../../core/dtype.js';
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import {
  DataType,
  dataTypeName,
  isSmallInteger,
  type QuantizedType,
  quantizedType,
} from '../data-type.js';
import { dimsItem, type Item, valueItem } from '../item.js';
import { signsOf } from '../quantization.js';
import { decodeTensor } from '../tensor.js';

export const moveImporters: Readonly<Record<string, Importer>> = {
  Transpose(context) {
    const x = context.value(0);
    const perm = context.intList('perm') ?? x.shape.map((_, i) => x.shape.length - 1 - i);
    return context.make('transpose', [x], { perm: context.axes(perm, x.shape.length) });
  },

  /**
   * starts, ends, axes and steps are attributes before operator set 10, inputs after. An end beyond
   * the axis means its end.
   */
  Slice(context) {
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
    if (steps.some((step) => step < 1))
      throw context.expected('ERR_UNSUPPORTED', 'steps of 1 or more', steps);
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
    if (!context.isIntegers(0)) return context.make('slice', [context.value(0)], range);
    const [start = 0, end, step = 1] = [range.starts[0], range.ends[0] as number, range.steps[0]];
    const { entries } = context.dims(0);
    const taken = () => entries.slice(start, end).filter((_, i) => i % step === 0);
    return context.integers(entries.length, taken);
  },

  /**
   * The parts' sizes are an attribute or an input; without them the parts are equal, the last one
   * smaller if need be.
   */
  Split(context) {
    const x = context.value(0);
    const axis = context.axis(context.int('axis', 0), x.shape.length);
    const size = x.shape[axis];
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
      const range = whole(x.shape);
      range.starts[axis] = start;
      start += length;
      range.ends[axis] = start;
      return valueItem(context.make('slice', [x], range, `/${i}`));
    });
  },

  Concat(context) {
    const indices = Array.from({ length: context.inputCount }, (_, i) => i);
    if (indices.every((i) => context.isIntegers(i))) {
      const count = indices.reduce((sum, i) => sum + context.dims(i).entries.length, 0);
      return context.integers(count, () => indices.flatMap((i) => context.dims(i).entries));
    }
    const values = indices.map((i) => context.value(i));
    return context.make('concat', values, {
      axis: context.axis(context.int('axis', 1), values[0]?.shape.length ?? 0),
    });
  },

  Gather(context) {
    if (!context.isIntegers(0))
      throw context.expected(
        'ERR_UNSUPPORTED',
        'the data of Gather to be a shape known at import',
        'a float value',
      );
    const { entries } = context.dims(0);
    context.axis(context.int('axis', 0), 1);
    const { entries: indices, scalar } = context.dims(1);
    const picked = () =>
      context.ints(1).map((index) => entries[context.axis(index, entries.length)] as Dim);
    return context.integers(indices.length, picked, scalar);
  },

  /**
   * [before each axis..., after each axis...], for all axes or, from operator set 18 on, for those
   * named.
   */
  Pad(context) {
    const mode = context.text('mode', 'constant');
    if (mode !== 'constant') throw context.expected('ERR_UNSUPPORTED', 'mode to be constant', mode);
    const x = context.value(0);
    const rank = x.shape.length;
    const listed = context.listAt('pads', 1);
    const axes = context.has(3)
      ? context.axes(context.ints(3), rank)
      : x.shape.map((_, axis) => axis);
    if (listed === undefined || listed.length !== 2 * axes.length)
      throw context.expected('ERR_FORMAT', `${2 * axes.length} pads`, listed?.length ?? 'none');
    if (!listed.every(isSize))
      throw context.expected('ERR_UNSUPPORTED', 'pads of 0 or more', listed);
    const pads = new Array<number>(2 * rank).fill(0);
    axes.forEach((axis, i) => {
      pads[axis] = listed[i] as number;
      pads[axis + rank] = listed[i + axes.length] as number;
    });
    const value =
      context.opset < 11 ? context.float('value', 0) : context.has(2) ? context.number(2) : 0;
    return context.onFloats(x, (floats) => context.make('pad', [floats], { pads, value }));
  },

  /**
   * Float stays float; integers known at import change kind, or become quantized ones; a computed
   * value may become integers, those of its range (ONNX leaves what lies outside undefined), and
   * floats again.
   */
  Cast(context) {
    const to = context.int('to');
    const item = context.item(0);
    const float = to === DataType.FLOAT;
    const type = quantizedType(to);
    if (item.kind === 'value') {
      const dtype = float ? 'f32' : type?.dtype;
      if (dtype !== undefined && (dtype !== 'i32' || to === DataType.INT32))
        return item.value.dtype === dtype
          ? item
          : context.make('cast', [item.value], { to: dtype });
    } else if (context.isIntegers(0)) {
      const { entries, scalar } = context.dims(0);
      if (to === DataType.INT32 || to === DataType.INT64) return dimsItem(entries, scalar);
      const shape = scalar ? [] : [entries.length];
      if (float) return context.floats(entries.length, () => context.ints(0), shape);
      if (type !== undefined) return integersOf(context, context.ints(0), type, shape);
    } else if (item.kind === 'tensor') {
      if (float && item.tensor.dataType === DataType.FLOAT) return context.value(0);
      if (float && item.tensor.dims.length >= 2 && isSmallInteger(item.tensor.dataType)) {
        // Weights, which stay as small as they are.
        const { value: q } = context.quantized(0);
        return context.make('cast', [signsOf(context, q) ?? q], { to: 'f32' });
      }
      const { data, shape } = decodeTensor(item.tensor, item.name);
      if (float) return context.floats(data.length, () => data, shape);
      if (to === DataType.INT32 || to === DataType.INT64)
        return context.integers(
          data.length,
          () => Array.from(data, Math.trunc),
          shape.length === 0,
        );
      if (type !== undefined) return integersOf(context, Array.from(data, Math.trunc), type, shape);
    }
    throw context.expected(
      'ERR_UNSUPPORTED',
      'a cast between float and integers of up to 32 bits',
      `a cast to ${dataTypeName(to)}`,
    );
  },

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
    if (data.length !== 1 || kind === 'f64')
      throw context.expected(
        'ERR_UNSUPPORTED',
        'one float or integer to fill with',
        `${data.length} of ${kind}`,
      );
    const value = data[0] as number;
    if (kind === 'f32') return context.filled(value, shape);
    if (shape.length > 1)
      throw context.expected(
        'ERR_UNSUPPORTED',
        'integers known at import to be a vector',
        showShape(shape),
      );
    const count = shape[0] ?? 1;
    return context.integers(count, () => new Array<number>(count).fill(value), shape.length === 0);
  },
};

/** A constant of integers, none of which the type lacks. */
function integersOf(
  context: NodeContext,
  numbers: readonly number[],
  { dtype, lo, hi }: QuantizedType,
  shape: readonly number[],
): Value {
  const outside = numbers.find((number) => !(number >= lo && number <= hi));
  if (outside !== undefined)
    throw context.expected('ERR_UNSUPPORTED', `integers from ${lo} to ${hi}`, outside);
  return context.integerConstant(dtype, DTYPES[dtype].array.from(numbers), shape, '');
}

/** The slice that takes everything. */
function whole(shape: readonly Dim[]): { starts: number[]; ends: Dim[]; steps: number[] } {
  return { starts: shape.map(() => 0), ends: [...shape], steps: shape.map(() => 1) };
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
