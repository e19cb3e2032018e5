/**
 * Parts that the networks of the zoo share: their options, their stems and heads, and stages of
 * blocks. Not here: any block of a paper.
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import * as nn from '../nn/index.js';
import * as quant from '../quant/index.js';

/** What networks of the zoo share. */
export interface NetworkOptions {
  /** Default: that of the data set of the paper. */
  readonly classes?: number | undefined;
  /** Height and width of the picture in pixels. Default: that of the data set of the paper. */
  readonly inputSize?: number | undefined;
  /** Channels of the picture. Default: those of the data set of the paper. */
  readonly channels?: number | undefined;
  /** Channels of the first stage; later stages have 2, 4, 8 times as many. Default: the paper's. */
  readonly width?: number | undefined;
  /**
   * Bits, or a spec, of the real layers of a network: stem, downsampling, classifier. Inputs have
   * as many bits as weights, under one scale that the layer learns. Default: floats.
   */
  readonly real?: quant.QuantSpecLike | undefined;
}

export const NETWORK_OPTIONS: OptionNames<NetworkOptions> = {
  classes: true,
  inputSize: true,
  channels: true,
  width: true,
  real: true,
};

/** Those of a network whose layers have no common width. */
const { width: _, ...FIXED } = NETWORK_OPTIONS;
export const FIXED_WIDTH_OPTIONS: OptionNames<Omit<NetworkOptions, 'width'>> = FIXED;

/** The options of a real layer's convolution or dense layer. */
export function realLayer(
  real: quant.QuantSpecLike | undefined,
): Pick<nn.Conv2dOptions, 'weights' | 'inputs'> {
  if (real === undefined) return {};
  const { bits, rounding, ...weights } = quant.parseQuantSpec(real);
  return {
    weights: { ...weights, bits, rounding },
    inputs: { bits, rounding, ...(bits === 1 && { scheme: 'bipolar' }) },
  };
}

/** A network of the zoo: a model from pictures to logits. */
export type Network = nn.Model<'image', 'logits'>;

/** A block of a stage: how many channels it gives, and its stride. */
export type Block = (name: string, width: number, stride: 1 | 2) => nn.Layer;

export interface Defaults {
  readonly classes: number;
  readonly inputSize: number;
  /** Channels of a picture. Default 3. */
  readonly channels?: number;
}

export const IMAGENET: Defaults = { classes: 1000, inputSize: 224 };
export const CIFAR10: Defaults = { classes: 10, inputSize: 32 };

/**
 * The model from image [N, size, size, channels] whose layers are `layers(classes)`. `known` lists
 * the network's options.
 */
export function network<O extends NetworkOptions>(
  options: O,
  known: OptionNames<NoInfer<O>>,
  defaults: Defaults,
  layers: (classes: number) => readonly nn.Layer[],
): Network {
  requireOptions(options, known, { op: 'zoo' });
  const { classes = defaults.classes, inputSize = defaults.inputSize } = options;
  const { channels = defaults.channels ?? 3, width = 1 } = options;
  for (const [name, value] of Object.entries({ classes, inputSize, channels, width })) {
    if (!isSize(value) || value === 0)
      throw expected('ERR_ARGUMENT', `${name} to be a whole number of 1 or more`, value, {
        op: 'zoo',
      });
  }
  const shape = ['N', inputSize, inputSize, channels];
  return nn.model({ input: { name: 'image', shape } }, nn.sequential(layers(classes)));
}

/** Channels of the stages: those of the paper, or `width` in their proportions. */
export function widthsOf(paper: readonly number[], { width }: NetworkOptions): readonly number[] {
  const [first] = paper as readonly [number];
  return width === undefined ? paper : paper.map((channels) => (channels / first) * width);
}

/**
 * Stages 'layer1', 'layer2', ...: depths[i] blocks of widths[i] channels; all but the first stage
 * begin with stride 2.
 */
export function stages(
  block: Block,
  widths: readonly number[],
  depths: readonly number[],
): nn.Layer[] {
  return widths.map((width, stage) => {
    const blocks = Array.from({ length: depths[stage]! }, (_, i) =>
      block(`${i}`, width, i === 0 && stage > 0 ? 2 : 1),
    );
    return nn.sequential(blocks, { name: `layer${stage + 1}` });
  });
}

export interface StemOptions extends Pick<NetworkOptions, 'real'> {
  /** Behind the batch norm. */
  readonly activation?: readonly nn.Layer[] | undefined;
  readonly epsilon?: number | undefined;
}

/**
 * The stem of ResNet on ImageNet: 7x7 stride 2, batch norm, the given layers, max pooling 3x3
 * stride 2.
 */
export function imagenetStem(
  width: number,
  { activation = [], epsilon = 1e-5, real }: StemOptions = {},
): nn.Layer[] {
  return [
    nn.conv2d({
      filters: width,
      kernel: 7,
      strides: 2,
      pads: 3,
      ...realLayer(real),
      name: 'conv1',
    }),
    nn.batchNorm({ epsilon, name: 'bn1' }),
    ...activation,
    nn.maxPool2d({ kernel: 3, strides: 2, pads: 1, name: 'maxpool' }),
  ];
}

/** The stem of ResNet on CIFAR: 3x3, batch norm, the given layers. */
export function cifarStem(
  width: number,
  { activation = [], epsilon = 1e-5, real }: StemOptions = {},
): nn.Layer[] {
  return [
    nn.conv2d({ filters: width, kernel: 3, pads: 1, ...realLayer(real), name: 'conv1' }),
    nn.batchNorm({ epsilon, name: 'bn1' }),
    ...activation,
  ];
}

/** Mean over the map, and a real classifier. */
export function head(classes: number, real?: quant.QuantSpecLike): nn.Layer[] {
  return [
    nn.globalAvgPool({ name: 'avgpool' }),
    nn.dense({ units: classes, ...realLayer(real), name: 'fc' }),
  ];
}

/**
 * The shortcut of Bi-Real Net and its followers: x itself; where the map shrinks or widens, 2x2
 * average pooling, a real 1x1 convolution and batch norm. The map must divide into the cells of the
 * pool.
 */
export function averageShortcut(
  width: number,
  stride: 1 | 2,
  { epsilon = 1e-5, real }: Pick<StemOptions, 'epsilon' | 'real'> = {},
): nn.Layer {
  return nn.layer(
    'shortcut',
    (scope, x) => {
      if (stride === 1 && x.shape.at(-1) === width) return x;
      const pool =
        stride === 1
          ? []
          : [nn.avgPool2d({ kernel: 2, strides: stride, whole: true, name: 'pool' })];
      const layers = [
        ...pool,
        nn.conv2d({ filters: width, kernel: 1, ...realLayer(real), name: 'conv' }),
        nn.batchNorm({ epsilon, name: 'bn' }),
      ];
      return layers.reduce((value, layer) => scope.apply(layer, value), x);
    },
    { name: 'shortcut' },
  );
}
