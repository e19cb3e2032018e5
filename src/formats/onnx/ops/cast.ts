/**
 * What a cast makes of an item: known integers, a constant of the file, or a value. Not here: the
 * types (../data-type.ts), arithmetic that wraps (./integers.ts).
 */
import { DTYPES, type Integer, integerBounds, isInteger } from '../../../core/dtype.js';
import type { Value } from '../../../graph/value.js';
import { valueRange } from '../../../passes/value-range.js';
import type { NodeContext } from '../context.js';
import {
  DataType,
  dataTypeName,
  isFloatType,
  isSmallInteger,
  type QuantizedType,
  quantizedType,
} from '../data-type.js';
import { type Item, valueItem } from '../item.js';
import { signsOf } from '../quantization.js';
import { decodeTensor } from '../tensor.js';
import { truthOf } from './conditions.js';
import { wholeOf, wrapped } from './integers.js';

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

/** An integer less what a type has no bits for, as a run would leave it. */
function lowBitsOf({ lo, hi }: QuantizedType): (number: number) => number {
  const size = hi - lo + 1;
  return (number) => number - Math.floor((number - lo) / size) * size;
}

/** A float as the integer of a type that a run would make of it. */
function nearestIn({ lo, hi }: QuantizedType): (number: number) => number {
  return (number) =>
    Number.isNaN(number) ? 0 : Math.max(lo, Math.min(hi, Math.trunc(number))) + 0;
}

/**
 * Float stays float, of whatever width, because all of them are f32 here; integers known at import
 * change kind, or become quantized ones; a computed value may become integers, and floats again.
 * Integers keep their low bits in a narrower type; of floats beyond a type, which ONNX leaves
 * undefined, the nearest integer in it is taken. INT64 is i32.
 */
export function castTo(context: NodeContext, to: number): Item | Value {
  const item = context.item(0);
  const float = isFloatType(to);
  const type = quantizedType(to);
  const dtype = float ? 'f32' : to === DataType.INT64 ? 'i32' : type?.dtype;
  if (item.kind === 'truth') {
    if (float) return valueItem(item.value);
    if (to === DataType.BOOL) return item;
    if (dtype !== undefined) return context.make('cast', [item.value], { to: dtype });
  } else if (item.kind === 'value' && to === DataType.BOOL) {
    const { value } = item;
    // An integer that is not 0 is a float that is not 0.
    return truthOf(
      context,
      value.dtype === 'f32' ? value : context.make('cast', [value], { to: 'f32' }, '/number'),
    );
  } else if (item.kind === 'value') {
    // 16 bits lie in i32, which would not cut them.
    const holds = dtype !== 'i32' || to === DataType.INT32 || to === DataType.INT64;
    if (dtype !== undefined && holds) {
      const { value } = item;
      if (value.dtype === dtype) return item;
      return dtype !== 'f32' && mayLose(value, dtype)
        ? wrapped(context, wholeOf(context, 0), dtype)
        : context.make('cast', [value], { to: dtype });
    }
  } else if (context.isIntegers(0)) {
    const from = context.known(0);
    const { entries, shape } = from;
    if (to === DataType.INT32 || to === DataType.INT64) return { kind: 'dims', ...from };
    if (to === DataType.BOOL)
      return context.knownIntegers(entries.length, () => ({
        entries: entries.map((entry) => (entry === 0 ? 0 : 1)),
        shape,
      }));
    if (float) return context.floats(entries.length, () => context.numbers(0), shape);
    if (type !== undefined)
      return integersOf(context, context.numbers(0).map(lowBitsOf(type)), type, shape);
  } else if (item.kind === 'tensor') {
    if (float && isFloatType(item.tensor.dataType)) return context.value(0);
    if (float && item.tensor.dims.length >= 2 && isSmallInteger(item.tensor.dataType)) {
      // Weights, which stay as small as they are.
      const { value: q } = context.quantized(0);
      return context.make('cast', [signsOf(context, q) ?? q], { to: 'f32' });
    }
    const { data, shape } = decodeTensor(item.tensor, item.name);
    if (float) return context.floats(data.length, () => data, shape);
    if (to === DataType.INT32 || to === DataType.INT64)
      return context.knownIntegers(data.length, () => ({
        entries: Array.from(data, Math.trunc),
        shape,
      }));
    if (to === DataType.BOOL)
      return context.knownIntegers(data.length, () => ({
        entries: Array.from(data, (number) => (number === 0 ? 0 : 1)),
        shape,
      }));
    if (type !== undefined) {
      const fit = isFloatType(item.tensor.dataType) ? nearestIn(type) : lowBitsOf(type);
      return integersOf(context, Array.from(data, fit), type, shape);
    }
  }
  throw context.expected(
    'ERR_UNSUPPORTED',
    'a cast between float and integers of up to 32 bits',
    `a cast to ${dataTypeName(to)}`,
  );
}

/** True for integers, some of which may lie outside of `dtype`. */
function mayLose(value: Value, dtype: Integer): boolean {
  if (!isInteger(value.dtype) || dtype === 'i32') return false;
  const { lo, hi } = integerBounds(dtype);
  const range = valueRange(value);
  return range === undefined || range.lo < lo || range.hi > hi;
}
