/**
 * Scales and zero points, and the arithmetic of codes:
 *
 *   q = clip(round(x / scale) + zero, lo, hi)      x' = (q - zero) * scale
 *
 * Every step is one float32 operation, in the order of the ops that `fakeQuantize` emits, so
 * numbers quantized here and numbers that a graph quantizes are the same bits. Jacob et al., CVPR
 * 2018, arXiv 1712.05877. Not here: which range to take (./observers), the graph form
 * (./fake-quantize.ts).
 */
import { DTYPES } from '../core/dtype.js';
import { expected } from '../core/errors.js';
import { exponentOf } from './exponent.js';
import type { Groups } from './groups.js';
import { halfEven, ROUNDINGS } from './rounding.js';
import { codesOf, type QuantSpec } from './spec.js';

export interface AffineParams {
  /** One a group, above 0. */
  readonly scale: Float32Array;
  /** One a group, codes of the spec. */
  readonly zero: Int32Array;
}

/** The least and the greatest number that must have a code nearby. */
export interface Range {
  /** The least. */
  readonly lo: number;
  /** The greatest. */
  readonly hi: number;
}

const f = Math.fround;
const SITE = { op: 'quantize' };

/**
 * Scale and zero point for ranges, one a group. A range is widened to hold 0, so that 0 has a code
 * of its own. A range of nothing but 0 gets scale 1. The scale is rounded to float32 once. Where
 * the spec is symmetric or unsigned without a zero point, what is below its least code is clipped.
 * `blockFloat` takes the greatest power of two within the range.
 * @throws BitplaneError ERR_ARGUMENT for bounds that are not finite, or in the wrong order
 */
export function paramsOfRanges(spec: QuantSpec, ranges: readonly Range[]): AffineParams {
  const scale = new Float32Array(ranges.length);
  const zero = new Int32Array(ranges.length);
  for (const [i, range] of ranges.entries()) {
    const one = paramsOf(spec, range);
    scale[i] = one.scale;
    zero[i] = one.zero;
  }
  return { scale, zero };
}

function paramsOf(spec: QuantSpec, range: Range): { scale: number; zero: number } {
  if (!(Number.isFinite(range.lo) && Number.isFinite(range.hi) && range.lo <= range.hi))
    throw expected(
      'ERR_ARGUMENT',
      'a range of finite numbers in order',
      `from ${range.lo} to ${range.hi}`,
      SITE,
    );
  const [min, max] = [Math.min(0, range.lo), Math.max(0, range.hi)];
  const { lo, hi } = codesOf(spec);
  if (spec.scheme === 'blockFloat') {
    const most = Math.max(-min, max);
    return { scale: most === 0 ? 1 : 2 ** (exponentOf(most) - spec.bits + 2), zero: 0 };
  }
  if (spec.scheme === 'asymmetric') {
    const scale = usable((max - min) / (hi - lo));
    return { scale, zero: Math.max(lo, Math.min(hi, halfEven(lo - min / scale))) };
  }
  return { scale: usable((spec.signed ? Math.max(-min, max) : max) / hi), zero: 0 };
}

/** The scale as a float32; 1 where the range is 0, or too small for a float32 to divide by. */
function usable(scale: number): number {
  return f(scale) === 0 ? 1 : f(scale);
}

/** @throws BitplaneError ERR_ARGUMENT naming the group */
export function requireAffine(spec: QuantSpec, { scale, zero }: AffineParams): void {
  const { lo, hi } = codesOf(spec);
  for (const [i, value] of scale.entries())
    if (!(value > 0 && value < Infinity))
      throw expected('ERR_ARGUMENT', `scale ${i} to be finite and above 0`, value, SITE);
  for (const [i, value] of zero.entries()) {
    if (value < lo || value > hi)
      throw expected('ERR_ARGUMENT', `zero point ${i} from ${lo} to ${hi}`, value, SITE);
    if (value !== 0 && spec.scheme !== 'asymmetric')
      throw expected('ERR_ARGUMENT', `zero point 0 for ${spec.scheme}`, value, SITE);
  }
}

/** The codes of numbers; NaN becomes 0, as `cast` has it. */
export function quantizeNumbers(
  x: ArrayLike<number>,
  spec: QuantSpec,
  { scale, zero }: AffineParams,
  groups: Groups,
): Int8Array | Uint8Array {
  const { lo, hi, dtype } = codesOf(spec);
  const round = ROUNDINGS[spec.rounding].of;
  const codes = new DTYPES[dtype].array(x.length);
  for (let i = 0; i < x.length; i++) {
    const group = groups.of(i);
    const level = f(round(f((x[i] as number) / scale[group]!)) + zero[group]!);
    codes[i] = Math.max(lo, Math.min(hi, level));
  }
  return codes;
}

/** The numbers that codes stand for. */
export function dequantizeNumbers(
  codes: ArrayLike<number>,
  { scale, zero }: AffineParams,
  groups: Groups,
): Float32Array {
  const x = new Float32Array(codes.length);
  for (let i = 0; i < x.length; i++) {
    const group = groups.of(i);
    x[i] = f((codes[i] as number) - zero[group]!) * scale[group]!;
  }
  return x;
}
