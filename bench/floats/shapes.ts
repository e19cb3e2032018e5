/**
 * The float layers that are measured: those of ResNet-18, those of MobileNetV2 at its six sizes of
 * map, and products of matrices. Not here: the files made of them (layer-file.ts).
 */

/** A convolution with bias; 'same' padding for odd kernels. */
export interface ConvLayer {
  readonly kind: 'conv';
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  /** Default 1. */
  readonly groups?: number;
}

/** A dense layer with bias. */
export interface DenseLayer {
  readonly kind: 'dense';
  readonly inputs: number;
  readonly outputs: number;
}

export type FloatLayer = ConvLayer | DenseLayer;

/** Layers of a kind that run together. */
export interface Case {
  readonly title: string;
  /** Of x without its channels: [N, H, W] of a convolution, [N] of a dense layer. */
  readonly map: readonly number[];
  /**
   * 'chain': each layer reads the result of the one before it, and ends in a ReLU.
   * 'sum': each reads x, adds the sum of those before it, and ends in a ReLU.
   */
  readonly form: 'chain' | 'sum';
  readonly layers: readonly FloatLayer[];
}

/** So many in a file, because calls and changes of layout at its ends are not what is measured. */
const LAYERS = 8;
const DEPTHWISE_LAYERS = 32;

export const CASES: readonly Case[] = [
  ...[
    [64, 56],
    [128, 28],
    [256, 14],
    [512, 7],
  ].flatMap(([channels = 0, size = 0]) => [
    convolutions(conv(channels, channels, 3, 1), size),
    ...(size > 7
      ? [
          convolutions(conv(channels, 2 * channels, 3, 2), size),
          convolutions(conv(channels, 2 * channels, 1, 2), size),
        ]
      : []),
  ]),
  convolutions(conv(3, 64, 7, 2), 224),
  expansions(16, 96, 112),
  expansions(24, 144, 56),
  expansions(32, 192, 28),
  expansions(64, 384, 14),
  expansions(96, 576, 14),
  expansions(160, 960, 7),
  expansions(320, 1280, 7),
  depthwise(32, 1, 112),
  depthwise(96, 2, 112),
  depthwise(144, 1, 56),
  depthwise(144, 2, 56),
  depthwise(192, 1, 28),
  depthwise(192, 2, 28),
  depthwise(384, 1, 14),
  depthwise(576, 1, 14),
  depthwise(576, 2, 14),
  depthwise(960, 1, 7),
  dense(512, 1000, 1),
  dense(512, 1000, 16),
  dense(1024, 1024, 1),
  dense(1024, 1024, 16),
  dense(2048, 2048, 2048, 1),
];

function conv(inputs: number, outputs: number, kernel: number, stride: number): ConvLayer {
  return { kind: 'conv', inputs, outputs, kernel, stride };
}

/** A chain where a layer can read its own result. */
function convolutions(layer: ConvLayer, size: number): Case {
  const { inputs, outputs, kernel, stride, groups = 1 } = layer;
  const isChain = inputs === outputs && stride === 1;
  const channels = inputs === outputs ? `${inputs}` : `${inputs} to ${outputs}`;
  return {
    title:
      `${groups === 1 ? '' : 'depthwise '}${kernel}x${kernel}` +
      `${stride === 1 ? '' : `, stride ${stride}`}, ${channels} channels at ${size}x${size}`,
    map: [1, size, size],
    form: isChain ? 'chain' : 'sum',
    layers: Array.from({ length: groups === 1 ? LAYERS : DEPTHWISE_LAYERS }, () => layer),
  };
}

function depthwise(channels: number, stride: number, size: number): Case {
  return convolutions({ ...conv(channels, channels, 3, stride), groups: channels }, size);
}

/** As between the depthwise layers of MobileNetV2, which are left out. */
function expansions(narrow: number, wide: number, size: number): Case {
  return {
    title: `1x1, ${narrow} to ${wide} channels and back, at ${size}x${size}`,
    map: [1, size, size],
    form: 'chain',
    layers: Array.from({ length: LAYERS }, (_, i) =>
      i % 2 === 0 ? conv(narrow, wide, 1, 1) : conv(wide, narrow, 1, 1),
    ),
  };
}

function dense(inputs: number, outputs: number, rows: number, count = LAYERS): Case {
  return {
    title: `dense, ${inputs} to ${outputs}, ${rows} row${rows === 1 ? '' : 's'}`,
    map: [rows],
    form: inputs === outputs ? 'chain' : 'sum',
    layers: Array.from({ length: count }, () => ({ kind: 'dense', inputs, outputs }) as const),
  };
}
