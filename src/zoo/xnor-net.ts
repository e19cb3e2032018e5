/**
 * XNOR-Net: Rastegari et al., "XNOR-Net: ImageNet Classification Using Binary Convolutional Neural
 * Networks", ECCV 2016, arXiv 1603.05279. Not here: binary weights under real activations
 * (./resnet.ts).
 *
 * The unit: x -> batch norm (epsilon 1e-4) -> sign -> binary conv, y = (sign(X) * sign(W)) K
 * alpha_o. K = A * k is the mean of |X| over channels and window; the zeros of the border count in
 * the mean, so K is lower there. The authors' release, and the ports, leave K out. On ResNet two
 * units stand in a block, x + unit(unit(x)). Where the shape changes the shortcut is a unit with a
 * 1x1 convolution, which shares the first batch norm as in ResNets with pre-activation: only the
 * first layer and the classifier are real. Batch norm and ReLU stand before the classifier, as
 * before the real layers of the paper's AlexNet.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';
import {
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
import { paddedShortcut } from './resnet.js';

/** How XNOR-Net's networks are built. */
export interface XnorOptions extends NetworkOptions {
  /** K, the scale of activations: true as in the paper, false as in the release. Default true. */
  readonly activationScale?: boolean | undefined;
  /** sign(0) of activations and weights. Default 'plus'. */
  readonly zero?: quant.SignOfZero | undefined;
  /**
   * Where the shape changes: 'unit', a binary unit with a 1x1 convolution; 'padded', every other
   * pixel with channels of zeros. Default 'unit'.
   */
  readonly shortcut?: 'unit' | 'padded' | undefined;
  /** False: no ReLU behind the first layer. Default true. */
  readonly stemRelu?: boolean | undefined;
}

/** The sizes of a convolution of XNOR-Net, and how it is scaled. */
export interface XnorConvOptions {
  /** Channels of the result. */
  readonly filters: number;
  /** Height and width of the window in pixels. */
  readonly kernel: number;
  /** Steps of the window in pixels. Default 1. */
  readonly strides?: 1 | 2 | undefined;
  /** Border on each side in pixels. */
  readonly pads?: number | undefined;
  /** Whether the input's scale is multiplied on. */
  readonly activationScale?: boolean | undefined;
  /** What the sign of 0 is. */
  readonly zero?: quant.SignOfZero | undefined;
  /** Of the layer in the names of its parameters. */
  readonly name?: string | undefined;
}

const OPTIONS: OptionNames<XnorOptions> = {
  ...NETWORK_OPTIONS,
  activationScale: true,
  zero: true,
  shortcut: true,
  stemRelu: true,
};
const CONV_OPTIONS: OptionNames<XnorConvOptions> = {
  filters: true,
  kernel: true,
  strides: true,
  pads: true,
  activationScale: true,
  zero: true,
  name: true,
};

/**
 * (sign(x) * sign(W)) alpha_o, times K [N, OH, OW, 1] where asked for.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function xnorConv(options: XnorConvOptions): nn.Layer {
  requireOptions(options, CONV_OPTIONS, { op: 'xnorConv' });
  const { filters, kernel, strides = 1, pads = 0, activationScale = true, zero = 'plus' } = options;
  const product = nn.conv2d({
    filters,
    kernel,
    strides,
    pads,
    weights: quant.scaledSign({ zero }),
    inputs: quant.signActivation({ zero, pseudoGradient: 'hardTanh' }),
    name: 'product',
  });
  return nn.layer(
    'xnorConv',
    (scope, x) => {
      if (!activationScale) return scope.apply(product, x);
      const { g } = scope;
      const magnitude = g.reduce(g.abs(x, { name: scope.named('abs') }), 'mean', [3], {
        keepDims: true,
        name: scope.named('A'),
      });
      const scale = scope.apply(
        nn.avgPool2d({ kernel, strides, pads, countPad: true, name: 'K' }),
        magnitude,
      );
      // K is the first operand: it is ready before the product, so the product's kernel multiplies
      // by it before it writes to memory.
      return g.mul(scale, scope.apply(product, x), { name: scope.path });
    },
    { name: options.name },
  );
}

/** How a unit of XNOR-Net is built. */
export type UnitOptions = Pick<XnorOptions, 'activationScale' | 'zero' | 'shortcut'>;

/**
 * The block of XNOR-Net as a layer: batch norm, sign, binary convolution, with a shortcut.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function xnorBlock(options: UnitOptions = {}): Block {
  const known = { activationScale: true, zero: true, shortcut: true } as const;
  requireOptions(options, known, { op: 'xnorBlock' });
  return blockOf(options);
}

function blockOf(options: UnitOptions): Block {
  const { activationScale = true, zero = 'plus', shortcut = 'unit' } = options;
  requireOneOf(shortcut, ['unit', 'padded'], 'shortcut', { op: 'xnorBlock' });
  const unit = { activationScale, zero };
  return (name, width, stride) =>
    nn.layer(
      'xnorBlock',
      (scope, x) => {
        const normalized = scope.apply(nn.batchNorm({ epsilon: 1e-4, name: 'bn1' }), x);
        const same = stride === 1 && x.shape.at(-1) === width;
        const projection = xnorConv({
          ...unit,
          filters: width,
          kernel: 1,
          strides: stride,
          name: 'shortcut',
        });
        const kept =
          shortcut === 'padded'
            ? scope.apply(paddedShortcut(width, stride), x)
            : same
              ? x
              : scope.apply(projection, normalized);
        const main = nn.sequential([
          xnorConv({ ...unit, filters: width, kernel: 3, strides: stride, pads: 1, name: 'conv1' }),
          nn.batchNorm({ epsilon: 1e-4, name: 'bn2' }),
          xnorConv({ ...unit, filters: width, kernel: 3, pads: 1, name: 'conv2' }),
        ]);
        return nn.addValues(scope, kept, scope.apply(main, normalized));
      },
      { name },
    );
}

function xnorNet(
  options: XnorOptions,
  large: boolean,
  widths: readonly number[],
  depths: readonly number[],
): Network {
  requireOptions(options, OPTIONS, { op: 'zoo' });
  const { stemRelu = true, real } = options;
  const stem = { activation: stemRelu ? [nn.relu({ name: 'relu' })] : [], real };
  const channels = widthsOf(widths, options);
  return network(options, OPTIONS, large ? IMAGENET : CIFAR10, (classes) => [
    ...(large ? imagenetStem(channels[0]!, stem) : cifarStem(channels[0]!, stem)),
    ...stages(blockOf(options), channels, depths),
    nn.batchNorm({ epsilon: 1e-4, name: 'bn2' }),
    nn.relu({ name: 'relu2' }),
    ...head(classes, options.real),
  ]);
}

/**
 * XNOR-Net of 18 layers for ImageNet. Rastegari et al., arXiv 1603.05279.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const xnor18 = (options: XnorOptions = {}): Network =>
  xnorNet(options, true, [64, 128, 256, 512], [2, 2, 2, 2]);
/**
 * XNOR-Net of 18 layers, its stem one of CIFAR's.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const xnorCifar18 = (options: XnorOptions = {}): Network =>
  xnorNet(options, false, [64, 128, 256, 512], [2, 2, 2, 2]);
/**
 * XNOR-Net of 20 layers for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const xnor20 = (options: XnorOptions = {}): Network =>
  xnorNet(options, false, [16, 32, 64], [3, 3, 3]);
