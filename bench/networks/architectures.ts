/**
 * The float networks with which binary ones are compared, as lists of layers: ResNet-18 (He et al.
 * 2016) and MobileNetV1 (Howard et al. 2017), 224x224, 1000 classes, batch norm already folded into
 * weights and bias. Not here: how a competitor writes them.
 */

export interface Conv {
  readonly kind: 'conv';
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly groups?: number;
  readonly relu: boolean;
}

/**
 * A residual block: two convolutions, added to the input or to a 1x1 convolution of it, then ReLU.
 */
export interface Block {
  readonly kind: 'block';
  readonly main: readonly [Conv, Conv];
  readonly shortcut?: Conv;
}

export interface MaxPool {
  readonly kind: 'maxPool';
}

export type Layer = Conv | Block | MaxPool;

/**
 * Layers between a 3x224x224 picture and the global average pool; then a dense layer of `features`
 * to 1000.
 */
export interface Architecture {
  readonly layers: readonly Layer[];
  readonly features: number;
}

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
  const main = [conv(inputs, outputs, 3, stride), conv(outputs, outputs, 3, 1, false)] as const;
  return inputs === outputs
    ? { kind: 'block', main }
    : { kind: 'block', main, shortcut: conv(inputs, outputs, 1, stride, false) };
}

export const RESNET18: Architecture = {
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
  layers: [
    conv(3, 32, 3, 2),
    ...PAIRS.flatMap(([outputs, stride], i) => {
      const inputs = i === 0 ? 32 : (PAIRS[i - 1] as readonly [number, number])[0];
      return [conv(inputs, inputs, 3, stride, true, inputs), conv(inputs, outputs, 1, 1)];
    }),
  ],
  features: 1024,
};
