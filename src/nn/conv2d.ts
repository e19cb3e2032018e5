/**
 * Convolution as a layer: x [N,H,W,C], weight [O,kh,kw,C/groups]. Not here: the product itself
 * (src/ops/conv2d.ts), quantizers (src/quant).
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { constantOf, heNormal, type Initializer } from './initializers.js';
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
import { type Pads, padsOf, pair } from './windows.js';

/** The sizes of a convolution, its quantizers and its name. */
export interface Conv2dOptions {
  /** Channels of the result. */
  readonly filters: number;
  /** Height and width of the window in pixels; one number for both. */
  readonly kernel: number | readonly [number, number];
  /** Default 1. */
  readonly strides?: number | readonly [number, number] | undefined;
  /**
   * A number pads every side; 'same' is TensorFlow's: the least that gives ceil(size / stride)
   * outputs, an odd element at the end. Default 0.
   */
  readonly pads?: number | Pads | 'same' | undefined;
  /** What a border of a binary input holds. Default 0, which is exact and costs a correction. */
  readonly padValue?: 0 | 1 | -1 | undefined;
  /** Default 1. */
  readonly groups?: number | undefined;
  /** Default false. */
  readonly bias?: boolean | undefined;
  /** A quantizer, or a spec such as 4 or 'int4-channel'. Default: weights stay float. */
  readonly weights?: WeightOption | undefined;
  /** A quantizer, or a spec such as 8 or 'uint8'. Default: inputs stay as they are. */
  readonly inputs?: InputOption | undefined;
  /** Of the weights. Default heNormal. */
  readonly init?: Initializer | undefined;
  /** Of the layer in the names of its parameters. */
  readonly name?: string | undefined;
}

const OPTIONS: OptionNames<Conv2dOptions> = {
  filters: true,
  kernel: true,
  strides: true,
  pads: true,
  padValue: true,
  groups: true,
  bias: true,
  weights: true,
  inputs: true,
  init: true,
  name: true,
};

/**
 * conv(quantized x, quantized W) * the quantizer's scale + bias.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function conv2d(options: Conv2dOptions): Layer {
  requireOptions(options, OPTIONS, { op: 'conv2d' });
  const { filters, groups = 1, padValue = 0, bias = false, init = heNormal, name } = options;
  const weights = weightQuantizer(options.weights);
  const inputs = inputQuantizer(options.inputs);
  const kernel = pair(options.kernel);
  const strides = pair(options.strides ?? 1);
  const apply = (scope: Scope, x: Float): Float => {
    const { g, path } = scope;
    const { height, width, channels } = scope.map('conv2d', x);
    scope.requireCount('conv2d', 'filters', filters);
    scope.requireCount('conv2d', 'groups', groups);
    if (channels % groups !== 0)
      throw expected('ERR_SHAPE', `channels that divide into ${groups} groups`, channels, {
        op: 'conv2d',
        node: path,
      });
    const pads = padsOf(options.pads ?? 0, [height, width], kernel, strides);
    const shape = [filters, ...kernel, channels / groups];
    const w = scope.parameter('weight', shape, 'weight', init, weights?.precision);
    const quantizedInput =
      inputs === undefined
        ? x
        : quantizeInput(scope, 'conv2d', inputs, x, inputName(scope, inputs));
    const [input, own] =
      padValue === 0
        ? [quantizedInput, pads]
        : [border(scope, quantizedInput, pads, padValue), NO_PADS];
    const y = quantizedProduct(scope, weights, w, init, (values, name) =>
      g.conv2d(input, values, { strides, pads: own, groups, name }),
    );
    return bias
      ? g.add(y, scope.parameter('bias', [filters], 'bias', constantOf(0)), {
          name: scope.named('sum'),
        })
      : y;
  };
  return layer('conv2d', apply, { name });
}

const NO_PADS: Pads = [0, 0, 0, 0];

function border(scope: Scope, x: Float, [top, left, bottom, right]: Pads, value: 1 | -1): Float {
  return scope.g.pad(x, [0, top, left, 0, 0, bottom, right, 0], value, {
    name: scope.named('padded'),
  });
}
