/**
 * Bits by channel at a given mean: the error is least where a channel has bins in proportion to
 * spread^(2/3). Banner et al., NeurIPS 2019, arXiv 1810.05723, section 4. Not here: quantizing.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import { halfEven } from '../../quant/rounding.js';

/** How bits are shared out among channels. */
export interface AllocateOptions {
  /** How log2 of the bins becomes bits. Default 'round'. */
  readonly rounding?: 'round' | 'ceil' | undefined;
  /**
   * 'bins': the bins of all channels together are as many as at equal bits, the paper's. 'bits':
   * their number is then moved until the mean of the bits is the wanted one within 0.01, in ten
   * rounds at most, as released. Default 'bits'.
   */
  readonly fixed?: 'bins' | 'bits' | undefined;
  /** Bits of a channel at most. Default 8. */
  readonly most?: number | undefined;
}

const OPTIONS: OptionNames<AllocateOptions> = { rounding: true, fixed: true, most: true };
const SITE = { op: 'allocateBits' };

/**
 * Bins by channel, real numbers: count * bins * s^(2/3) / sum of s^(2/3).
 * Arguments are not checked.
 */
export function allocateBins(spread: ArrayLike<number>, bins: number): Float64Array {
  const shares = Float64Array.from(spread, (s) => Math.cbrt(s) ** 2);
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => (sum === 0 ? bins : (shares.length * bins * share) / sum));
}

/**
 * Whole bits by channel, 0 for a channel that is not worth one.
 * @param spread sigma or b of each channel
 * @throws BitplaneError ERR_ARGUMENT
 */
export function allocateBits(
  spread: ArrayLike<number>,
  bits: number,
  options: AllocateOptions = {},
): Uint8Array {
  requireOptions(options, OPTIONS, SITE);
  const { rounding = 'round', fixed = 'bits', most = 8 } = options;
  requireOneOf(rounding, ['round', 'ceil'], 'rounding', SITE);
  requireOneOf(fixed, ['bins', 'bits'], 'fixed', SITE);
  if (!(bits > 0 && bits <= most))
    throw expected('ERR_ARGUMENT', `a mean of bits above 0 and at most ${most}`, bits, SITE);
  const bad = Array.from(spread).find((s) => !(s >= 0 && s < Infinity));
  if (bad !== undefined)
    throw expected('ERR_ARGUMENT', 'spreads that are finite and not negative', bad, SITE);
  const whole = rounding === 'round' ? halfEven : Math.ceil;
  let target = bits;
  for (let round = 1; ; round++) {
    const found = Uint8Array.from(allocateBins(spread, 2 ** target), (bins) =>
      Math.min(most, Math.max(0, whole(Math.log2(bins)))),
    );
    const mean = found.reduce((sum, b) => sum + b, 0) / Math.max(1, found.length);
    const off = bits - mean;
    if (fixed === 'bins' || Math.abs(off) <= 0.01 || round === 10) return found;
    target += off / 2;
  }
}
