/**
 * What every op that multiplies and accumulates shares: which dtypes meet, what they give, and how
 * the work is counted. Not here: the ops (./conv2d.ts, ./dense.ts).
 */
import { type ByteInteger, type DType, integerBounds, isByteInteger } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import type { Macs, NodeDraft } from './op.js';
import { mismatch, operand } from './operands.js';
import { BIPOLAR, type RangeOf, signedSum, type ValueRange } from './value-range.js';
import { elementsTouched } from './work.js';

/** What operands that hold integers of at most 8 bits are less; absent means 0. */
export type ZeroPointAttrs = {
  /** Of x. */
  readonly zeroPoint?: number;
  /** Of w, one for all or one an output. */
  readonly weightZeros?: readonly number[];
};

/**
 * f32 x f32 and f32 x b1 give f32; b1 x b1 gives i32, the exact dot product, and so do integers of
 * at most 8 bits x the same or b1.
 */
export function productDtype(draft: NodeDraft<Attrs & ZeroPointAttrs>): DType {
  const x = operand(draft, 'x');
  const w = operand(draft, 'w');
  const takes = weightsFor(x.dtype);
  if (takes === undefined)
    throw mismatch(draft, 'ERR_DTYPE', 'x of f32, b1 or integers of at most 8 bits', x.dtype);
  if (!takes(w.dtype))
    throw mismatch(draft, 'ERR_DTYPE', `w of a dtype that ${x.dtype} is multiplied with`, w.dtype);
  const { zeroPoint, weightZeros } = draft.attrs;
  if (zeroPoint !== undefined) requireZeroPoint(draft, x.dtype, zeroPoint);
  if (weightZeros !== undefined) requireWeightZeros(draft, w, weightZeros);
  if (isByteInteger(x.dtype)) requireRoom(draft, x, w);
  return x.dtype === 'f32' ? 'f32' : 'i32';
}

/** Which weights each dtype of x is multiplied with. */
function weightsFor(x: DType): ((w: DType) => boolean) | undefined {
  if (x === 'f32') return (w) => w === 'f32' || w === 'b1';
  if (x === 'b1') return (w) => w === 'b1';
  return isByteInteger(x) ? (w) => isByteInteger(w) || w === 'b1' : undefined;
}

function requireZeroPoint(draft: NodeDraft, dtype: DType, zeroPoint: number): void {
  if (!isByteInteger(dtype))
    throw mismatch(draft, 'ERR_DTYPE', 'x of integers of at most 8 bits for a zero point', dtype);
  const { lo, hi } = integerBounds(dtype);
  if (zeroPoint < lo || zeroPoint > hi)
    throw mismatch(draft, 'ERR_ARGUMENT', `a zeroPoint from ${lo} to ${hi}`, zeroPoint);
}

/** Kernels read zero points of weights as bytes, with a sign where the weights have one. */
export function weightZeroBounds(w: ByteInteger): { readonly lo: number; readonly hi: number } {
  return integerBounds(integerBounds(w).lo < 0 ? 'i8' : 'u8');
}

function requireWeightZeros(draft: NodeDraft, w: Value, zeros: readonly number[]): void {
  if (!isByteInteger(w.dtype))
    throw mismatch(draft, 'ERR_DTYPE', 'w of integers of at most 8 bits for weightZeros', w.dtype);
  if (zeros.length !== 1 && zeros.length !== w.shape[0])
    throw mismatch(draft, 'ERR_SHAPE', `weightZeros of 1 or ${w.shape[0]} numbers`, zeros.length);
  const { lo, hi } = weightZeroBounds(w.dtype);
  const outside = zeros.find((zero) => zero < lo || zero > hi);
  if (outside !== undefined)
    throw mismatch(draft, 'ERR_ARGUMENT', `weightZeros from ${lo} to ${hi}`, outside);
}

/** No sum of any such numbers leaves int32. */
function requireRoom(draft: NodeDraft<Attrs & ZeroPointAttrs>, x: Value, w: Value): void {
  const most = largestHeldSum(x.dtype, draft.attrs, w);
  if (most >= LEAST_OUTSIDE_INT32)
    throw mismatch(
      draft,
      'ERR_UNSUPPORTED',
      `sums of ${x.dtype} times ${w.dtype} that fit 32 bits`,
      `${elementCount(w.shape.slice(1))} products, up to ${most},`,
    );
}

export const LEAST_OUTSIDE_INT32 = 2 ** 31;

/** The most that a product with w [O, ...] can be, either way, by what the dtypes hold. */
export function largestHeldSum(x: DType, zeros: ZeroPointAttrs, w: Value): number {
  return largestSum(elementCount(w.shape.slice(1)), heldBy(x), heldBy(w.dtype), zeros);
}

function heldBy(dtype: DType): ValueRange | undefined {
  if (dtype === 'b1') return BIPOLAR;
  return isByteInteger(dtype) ? { origin: 0, step: 1, ...integerBounds(dtype) } : undefined;
}

/** Each element of the result is a dot product with one row of the weights: w is [O, ...]. */
export function macsPerRow(node: Value): Macs {
  const [x, w] = node.inputs as [Value, Value];
  const count = elementCount(node.shape) * elementCount(w.shape.slice(1));
  if (x.dtype === 'f32') return { binary: 0, integer: 0, float: count };
  return x.dtype === 'b1' && w.dtype === 'b1'
    ? { binary: count, integer: 0, float: 0 }
    : { binary: 0, integer: count, float: 0 };
}

/** A step for each of them, and one for each element that is read or written. */
export function macWork(node: Value): number {
  const { binary, integer, float } = macsPerRow(node);
  return binary + integer + float + elementsTouched(node);
}

/**
 * The sums that the weights can make: -1 and +1 of terms on a grid, where `border` stands outside x
 * if some windows hang over its edge, and integers of integers.
 */
export function productRange(
  node: Value,
  rangeOf: RangeOf,
  border?: number,
): ValueRange | undefined {
  const [x, w] = node.inputs as [Value, Value];
  if (isByteInteger(x.dtype)) {
    const terms = elementCount(w.shape.slice(1));
    const most = largestSum(terms, rangeOf(x), rangeOf(w), node.attrs as ZeroPointAttrs);
    return { origin: 0, step: 1, lo: -most, hi: most };
  }
  const bipolar = w.dtype === 'b1' || (w.op === 'cast' && w.inputs[0]!.dtype === 'b1');
  return bipolar ? signedSum(rangeOf(x), elementCount(w.shape.slice(1)), border) : undefined;
}

/** The most that a sum of so many products can be, either way. */
function largestSum(
  terms: number,
  x: ValueRange | undefined,
  w: ValueRange | undefined,
  { zeroPoint = 0, weightZeros = [0] }: ZeroPointAttrs,
): number {
  if (x === undefined || w === undefined) return Infinity;
  const most = ({ lo, hi }: ValueRange, zero: number) =>
    Math.max(Math.abs(lo - zero), Math.abs(hi - zero));
  const weight = weightZeros.reduce((all, zero) => Math.max(all, most(w, zero)), 0);
  return terms * most(x, zeroPoint) * weight;
}
