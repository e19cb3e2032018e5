/**
 * Integers: products of values that are a scale times integers of at most 8 bits (weights: of at
 * most 9, see ./wide-weights.ts) are sums of integers, exact in 32 bits. With x = (q - zero) * s
 * and w = m * t:
 *   conv2d(x, w)  ->  cast(conv2d(q, m, zeroPoint: zero)) * (s * t)          and dense likewise
 * Where the float sums of the graph before would have rounded, the result is the better one. q is
 * what a graph already stores as integers, or the cast of floats that are integers within bounds:
 * rounded and clipped, or counts of thresholds. What only moves or chooses elements is done on q.
 * Only NaN differs: as an integer it is 0. Weights with a zero point, which take a bit more without
 * it, stay expressions, m = cast(cast(c) - zero), so that they rest in the bits of c
 * (./quantized-weights.ts).
 *
 * Not here: products of bits (./binarize.ts), which kernel computes them (src/runtime/lower).
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
import { isOp, opDef } from '../ops/index.js';
import { constant, make } from '../ops/make.js';
import { LEAST_OUTSIDE_INT32, largestHeldSum } from '../ops/multiply.js';
import { scalarOf } from '../ops/scalar-of.js';
import { isWhole } from '../ops/value-range.js';
import { partOf } from '../tensor/stored.js';
import { Tensor } from '../tensor/tensor.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { bipolarWeights, scaleOperand } from './bipolar.js';
import { isConstantExpression } from './constants.js';
import { type Rule, renamed } from './rewrite.js';
import { valueRange } from './value-range.js';
import { productOfScales, scalesOf } from './weight-scales.js';
import { productOfParts, wideWeights } from './wide-weights.js';

/** x = (q - zero) * scale. */
interface IntegerMap {
  readonly dtype: ByteInteger;
  readonly zero: number;
  /** Finite and not 0. */
  readonly scale: number;
  /** q; it may be made by this call. */
  stored(): Value;
}

/** More scales in a row than any quantizer writes. */
const MOST_FACTORS = 4;
/**
 * Poolings, borders and reshapes in a row that integers are made through: each is repeated for each
 * product behind them.
 */
const MOST_BETWEEN = 8;
/** Parts of a concatenation that is made of integers, at most: each of its readers looks at all. */
const MOST_PARTS = 64;

/** How a value holds integers, of bits where these are asked for; undefined where it does not. */
function integerMap(x: Value, bits = false, between = 0): IntegerMap | undefined {
  let scale = 1;
  let flowing: Value = x;
  for (let factors = 0; isOp(flowing, 'mul') && factors < MOST_FACTORS; factors++) {
    const [a, b] = flowing.inputs;
    const right = scalarOf(b);
    const factor = right ?? scalarOf(a);
    const next: Value = right === undefined ? b : a;
    if (factor === undefined || !sameShape(next.shape, x.shape)) return undefined;
    scale = Math.fround(scale * factor);
    flowing = next;
  }
  if (!Number.isFinite(scale) || scale === 0) return undefined;
  const map =
    storedIntegers(flowing) ?? moved(flowing, bits, between) ?? wholeFloats(flowing, bits);
  return map && { ...map, scale: Math.fround(map.scale * scale) };
}

/** cast(q), or that less a number. */
function storedIntegers(x: Value): IntegerMap | undefined {
  const zero = isOp(x, 'sub') ? scalarOf(x.inputs[1]) : 0;
  const held: Value = isOp(x, 'sub') ? x.inputs[0] : x;
  if (!isOp(held, 'cast') || zero === undefined || !sameShape(held.shape, x.shape))
    return undefined;
  const q: Value = held.inputs[0];
  const { dtype } = q;
  if (!isByteInteger(dtype)) return undefined;
  const { lo, hi } = integerBounds(dtype);
  if (!Number.isInteger(zero) || zero < lo || zero > hi) return undefined;
  return { dtype, zero, scale: 1, stored: () => q };
}

/** What only moves or chooses elements of maps. */
function moved(x: Value, bits: boolean, between: number): IntegerMap | undefined {
  if (isOp(x, 'concat')) return between < MOST_BETWEEN ? joined(x) : undefined;
  if (!isOp(x, 'maxPool2d') && !isOp(x, 'reshape') && !isOp(x, 'pad')) return undefined;
  const map = between < MOST_BETWEEN ? integerMap(x.inputs[0], bits, between + 1) : undefined;
  const attrs = map && movedAttrs(x, map);
  if (attrs === undefined) return undefined;
  return { ...map!, stored: () => make(x.op, `${x.name}.integers`, [map!.stored()], attrs) };
}

/**
 * Parts end to end, which hold integers of one dtype under one zero point and one scale: then the
 * same float is the same integer in each. Each part may itself be one such move.
 */
function joined(x: Value): IntegerMap | undefined {
  if (x.inputs.length > MOST_PARTS) return undefined;
  const maps: IntegerMap[] = [];
  for (const part of x.inputs as readonly Value[]) {
    const map = integerMap(part, false, MOST_BETWEEN - 1);
    const { dtype, zero, scale } = maps[0] ?? map ?? {};
    if (map === undefined || map.dtype !== dtype || map.zero !== zero || map.scale !== scale)
      return undefined;
    maps.push(map);
  }
  const parts = () => maps.map((map) => map.stored());
  return { ...maps[0]!, stored: () => make('concat', `${x.name}.integers`, parts(), x.attrs) };
}

function movedAttrs(x: Value, { dtype, zero, scale }: IntegerMap): Value['attrs'] | undefined {
  // Of a negative scale the largest is the smallest integer.
  if (x.op === 'maxPool2d') return scale > 0 ? x.attrs : undefined;
  if (x.op !== 'pad') return x.attrs;
  const border = (x.attrs.value as number) / scale + zero;
  const { lo, hi } = integerBounds(dtype);
  return Number.isInteger(border) && lo <= border && border <= hi
    ? { ...x.attrs, value: border }
    : undefined;
}

/** Floats that are integers within bounds, or levels that are a scale times integers. */
function wholeFloats(x: Value, bits: boolean): IntegerMap | undefined {
  const leveled = levelsOf(x);
  const whole = leveled?.counts ?? x;
  const range = valueRange(whole);
  if (range === undefined || !isWhole(range) || (!bits && holdsBits(whole))) return undefined;
  const dtype = integerDtype(range.lo, range.hi);
  if (dtype === undefined || dtype === 'i32') return undefined;
  const stored = () => make('cast', `${x.name}.integers`, [whole], { to: dtype });
  return { dtype, zero: 0, scale: leveled?.scale ?? 1, stored };
}

function holdsBits(x: Value): boolean {
  return isOp(x, 'cast') && x.inputs[0].dtype === 'b1';
}

/**
 * A multiThreshold whose levels are a scale times integers, to the bit, as the integers and the
 * scale; undefined where its levels are integers already, or no such numbers.
 */
function levelsOf(x: Value): { readonly counts: Value; readonly scale: number } | undefined {
  if (!isOp(x, 'multiThreshold')) return undefined;
  const { scale, bias } = x.attrs;
  const first = bias / scale;
  const count = x.inputs[1].shape[1];
  if (scale === 1 || !(scale > 0) || !Number.isInteger(first) || typeof count !== 'number')
    return undefined;
  const f = Math.fround;
  for (let k = 0; k <= count; k++)
    if (f(f(f(scale) * k) + f(bias)) !== f(f(scale) * (k + first))) return undefined;
  const attrs = { scale: 1, bias: first };
  return { counts: make('multiThreshold', `${x.name}.levels`, x.inputs, attrs), scale };
}

/** w [O, ...] = q * scale, one scale an output or one for all. */
interface IntegerWeights {
  /**
   * A constant, of i32 where 9 bits are needed; or one less its zero points, cast to the dtype of
   * the differences.
   */
  readonly q: Value<Integer | 'b1'>;
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
    return q && { q: restsInFewer(w, q) ? castTo(w, q.dtype) : q };
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
  return inner && { q: inner.q, scale: productOfScales(inner.scale, scales!) };
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
function restsInFewer(value: Value, centered: Value<Integer>): centered is Value<ByteInteger> {
  const held = value.inputs[0]!.inputs[0] as Value<ByteInteger>;
  return isByteInteger(centered.dtype) && DTYPES[held.dtype].bits < DTYPES[centered.dtype].bits;
}

const casts = new WeakMap<Value, Value<ByteInteger>>();

/** The one such cast of a value: kernels find weights by their value. */
function castTo(value: Value, to: ByteInteger): Value<ByteInteger> {
  let found = casts.get(value);
  if (found === undefined) {
    found = make('cast', `${value.name}.integers`, [value], { to }) as Value<ByteInteger>;
    casts.set(value, found);
  }
  return found;
}

/** The constant that the weights of `castTo` are; others as they are. */
function asConstant<T extends Value>(q: T): T {
  return q.op === 'constant' ? q : (centeredConstant(q.inputs[0] as Value) as Value as T);
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
  const { data, shape } = tensor;
  let [lo, hi] = [0, 0];
  for (const element of data) {
    if (!fitsWeight(element)) return undefined;
    if (element < lo) lo = element;
    if (element > hi) hi = element;
  }
  return constant(value.name, tensorOf(integerDtype(lo, hi) as Integer, data, shape));
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
  // Kernels take 8 bits with a sign. Parts take as many products as there are: floats hold sums
  // below 2^24 exactly, too, in one.
  const isWide = weights.q.dtype === 'u8' || weights.q.dtype === 'i32';
  if (isWide && largestOf(map!, weights.q) < LEAST_ROUNDED) return undefined;
  const wide = isWide ? wideWeights(weights.q.data as Tensor) : undefined;
  const narrow = opDef(value.op).fewBitWeights?.(value) ? weights.q : asConstant(weights.q);
  const held = wide === undefined ? narrow : constant(weights.q.name, wide.tensor);
  if (largestHeldSum(map!.dtype, map!.zero, held) >= LEAST_OUTSIDE_INT32) return undefined;
  const zeroPoint = map!.zero === 0 ? {} : { zeroPoint: map!.zero };
  const attrs = { ...value.attrs, ...zeroPoint };
  const parts = wide?.parts ?? 1;
  const dot = productOfParts(value.op, `${name}.dot`, map!.stored(), held, parts, attrs);
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
function largestOf({ dtype, zero }: IntegerMap, q: Value): number {
  const { lo, hi } = integerBounds(dtype);
  let most = 0;
  for (const weight of (q.data as Tensor).data) most = Math.max(most, Math.abs(weight));
  return elementCount(q.shape.slice(1)) * Math.max(hi - zero, zero - lo) * most;
}

/**
 * The same weights times `by`, with positive scales: those of an output with a negative one are
 * negated. A sum of 0 then stays 0, as the float sum of such terms is; times a negative scale it
 * would be -0. Undefined where a scale is 0.
 */
function withPositiveScales(
  { q, scale = Float32Array.of(1) }: IntegerWeights,
  by: number,
): Required<IntegerWeights> | undefined {
  const signed = scale.map((own) => own * by);
  if (!signed.every((own) => own !== 0)) return undefined;
  const positive = signed.map(Math.abs);
  if (signed.every((own) => own > 0)) return { q, scale: positive };
  const each = elementCount(q.shape.slice(1));
  const values = Float32Array.from(valuesOf(asConstant(q).data!), (value, i) =>
    signed[signed.length === 1 ? 0 : Math.floor(i / each)]! < 0 ? -value : value,
  );
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
