/**
 * What every op that multiplies and accumulates shares: which dtypes meet, what they give, and how
 * the work is counted. Not here: the ops (./conv2d.ts, ./dense.ts).
 */
import { type DType, integerBounds, isByteInteger } from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import type { Macs, NodeDraft } from './op.js';
import { mismatch, operand } from './operands.js';
import { BIPOLAR, type RangeOf, signedSum, type ValueRange } from './value-range.js';
import { elementsTouched } from './work.js';

/** What `x` may be less, where it holds integers of at most 8 bits; absent means 0. */
export type ZeroPointAttr = { readonly zeroPoint?: number };

/**
 * f32 x f32 and f32 x b1 give f32; b1 x b1 gives i32, the exact dot product, and so do integers of
 * at most 8 bits x the same or b1.
 */
export function productDtype(draft: NodeDraft<Attrs & ZeroPointAttr>): DType {
  const x = operand(draft, 'x');
  const w = operand(draft, 'w');
  const takes = weightsFor(x.dtype);
  if (takes === undefined)
    throw mismatch(draft, 'ERR_DTYPE', 'x of f32, b1 or integers of at most 8 bits', x.dtype);
  if (!takes(w.dtype))
    throw mismatch(draft, 'ERR_DTYPE', `w of a dtype that ${x.dtype} is multiplied with`, w.dtype);
  const { zeroPoint } = draft.attrs;
  if (zeroPoint !== undefined) requireZeroPoint(draft, x.dtype, zeroPoint);
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

/** No sum of any such numbers leaves int32. */
function requireRoom(draft: NodeDraft<Attrs & ZeroPointAttr>, x: Value, w: Value): void {
  const most = largestHeldSum(x.dtype, draft.attrs.zeroPoint, w);
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
export function largestHeldSum(x: DType, zeroPoint: number | undefined, w: Value): number {
  return largestSum(elementCount(w.shape.slice(1)), heldBy(x), zeroPoint, heldBy(w.dtype));
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
    const { zeroPoint } = node.attrs as ZeroPointAttr;
    const most = largestSum(elementCount(w.shape.slice(1)), rangeOf(x), zeroPoint, rangeOf(w));
    return { origin: 0, step: 1, lo: -most, hi: most };
  }
  const bipolar = w.dtype === 'b1' || (w.op === 'cast' && w.inputs[0]!.dtype === 'b1');
  return bipolar ? signedSum(rangeOf(x), elementCount(w.shape.slice(1)), border) : undefined;
}

/** The most that a sum of so many products can be, either way. */
function largestSum(
  terms: number,
  x: ValueRange | undefined,
  zeroPoint = 0,
  w: ValueRange | undefined,
): number {
  if (x === undefined || w === undefined) return Infinity;
  const [a, b] = [
    Math.max(Math.abs(x.lo - zeroPoint), Math.abs(x.hi - zeroPoint)),
    Math.max(Math.abs(w.lo), Math.abs(w.hi)),
  ];
  return terms * a * b;
}
