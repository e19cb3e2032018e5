/**
 * Applies quantizers, or what QuantSpecs describe, within a layer. Not here: quantizers
 * (src/quant).
 */
import { expected } from '../core/errors.js';
import { elementCount } from '../core/shape.js';
import { isNeverZero } from '../passes/nonzero.js';
import { activations } from '../quant/layer-inputs.js';
import { weights } from '../quant/layer-weights.js';
import type { QuantSpecLike } from '../quant/parse-spec.js';
import type {
  ActivationQuantizer,
  Learned,
  QuantizedWeights,
  WeightQuantizer,
} from '../quant/quantizer.js';
import { constantOf, type Initializer } from './initializers.js';
import type { Float, Scope } from './scope.js';

/** How a layer's weights are quantized: by a quantizer, or by the one that a spec describes. */
export type WeightOption = WeightQuantizer | QuantSpecLike;
/** How a layer's inputs are quantized. */
export type InputOption = ActivationQuantizer | QuantSpecLike;

/** @throws BitplaneError ERR_ARGUMENT for an option that describes no quantizer of weights */
export function weightQuantizer(option: WeightOption | undefined): WeightQuantizer | undefined {
  return option === undefined || isQuantizer(option) ? option : weights(option);
}

/** @throws BitplaneError ERR_ARGUMENT for an option that describes no quantizer of inputs */
export function inputQuantizer(option: InputOption | undefined): ActivationQuantizer | undefined {
  return option === undefined || isQuantizer(option) ? option : activations(option);
}

function isQuantizer<Q extends WeightQuantizer | ActivationQuantizer>(
  option: Q | QuantSpecLike,
): option is Q {
  return typeof option === 'object' && option !== null && 'quantize' in option;
}

/** The weights of a layer through its quantizer. */
function quantizeOwnWeights(
  scope: Scope,
  quantizer: WeightQuantizer | undefined,
  w: Float,
  learned: Learned,
): QuantizedWeights {
  // While a model is built only shapes matter, and an input stands for each parameter.
  const isStandIn = w.op === 'input' && quantizer?.constantsOnly === true;
  if (quantizer === undefined || isStandIn) return { values: w };
  return quantizer.quantize(scope.g, scope.path, w, learned);
}

/**
 * x through the quantizer; what it learns are parameters of the layer. A layer that
 * demands one bit while sign(0) is 0 needs a proof that x is never 0.
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
  const learned = Object.fromEntries(
    Object.entries(inputs.learned ?? {}).map(([own, initial]) => [
      own,
      scope.parameter(own, [], 'range', constantOf(initial)),
    ]),
  );
  return scope.training
    ? inputs.trained(scope.g, name, x, learned)
    : inputs.quantize(scope.g, name, x, learned);
}

/** The parameters of a weight quantizer. Each begins by weights such as `init` gives. */
function learnedOf(
  scope: Scope,
  quantizer: WeightQuantizer | undefined,
  { shape }: Float,
  init: Initializer,
): Learned {
  const begin =
    (of: (w: Float32Array) => number): Initializer =>
    (data, _shape, random) => {
      const sizes = shape as readonly number[];
      const sample = new Float32Array(elementCount(sizes));
      init(sample, sizes, random);
      data.fill(of(sample));
    };
  return Object.fromEntries(
    Object.entries(quantizer?.learned ?? {}).map(([own, of]) => [
      own,
      scope.parameter(own, [], 'range', begin(of)),
    ]),
  );
}

/**
 * The product of x with a layer's weights through their quantizer. In training its numbers are the
 * same, from bits where the weights are bits, and its gradient is that of the product with the
 * quantizer's trained weights. `init` is the initializer of w.
 */
export function quantizedProduct(
  scope: Scope,
  quantizer: WeightQuantizer | undefined,
  w: Float,
  init: Initializer,
  multiply: (values: Float, name: string) => Float,
): Float {
  const learned = learnedOf(scope, quantizer, w, init);
  const { values, scale } = quantizeOwnWeights(scope, quantizer, w, learned);
  let y = multiply(values, scope.path);
  if (scale !== undefined) y = scope.g.mul(y, scale, { name: scope.named('real') });
  if (!scope.training || quantizer === undefined) return y;
  if (quantizer.trained === undefined)
    throw expected('ERR_UNSUPPORTED', 'weights whose quantizer can be trained', quantizer.formula, {
      op: 'layer',
      node: scope.path,
    });
  const trained = quantizer.trained(scope.g, scope.named('trained'), w, learned);
  const through = multiply(trained, scope.named('through'));
  return scope.g.surrogate(y, through, { name: scope.named('quantized') });
}

/** The name of a layer's quantized input. */
export function inputName(scope: Scope, { precision }: ActivationQuantizer): string {
  return scope.named(precision === 1 ? 'sign' : 'input');
}
