/**
 * Mixes two pictures and their targets: Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond
 * Empirical Risk Minimization, ICLR 2018.
 *
 *   x = s a + (1 - s) b,   target = s onehot(a) + (1 - s) onehot(b),   s ~ Beta(alpha, alpha)
 *
 * Departs from the authors' code, which draws one s a batch and takes b from the same batch: here
 * every picture has an s of its own and a partner from the whole set, so that nothing depends on
 * the size of a batch.
 */
import { requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Mix, Random } from './augmentation.js';

/** How strongly two pictures are mixed. */
export interface MixupOptions {
  /** Above 0 and at most 100: the smaller, the nearer s is to 0 or 1. The paper: 0.2 to 1. */
  readonly alpha: number;
}

/** A logarithm may differ in its last bit between machines: s is a multiple of this. */
const GRID = 2 ** -16;

/**
 * Training pictures and their labels are mixed in pairs (Zhang et al., arXiv 1710.09412).
 * @throws BitplaneError ERR_ARGUMENT
 */
export function mixup(options: MixupOptions): Mix {
  requireOptions(options, { alpha: true }, { op: 'mixup' });
  const { alpha } = options;
  if (typeof alpha !== 'number' || !(alpha > 0 && alpha <= 100))
    throw expected('ERR_ARGUMENT', 'alpha above 0 and at most 100', alpha, { op: 'mixup' });
  return {
    stage: 'mix',
    settings: { name: 'mixup', alpha },
    apply: (random) => Math.round(beta(alpha, random) / GRID) * GRID,
  };
}

/**
 * Beta(alpha, alpha) = A / (A + B) of two Gamma(alpha) numbers, by the difference of their
 * logarithms, which a small alpha does not take to 0 / 0.
 */
function beta(alpha: number, random: Random): number {
  const difference = logGamma(alpha, random) - logGamma(alpha, random);
  return 1 / (1 + Math.exp(-difference));
}

/**
 * The logarithm of a Gamma(alpha) number: Marsaglia and Tsang, A Simple Method for Generating Gamma
 * Variables, 2000. Below 1: Gamma(alpha) = Gamma(alpha + 1) u^(1 / alpha).
 */
function logGamma(alpha: number, random: Random): number {
  if (alpha < 1) return logGamma(alpha + 1, random) + Math.log(1 - random()) / alpha;
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v))
      return Math.log(d * v);
  }
}
