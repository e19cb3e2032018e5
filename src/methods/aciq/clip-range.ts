/**
 * From the statistics of a map, or of each of its channels, to the range that its codes cover, and
 * the release's quantizer over such a range on numbers. Not here: the threshold over the spread
 * (./clip.ts), statistics without data (../synthetic.ts).
 */
import { halfEven } from '../../quant/rounding.js';
import { type ClipOptions, clip, clippingError, type Prior } from './clip.js';

/** What is known of numbers. */
export interface Spread {
  /** The least value. */
  readonly min: number;
  /** The greatest value. */
  readonly max: number;
  /** The mean. */
  readonly mean: number;
  /** The standard deviation. */
  readonly std: number;
  /** The mean of |x - mean|. */
  readonly b: number;
}

/** `mix`: the prior that predicts the smaller error. */
export type Clipping = Prior | 'mix';

/** Codes from `offset` to `offset + range`. */
export interface ClipRange {
  /** What the least code stands for. */
  readonly offset: number;
  /** How far the codes reach from there. */
  readonly range: number;
  /** The threshold, as the distance from the mean. */
  readonly alpha: number;
}

/** The statistics of numbers; std divides by n - 1, as PyTorch's. Arguments are not checked. */
export function spreadOf(x: ArrayLike<number>): Spread {
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (let i = 0; i < x.length; i++) {
    min = Math.min(min, x[i]!);
    max = Math.max(max, x[i]!);
    sum += x[i]!;
  }
  const mean = sum / x.length;
  let [squares, sizes] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    squares += (x[i]! - mean) ** 2;
    sizes += Math.abs(x[i]! - mean);
  }
  return { min, max, mean, std: Math.sqrt(squares / (x.length - 1)), b: sizes / x.length };
}

/**
 * Symmetric around the mean: offset max(min, mean - alpha), range 2 alpha. `half`: from 0 to
 * max(mean, 0) + alpha.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function clipRange(
  spread: Spread,
  clipping: Clipping,
  bits: number,
  options: ClipOptions = {},
): ClipRange {
  const alphaBy = (prior: Prior) => clip(prior, bits, options) * spreadBy(spread, prior);
  const error = (prior: Prior) => {
    const size = spreadBy(spread, prior);
    return size > 0 ? clippingError(prior, size, alphaBy(prior), bits, options) : 0;
  };
  const prior =
    clipping !== 'mix' ? clipping : error('gauss') < error('laplace') ? 'gauss' : 'laplace';
  const alpha = alphaBy(prior);
  return options.half === true
    ? { offset: 0, range: Math.max(spread.mean, 0) + alpha, alpha }
    : { offset: Math.max(spread.min, spread.mean - alpha), range: 2 * alpha, alpha };
}

function spreadBy({ std, b }: Spread, prior: Prior): number {
  return prior === 'gauss' ? std : b;
}

/**
 * The release's quantizer: scale = range / (2^bits - 1), at least 1e-8; zero = round(-offset /
 * scale); q = round(clamp(x / scale + zero, 0, 2^bits - 1)); x' = (q - zero) scale. Of 0 bits one
 * code is left.
 * Arguments are not checked.
 */
export function quantizeWithin(
  x: ArrayLike<number>,
  { offset, range }: Pick<ClipRange, 'offset' | 'range'>,
  bits: number,
): Float64Array {
  const top = 2 ** bits - 1;
  const scale = Math.max(top === 0 ? 0 : range / top, 1e-8);
  const zero = halfEven(-offset / scale);
  return Float64Array.from(x, (value) => {
    const code = Math.min(top, Math.max(0, Math.fround(value / scale + zero)));
    return (halfEven(code) - zero) * scale;
  });
}
