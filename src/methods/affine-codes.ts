/**
 * Numbers through asymmetric codes over a range that a graph computes, in training. Not here:
 * ranges that are known (src/quant/fake-quantize.ts).
 */
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';

type Float = Value<'f32'>;

/** The least scale, as released by ZeroQ, GDFQ and ZAQ. */
const LEAST = 1e-8;

/**
 * (clip(round(x / scale) + zero) - zero) scale over [lo, hi], widened to hold 0: the asymmetric
 * codes of src/quant/affine.ts. Its gradient is that of x.
 */
export function affineCodes(
  g: GraphBuilder,
  x: Float,
  range: { readonly lo: Float; readonly hi: Float },
  bits: number,
): Float {
  const top = 2 ** bits - 1;
  const still = g.surrogate(x);
  const lo = g.min(range.lo, 0);
  const scale = g.max(g.div(g.sub(g.max(range.hi, 0), lo), top), LEAST);
  const zero = g.neg(g.round(g.div(lo, scale)));
  const code = g.clip(g.add(g.round(g.div(still, scale)), zero), 0, top);
  return g.surrogate(g.mul(g.sub(code, zero), scale), x);
}
