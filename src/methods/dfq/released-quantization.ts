/**
 * The quantizer of the released DFQ code, on numbers: one scale a tensor, half to even, and no
 * integer zero point. It tells the error that the release corrects for, with 8 bits whatever the
 * network gets. Not here: the specs that networks run in (src/quant).
 */
import { halfEven } from '../../quant/rounding.js';
import type { WeightRanges } from './equalize-pair.js';

/**
 * symmetric: s = max |w| / (2^(bits - 1) - 1), w' = clip(round(w / s)) s.
 * asymmetric: s = (max - min) / (2^bits - 1), w' = round((w - min) / s) s + min.
 * Arguments are not checked.
 */
export function releasedQuantization(
  w: ArrayLike<number>,
  bits: number,
  ranges: WeightRanges,
): Float64Array {
  const values = Float64Array.from(w);
  const [min, max] = values.reduce(
    ([lo, hi], value) => [Math.min(lo, value), Math.max(hi, value)] as const,
    [Infinity, -Infinity] as readonly [number, number],
  );
  if (ranges === 'symmetric') {
    const top = 2 ** (bits - 1) - 1;
    const scale = Math.max(-min, max) / top || 1;
    return values.map(
      (value) => Math.min(top, Math.max(-top - 1, halfEven(Math.fround(value / scale)))) * scale,
    );
  }
  const scale = (max - min) / (2 ** bits - 1) || 1;
  return values.map((value) => halfEven(Math.fround((value - min) / scale)) * scale + min);
}
