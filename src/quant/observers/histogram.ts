/**
 * How often numbers occur, over any number of batches, in memory that does not grow. Bins are of
 * one width, a power of two, and begin at 0; where a number does not fit, the width doubles and
 * pairs of bins become one. The width that is left depends on the largest number alone, so the
 * histogram does not depend on the order of the numbers or how they were cut into batches. Not
 * here: which range to take of it.
 */
import { exponentOf } from '../exponent.js';

/** Bins on either side of 0; the largest number lies in the upper half of them. */
export const BINS = 2048;

/** The bins of a histogram. */
export interface HistogramCounts {
  /** How many numbers lie in [i, i + 1) * width, 0 left out. */
  readonly above: Float64Array;
  /** How many numbers lie in (-(i + 1), -i] * width, 0 left out. */
  readonly below: Float64Array;
  /** Of a bin: a power of two, 0 while all numbers are 0. */
  readonly width: number;
  /** Numbers that are exactly 0; no bin counts them. */
  readonly zeros: number;
}

/** How often numbers occur, and their extremes. */
export class Histogram implements HistogramCounts {
  /** How many numbers lie in [i, i + 1) * width, 0 left out. */
  above = new Float64Array(BINS);
  /** How many numbers lie in (-(i + 1), -i] * width, 0 left out. */
  below = new Float64Array(BINS);
  /** How many are 0, which no bin counts. */
  zeros = 0;
  /** Of a bin: 0 until there is a number other than 0. */
  width = 0;
  /** How many numbers there are, by their weights. */
  count = 0;
  /** The smallest number seen. Before the first it is Infinity. */
  min = Infinity;
  /** The largest number seen. Before the first it is -Infinity. */
  max = -Infinity;
  /** The sum of the squares. */
  power = 0;

  /**
   * Adds finite numbers, each as if it occurred `weight` times, which may be a fraction.
   * Never throws.
   * @returns the first number that is not finite; nothing is added then
   */
  add(values: Float32Array, weight = 1): number | undefined {
    let [min, max] = [this.min, this.max];
    let power = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      // A NaN or an infinity makes the sum one too.
      power += value * value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    if (!Number.isFinite(power)) {
      const bad = values.find((value) => !Number.isFinite(value));
      if (bad !== undefined) return bad;
    }
    this.count += weight * values.length;
    this.power += weight * power;
    this.min = min;
    this.max = max;
    const most = Math.max(-min, max);
    if (most > 0) this.grow(most);
    const { above, below } = this;
    const inverse = this.width === 0 ? 0 : 1 / this.width;
    let zeros = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      if (value > 0) above[Math.floor(value * inverse)]! += weight;
      else if (value < 0) below[Math.floor(-value * inverse)]! += weight;
      else zeros += weight;
    }
    this.zeros += zeros;
    return undefined;
  }

  private grow(most: number): void {
    // most < 2^(exponent + 1), so BINS such widths hold it.
    const width = 2 ** (exponentOf(most) + 1) / BINS;
    if (this.width === 0) this.width = width;
    while (this.width < width) {
      this.above = halved(this.above);
      this.below = halved(this.below);
      this.width *= 2;
    }
  }
}

function halved(bins: Float64Array): Float64Array<ArrayBuffer> {
  const half = new Float64Array(BINS);
  for (let i = 0; i < BINS; i++) half[i >> 1]! += bins[i]!;
  return half;
}
