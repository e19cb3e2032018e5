/**
 * erf in double precision, which JavaScript lacks. Not here: the op (./unary.ts) and what kernels
 * compute (native/simd/math.h).
 */

/**
 * 2 / sqrt(pi) * the integral of e^(-t^2) from 0 to x, by its series
 * 2 / sqrt(pi) * e^(-x^2) * sum over n of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)), whose terms all
 * have the sign of x: nothing cancels.
 */
export function errorFunction(x: number): number {
  // 1 - erf(6) is below 2^-54.
  if (!(Math.abs(x) < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 2 ** -54; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
