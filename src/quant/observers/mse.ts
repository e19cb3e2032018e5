/**
 * The range whose codes are nearest to the numbers in squares: both ends shrink together by a grid
 * of factors, then each end alone, where the two can differ. Not here: the error of one range
 * (./noise.ts).
 */
import { paramsOfRanges, type Range } from '../affine.js';
import type { QuantSpec } from '../spec.js';
import type { Histogram } from './histogram.js';
import { squaredNoise } from './noise.js';

/** The factors that are tried: 1, 0.99, ... 0.05. */
const FACTORS = Array.from({ length: 96 }, (_, i) => (100 - i) / 100);

export function mseRange(seen: Histogram, spec: QuantSpec): Range {
  const { min, max } = seen;
  const noise = (range: Range) => squaredNoise(seen, spec, paramsOfRanges(spec, [range]), 1);
  const best = (candidates: readonly Range[]) => {
    let [chosen, least] = [candidates[0]!, Infinity];
    for (const range of candidates) {
      const error = noise(range);
      if (error < least) [chosen, least] = [range, error];
    }
    return chosen;
  };
  let range = best(FACTORS.map((factor) => ({ lo: min * factor, hi: max * factor })));
  if (spec.scheme === 'asymmetric' && min < 0 && max > 0) {
    range = best(FACTORS.map((factor) => ({ lo: range.lo, hi: max * factor })));
    range = best(FACTORS.map((factor) => ({ lo: min * factor, hi: range.hi })));
  }
  return range;
}
