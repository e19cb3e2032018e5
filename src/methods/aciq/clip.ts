/**
 * Where to clip numbers of a known distribution: the threshold whose expected squared error, of
 * clipping and of rounding to 2^bits codes, is least. Banner, Nahshan and Soudry, NeurIPS 2019,
 * arXiv 1810.05723, section 3. Not here: the statistics of a map (./clip-range.ts).
 */
import { requireOneOf } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import { density, erf } from '../normal.js';

/** A distribution, by its spread: sigma of `gauss`, b = mean |x - mean x| of `laplace`. */
export type Prior = 'gauss' | 'laplace';

/** Where activations are clipped. */
export interface ClipOptions {
  /** Numbers are those of the distribution above 0, as behind a ReLU. Default false. */
  readonly half?: boolean | undefined;
  /** 'paper': the least error. 'release': its tables of two decimals. Default 'paper'. */
  readonly as?: 'paper' | 'release' | undefined;
}

const SITE = { op: 'clip' };

/**
 * The threshold over the spread: alpha = clip(prior, bits) * spread. Half ranges have twice the
 * codes for their side, so they are those of one bit more.
 * @throws BitplaneError ERR_ARGUMENT for bits below 0, or that the released tables do not have
 */
export function clip(prior: Prior, bits: number, options: ClipOptions = {}): number {
  const { half = false, as = 'paper' } = options;
  requireOneOf(prior, ['gauss', 'laplace'], 'prior', SITE);
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  if (!(bits >= 0 && bits <= 16)) throw expected('ERR_ARGUMENT', 'bits from 0 to 16', bits, SITE);
  if (as === 'paper') return LEAST[prior](4 ** (bits + (half ? 1 : 0)));
  const table = RELEASED[half ? `${prior}Half` : prior]!;
  const found = table[bits];
  if (found === undefined)
    throw expected('ERR_ARGUMENT', `bits that the released table of ${prior} has`, bits, SITE);
  return found;
}

/** The released multipliers, by bits. */
const RELEASED: Readonly<Record<string, readonly (number | undefined)[]>> = {
  gauss: [undefined, 1.24, 1.71, 2.15, 2.55, 2.93, 3.28, 3.61, 3.92],
  gaussHalf: [undefined, 1.71, 2.15, 2.55, 2.93, 3.28, 3.61, 3.92, 4.2],
  laplace: [1.05, 1.86, 2.83, 3.89, 5.03, 6.2, 7.41, 8.64, 9.89],
  laplaceHalf: [1.86, 2.83, 3.89, 5.02, 6.2, 7.41, 8.64, 9.89, 11.16],
};

/**
 * The least error, for spread 1 and squared levels 4^M; its derivative is 0 at alpha.
 * laplace: 2 exp(-a) + a^2 / (3 * 4^M), so a exp(a) = 3 * 4^M.
 * gauss: a (1 - erf(a / sqrt 2)) - 2 phi(a) + a / (3 * 4^M) = 0.
 */
const LEAST: Readonly<Record<Prior, (squaredLevels: number) => number>> = {
  laplace: (squaredLevels) =>
    root((a) => a * Math.exp(a) - 3 * squaredLevels, Math.log(3 * squaredLevels + 3)),
  gauss: (squaredLevels) =>
    root(
      (a) => a * (1 - erf(a / Math.SQRT2)) - 2 * density(a) + a / (3 * squaredLevels),
      Math.sqrt(2 * Math.log(3 * squaredLevels + 3)) + 3,
    ),
};

/** Where a rising function is 0, between 0 and `most`. */
function root(rising: (a: number) => number, most: number): number {
  let [lo, hi] = [0, most];
  for (let step = 0; step < 60; step++) {
    const middle = (lo + hi) / 2;
    if (rising(middle) < 0) lo = middle;
    else hi = middle;
  }
  return (lo + hi) / 2;
}

/**
 * The threshold for any number of levels, as the release finds it for mid-tread quantization:
 * linear between the least errors at 20 numbers of levels a decade from 0.01 on.
 * Arguments are not checked.
 */
export function clipOfLevels(levels: number, { half = false }: Pick<ClipOptions, 'half'> = {}) {
  const wanted = half ? 2 * levels : levels;
  if (!(wanted > 0)) return 0;
  const at = Math.min(
    GRID.length - 1,
    GRID.findIndex((step) => step >= wanted),
  );
  const upper = at < 0 ? GRID.length - 1 : at;
  const [below, above] = [GRID[upper - 1] ?? 0, GRID[upper]!];
  const [low, high] = [below === 0 ? 0 : LEAST.laplace(below ** 2), LEAST.laplace(above ** 2)];
  return high - ((high - low) / (above - below)) * (above - wanted);
}

const GRID = [0.01, 0.1, 1, 10, 100].flatMap((start) =>
  Array.from({ length: 20 }, (_, i) => start * (1 + (9 * i) / 20)),
);

/** The expected squared error of clipping at alpha and rounding to 2^bits codes. Never throws. */
export function clippingError(
  prior: Prior,
  spread: number,
  alpha: number,
  bits: number,
  { half = false }: Pick<ClipOptions, 'half'> = {},
): number {
  const rounding = alpha ** 2 / ((half ? 24 : 3) * 4 ** bits);
  const share = half ? 0.5 : 1;
  const a = alpha / spread;
  if (prior === 'laplace') return share * 2 * spread ** 2 * Math.exp(-a) + rounding;
  const beyond = (spread ** 2 + alpha ** 2) * (1 - erf(a / Math.SQRT2));
  return share * (beyond - 2 * density(a) * alpha * spread) + rounding;
}
