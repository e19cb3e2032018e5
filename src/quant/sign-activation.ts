/**
 * Activations of one bit: sign(x). Not here: learned thresholds, which are a layer (nn.rsign);
 * scales of activations, which are part of a block (XNOR-Net's K).
 */
import { requireOptions } from '../core/checks.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { type PseudoGradient, proxyOf } from './pseudo-gradient.js';
import { type ActivationQuantizer, requireSignRule, type SignOfZero } from './quantizer.js';

/** What the sign of 0 is, and which gradient stands in for that of the sign. */
export interface SignActivationOptions {
  /** Default 'plus'. */
  readonly zero?: SignOfZero | undefined;
  /** Default 'approxSign'. */
  readonly pseudoGradient?: PseudoGradient | undefined;
  /** Refuses to build a layer whose input would not be one bit. Default false. */
  readonly packed?: boolean | undefined;
}

/**
 * -1 where x < 0, else +1; with zero: 'torch' 0 stays 0. Liu et al., "Bi-Real Net", ECCV 2018, for
 * the default pseudo-gradient.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function signActivation(options: SignActivationOptions = {}): ActivationQuantizer {
  requireOptions(
    options,
    { zero: true, pseudoGradient: true, packed: true },
    { op: 'signActivation' },
  );
  const { zero = 'plus', pseudoGradient = 'approxSign', packed = false } = options;
  requireSignRule('signActivation', zero, pseudoGradient);
  return Object.freeze({
    name: 'signActivation',
    precision: 1 as const,
    zero,
    packed,
    formula: zero === 'plus' ? 'x < 0 ? -1 : +1' : 'x < 0 ? -1 : x > 0 ? +1 : 0',
    pseudoGradient,
    paper: 'Liu et al., ECCV 2018, arXiv 1808.00278',
    quantize: (g: GraphBuilder, name: string, x: Value<'f32'>) => signs(g, name, x, zero),
    trained(g: GraphBuilder, name: string, x: Value<'f32'>) {
      const quantized = signs(g, `${name}.signs`, x, zero);
      return g.surrogate(quantized, proxyOf(pseudoGradient)(g, x), { name });
    },
  });
}

function signs(g: GraphBuilder, name: string, x: Value<'f32'>, zero: SignOfZero): Value<'f32'> {
  return zero === 'torch'
    ? g.signum(x, { name })
    : g.cast(g.sign(x, { name: `${name}.bits` }), 'f32', { name });
}
