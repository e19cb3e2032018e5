/**
 * The shapes of FINN: Umuroglu et al., "FINN: A Framework for Fast, Scalable Binarized Neural
 * Network Inference", FPGA 2017, arXiv 1612.07119. CNV for CIFAR-10; TFC, SFC and LFC for MNIST.
 * Weights and activations are signs without scales; batch norm stands between. Not here: FINN's own
 * trained networks, which load as QONNX files.
 *
 * The first convolution of CNV reads real pixels under binary weights, or pixels of as many bits as
 * `real` says; TFC, SFC and LFC binarize the picture, values below 0 being -1. `weights` and
 * `activations` give the same networks in more bits, as Umuroglu et al. and Blott et al., "FINN-R",
 * 2018, arXiv 1809.04570, have them.
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';
import {
  CIFAR10,
  type Defaults,
  FIXED_WIDTH_OPTIONS,
  type Network,
  type NetworkOptions,
  network,
  realLayer,
} from './network.js';

const MNIST: Defaults = { classes: 10, inputSize: 28, channels: 1 };

/** How the networks of FINN are built. */
export interface FinnOptions extends Omit<NetworkOptions, 'width'> {
  /** Bits, or a spec, of weights. Default 1: signs without a scale. */
  readonly weights?: quant.QuantSpecLike | undefined;
  /** Bits, or a spec, of what layers read. Default 1: signs. */
  readonly activations?: quant.QuantSpecLike | undefined;
}

const OPTIONS: OptionNames<FinnOptions> = {
  ...FIXED_WIDTH_OPTIONS,
  weights: true,
  activations: true,
};

function quantizersOf({ weights = 1, activations = 1 }: FinnOptions) {
  return {
    weights: weights === 1 ? quant.sign() : weights,
    inputs: activations === 1 ? quant.signActivation({ pseudoGradient: 'clip' }) : activations,
  } as const;
}

/** Three perceptron layers of `units`, each product followed by batch norm; the classifier too. */
const perceptron =
  (units: number) =>
  (options: FinnOptions = {}): Network =>
    network(options, OPTIONS, MNIST, (classes) => [
      nn.flatten({ name: 'flatten' }),
      ...[units, units, units, classes].flatMap((width, i) => [
        nn.dense({ units: width, bias: false, ...quantizersOf(options), name: `fc${i + 1}` }),
        nn.batchNorm({ name: `bn${i + 1}` }),
      ]),
    ]);

/**
 * TFC of FINN, x [N, 784] to logits [N, 10]: dense layers of 64 units.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const tfc = perceptron(64);
/**
 * SFC of FINN, x [N, 784] to logits [N, 10]: dense layers of 256 units.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const sfc = perceptron(256);
/**
 * LFC of FINN, x [N, 784] to logits [N, 10]: dense layers of 1024 units.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const lfc = perceptron(1024);

/**
 * The shape of LFC in floats, a ReLU behind each layer but the last: what LFC compares with.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function lfcFloat(options: Omit<NetworkOptions, 'width'> = {}): Network {
  return network(options, FIXED_WIDTH_OPTIONS, MNIST, (classes) => [
    nn.flatten({ name: 'flatten' }),
    ...[1024, 1024, 1024, classes].flatMap((units, i) => [
      nn.dense({ units, bias: false, ...realLayer(options.real), name: `fc${i + 1}` }),
      nn.batchNorm({ name: `bn${i + 1}` }),
      ...(i < 3 ? [nn.relu({ name: `relu${i + 1}` })] : []),
    ]),
  ]);
}

/**
 * Six 3x3 convolutions without padding, pooled after the second and fourth, then three dense
 * layers.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function cnv(options: FinnOptions = {}): Network {
  requireOptions(options, OPTIONS, { op: 'zoo' });
  const { weights, inputs } = quantizersOf(options);
  const pixels = realLayer(options.real).inputs;
  const conv = (index: number, filters: number) => [
    nn.conv2d({
      filters,
      kernel: 3,
      weights,
      ...(index === 1 ? pixels !== undefined && { inputs: pixels } : { inputs }),
      name: `conv${index}`,
    }),
    nn.batchNorm({ name: `bn${index}` }),
  ];
  const fc = (index: number, units: number) => [
    nn.dense({ units, bias: false, weights, inputs, name: `fc${index}` }),
    nn.batchNorm({ name: `bn${index + 6}` }),
  ];
  const pool = (index: number) => nn.maxPool2d({ kernel: 2, name: `pool${index}` });
  return network(options, OPTIONS, CIFAR10, (classes) => [
    ...conv(1, 64),
    ...conv(2, 64),
    pool(1),
    ...conv(3, 128),
    ...conv(4, 128),
    pool(2),
    ...conv(5, 256),
    ...conv(6, 256),
    nn.flatten({ name: 'flatten' }),
    ...fc(1, 512),
    ...fc(2, 512),
    ...fc(3, classes),
  ]);
}
