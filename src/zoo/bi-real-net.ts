/**
 * Bi-Real Net: Liu et al., "Bi-Real Net: Enhancing the Performance of 1-bit CNNs with Improved
 * Representational Capability and Advanced Training Algorithm", ECCV 2018, arXiv 1808.00278; as the
 * authors' PyTorch release has it. Not here: its training; the names of the release's parameters
 * (./pytorch.ts).
 *
 * The block: x -> sign -> binary conv3x3 (alpha = mean|W| a filter, zero padding) -> batch norm ->
 * + shortcut(x); the real map goes around every convolution, and nothing else stands in a block. We
 * take sign(0) = +1, which one bit can hold; `zero: 'torch'` gives the release's 0.
 */
import { type OptionNames, requireOneOf, requirePlain } from '../core/checks.js';
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';
import {
  averageShortcut,
  type Block,
  CIFAR10,
  cifarStem,
  head,
  IMAGENET,
  imagenetStem,
  NETWORK_OPTIONS,
  type Network,
  type NetworkOptions,
  network,
  stages,
  widthsOf,
} from './network.js';

/** How Bi-Real networks are built. */
export interface BiRealOptions extends NetworkOptions {
  /** sign(0) of activations and weights. Default 'plus'. */
  readonly zero?: quant.SignOfZero | undefined;
  /**
   * Which step of the training in stages: real weights behind a ReLU, a leaky clip (slope 0.1
   * outside of [-1, 1]) or a clip, or the binary network. All have the same parameters. Default
   * 'binary'.
   */
  readonly stage?: BiRealStage | undefined;
  /** Of the binary weights. Default U(0, 0.001), the release's. */
  readonly init?: nn.Initializer | undefined;
}

/** How far a step-wise training has come: what stands for the sign of activations. */
export type BiRealStage = (typeof BI_REAL_STAGES)[number];
export const BI_REAL_STAGES = ['relu', 'leakyClip', 'clip', 'binary'] as const;

const OPTIONS: OptionNames<BiRealOptions> = {
  ...NETWORK_OPTIONS,
  zero: true,
  stage: true,
  init: true,
};

/** The release initialises binary weights like this. */
export const BI_REAL_INIT = nn.uniform(0, 1e-3);

/**
 * The unit of Bi-Real Net as a layer: sign, binary convolution, batch norm, and a shortcut around
 * each.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function biRealBlock(
  zero: quant.SignOfZero = 'plus',
  real?: quant.QuantSpecLike,
  options: Pick<BiRealOptions, 'stage' | 'init'> = {},
): Block {
  requirePlain(options, 'options as an object', { op: 'biRealBlock' });
  const { stage = 'binary', init = BI_REAL_INIT } = options;
  requireOneOf(stage, BI_REAL_STAGES, 'stage', { op: 'zoo' });
  const binary = {
    weights: quant.scaledSign({ zero, gradient: 'straightThrough' as const }),
    inputs: quant.signActivation({ zero }),
  };
  return (name, width, stride) => {
    const conv = nn.conv2d({
      filters: width,
      kernel: 3,
      strides: stride,
      pads: 1,
      init,
      name: 'conv',
      ...(stage === 'binary' && binary),
    });
    const main = [...activationOf(stage), conv, nn.batchNorm({ name: 'bn' })];
    return nn.residual(nn.sequential(main), {
      shortcut: averageShortcut(width, stride, { real }),
      name,
    });
  };
}

/** What stands before a convolution of real weights. */
function activationOf(stage: BiRealStage): readonly nn.Layer[] {
  switch (stage) {
    case 'relu':
      return [nn.relu({ name: 'relu' })];
    case 'leakyClip':
      return [leakyClip];
    case 'clip':
      return [nn.hardTanh({ name: 'clip' })];
    case 'binary':
      return [];
  }
}

/** x within [-1, 1], and slope 0.1 outside. */
const leakyClip = nn.layer(
  'leakyClip',
  (scope, x) => {
    const { g } = scope;
    const inner = g.mul(g.clip(x, -1, 1, { name: scope.named('clip') }), 0.9);
    return g.add(inner, g.mul(x, 0.1), { name: scope.path });
  },
  { name: 'leakyClip' },
);

const WIDE = [64, 128, 256, 512];

/** The stages of a network, and its first channels. */
function blocksOf(options: BiRealOptions, paper: readonly number[], depths: readonly number[]) {
  const block = biRealBlock(options.zero, options.real, options);
  return stages(block, widthsOf(paper, options), depths);
}

const imagenet =
  (depths: readonly number[]) =>
  (options: BiRealOptions = {}): Network =>
    network(options, OPTIONS, IMAGENET, (classes) => [
      ...imagenetStem(options.width ?? 64, options),
      ...blocksOf(options, WIDE, depths),
      ...head(classes, options.real),
    ]);

/**
 * Bi-Real Net of 18 layers for ImageNet, x [N, 224, 224, 3] to logits [N, 1000]. Liu et al., arXiv
 * 1808.00278.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const biReal18 = imagenet([4, 4, 4, 4]);
/**
 * Bi-Real Net of 34 layers for ImageNet, x [N, 224, 224, 3] to logits [N, 1000]. Liu et al., arXiv
 * 1808.00278.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const biReal34 = imagenet([6, 8, 12, 6]);

/**
 * The same blocks on CIFAR's ResNet-18: 3x3 stem, no pooling.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function biRealCifar18(options: BiRealOptions = {}): Network {
  return network(options, OPTIONS, CIFAR10, (classes) => [
    ...cifarStem(options.width ?? 64, options),
    ...blocksOf(options, WIDE, [4, 4, 4, 4]),
    ...head(classes, options.real),
  ]);
}

/**
 * The same blocks on ResNet-20.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function biReal20(options: BiRealOptions = {}): Network {
  return network(options, OPTIONS, CIFAR10, (classes) => [
    ...cifarStem(options.width ?? 16, options),
    ...blocksOf(options, [16, 32, 64], [6, 6, 6]),
    ...head(classes, options.real),
  ]);
}
