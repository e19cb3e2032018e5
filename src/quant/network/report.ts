/**
 * What quantizing did to each layer, as data: for tables, documents and pages. Not here: printing
 * any of it (src/cli).
 */
import type { Value } from '../../graph/value.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { AffineParams, Range } from '../affine.js';
import type { Histogram } from '../observers/histogram.js';
import { decibels, squaredNoise } from '../observers/noise.js';
import { showQuantSpec } from '../parse-spec.js';
import type { QuantSpec } from '../spec.js';
import type { CodedWeights } from '../weights.js';

/** Counts of numbers in bins of one width, the first of which begins at `lo`. */
export interface Bins {
  /** Where the first bin begins. */
  readonly lo: number;
  /** Of a bin. */
  readonly width: number;
  /** Numbers in each bin. */
  readonly counts: readonly number[];
}

/** What the weights of a layer became, and what that costs. */
export interface WeightReport {
  /** The short form of the spec. */
  readonly spec: string;
  /** Of a weight. */
  readonly bits: number;
  /** The least and the greatest weight. */
  readonly range: Range;
  /** The smallest and the largest scale. */
  readonly scale: readonly [least: number, most: number];
  /** Signal to quantization noise in dB; infinite where no weight changed. */
  readonly decibels: number;
  /** Of the weights before. */
  readonly histogram: Bins;
  /** The least and the greatest number that a code stands for. */
  readonly clip: Range;
}

/** What the input of a layer became, and what that costs. */
export interface ActivationReport {
  /** The map's name. */
  readonly map: string;
  /** The quantization in words, such as int8. */
  readonly spec: string;
  /** Of an element. */
  readonly bits: number;
  /** What was seen in the calibration. */
  readonly seen: Range;
  /** The range that the observer took. */
  readonly range: Range;
  /** The step between two codes. */
  readonly scale: number;
  /** The code of 0. */
  readonly zero: number;
  /** By the histogram of the calibration, numbers taken to lie evenly within a bin. */
  readonly decibels: number;
  /** True where every number was the same: what the range is then says nothing. */
  readonly constant: boolean;
  /** Of the numbers that were seen. */
  readonly histogram: Bins;
  /** What lies outside is clipped. */
  readonly clip: Range;
}

/** What a layer became, and what that costs. */
export interface LayerReport {
  /** The name of the layer. */
  readonly name: string;
  /** Its op. */
  readonly op: string;
  /** One of the first or the last products. */
  readonly isEnd: boolean;
  /** Null for what stays float. */
  readonly weights: WeightReport | null;
  /** Of its input; null where that stays float. */
  readonly activations: ActivationReport | null;
}

/** Bins that a report has. */
const SHOWN = 128;

export function weightReport(w: Tensor<'f32'>, coded: CodedWeights): WeightReport {
  const { spec, scale, values } = coded;
  let [power, noise] = [0, 0];
  for (const [i, value] of w.data.entries()) {
    power += value * value;
    noise += (value - values[i]!) ** 2;
  }
  const range = extent(w.data);
  return {
    spec: coded.label ?? showQuantSpec(spec),
    bits: coded.meanBits ?? spec.bits,
    range,
    scale: [extent(scale).lo, extent(scale).hi],
    decibels: decibels(power, noise),
    histogram: binned(w.data, range),
    clip: extent(values),
  };
}

export function activationReport(
  map: Value,
  spec: QuantSpec,
  seen: Histogram,
  range: Range,
  params: AffineParams,
  codes: Range,
): ActivationReport {
  const [scale, zero] = [params.scale[0]!, params.zero[0]!];
  const { min, max, power } = seen;
  return {
    map: map.name,
    spec: showQuantSpec(spec),
    bits: spec.bits,
    seen: { lo: min, hi: max },
    range,
    scale,
    zero,
    decibels: decibels(power, squaredNoise(seen, spec, params)),
    constant: min === max,
    histogram: coarse(seen),
    clip: { lo: (codes.lo - zero) * scale, hi: (codes.hi - zero) * scale },
  };
}

function extent(x: Float32Array): Range {
  let [lo, hi] = [Infinity, -Infinity];
  for (const value of x) {
    if (value < lo) lo = value;
    if (value > hi) hi = value;
  }
  return lo > hi ? { lo: 0, hi: 0 } : { lo, hi };
}

function binned(x: Float32Array, { lo, hi }: Range): Bins {
  const width = (hi - lo) / SHOWN || 1;
  const counts = new Array<number>(SHOWN).fill(0);
  for (const value of x) counts[Math.min(SHOWN - 1, Math.floor((value - lo) / width))]!++;
  return { lo, width, counts };
}

/**
 * The histogram from its least to its greatest number in SHOWN bins or fewer; zeros in the bin of
 * 0.
 */
function coarse({ above, below, width, zeros, min, max }: Histogram): Bins {
  if (width === 0) return { lo: 0, width: 1, counts: [zeros] };
  const first = min < 0 ? -Math.floor(-min / width) - 1 : 0;
  const end = max > 0 ? Math.floor(max / width) + 1 : 1;
  const each = Math.ceil((end - first) / SHOWN);
  const counts = new Array<number>(Math.ceil((end - first) / each)).fill(0);
  const add = (bin: number, count: number) => {
    if (count > 0) counts[Math.floor((bin - first) / each)]! += count;
  };
  for (let i = 0; i < above.length; i++) {
    add(i, above[i]!);
    add(-i - 1, below[i]!);
  }
  add(0, zeros);
  return { lo: first * width, width: each * width, counts };
}
