/**
 * Real-to-Binary: Martinez et al., "Training Binary Neural Networks with Real-to-Binary
 * Convolutions", ICLR 2020, arXiv 2003.11535. The authors released no code: where the paper leaves
 * a detail open we follow larq-zoo, to which their page points. Not here: attention matching and
 * the progressive training.
 *
 * A block is two units, each half a residual block:
 *
 *   x -> batch norm -> sign -> binary conv3x3 -> scale -> PReLU -> + shortcut(x)
 *
 * The scale of the strong baseline is learned, s_h s_w s_c (XNOR-Net++). That of Real-to-Binary is
 * computed from the map that is about to be binarized: sigmoid(FC(relu(FC(mean over the map)))), by
 * default times alpha = mean|W| (equation 4 of the paper; larq-zoo leaves alpha out).
 */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
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

/** How the half block of Real-to-Binary is built. */
export interface HalfBlockOptions {
  /**
   * 'gate': computed from the input, Real-to-Binary. 'learned': the strong baseline. Default
   * 'gate'.
   */
  readonly scale?: 'gate' | 'learned' | undefined;
  /** Whether alpha = mean|W| stays under the gate. Default true; the learned scale has none. */
  readonly alpha?: boolean | undefined;
  /** The gate's inner layer has 1/reduction of the channels. Default 8. */
  readonly reduction?: number | undefined;
  /** Default 1e-3, Keras's. */
  readonly epsilon?: number | undefined;
  /** 1 on every side, as PyTorch has it, or TensorFlow's 'same'. Default 1. */
  readonly pads?: 1 | 'same' | undefined;
  /** sign(0). Default 'plus', as the paper has it. */
  readonly zero?: quant.SignOfZero | undefined;
  /**
   * Which step of the progressive training: 1 has tanh in place of sign and real weights, 2 has
   * sign and real weights, 3 is the binary network. Default 3.
   */
  readonly student?: 1 | 2 | 3 | undefined;
  /** Bits, or a spec, of the shortcut's convolution. Default: floats. */
  readonly real?: quant.QuantSpecLike | undefined;
}

/** How Real-to-Binary networks are built. */
export interface RealToBinaryOptions extends NetworkOptions, HalfBlockOptions {
  /**
   * 'double': a shortcut around every unit. 'single': one around two, as in a ResNet; a network
   * has half as many blocks then. Default 'double'.
   */
  readonly shortcut?: 'double' | 'single' | undefined;
}

const HALF_BLOCK_OPTIONS: OptionNames<HalfBlockOptions> = {
  scale: true,
  alpha: true,
  reduction: true,
  epsilon: true,
  pads: true,
  zero: true,
  student: true,
  real: true,
};
const OPTIONS: OptionNames<RealToBinaryOptions> = {
  ...NETWORK_OPTIONS,
  ...HALF_BLOCK_OPTIONS,
  shortcut: true,
};

/**
 * Half a residual block, with its own shortcut.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function halfBlock(options: HalfBlockOptions = {}): Block {
  requireOptions(options, HALF_BLOCK_OPTIONS, { op: 'halfBlock' });
  return halfBlockOf(options);
}

function halfBlockOf(options: HalfBlockOptions): Block {
  const unit = unitOf(options);
  return (name, width, stride) =>
    nn.residual(nn.layer('unit', unit(width, stride), { transparent: true }), {
      shortcut: shortcutOf(width, stride, options),
      name,
    });
}

/** A whole block: two units within one shortcut. */
function wholeBlockOf(options: HalfBlockOptions): Block {
  const unit = unitOf(options);
  return (name, width, stride) =>
    nn.residual(
      nn.sequential([
        nn.layer('unit', unit(width, stride), { name: 'unit1' }),
        nn.layer('unit', unit(width, 1), { name: 'unit2' }),
      ]),
      { shortcut: shortcutOf(width, stride, options), name },
    );
}

const shortcutOf = (width: number, stride: 1 | 2, { epsilon = 1e-3, real }: HalfBlockOptions) =>
  averageShortcut(width, stride, { epsilon, real });

/** batch norm -> sign -> binary convolution -> scale -> PReLU. */
function unitOf(options: HalfBlockOptions) {
  const {
    scale = 'gate',
    alpha = scale === 'gate',
    reduction = 8,
    epsilon = 1e-3,
    pads = 1,
    zero = 'plus',
    student = 3,
  } = options;
  return (width: number, stride: 1 | 2) => {
    const product = nn.conv2d({
      filters: width,
      kernel: 3,
      strides: stride,
      pads,
      ...(student < 3
        ? {}
        : { weights: alpha ? quant.scaledSign({ zero }) : quant.sign({ zero }) }),
      name: 'conv',
    });
    const activation =
      student === 1
        ? nn.tanh({ name: 'tanh' })
        : nn.sign({ zero, pseudoGradient: 'clip', name: 'sign' });
    return (scope: nn.Scope, x: nn.Float): nn.Float => {
      const normalized = scope.child('bn');
      const normalize = nn.normalizer(normalized, x, { epsilon });
      const real = normalize(x, normalized.path);
      // Normalizing is affine, so the mean of the normalized map is the normalized mean: the map
      // need not be stored for the gate alone.
      const factor =
        scale === 'gate' ? gate(scope.child('gate'), x, normalize, width, reduction) : undefined;
      const y = scope.apply(product, scope.apply(activation, real));
      return scope.apply(
        nn.prelu({ name: 'prelu' }),
        factor === undefined
          ? rescale(scope.child('scale'), y)
          : scope.g.mul(factor, y, { name: scope.named('gated') }),
      );
    };
  };
}

/** sigmoid(W2 relu(W1 mean(normalize(x)))) as [N, 1, 1, filters]; no biases. */
function gate(
  scope: nn.Scope,
  x: nn.Float,
  normalize: (value: nn.Float, name: string) => nn.Float,
  filters: number,
  reduction: number,
): nn.Float {
  const { g } = scope;
  const channels = scope.channels('gate', x);
  const mean = normalize(
    g.reduce(x, 'mean', [1, 2], { name: scope.named('mean') }),
    scope.named('bn'),
  );
  const squeezed = scope.apply(
    nn.dense({
      units: Math.max(1, Math.floor(channels / reduction)),
      bias: false,
      init: nn.heNormal,
      name: 'reduce',
    }),
    mean,
  );
  const opened = scope.apply(
    nn.dense({ units: filters, bias: false, init: nn.heNormal, name: 'expand' }),
    g.relu(squeezed, { name: scope.named('relu') }),
  );
  return g.reshape(
    g.sigmoid(opened, { name: scope.named('sigmoid') }),
    [x.shape[0]!, 1, 1, filters],
    { name: scope.path },
  );
}

/** y s_h s_w s_c, all beginning at 1. */
function rescale(scope: nn.Scope, y: nn.Float): nn.Float {
  const { g } = scope;
  const { height, width, channels } = scope.map('rescale', y);
  const one = nn.constantOf(1);
  const rows = scope.parameter('height', [height, 1, 1], 'scale', one);
  const columns = scope.parameter('width', [1, width, 1], 'scale', one);
  // One factor a pixel of every image, so that the convolution's kernel multiplies by it before it
  // writes to memory, for every batch size.
  const pixels = g.expand(
    g.mul(rows, columns, { name: scope.named('pixels') }),
    [y.shape[0]!, height, width, 1],
    {
      name: scope.named('images'),
    },
  );
  const byPixel = g.mul(pixels, y, { name: scope.named('spread') });
  return g.mul(byPixel, scope.parameter('channel', [channels], 'scale', one), { name: scope.path });
}

interface Layout {
  readonly large: boolean;
  readonly widths: readonly number[];
  readonly depths: readonly number[];
}

function realToBinary(
  options: RealToBinaryOptions,
  { large, widths, depths }: Layout,
  fixed: HalfBlockOptions = {},
): Network {
  return network(options, OPTIONS, large ? IMAGENET : CIFAR10, (classes) => {
    const stem = large ? imagenetStem : cifarStem;
    const channels = widthsOf(widths, options);
    const { shortcut = 'double' } = options;
    requireOneOf(shortcut, ['double', 'single'], 'shortcut', { op: 'zoo' });
    const units = { ...options, ...fixed };
    const blocks =
      shortcut === 'double'
        ? stages(halfBlockOf(units), channels, depths)
        : stages(
            wholeBlockOf(units),
            channels,
            depths.map((depth) => depth / 2),
          );
    return [
      ...stem(channels[0]!, {
        activation: [nn.prelu({ name: 'prelu' })],
        epsilon: options.epsilon ?? 1e-3,
        real: options.real,
      }),
      ...blocks,
      ...head(classes, options.real),
    ];
  });
}

const IMAGENET_18: Layout = { large: true, widths: [64, 128, 256, 512], depths: [4, 4, 4, 4] };
const CIFAR_18: Layout = { ...IMAGENET_18, large: false };
const CIFAR_20: Layout = { large: false, widths: [16, 32, 64], depths: [6, 6, 6] };
const LEARNED: HalfBlockOptions = { scale: 'learned' };

/**
 * Real-to-Binary network of 18 layers for ImageNet. Martinez et al., arXiv 2003.11535.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const realToBinary18 = (options: RealToBinaryOptions = {}): Network =>
  realToBinary(options, IMAGENET_18);
/**
 * Real-to-Binary network of 18 layers for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const realToBinaryCifar18 = (options: RealToBinaryOptions = {}): Network =>
  realToBinary(options, CIFAR_18);
/**
 * Real-to-Binary network of 20 layers for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const realToBinary20 = (options: RealToBinaryOptions = {}): Network =>
  realToBinary(options, CIFAR_20);
/** The strong baseline: the same network with a learned scale in place of the gate. */
export const strongBaseline18 = (options: RealToBinaryOptions = {}): Network =>
  realToBinary(options, IMAGENET_18, LEARNED);
/**
 * The strong baseline of Real-to-Binary, 18 layers, for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const strongBaselineCifar18 = (options: RealToBinaryOptions = {}): Network =>
  realToBinary(options, CIFAR_18, LEARNED);
/**
 * The strong baseline of Real-to-Binary, 20 layers, for CIFAR.
 * @throws BitplaneError ERR_ARGUMENT
 */
export const strongBaseline20 = (options: RealToBinaryOptions = {}): Network =>
  realToBinary(options, CIFAR_20, LEARNED);
