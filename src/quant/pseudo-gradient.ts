/**
 * What stands for the gradient of a sign, which is zero almost everywhere: the gradient of another
 * function of x, the proxy. Each is one line of arithmetic (see src/ops/surrogate.ts), g being the
 * upstream gradient. Not here: which quantizer takes which.
 */
import { expectedWord } from '../core/checks.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';

type Float = Value<'f32'>;

/** A proxy of the caller's own: a value of the shape of x, through which the gradient flows. */
export type Proxy = (g: GraphBuilder, x: Float) => Float;

/**
 * By name, or as a proxy:
 * - `identity`: g (Hinton's straight-through estimator)
 * - `clip`: g * 1[|x| <= 1] (BinaryNet; weights of Bi-Real Net and ReActNet as released)
 * - `hardTanh`: g * 1[|x| < 1] (XNOR-Net)
 * - `approxSign`: g * (2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0) (Bi-Real Net, the derivative of
 *   its piecewise quadratic)
 * - `swishSign`: g times the derivative of 2 s(5x) (1 + 5x (1 - s(5x))) - 1, s the sigmoid (BNN+,
 *   Darabi et al., arXiv 1812.11800)
 */
export type PseudoGradient = keyof typeof PROXIES | Proxy;

/** The greatest float32 below 1: |x| < 1 is |x| <= BELOW_ONE. */
const BELOW_ONE = 1 - 2 ** -24;

const PROXIES = {
  identity: (_g: GraphBuilder, x: Float) => x,
  clip: (g: GraphBuilder, x: Float) => g.clip(x, -1, 1),
  hardTanh: (g: GraphBuilder, x: Float) => g.clip(x, -BELOW_ONE, BELOW_ONE),
  approxSign: (g: GraphBuilder, x: Float) => g.approxSign(x),
  swishSign(g: GraphBuilder, x: Float) {
    const z = g.mul(x, 5);
    const s = g.sigmoid(z);
    return g.mul(g.mul(s, g.add(g.mul(z, g.sub(1, s)), 1)), 2);
  },
} as const satisfies Readonly<Record<string, Proxy>>;

/** The proxy of a pseudo-gradient. */
export function proxyOf(pseudoGradient: PseudoGradient): Proxy {
  return typeof pseudoGradient === 'function' ? pseudoGradient : PROXIES[pseudoGradient];
}

/**
 * EDE: k tanh(t x), which turns from a straight line into a sign while t grows in training; k is
 * max(1 / t, 1). Both are numbers, or values that each step feeds. Qin et al., "Forward and
 * Backward Information Retention for Accurate Binary Neural Networks", CVPR 2020, arXiv 1909.10788.
 * Never throws.
 */
export function ede(t: Float | number, k: Float | number): Proxy {
  return (g, x) => g.mul(g.tanh(g.mul(x, t)), k);
}

/** @throws BitplaneError ERR_ARGUMENT for an unknown name */
export function requirePseudoGradient(value: PseudoGradient, op: string): void {
  if (typeof value === 'function' || Object.hasOwn(PROXIES, value)) return;
  const names = Object.keys(PROXIES);
  throw expectedWord(
    'ERR_ARGUMENT',
    `pseudoGradient to be one of ${names.join(', ')}, or a function (g, x) => proxy`,
    value,
    names,
    { op },
  );
}
