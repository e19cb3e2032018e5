/**
 * TensorRT's calibration: the threshold T for which the distribution of magnitudes, clipped at T
 * and put into as many levels as there are codes, has the least Kullback-Leibler divergence from
 * the clipped one. Migacz, "8-bit Inference with TensorRT", GTC 2017. Of 2048 bins at most, as
 * there; bins are a power of two wide, so between 1024 and 2048 are in use. Zeros do not count, as
 * in NVIDIA's code. Not here: numbers of two signs under a zero point, for which both ends of the
 * range are clipped at the same magnitude.
 */
import type { Range } from '../affine.js';
import { codesOf, type QuantSpec } from '../spec.js';
import type { Histogram } from './histogram.js';

export function entropyRange(seen: Histogram, spec: QuantSpec): Range {
  const { above, below, min, max, width } = seen;
  const bins = above.map((count, i) => count + below[i]!);
  const { lo, hi } = codesOf(spec);
  // Levels of a magnitude: all codes where numbers have one sign, else half of them.
  const both = min < 0 && max > 0;
  const levels = both ? Math.ceil((hi - lo + 1) / 2) : spec.signed && lo < 0 ? hi + 1 : hi - lo + 1;
  const threshold = leastDivergence(bins, levels) * width;
  return { lo: Math.max(min, -threshold), hi: Math.min(max, threshold) };
}

/**
 * What an empty bin counts where q must not be 0, as MXNet and onnxruntime have it: numbers beyond
 * the threshold may be all that the last bin has.
 */
const EMPTY = 1e-4;

/** The number of bins to keep. */
function leastDivergence(bins: Float64Array, levels: number): number {
  let used = bins.length;
  while (used > 1 && bins[used - 1] === 0) used--;
  let [best, least] = [used, Infinity];
  let beyond = bins.subarray(levels, used).reduce((sum, count) => sum + count, 0);
  for (let kept = levels; kept <= used; kept++) {
    const divergence = divergenceOf(bins, kept, beyond, levels);
    // The wider range of equals.
    if (divergence <= least) [best, least] = [kept, divergence];
    beyond -= bins[kept] ?? 0;
  }
  return best;
}

/**
 * sum of p log(p / q): p are the kept bins, what lies beyond added to the last; q spreads the count
 * of each level evenly over those of its bins that are not empty.
 */
function divergenceOf(bins: Float64Array, kept: number, beyond: number, levels: number): number {
  let total = beyond;
  let inside = 0;
  for (let i = 0; i < kept; i++) inside += bins[i]!;
  total += inside;
  if (inside === 0) return Infinity;
  let sum = 0;
  for (let level = 0; level < levels; level++) {
    const first = Math.floor((level * kept) / levels);
    const end = Math.floor(((level + 1) * kept) / levels);
    let count = 0;
    let filled = 0;
    for (let i = first; i < end; i++) {
      count += bins[i]!;
      if (bins[i]! > 0 || (i === kept - 1 && beyond > 0)) filled++;
    }
    if (filled === 0) continue;
    const q = Math.max(count, EMPTY * filled) / filled / inside;
    for (let i = first; i < end; i++) {
      const p = (bins[i]! + (i === kept - 1 ? beyond : 0)) / total;
      if (p > 0) sum += p * Math.log(p / q);
    }
  }
  return sum;
}
