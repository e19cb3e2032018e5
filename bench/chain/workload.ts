/**
 * Eight C->C 3x3 convolutions in a row, padding 1, on one image: the four sizes of ResNet-18's 3x3
 * layers. One image in, one feature map out, whole run() calls. The competitors beside this file
 * run the fastest network of this shape that they have.
 */

/** C channels at S x S pixels. */
export interface ChainShape {
  readonly channels: number;
  readonly size: number;
  /** Default 1; as many as channels is a depthwise layer. */
  readonly groups?: number;
}

export const SHAPES: readonly ChainShape[] = [
  { channels: 64, size: 56 },
  { channels: 128, size: 28 },
  { channels: 256, size: 14 },
  { channels: 512, size: 7 },
];
export const LAYERS = 8;
export const SEED = 1;

/** A network ready to run: `run` does one image. */
export interface Runner {
  run(): Promise<unknown>;
  release(): Promise<void>;
}

export function macs({ channels, size, groups = 1 }: ChainShape): number {
  return (LAYERS * size * size * channels * channels * 9) / groups;
}

export function title({ channels, size, groups = 1 }: ChainShape): string {
  return `${groups === 1 ? '' : 'depthwise '}${channels} channels at ${size}x${size}`;
}
