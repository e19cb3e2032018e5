/**
 * Integers: products of values that are a scale times integers of at most 8 bits (weights: of at
 * most 9, see ./wide-weights.ts) are sums of integers, exact in 32 bits. With x = (q - zero) * s
 * and w = m * t:
 *   conv2d(x, w)  ->  cast(conv2d(q, m, zeroPoint: zero)) * (s * t)          and dense likewise
 * Where the float sums of the graph before would have rounded, the result is the better one. Only
 * NaN differs: as an integer it is 0. Weights that take more bits without their zero points than
 * with them keep them, m = c - weightZeros, so that they rest in the bits of c.
 *
 * Not here: what is a scale times integers (./integer-maps.ts), products of bits (./binarize.ts),
 * which kernel computes them (src/runtime/lower).
 */
import {
  type ByteInteger,
  DTYPES,
  type Integer,
  integerBounds,
  integerDtype,
  isByteInteger,
} from '../core/dtype.js';
import { elementCount, sameShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { LEAST_OUTSIDE_INT32, largestHeldSum, weightZeroBounds } from '../ops/multiply.js';
import { scalarOf } from '../ops/scalar-of.js';
import { partOf, partsOf, tensorOfParts } from '../tensor/stored.js';
import { Tensor } from '../tensor/tensor.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { bipolarWeights, scaleOperand } from './bipolar.js';
import { isConstantExpression } from './constants.js';
import { type IntegerMap, integerMap, MOST_FACTORS } from './integer-maps.js';
import { type Rule, renamed } from './rewrite.js';
import { productOfScales, scalesOf } from './weight-scales.js';
import { besideZeros, productOfParts, wideWeights } from './wide-weights.js';

/** w [O, ...] = (q - zeros) * scale, one scale an output or one for all. */
interface IntegerWeights {
  /** A constant, of i32 where 9 bits are needed. */
  readonly q: Value<Integer | 'b1'>;
  /** As the attribute weightZeros; absent where they are 0. */
  readonly zeros?: readonly number[];
  /** Length 1 or O, finite; absent where it is 1. */
  readonly scale?: Float32Array;
}

/** Constant weights that are integers of at most 9 bits times scales. */
function integerWeights(w: Value, factors = 0): IntegerWeights | undefined {
  if (w.dtype === 'b1') return w.op === 'constant' ? { q: w as Value<'b1'> } : undefined;
  if (!isConstantExpression(w) || factors > MOST_FACTORS) return undefined;
  if (isOp(w, 'cast') && w.inputs[0].op === 'constant') {
    const q: Value = w.inputs[0];
    return isByteInteger(q.dtype) || q.dtype === 'b1'
      ? { q: q as Value<ByteInteger | 'b1'> }
      : undefined;
  }
  if (isOp(w, 'sub')) {
    const q = centeredConstant(w);
    return q && ((restsInFewer(w, q) && keptZeros(w)) || { q });
  }
  if (w.op === 'constant' && w.dtype === 'f32') {
    const q = wholeConstant(w as Value<'f32'>);
    return q && { q };
  }
  if (!isOp(w, 'mul')) return undefined;
  const [a, b] = w.inputs;
  return scaledBy(w, a, b, factors) ?? scaledBy(w, b, a, factors);
}

function scaledBy(
  w: Value,
  weights: Value,
  scale: Value,
  factors: number,
): IntegerWeights | undefined {
  if (!sameShape(weights.shape, w.shape)) return undefined;
  const scales = scalesOf(w, scale);
  const inner = scales && integerWeights(weights, factors + 1);
  return inner && { ...inner, scale: productOfScales(inner.scale, scales!) };
}

const integers = new WeakMap<Value, Value<Integer> | null>();

/** A constant of floats that are integers of at most 8 bits, in the smallest dtype. */
export function integerConstant(value: Value<'f32'>): Value<ByteInteger> | undefined {
  const found = wholeConstant(value);
  return found && isByteInteger(found.dtype) ? (found as Value<ByteInteger>) : undefined;
}

/** A constant of floats that are integers from -255 to 255, in the smallest dtype. */
function wholeConstant(value: Value<'f32'>): Value<Integer> | undefined {
  let found = integers.get(value);
  if (found === undefined) {
    found = convert(value) ?? null;
    integers.set(value, found);
  }
  return found ?? undefined;
}

/**
 * cast(c) - zero of a constant c as integers, in the smallest dtype; undefined for what is no such
 * difference, or has a zero point of blocks.
 */
export function centeredConstant(value: Value): Value<Integer> | undefined {
  let found = integers.get(value);
  if (found === undefined) {
    found = difference(value) ?? null;
    integers.set(value, found);
  }
  return found ?? undefined;
}

/** True where the integers less their zero points, `centered`, take more bits than as they are. */
function restsInFewer(value: Value, centered: Value<Integer>): boolean {
  const held = value.inputs[0]!.inputs[0] as Value<ByteInteger>;
  return DTYPES[held.dtype].bits < DTYPES[centered.dtype].bits;
}

/** cast(c) - zero, as c and its zero points; undefined where c cannot have them. */
function keptZeros(value: Value): IntegerWeights | undefined {
  const [held, zero] = value.inputs as readonly [Value, Value];
  const q = held.inputs[0] as Value<ByteInteger>;
  const { lo, hi } = weightZeroBounds(q.dtype);
  const zeros = [...(zero.data as Tensor<'f32'>).data];
  return zeros.every((one) => lo <= one && one <= hi) ? { q, zeros } : undefined;
}

function difference(value: Value): Value<Integer> | undefined {
  const [held, zero] = value.inputs as readonly [Value, Value];
  const q = isOp(held, 'cast') ? (held.inputs[0] as Value) : undefined;
  if (q?.op !== 'constant' || !isByteInteger(q.dtype) || !sameShape(q.shape, value.shape))
    return undefined;
  if (zero.op !== 'constant' || zero.dtype !== 'f32') return undefined;
  const { data: less } = zero.data as Tensor<'f32'>;
  const isLead = zero.shape.length === q.shape.length && zero.shape[0] === less.length;
  if (less.length !== 1 && !isLead) return undefined;
  const each = elementCount(q.shape.slice(1));
  const numbers = Float32Array.from(
    (q.data as Tensor).data,
    (number, i) => number - (less[less.length === 1 ? 0 : Math.floor(i / each)] as number),
  );
  const tensor = new Tensor('f32', numbers, q.shape as readonly number[]);
  return convert(constant(q.name, tensor) as Value<'f32'>);
}

/** Numbers that are looked at together. */
const FEW = 256;

/** An integer of UINT8 less another. */
function fitsWeight(element: number): boolean {
  return Number.isInteger(element) && element >= -255 && element <= 255;
}

function convert(value: Value<'f32'>): Value<Integer> | undefined {
  const tensor = value.data as Tensor<'f32'>;
  // The first few tell real weights, which may lie in a file, from integers.
  if (!partOf(tensor, 0, Math.min(FEW, tensor.size)).every(fitsWeight)) return undefined;
  let [lo, hi] = [0, 0];
  for (const part of partsOf(tensor)) {
    for (let i = 0; i < part.length; i++) {
      const element = part[i] as number;
      if (!fitsWeight(element)) return undefined;
      if (element < lo) lo = element;
      if (element > hi) hi = element;
    }
  }
  const dtype = integerDtype(lo, hi) as Integer;
  return constant(value.name, tensorOfParts(dtype, tensor.shape, partsOf(tensor)));
}

/** conv2d and dense of integers. */
export const integerProduct: Rule = (value) => {
  if (!isOp(value, 'conv2d') && !isOp(value, 'dense')) return undefined;
  const [x, w] = value.inputs;
  if (x.dtype !== 'f32' || isConstantExpression(x)) return undefined;
  const found = integerWeights(w);
  // Bits times bits are counted (./binarize.ts).
  const bits = found?.q.dtype !== 'b1' && bipolarWeights(w) === undefined;
  const map = found && integerMap(x, bits);
  const weights = map && withPositiveScales(found, map.scale);
  if (weights === undefined) return undefined;
  const { name } = value;
  const nine = weights.q.dtype === 'i32' ? (weights.q.data as Tensor) : undefined;
  const narrow = nine && besideZeros(nine);
  const isWide = nine !== undefined && narrow === undefined;
  // Parts take as many products as there are: floats hold sums below 2^24 exactly, too, in one.
  if (isWide && largestOf(map!, nine) < LEAST_ROUNDED) return undefined;
  const wide = isWide ? wideWeights(nine) : undefined;
  const tensor = wide?.tensor ?? narrow?.tensor;
  const held = tensor === undefined ? weights.q : constant(weights.q.name, tensor);
  const weightZeros = narrow?.zeros ?? weights.zeros;
  const zeros = {
    ...(map!.zero !== 0 && { zeroPoint: map!.zero }),
    ...(weightZeros && { weightZeros }),
  };
  if (largestHeldSum(map!.dtype, zeros, held) >= LEAST_OUTSIDE_INT32) return undefined;
  const attrs = { ...value.attrs, ...zeros };
  const dot = productOfParts(value.op, `${name}.dot`, map!.stored(), held, wide?.parts ?? 1, attrs);
  const { scale } = weights;
  if (scale.every((own) => own === 1)) return make('cast', name, [dot], { to: 'f32' });
  return make('mul', name, [
    make('cast', `${name}.cast`, [dot], { to: 'f32' }),
    scaleOperand(
      `${name}.scale`,
      scale.every((own) => own === scale[0]) ? scale.slice(0, 1) : scale,
    ),
  ]);
};

/** Floats hold every integer below. */
const LEAST_ROUNDED = 2 ** 24;

/** The most that a sum can be, either way, of weights as they are. */
function largestOf({ dtype, zero }: IntegerMap, { data, shape }: Tensor): number {
  const { lo, hi } = integerBounds(dtype);
  let most = 0;
  for (const weight of data) most = Math.max(most, Math.abs(weight));
  return elementCount(shape.slice(1)) * Math.max(hi - zero, zero - lo) * most;
}

/**
 * The same weights times `by`, with positive scales: those of an output with a negative one are
 * negated. A sum of 0 then stays 0, as the float sum of such terms is; times a negative scale it
 * would be -0. Undefined where a scale is 0.
 */
function withPositiveScales(
  { q, zeros, scale = Float32Array.of(1) }: IntegerWeights,
  by: number,
): (IntegerWeights & { readonly scale: Float32Array }) | undefined {
  const signed = scale.map((own) => own * by);
  if (!signed.every((own) => own !== 0)) return undefined;
  const positive = signed.map(Math.abs);
  if (signed.every((own) => own > 0)) return { q, ...(zeros && { zeros }), scale: positive };
  const each = elementCount(q.shape.slice(1));
  const of = (numbers: ArrayLike<number>, i: number) =>
    numbers[numbers.length === 1 ? 0 : Math.floor(i / each)]!;
  const values = Float32Array.from(valuesOf(q.data!), (held, i) => {
    const number = held - (zeros ? of(zeros, i) : 0);
    return of(signed, i) < 0 ? -number : number;
  });
  if (q.dtype === 'b1')
    return {
      q: constant(q.name, tensorOf('b1', values, q.shape as readonly number[])),
      scale: positive,
    };
  const negated = convert(constant(q.name, new Tensor('f32', values, q.shape as number[])));
  return negated && { q: negated, scale: positive };
}

/** Sums that are integers again are the sums: floats between would round those beyond 2^24. */
export const exactSums: Rule = (value) => {
  if (!isOp(value, 'cast') || value.dtype !== 'i32') return undefined;
  const [floats] = value.inputs;
  if (!isOp(floats, 'cast')) return undefined;
  const [sums] = floats.inputs;
  return sums.dtype === 'i32' && (isOp(sums, 'conv2d') || isOp(sums, 'dense')) ? sums : undefined;
};

/**
 * cast(clip(round(x / scale) + zero)) of x = (q - zero) * scale is q: a quotient of float32 is
 * within a rounding of the integer, which `round` gives back.
 */
export const requantized: Rule = (value) => {
  if (!isOp(value, 'cast') || !isByteInteger(value.dtype)) return undefined;
  const clipped: Value = value.inputs[0];
  const inner = isOp(clipped, 'clip') ? clipped.inputs[0] : clipped;
  const zero = isOp(inner, 'add') ? scalarOf(inner.inputs[1]) : 0;
  const rounded: Value = isOp(inner, 'add') ? inner.inputs[0] : inner;
  if (zero === undefined || !isOp(rounded, 'round')) return undefined;
  const [quotient] = rounded.inputs;
  if (!isOp(quotient, 'div')) return undefined;
  const map = integerMap(quotient.inputs[0]);
  if (map === undefined || map.zero !== zero || map.dtype !== value.dtype) return undefined;
  if (map.scale !== scalarOf(quotient.inputs[1])) return undefined;
  if (!sameShape(quotient.inputs[0].shape, value.shape)) return undefined;
  const { lo, hi } = integerBounds(map.dtype);
  if (isOp(clipped, 'clip') && (clipped.attrs.min > lo || clipped.attrs.max < hi)) return undefined;
  return renamed(map.stored(), value.name);
};
