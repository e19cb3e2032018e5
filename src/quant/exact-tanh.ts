/**
 * tanh in additions, multiplications and divisions alone, whose bits are the same on every
 * instruction set and in constants: what decides which code a weight gets. Within 1e-6 of tanh. Not
 * here: the activation (the op `tanh`, a polynomial of the kernels).
 */
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';

type Float = Value<'f32'>;

/** Beyond it tanh rounds to 1. */
const SATURATED = 9;

/**
 * tanh(4h) by two doublings, tanh(2h) = 2t / (1 + t^2) of t = tanh(h); and t by Lambert's continued
 * fraction h / (1 + h^2 / (3 + h^2 / (5 + ...))) to the term 13, as a quotient of polynomials.
 */
export function exactTanh(g: GraphBuilder, x: Float): Float {
  const h = g.mul(g.clip(x, -SATURATED, SATURATED), 0.25);
  const s = g.mul(h, h);
  const by = (...factors: readonly number[]) =>
    factors.slice(1).reduce<Float | number>((sum, c) => g.add(g.mul(sum, s), c), factors[0]!);
  const above = g.mul(h, by(1, 378, 17325, 135135));
  const t = g.div(above, by(28, 3150, 62370, 135135));
  return doubled(g, doubled(g, t));
}

function doubled(g: GraphBuilder, t: Float): Float {
  return g.div(g.mul(t, 2), g.add(g.mul(t, t), 1));
}
