/**
 * Sums of products of integers of at most 8 bits, each less its zero point, as exact integers:
 *
 *   sum (x - zero) w          w are integers of up to 9 bits, their own zero point taken off
 *
 * Constant weights keep 8 bits beside their zero points. A zero point of x that a run computes is
 * further channels of x, whose weights subtract it:
 *
 *   sum (x - zero) w  =  sum x w + sum over e of zero s_e,    s_1 + s_2 + ... = -sum w
 *
 * where each s_e is an integer of 8 bits; beside a border they lie tap by tap, so that the border,
 * which is 0, adds nothing. Weights of 9 bits are then parts side by side, as all that a run
 * computes are (src/passes/wide-weights.ts). Several parts take as many products: where no sum
 * reaches 2^24, floats are exact, too, and one product. Not here: which nodes want such sums
 * (./ops/qlinear.ts).
 */
import { type ByteInteger, integerBounds, integerDtype, isByteInteger } from '../../core/dtype.js';
import { elementCount } from '../../core/shape.js';
import type { Attrs, Value } from '../../graph/value.js';
import { isOp, opDef } from '../../ops/index.js';
import { LEAST_OUTSIDE_INT32, largestHeldSum, type ZeroPointAttrs } from '../../ops/multiply.js';
import {
  besideZeros,
  type MakeNode,
  shareOf,
  sideBySide,
  wideWeights,
} from '../../passes/wide-weights.js';
import type { Tensor } from '../../tensor/tensor.js';
import { tensorOf } from '../../tensor/values.js';
import type { NodeContext } from './context.js';
import type { ZeroPoint } from './quantization.js';

/** Integers and what they are less: x [..., C] with one zero point, w [O, ..., C] with any. */
export interface Centered {
  readonly q: Value;
  readonly zero: ZeroPoint;
}

interface Product {
  readonly op: 'conv2d' | 'dense';
  readonly attrs: Attrs;
}

/** Bits of weights and of what stands for zero points, with a sign that negation keeps. */
const MOST = 127;

/**
 * The sums, as i32; undefined where floats are as exact in less time, where x has several zero
 * points, and where the sums might leave int32.
 */
export function integerSums(
  context: NodeContext,
  product: Product,
  x: Centered,
  w: Centered,
): Value | undefined {
  if (!isByteInteger(x.q.dtype) || !isByteInteger(w.q.dtype)) return undefined;
  const zero = xZeroOf(x);
  if (zero === undefined) return undefined;
  const numbers = numbersOf(context, w);
  const isOnePart = numbers === undefined ? isDirect(w, zero) : fitsOnePart(numbers);
  if (numbers && !isOnePart && typeof zero === 'number') {
    const { tensor, zeros } = besideZeros(numbers)!;
    const weights = context.made(tensor, '/weights');
    return checked(context, product, [x.q, weights], { zeroPoint: zero, weightZeros: zeros });
  }
  if (!isOnePart && largestOf(x.q, zero, w.q, numbers) < LEAST_ROUNDED) return undefined;
  const operands =
    numbers === undefined
      ? computedOperands(context, product, x.q, zero, w)
      : constantOperands(context, product, x.q, zero, numbers);
  return checked(context, product, operands, typeof zero === 'number' ? { zeroPoint: zero } : {});
}

/** The sums; undefined where they might leave int32. */
function checked(
  context: NodeContext,
  { op, attrs }: Product,
  [x, w]: readonly [Value, Value],
  { zeroPoint, weightZeros }: ZeroPointAttrs,
): Value | undefined {
  const zeros = { ...(zeroPoint && { zeroPoint }), ...(weightZeros && { weightZeros }) };
  if (largestHeldSum(x.dtype, zeros, w) >= LEAST_OUTSIDE_INT32) return undefined;
  return context.make(op, [x, w], { ...attrs, ...zeros });
}

/** Floats hold every integer below. */
const LEAST_ROUNDED = 2 ** 24;

/** True for weights that a run computes and that are multiplied as they are. */
function isDirect({ q, zero }: Centered, xZero: number | Value): boolean {
  return zero.value === undefined && typeof xZero === 'number' && q.dtype !== 'u8';
}

function fitsOnePart({ data }: Tensor<'f32'>): boolean {
  return data.every((number) => number >= -128 && number <= MOST);
}

/** The most that a sum can be, either way. */
function largestOf(x: Value, zero: number | Value, w: Value, numbers?: Tensor<'f32'>): number {
  const { lo, hi } = integerBounds(x.dtype as ByteInteger);
  const most = typeof zero === 'number' ? Math.max(hi - zero, zero - lo) : hi - lo;
  const weight = numbers?.data.reduce((all, number) => Math.max(all, Math.abs(number)), 0) ?? 255;
  return elementCount(w.shape.slice(1)) * most * weight;
}

/** The zero point of x: a number, or integers of x's dtype that a run computes. */
function xZeroOf({ q, zero }: Centered): number | Value | undefined {
  if (zero.value === undefined) return 0;
  if (elementCount(zero.value.shape) !== 1) return undefined;
  if (zero.value.op === 'constant') return (zero.value.data as Tensor).data[0] as number;
  return zero.integers?.dtype === q.dtype ? zero.integers : undefined;
}

/** Constant weights less their zero points. */
function numbersOf(context: NodeContext, { q, zero }: Centered): Tensor<'f32'> | undefined {
  const tensor = constantOf(q);
  const less = zero.value === undefined ? undefined : constantOf(zero.value);
  if (tensor === undefined || (zero.value !== undefined && less === undefined)) return undefined;
  if (less !== undefined && less.size !== 1 && less.size !== tensor.shape[0]) return undefined;
  context.reserve(tensor.size * Float32Array.BYTES_PER_ELEMENT);
  const each = tensor.size / (tensor.shape[0] as number);
  const zeroOf = (i: number) =>
    less === undefined ? 0 : (less.data[less.size === 1 ? 0 : Math.floor(i / each)] as number);
  const numbers = Float32Array.from(tensor.data, (number, i) => number - zeroOf(i));
  return tensorOf('f32', numbers, tensor.shape);
}

/** A constant, or one whose axes are in another order. */
function constantOf(value: Value): Tensor | undefined {
  if (value.op === 'constant') return value.data as Tensor;
  const inner = isOp(value, 'transpose') ? constantOf(value.inputs[0]) : undefined;
  return inner && (opDef('transpose').evaluate?.([inner], value.attrs, value as never) as Tensor);
}

function constantOperands(
  context: NodeContext,
  { attrs }: Product,
  x: Value,
  zero: number | Value,
  numbers: Tensor<'f32'>,
): [Value, Value] {
  const { tensor, parts } = wideWeights(numbers);
  const beside = new Array<Value>(parts).fill(x);
  if (typeof zero === 'number') {
    const isSigns = tensor.data.every((one) => Math.abs(one) === 1);
    const held = isSigns ? tensorOf('b1', tensor.data, tensor.shape) : tensor;
    return [grouped(context, beside, attrs), context.made(held, '/weights')];
  }
  const { data, shape } = numbers;
  const depth = shape.at(-1) as number;
  const sums = Float32Array.from({ length: data.length / depth }, (_, row) =>
    data.subarray(row * depth, (row + 1) * depth).reduce((sum, number) => sum - number, 0),
  );
  const most = sums.reduce((all, sum) => Math.max(all, Math.abs(sum)), 0);
  const extra = Math.max(1, Math.ceil(most / MOST));
  const width = depth * parts + extra;
  const all = new Float32Array(sums.length * width);
  context.reserve(all.byteLength);
  for (const [row, sum] of sums.entries()) {
    all.set(tensor.data.subarray(row * depth * parts, (row + 1) * depth * parts), row * width);
    for (let e = 0; e < extra; e++) all[row * width + depth * parts + e] = shareOf(sum, e, extra);
  }
  const [lo, hi] = all.reduce(
    ([least, greatest], number) => [Math.min(least, number), Math.max(greatest, number)] as const,
    [0, 0] as readonly [number, number],
  );
  const dtype = integerDtype(lo, hi) as ByteInteger;
  const weights = context.made(tensorOf(dtype, all, [...shape.slice(0, -1), width]), '/weights');
  return [grouped(context, [...beside, spread(context, zero, x, extra, attrs)], attrs), weights];
}

/** Weights that a run computes: of -255 to 255, as three parts of -127 to 127. */
function computedOperands(
  context: NodeContext,
  { attrs }: Product,
  x: Value,
  zero: number | Value,
  { q, zero: less }: Centered,
): [Value, Value] {
  if (less.value === undefined && typeof zero === 'number') return [x, q];
  const depth = q.shape.at(-1) as number;
  let left = context.make('cast', [q], { to: 'f32' }, '/weights');
  if (less.value !== undefined) {
    const perOutput = elementCount(less.value.shape) !== 1;
    const shape = perOutput ? q.shape.map((dim, i) => (i === 0 ? dim : 1)) : [];
    const own = context.make('reshape', [less.value], { shape }, '/weights_zero_point');
    left = context.make('sub', [left, own], {}, '/weights_centered');
  }
  const parts: Value[] = [];
  for (let part = 0; part < 3; part++) {
    const own = context.make('clip', [left], { min: -MOST, max: MOST }, '/part');
    parts.push(own);
    left = context.make('sub', [left, own], {}, '/rest');
  }
  const beside = new Array<Value>(parts.length).fill(x);
  if (typeof zero !== 'number') {
    const none = context.scalar(0, '/0');
    for (const part of parts.slice())
      parts.push(context.make('sub', [none, part], {}, '/negative'));
    const point = spread(context, zero, x, depth, attrs);
    while (beside.length < parts.length) beside.push(point);
  }
  const integers = parts.map((part) => context.make('cast', [part], { to: 'i8' }, '/integers'));
  const axis = q.shape.length - 1;
  return [
    grouped(context, beside, attrs),
    context.make('concat', integers, { axis }, '/weight_parts'),
  ];
}

function grouped(context: NodeContext, values: readonly Value[], { groups = 1 }: Attrs): Value {
  const makeNode: MakeNode = (op, inputs, attrs, suffix) =>
    context.make(op, inputs, attrs, `/x${suffix}`);
  return sideBySide(values, groups as number, makeNode);
}

/** The zero point in so many channels of each group beside those of x. */
function spread(
  context: NodeContext,
  zero: Value,
  x: Value,
  channels: number,
  { groups = 1 }: Attrs,
): Value {
  const shape = [...x.shape.slice(0, -1), channels * (groups as number)];
  return context.make('expand', [zero], { shape }, '/zero_points');
}
