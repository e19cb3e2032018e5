/**
 * Mid-tread quantization, the release's other form of bit allocation: a channel has a real number
 * of bins, rounded to a whole one, and not a power of two of them. Codes of such channels share no
 * width, so no program runs them; here they are numbers. Not here: whole bits (./allocate-bits.ts).
 */
import { halfEven } from '../../quant/rounding.js';
import { allocateBins } from './allocate-bits.js';
import { clipOfLevels } from './clip.js';
import { spreadOf } from './clip-range.js';

/** How a mid-tread quantizer is made. */
export interface MidTreadOptions {
  /** Clips at the least expected error of a Laplace distribution. Default false. */
  readonly clip?: boolean | undefined;
  /** Numbers of both signs. Default true. */
  readonly symmetric?: boolean | undefined;
}

/**
 * Each row, which is a channel, in its own number of bins; their mean is 2^bits.
 * Arguments are not checked.
 */
export function midTread(
  rows: readonly ArrayLike<number>[],
  bits: number,
  { clip = false, symmetric = true }: MidTreadOptions = {},
): Float64Array[] {
  const spreads = rows.map(spreadOf);
  const bins = allocateBins(
    spreads.map(({ std }) => std),
    2 ** bits,
  ).map(halfEven);
  return rows.map((row, c) => {
    const levels = bins[c]!;
    const { min, max, mean, b } = spreads[c]!;
    if (levels === 0) return new Float64Array(row.length);
    const alpha = clip ? clipOfLevels(levels, { half: !symmetric }) * b : 0;
    const whole = symmetric ? max - min : max;
    const clipped = symmetric ? 2 * alpha : Math.max(mean, 0) + alpha;
    const step = (clip ? clipped : whole) / levels;
    const centre = (symmetric ? mean : Math.max(mean, 0)) / step;
    const hi = clip ? centre + (symmetric ? levels / 2 : levels) : Infinity;
    const lo = !clip ? -Infinity : symmetric ? centre - levels / 2 : 0;
    return Float64Array.from(
      row,
      (x) => Math.max(lo, Math.min(hi, halfEven(Math.fround(x / step)))) * step,
    );
  });
}
