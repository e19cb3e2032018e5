/**
 * A fully connected layer: x [..., K], weight [O, K]. Not here: flattening (flatten in
 * ./compose.ts).
 */
import { requireOptions } from '../core/checks.js';
import { constantOf, fanInUniform, type Initializer } from './initializers.js';
import {
  type InputOption,
  inputName,
  inputQuantizer,
  quantizedProduct,
  quantizeInput,
  type WeightOption,
  weightQuantizer,
} from './quantize.js';
import { type Float, type Layer, layer, type Scope } from './scope.js';

/** The size of a dense layer, its quantizers and its name. */
export interface DenseOptions {
  /** Channels of the result. */
  readonly units: number;
  /** Default true. */
  readonly bias?: boolean | undefined;
  /** A quantizer, or a spec such as 4 or 'int4-channel'. Default: weights stay float. */
  readonly weights?: WeightOption | undefined;
  /** A quantizer, or a spec such as 8 or 'uint8'. Default: inputs stay as they are. */
  readonly inputs?: InputOption | undefined;
  /** Of the weights. Default fanInUniform. */
  readonly init?: Initializer | undefined;
  /** Of the layer in the names of its parameters. */
  readonly name?: string | undefined;
}

/**
 * A layer: x [N, I] times weights [units, I], plus a bias unless that is off: [N, units].
 * @throws BitplaneError ERR_ARGUMENT; when the model is built ERR_SHAPE
 */
export function dense(options: DenseOptions): Layer {
  const known = {
    units: true,
    bias: true,
    weights: true,
    inputs: true,
    init: true,
    name: true,
  } as const;
  requireOptions(options, known, { op: 'dense' });
  const { units, bias = true, init = fanInUniform, name } = options;
  const weights = weightQuantizer(options.weights);
  const inputs = inputQuantizer(options.inputs);
  const apply = (scope: Scope, x: Float): Float => {
    const { g } = scope;
    scope.requireCount('dense', 'units', units);
    const shape = [units, scope.channels('dense', x)];
    const w = scope.parameter('weight', shape, 'weight', init, weights?.precision);
    const input =
      inputs === undefined ? x : quantizeInput(scope, 'dense', inputs, x, inputName(scope, inputs));
    const y = quantizedProduct(scope, weights, w, init, (values, name) =>
      g.dense(input, values, { name }),
    );
    return bias
      ? g.add(y, scope.parameter('bias', [units], 'bias', constantOf(0)), {
          name: scope.named('sum'),
        })
      : y;
  };
  return layer('dense', apply, { name });
}
