/**
 * What a calibration would see of maps, from their distributions alone: a histogram, and the
 * statistics that clipping asks for. A normal distribution is taken at even places within
 * `deviations` of its mean, each by its density. Not here: the distributions (./distributions.ts).
 */
import { Histogram } from '../quant/observers/histogram.js';
import type { ClippedNormals } from './distributions.js';
import { density } from './normal.js';

/** Places of a distribution on either side of its mean. */
const PLACES = 96;

/** Calls `each` with one place of every channel and the share of its numbers there. */
export function overPlaces(
  { mean, std, lo, hi }: ClippedNormals,
  deviations: number,
  each: (values: Float32Array, share: number) => void,
): void {
  for (let place = -PLACES; place <= PLACES; place++) {
    const z = (place * deviations) / PLACES;
    const values = Float32Array.from(mean, (m, c) =>
      Math.min(Math.max(m + z * std[c]!, lo[c]!), hi[c]!),
    );
    each(values, (density(z) * deviations) / PLACES);
  }
}

/**
 * The histogram of all channels together; its ends are those of mean +- deviations * std. DFQ takes
 * 6 (Nagel et al., ICCV 2019, arXiv 1906.04721, section 5).
 * Arguments are not checked.
 */
export function histogramOf(map: ClippedNormals, deviations = 6): Histogram {
  const seen = new Histogram();
  overPlaces(map, deviations, (values, share) => seen.add(values, share));
  return seen;
}

/** The statistics of all channels together, as `spreadOf` gives those of numbers. */
export function spreadOfMap(map: ClippedNormals, deviations = 6) {
  let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
  overPlaces(map, deviations, (values, share) => {
    for (const value of values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += share * value;
    }
    count += share * values.length;
  });
  const mean = sum / count;
  let [squares, sizes] = [0, 0];
  overPlaces(map, deviations, (values, share) => {
    for (const value of values) {
      squares += share * (value - mean) ** 2;
      sizes += share * Math.abs(value - mean);
    }
  });
  return { min, max, mean, std: Math.sqrt(squares / count), b: sizes / count };
}
