/**
 * ReActNet: Liu et al., "ReActNet: Towards Precise Binary Neural Network with Generalized
 * Activation Functions", ECCV 2020, arXiv 2003.03488; network A, on MobileNetV1's layout, and the
 * same activations on Bi-Real-18 as the authors' resnet folder has them. Not here: the
 * distributional loss; the names of the release's parameters (./pytorch.ts).
 *
 * The block of C channels:
 *
 *   o = RPReLU(BN(conv3x3(RSign(x))) + shortcut(x))
 *   y = RPReLU(BN(conv1x1(RSign(o))) + o)
 *
 * The shortcut is x, or its 2x2 average under stride 2. Where
 * the block widens to 2C, two 1x1 convolutions read the same bits and each adds o; side by side
 * they are one convolution of 2C filters that adds concat(o, o). This file writes them so, with one
 * weight and one batch norm.
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';
import { BI_REAL_INIT } from './bi-real-net.js';
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
  realLayer,
  stages,
  widthsOf,
} from './network.js';

/** How ReActNet's blocks are built. */
export interface ReActOptions extends NetworkOptions {
  /**
   * sign(0) of activations and weights. Default 'plus'; the paper has -1 for activations, the
   * release 0.
   */
  readonly zero?: quant.SignOfZero | undefined;
  /** 'real': the first step of its training, whose activations are binary. Default 'binary'. */
  readonly weights?: 'real' | 'binary' | undefined;
  /** Of the binary weights. Default U(0, 0.001), the release's. */
  readonly init?: nn.Initializer | undefined;
}

const OPTIONS: OptionNames<ReActOptions> = {
  ...NETWORK_OPTIONS,
  zero: true,
  weights: true,
  init: true,
};

/** Options of a block's convolutions. */
/** How the convolutions of a block are built. */
export type ConvOptions = Pick<ReActOptions, 'zero' | 'weights' | 'init'>;

const binaryConv = (
  name: string,
  filters: number,
  kernel: 1 | 3,
  strides: 1 | 2,
  { zero = 'plus', weights = 'binary', init = BI_REAL_INIT }: ConvOptions,
) =>
  nn.conv2d({
    filters,
    kernel,
    strides,
    pads: kernel === 3 ? 1 : 0,
    ...(weights === 'binary' && {
      weights: quant.scaledSign({ zero, gradient: 'straightThrough' }),
    }),
    init,
    name,
  });

/**
 * A block of network A. `width` is the channels of x, or twice as many.
 * Options are checked when the network is built.
 */
export function reActBlock(zero: quant.SignOfZero = 'plus', options: ConvOptions = {}): Block {
  const conv = { ...options, zero };
  return (name, width, stride) =>
    nn.layer(
      'reActBlock',
      (scope, x) => {
        const channels = scope.channels('reActBlock', x);
        if (width !== channels && width !== 2 * channels)
          throw expected(
            'ERR_SHAPE',
            `as many channels as x, ${channels}, or twice as many`,
            width,
            {
              op: 'reActBlock',
              node: scope.path,
            },
          );
        const main3 = nn.sequential([
          nn.rsign({ zero, name: 'rsign1' }),
          binaryConv('conv3', channels, 3, stride, conv),
          nn.batchNorm({ name: 'bn1' }),
        ]);
        const pool =
          stride === 1
            ? nn.identity
            : nn.avgPool2d({ kernel: 2, strides: stride, whole: true, name: 'pool' });
        const sum = scope.apply(nn.residual(main3, { shortcut: pool }), x);
        const spatial = scope.apply(nn.rprelu({ name: 'rprelu1' }), sum);

        const main1 = nn.sequential([
          nn.rsign({ zero, name: 'rsign2' }),
          binaryConv('conv1', width, 1, 1, conv),
          nn.batchNorm({ name: 'bn2' }),
        ]);
        const twice =
          width === channels
            ? nn.identity
            : nn.concat([nn.identity, nn.identity], { name: 'twice' });
        return scope.apply(
          nn.rprelu({ name: 'rprelu2' }),
          scope.apply(nn.residual(main1, { shortcut: twice }), spatial),
        );
      },
      { name },
    );
}

/** Channels after each block of network A; the stride is 2 where they double, but for the first. */
const WIDTHS_A = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];

/**
 * ReActNet-A for ImageNet, x [N, 224, 224, 3] to logits [N, 1000]. Liu et al., arXiv 2003.03488.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function reActNetA(options: ReActOptions = {}): Network {
  return network(options, OPTIONS, IMAGENET, (classes) => {
    const block = reActBlock(options.zero, options);
    const first = options.width ?? 32;
    const widths = WIDTHS_A.map((width) => (width / 32) * first);
    return [
      nn.conv2d({
        filters: first,
        kernel: 3,
        strides: 2,
        pads: 1,
        ...realLayer(options.real),
        name: 'conv1',
      }),
      nn.batchNorm({ name: 'bn1' }),
      ...widths.map((width, i) =>
        block(`unit${i + 1}`, width, i > 0 && width !== widths[i - 1] ? 2 : 1),
      ),
      ...head(classes, options.real),
    ];
  });
}

/**
 * x -> RSign -> conv3x3 -> BN -> + shortcut(x) -> RPReLU: the block of Bi-Real Net with ReActNet's
 * activations.
 * Options are checked when the network is built.
 */
export function reActBiRealBlock(
  zero: quant.SignOfZero = 'plus',
  real?: quant.QuantSpecLike,
  options: ConvOptions = {},
): Block {
  return (name, width, stride) => {
    const main = nn.sequential([
      nn.rsign({ zero, name: 'rsign' }),
      binaryConv('conv', width, 3, stride, { ...options, zero }),
      nn.batchNorm({ name: 'bn' }),
    ]);
    return nn.sequential(
      [
        nn.residual(main, { shortcut: averageShortcut(width, stride, { real }) }),
        nn.rprelu({ name: 'rprelu' }),
      ],
      { name },
    );
  };
}

function reActBiReal(
  options: ReActOptions,
  large: boolean,
  widths: readonly number[],
  depths: readonly number[],
): Network {
  requireOptions(options, OPTIONS, { op: 'zoo' });
  const channels = widthsOf(widths, options);
  const block = () => reActBiRealBlock(options.zero, options.real, options);
  return network(options, OPTIONS, large ? IMAGENET : CIFAR10, (classes) => [
    ...(large ? imagenetStem(channels[0]!, options) : cifarStem(channels[0]!, options)),
    ...stages(block(), channels, depths),
    ...head(classes, options.real),
  ]);
}

/**
 * Bi-Real Net of 18 layers with ReActNet's shifted signs and PReLUs, for ImageNet. Liu et al.,
 * arXiv 2003.03488.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const reActBiReal18 = (options: ReActOptions = {}): Network =>
  reActBiReal(options, true, [64, 128, 256, 512], [4, 4, 4, 4]);
/**
 * Bi-Real Net of 18 layers with ReActNet's shifted signs and PReLUs, for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const reActBiRealCifar18 = (options: ReActOptions = {}): Network =>
  reActBiReal(options, false, [64, 128, 256, 512], [4, 4, 4, 4]);
/**
 * Bi-Real Net of 20 layers with ReActNet's shifted signs and PReLUs, for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const reActBiReal20 = (options: ReActOptions = {}): Network =>
  reActBiReal(options, false, [16, 32, 64], [6, 6, 6]);
