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
import type { OptionNames } from '../core/checks.js';
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
} from './network.js';

export interface BiRealOptions extends NetworkOptions {
  /** sign(0) of activations and weights. Default 'plus'. */
  readonly zero?: quant.SignOfZero;
}

const OPTIONS: OptionNames<BiRealOptions> = { ...NETWORK_OPTIONS, zero: true };

/** The release initialises binary weights like this. */
export const BI_REAL_INIT = nn.uniform(0, 1e-3);

export function biRealBlock(zero: quant.SignOfZero = 'plus', real?: quant.QuantSpecLike): Block {
  return (name, width, stride) =>
    nn.residual(
      nn.sequential([
        nn.conv2d({
          filters: width,
          kernel: 3,
          strides: stride,
          pads: 1,
          weights: quant.scaledSign({ zero }),
          inputs: quant.signActivation({ zero }),
          init: BI_REAL_INIT,
          name: 'conv',
        }),
        nn.batchNorm({ name: 'bn' }),
      ]),
      { shortcut: averageShortcut(width, stride, { real }), name },
    );
}

const imagenet =
  (depths: readonly number[]) =>
  (options: BiRealOptions = {}): Network =>
    network(options, OPTIONS, IMAGENET, (classes) => [
      ...imagenetStem(64, options),
      ...stages(biRealBlock(options.zero, options.real), [64, 128, 256, 512], depths),
      ...head(classes, options.real),
    ]);

export const biReal18 = imagenet([4, 4, 4, 4]);
export const biReal34 = imagenet([6, 8, 12, 6]);

/** The same blocks on CIFAR's ResNet-18: 3x3 stem, no pooling. */
export function biRealCifar18(options: BiRealOptions = {}): Network {
  return network(options, OPTIONS, CIFAR10, (classes) => [
    ...cifarStem(64, options),
    ...stages(biRealBlock(options.zero, options.real), [64, 128, 256, 512], [4, 4, 4, 4]),
    ...head(classes, options.real),
  ]);
}

/** The same blocks on ResNet-20. */
export function biReal20(options: BiRealOptions = {}): Network {
  return network(options, OPTIONS, CIFAR10, (classes) => [
    ...cifarStem(16, options),
    ...stages(biRealBlock(options.zero, options.real), [16, 32, 64], [6, 6, 6]),
    ...head(classes, options.real),
  ]);
}
