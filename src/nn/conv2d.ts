/**
 * Convolution as a layer: x [N,H,W,C], weight [O,kh,kw,C/groups]. Not here: the product itself (src/ops/conv2d.ts), quantizers (src/quant).
 */
import { expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import { isNeverZero } from '../passes/nonzero.js';
import type { ActivationQuantizer, WeightQuantizer } from '../quant/quantizer.js';
import { constantOf, heNormal, type Initializer } from './initializers.js';
import { type Float, type Layer, layer, type Scope } from './scope.js';

export type Pads = readonly [top: number, left: number, bottom: number, right: number];

export interface Conv2dOptions {
  readonly filters: number;
  readonly kernel: number | readonly [number, number];
  /** Default 1. */
  readonly strides?: number | readonly [number, number];
  /** A number pads every side; 'same' is TensorFlow's: as little as gives ceil(size / stride), the odd one after. Default 0. */
  readonly pads?: number | Pads | 'same';
  /** What a border of a binary input holds. Default 0, which is exact and costs a correction. */
  readonly padValue?: 0 | 1 | -1;
  /** Default 1. */
  readonly groups?: number;
  /** Default false. */
  readonly bias?: boolean;
  readonly weights?: WeightQuantizer;
  readonly inputs?: ActivationQuantizer;
  /** Of the weights. Default heNormal. */
  readonly init?: Initializer;
  readonly name?: string;
}

/** conv(quantized x, quantized W) * the quantizer's scale + bias. */
export function conv2d(options: Conv2dOptions): Layer {
  const { filters, groups = 1, padValue = 0, bias = false, weights, inputs, init = heNormal, name } = options;
  const kernel = pair(options.kernel);
  const strides = pair(options.strides ?? 1);
  const apply = (scope: Scope, x: Float): Float => {
    const { g, path } = scope;
    const { height, width, channels } = scope.map('conv2d', x);
    requireCount(scope, 'conv2d', 'filters', filters);
    requireCount(scope, 'conv2d', 'groups', groups);
    if (channels % groups !== 0)
      throw expected('ERR_SHAPE', `channels that divide into ${groups} groups`, channels, { op: 'conv2d', node: path });
    const pads = padsOf(options.pads ?? 0, [height, width], kernel, strides);
    const w = scope.parameter('weight', [filters, ...kernel, channels / groups], 'weight', init);
    const quantized = weights?.quantize(g, scope.path, w) ?? { values: w };
    const quantizedInput = inputs === undefined ? x : quantizeInput(scope, 'conv2d', inputs, x, scope.named('sign'));
    const [input, own] = padValue === 0 ? [quantizedInput, pads] : [border(scope, quantizedInput, pads, padValue), NO_PADS];
    let y = g.conv2d(input, quantized.values, { strides, pads: own, groups, name: path });
    if (quantized.scale !== undefined) y = g.mul(y, quantized.scale, { name: scope.named('real') });
    return bias ? g.add(y, scope.parameter('bias', [filters], 'bias', constantOf(0)), { name: scope.named('sum') }) : y;
  };
  return layer('conv2d', apply, { name });
}

const NO_PADS: Pads = [0, 0, 0, 0];

/** x through the quantizer; where one bit is demanded and the sign of 0 is 0, a proof that x is never 0 is needed. */
export function quantizeInput(scope: Scope, op: string, inputs: ActivationQuantizer, x: Float, name: string): Float {
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

/** Sizes that a layer is given, which no shape rule sees. */
export function requireCount(scope: Scope, op: string, what: string, value: number): void {
  if (!isSize(value) || value === 0)
    throw expected('ERR_ARGUMENT', `${what} to be a whole number of 1 or more`, value, { op, node: scope.path });
}

function border(scope: Scope, x: Float, [top, left, bottom, right]: Pads, value: 1 | -1): Float {
  return scope.g.pad(x, [0, top, left, 0, 0, bottom, right, 0], value, { name: scope.named('padded') });
}

export function pair(size: number | readonly [number, number]): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size;
}

export function padsOf(
  pads: number | Pads | 'same',
  size: readonly [number, number],
  kernel: readonly [number, number],
  strides: readonly [number, number],
): Pads {
  if (typeof pads === 'number') return [pads, pads, pads, pads];
  if (pads !== 'same') return pads;
  const total = ([0, 1] as const).map((axis) => {
    const outputs = Math.ceil(size[axis] / strides[axis]);
    return Math.max(0, (outputs - 1) * strides[axis] + kernel[axis] - size[axis]);
  }) as [number, number];
  const [top, left] = total.map((sum) => Math.floor(sum / 2)) as [number, number];
  return [top, left, total[0] - top, total[1] - left];
}
