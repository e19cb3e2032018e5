/**
 * Applies an activation quantizer within a layer. Not here: quantizers (src/quant).
 */
import { expected } from '../core/errors.js';
import { isNeverZero } from '../passes/nonzero.js';
import type { ActivationQuantizer } from '../quant/quantizer.js';
import type { Float, Scope } from './scope.js';

/**
 * x through the quantizer. A layer that demands one bit while sign(0) is 0 needs a proof that x is
 * never 0.
 */
export function quantizeInput(
  scope: Scope,
  op: string,
  inputs: ActivationQuantizer,
  x: Float,
  name: string,
): Float {
  if (inputs.packed && inputs.zero === 'torch' && !isNeverZero(x))
    throw expected(
      'ERR_UNSUPPORTED',
      "an input that is never 0, as zero: 'torch' and packed: true need",
      `${x.op} "${x.name}", which may be`,
      {
        op,
        node: scope.path,
      },
    );
  return inputs.quantize(scope.g, name, x);
}
