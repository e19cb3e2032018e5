/**
 * The normal distribution, and what is left of one that is clipped: density, distribution function,
 * mean and variance. In float64. Not here: which distribution a map has (./distributions.ts).
 */

/** The density of the standard normal distribution. */
export function density(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** The error function, to about 1e-15. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size > 6) return Math.sign(x);
  if (size > 2.5) return Math.sign(x) * (1 - complement(size));
  // The Taylor series, whose terms fall from the (x^2)-th on.
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
    if (x === 0) break;
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** 1 - erf(x) for x > 2.5, as a continued fraction. */
function complement(x: number): number {
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

/** The share of the standard normal distribution below x. */
export function cumulative(x: number): number {
  return x < -3.5 ? 0.5 * complement(-x / Math.SQRT2) : 0.5 * (1 + erf(x / Math.SQRT2));
}

export interface Moments {
  readonly mean: number;
  readonly variance: number;
}

/**
 * Mean and variance of min(max(x, lo), hi) for x of a normal distribution: with a = (lo - mean) /
 * std and b = (hi - mean) / std the mean is
 *
 *   lo Phi(a) + mean (Phi(b) - Phi(a)) + std (phi(a) - phi(b)) + hi (1 - Phi(b))
 *
 * which for lo = 0, hi = Infinity is std phi(-mean / std) + mean (1 - Phi(-mean / std)), as DFQ has
 * it (Nagel et al., ICCV 2019, arXiv 1906.04721, appendix C).
 */
export function clippedMoments(mean: number, std: number, lo: number, hi: number): Moments {
  if (!(std > 0)) return { mean: Math.min(Math.max(mean, lo), hi), variance: 0 };
  const [a, b] = [(lo - mean) / std, (hi - mean) / std];
  const [below, above] = [cumulative(a), cumulative(-b)];
  const inside = 1 - below - above;
  const [atLo, atHi] = [density(a), density(b)];
  const edge = (bound: number, share: number) => (share === 0 ? 0 : bound * share);
  const slope = (x: number, value: number) => (value === 0 ? 0 : x * value);
  // Of x - mean, which keeps the squares small.
  const first = edge(lo - mean, below) + edge(hi - mean, above) + std * (atLo - atHi);
  const second =
    edge((lo - mean) ** 2, below) +
    edge((hi - mean) ** 2, above) +
    std * std * (inside + slope(a, atLo) - slope(b, atHi));
  return { mean: mean + first, variance: Math.max(0, second - first * first) };
}
