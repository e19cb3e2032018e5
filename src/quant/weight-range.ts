/**
 * The range of weights that share a scale: all of them, or the part of it that brings the codes
 * nearest to the numbers. Not here: ranges of activations, which are known by samples
 * (./observers).
 */
import { paramsOfRanges, type Range } from './affine.js';
import type { Groups } from './groups.js';
import { ROUNDINGS } from './rounding.js';
import { codesOf, type QuantSpec } from './spec.js';

/** The least and the greatest number of each group; [0, 0] of a group without elements. */
export function minmaxRanges(x: Float32Array, groups: Groups): Range[] {
  const lo = new Float64Array(groups.count).fill(Infinity);
  const hi = new Float64Array(groups.count).fill(-Infinity);
  for (let i = 0; i < x.length; i++) {
    const group = groups.of(i);
    const value = x[i] as number;
    if (value < lo[group]!) lo[group] = value;
    if (value > hi[group]!) hi[group] = value;
  }
  return Array.from(lo, (least, group) =>
    least === Infinity ? { lo: 0, hi: 0 } : { lo: least, hi: hi[group]! },
  );
}

/** Parts of the whole range that are tried: 1, 0.98, ... 0.22. */
const STEPS = 40;
const STEP = 0.02;

/**
 * Each group's range times the factor with the least sum of squared errors; the larger factor of
 * equals.
 */
export function leastError(
  x: Float32Array,
  spec: QuantSpec,
  groups: Groups,
  whole: readonly Range[],
): Range[] {
  const best = whole.map((range) => ({ range, error: Infinity }));
  for (let step = 0; step < STEPS; step++) {
    const factor = 1 - step * STEP;
    const ranges = whole.map(({ lo, hi }) => ({ lo: lo * factor, hi: hi * factor }));
    const errors = squaredErrors(x, spec, groups, ranges);
    for (const [group, entry] of best.entries()) {
      if (errors[group]! < entry.error)
        best[group] = { range: ranges[group]!, error: errors[group]! };
    }
  }
  return best.map(({ range }) => range);
}

function squaredErrors(
  x: Float32Array,
  spec: QuantSpec,
  groups: Groups,
  ranges: readonly Range[],
): Float64Array {
  const { scale, zero } = paramsOfRanges(spec, ranges);
  const { lo, hi } = codesOf(spec);
  const round = ROUNDINGS[spec.rounding].of;
  const errors = new Float64Array(groups.count);
  for (let i = 0; i < x.length; i++) {
    const group = groups.of(i);
    const value = x[i] as number;
    const step = scale[group]!;
    const offset = zero[group]!;
    const code = Math.max(lo, Math.min(hi, round(Math.fround(value / step)) + offset));
    errors[group]! += (value - (code - offset) * step) ** 2;
  }
  return errors;
}
