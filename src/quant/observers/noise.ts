/**
 * What codes change in numbers of which a histogram is known: the sum of squared errors. Within a
 * bin the numbers are taken to lie evenly, in a few places. Not here: which range errs least
 * (./mse.ts).
 */
import type { AffineParams } from '../affine.js';
import { halfEven } from '../rounding.js';
import { codesOf, type QuantSpec } from '../spec.js';
import type { HistogramCounts } from './histogram.js';

/** Places of a bin in which its numbers are taken to lie. */
const PLACES = 4;

export function squaredNoise(
  { above, below, width }: HistogramCounts,
  spec: QuantSpec,
  { scale, zero }: AffineParams,
  places = PLACES,
): number {
  const { lo, hi } = codesOf(spec);
  const step = scale[0]!;
  const offset = zero[0]!;
  let noise = 0;
  const add = (bins: Float64Array, sign: 1 | -1) => {
    for (let i = 0; i < bins.length; i++) {
      const share = bins[i]! / places;
      if (share === 0) continue;
      for (let place = 0; place < places; place++) {
        const x = sign * (i + (place + 0.5) / places) * width;
        const code = Math.max(lo, Math.min(hi, halfEven(x / step) + offset));
        noise += share * (x - (code - offset) * step) ** 2;
      }
    }
  };
  add(above, 1);
  add(below, -1);
  return noise;
}

/** Signal to quantization noise in decibels, 10 log10(power / noise); infinite without noise. */
export function decibels(power: number, noise: number): number {
  return noise === 0 ? Infinity : 10 * Math.log10(power / noise);
}
