/**
 * Choi et al., "PACT: Parameterized Clipping Activation for Quantized Neural Networks", arXiv
 * 1805.06085. Not here: the weights that it stands beside (./dorefa.ts), the decay of the clip,
 * which is the optimizer's.
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { activations } from './layer-inputs.js';
import { type ActivationQuantizer, type Learned, learnedNumber, requireBits } from './quantizer.js';

type Float = Value<'f32'>;

/** Bits of PACT activations, and where clipping begins. */
export interface PactOptions {
  /** k, from 1 to 8. */
  readonly bits: number;
  /** What alpha begins with. Default: the best clip of a normal distribution of variance 1. */
  readonly initial?: number | undefined;
}

/**
 * round(clip(x, 0, alpha) n / alpha) alpha / n, n = 2^k - 1. Alpha is a parameter of the layer,
 * `range`. The gradient g reaches x where 0 < x < alpha, and alpha where x >= alpha, as it is.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function pact(options: PactOptions): ActivationQuantizer {
  const op = 'pact';
  requireOptions(options, { bits: true, initial: true }, { op });
  const { bits, initial } = options;
  requireBits(op, bits, 1);
  const base = activations({ bits, signed: false });
  const range = initial ?? (base.learned?.['range'] as number);
  if (!(range > 0 && range < Infinity))
    throw expected('ERR_ARGUMENT', 'initial to be finite and above 0', initial, { op });
  return Object.freeze({
    ...base,
    name: op,
    formula: 'round(clip(x, 0, alpha) n / alpha) alpha / n, n = 2^k - 1',
    paper: 'Choi et al., arXiv 1805.06085',
    learned: Object.freeze({ range }),
    trained(g: GraphBuilder, name: string, x: Float, learned?: Learned) {
      const alpha = learnedNumber(learned, 'range', op, name);
      const value = base.quantize(g, `${name}.value`, x, { range: alpha });
      return g.surrogate(value, g.min(alpha, g.relu(x)), { name });
    },
  });
}
