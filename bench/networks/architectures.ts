/**
 * The networks that competitors run, as lists of layers: ResNets (He et al. 2016) and MobileNetV1
 * (Howard et al. 2017), batch norm already folded into weights and bias. Not here: how a competitor
 * writes them.
 */

import type { ConvLayer } from '../floats/shapes.js';

export interface Conv extends ConvLayer {
  readonly relu: boolean;
}

/**
 * A residual block: convolutions, added to the input or to a 1x1 convolution of it, then ReLU.
 */
export interface Block {
  readonly kind: 'block';
  readonly main: readonly Conv[];
  readonly shortcut?: Conv;
}

export interface MaxPool {
  readonly kind: 'maxPool';
}

export type Layer = Conv | Block | MaxPool;

/**
 * Layers between a picture of 3 x size x size and the global average pool; then a dense layer of
 * `features` to `classes`.
 */
export interface Architecture {
  readonly size: number;
  readonly layers: readonly Layer[];
  readonly features: number;
  readonly classes: number;
}

const IMAGENET = { size: 224, classes: 1000 };

function conv(
  inputs: number,
  outputs: number,
  kernel: number,
  stride: number,
  relu = true,
  groups?: number,
): Conv {
  return {
    kind: 'conv',
    inputs,
    outputs,
    kernel,
    stride,
    relu,
    ...(groups === undefined ? {} : { groups }),
  };
}

function block(inputs: number, outputs: number, stride: number): Block {
  return residual(inputs, outputs, stride, [
    conv(inputs, outputs, 3, stride),
    conv(outputs, outputs, 3, 1, false),
  ]);
}

/** 1x1 to `width`, 3x3, 1x1 to four times `width`. */
function bottleneck(inputs: number, width: number, stride: number): Block {
  return residual(inputs, 4 * width, stride, [
    conv(inputs, width, 1, 1),
    conv(width, width, 3, stride),
    conv(width, 4 * width, 1, 1, false),
  ]);
}

function residual(inputs: number, outputs: number, stride: number, main: readonly Conv[]): Block {
  return inputs === outputs
    ? { kind: 'block', main }
    : { kind: 'block', main, shortcut: conv(inputs, outputs, 1, stride, false) };
}

/** Its shortcuts are 1x1 convolutions where the shape changes. */
export const RESNET20: Architecture = {
  size: 32,
  layers: [
    conv(3, 16, 3, 1),
    ...[16, 32, 64].flatMap((width) => {
      const before = width === 16 ? 16 : width / 2;
      return [
        block(before, width, width === 16 ? 1 : 2),
        block(width, width, 1),
        block(width, width, 1),
      ];
    }),
  ],
  features: 64,
  classes: 10,
};

/** With the stride in the 3x3 convolutions. */
export const RESNET50: Architecture = {
  ...IMAGENET,
  layers: [
    conv(3, 64, 7, 2),
    { kind: 'maxPool' },
    ...[3, 4, 6, 3].flatMap((depth, stage) => {
      const width = 64 * 2 ** stage;
      return Array.from({ length: depth }, (_, i) =>
        i === 0
          ? bottleneck(stage === 0 ? 64 : 2 * width, width, stage === 0 ? 1 : 2)
          : bottleneck(4 * width, width, 1),
      );
    }),
  ],
  features: 2048,
};

export const RESNET18: Architecture = {
  ...IMAGENET,
  layers: [
    conv(3, 64, 7, 2),
    { kind: 'maxPool' },
    ...[64, 128, 256, 512].flatMap((width) => {
      const before = width === 64 ? 64 : width / 2;
      return [block(before, width, width === 64 ? 1 : 2), block(width, width, 1)];
    }),
  ],
  features: 512,
};

/** Depthwise and pointwise pairs: outputs and stride of each. */
const PAIRS = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  ...Array.from({ length: 5 }, () => [512, 1] as const),
  [1024, 2],
  [1024, 1],
] as const;

export const MOBILENET_V1: Architecture = {
  ...IMAGENET,
  layers: [
    conv(3, 32, 3, 2),
    ...PAIRS.flatMap(([outputs, stride], i) => {
      const inputs = i === 0 ? 32 : (PAIRS[i - 1] as readonly [number, number])[0];
      return [conv(inputs, inputs, 3, stride, true, inputs), conv(inputs, outputs, 1, 1)];
    }),
  ],
  features: 1024,
};
