/**
 * Signs decided without any rounding: numbers are whole multiples of powers of two, as every float
 * and double is, held as BigInts. Not here: what is compared with them.
 */

/** numerator * 2^exponent. */
interface Dyadic {
  readonly numerator: bigint;
  readonly exponent: number;
}

/** The number that a double is, exactly: doubling a finite number never rounds. */
export function dyadic(number: number): Dyadic {
  let [whole, exponent] = [number, 0];
  while (!Number.isInteger(whole)) {
    whole *= 2;
    exponent--;
  }
  return { numerator: BigInt(whole), exponent };
}

function plus(a: Dyadic, b: Dyadic): Dyadic {
  const exponent = Math.min(a.exponent, b.exponent);
  const shifted = (x: Dyadic) => x.numerator << BigInt(x.exponent - exponent);
  return { numerator: shifted(a) + shifted(b), exponent };
}

function times(a: Dyadic, b: Dyadic): Dyadic {
  return { numerator: a.numerator * b.numerator, exponent: a.exponent + b.exponent };
}

const minus = (a: Dyadic, b: Dyadic) => plus(a, { numerator: -b.numerator, exponent: b.exponent });
const signOf = ({ numerator }: Dyadic) => (numerator > 0n ? 1 : numerator < 0n ? -1 : 0);

/** The parameters of one channel of a batch norm. */
export interface Channel {
  readonly gamma: number;
  readonly beta: number;
  readonly mean: number;
  readonly variance: number;
  readonly epsilon: number;
}

/**
 * The sign of gamma (x - mean) / sqrt(variance + epsilon) + beta, which is that of p + q sqrt(r)
 * with p = gamma (x - mean), q = beta, r = variance + epsilon. Where p and q pull apart, it is
 * that of p if p^2 > q^2 r. All of these are sums and products of doubles, so nothing rounds and
 * no root is taken.
 */
export function exactSign(x: number, { gamma, beta, mean, variance, epsilon }: Channel): number {
  const p = times(dyadic(gamma), minus(dyadic(x), dyadic(mean)));
  const q = dyadic(beta);
  const r = plus(dyadic(variance), dyadic(epsilon));
  const [ofP, ofQ] = [signOf(p), signOf(q)];
  if (ofP === 0 || ofQ === 0 || ofP === ofQ) return ofP === 0 ? ofQ : ofP;
  return ofP * signOf(minus(times(p, p), times(times(q, q), r)));
}
