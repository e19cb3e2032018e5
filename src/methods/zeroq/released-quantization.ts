/**
 * The quantizer of ZeroQ's release, on numbers; GDFQ has the same one. Where 0 lies within the
 * range its numbers are those of asymmetric codes (src/quant/affine.ts), which networks run in: the
 * scale here is the inverse of theirs, and the zero point has the other sign. Not here: training
 * with it.
 */
import { halfEven } from '../../quant/rounding.js';

/** The codes of the released implementation: a scale and a zero point of their own. */
export interface ReleasedCodes {
  /** Codes a unit: (2^bits - 1) / (max - min). */
  readonly scale: number;
  /** What is subtracted from scale * x before it is rounded. */
  readonly zero: number;
  /** What the codes stand for. */
  readonly values: Float64Array;
}

const f = Math.fround;

/**
 * q = clip(round(scale x - zero), -2^(bits - 1), 2^(bits - 1) - 1) and x' = (q + zero) / scale,
 * where zero = round(scale min) + 2^(bits - 1). In float32, half to even.
 * Arguments are not checked.
 */
export function zeroqQuantization(x: ArrayLike<number>, bits: number): ReleasedCodes {
  let [min, max] = [Infinity, -Infinity];
  for (let i = 0; i < x.length; i++) {
    min = Math.min(min, x[i]!);
    max = Math.max(max, x[i]!);
  }
  const half = 2 ** (bits - 1);
  const scale = f((2 ** bits - 1) / Math.max(f(max - min), 1e-8));
  const zero = halfEven(f(scale * min)) + half;
  const values = Float64Array.from(x, (value) => {
    const code = Math.min(half - 1, Math.max(-half, halfEven(f(f(scale * value) - zero))));
    return f((code + zero) / scale);
  });
  return { scale, zero, values };
}
