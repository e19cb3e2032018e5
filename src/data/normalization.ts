/**
 * Bytes to the numbers that a network is trained on, x = (byte / 255 - mean[c]) / std[c], and the
 * preprocessing that gives a trained network the same numbers, to the bit. Not here: the arithmetic
 * (preprocess.ts).
 */
import { expected } from '../core/errors.js';
import type { PictureShape } from './augment/augmentation.js';
import type { PictureSet } from './picture-set.js';
import type { Preprocess } from './preprocess.js';

/** One value for each channel, of pixels from 0 to 1. */
export interface Normalization {
  /** Subtracted, one number a channel. */
  readonly mean: readonly number[];
  /** Divided by afterwards, one number a channel. */
  readonly std: readonly number[];
}

/** Of the training pictures of CIFAR-10, in the four digits that papers use. */
export const CIFAR10_NORMALIZATION: Normalization = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
};

/** Of the training pictures of CIFAR-100. */
export const CIFAR100_NORMALIZATION: Normalization = {
  mean: [0.5071, 0.4865, 0.4409],
  std: [0.2673, 0.2564, 0.2762],
};

/** Of the training pictures of MNIST. */
export const MNIST_NORMALIZATION: Normalization = { mean: [0.1307], std: [0.3081] };

/** The preprocessing of a network trained on pictures that were normalized so. */
export function trainedPreprocess(
  [, , channels]: PictureShape,
  { mean, std }: Normalization,
): Preprocess {
  const color = channels === 1 ? 'gray' : 'rgb';
  return { layout: 'NHWC', color, scale: 1 / 255, mean, std };
}

/** What preprocessing takes from pixels of 0 to 1, for each channel. */
export function normalizationOf({ scale, mean, std }: Preprocess, channels: number): Normalization {
  const whole = 255 * scale;
  const each = (values: readonly number[]) =>
    Array.from({ length: channels }, (_, c) => (values[c] ?? (values[0] as number)) / whole);
  return { mean: each(mean), std: each(std) };
}

/**
 * The mean and the standard deviation of each channel over all pictures of a set, in four digits.
 * A channel of one colour gets the deviation 1. Bytes are counted by their value, so the sums are
 * exact.
 */
export function measureNormalization(set: PictureSet): Normalization {
  const [height, width, channels] = set.pictureShape;
  const counts = Array.from({ length: channels }, () => new Float64Array(256));
  for (let i = 0; i < set.size; i++) {
    const bytes = set.bytes(i);
    for (const [c, count] of counts.entries()) {
      for (let at = c; at < bytes.length; at += channels) {
        const byte = bytes[at] as number;
        count[byte] = (count[byte] as number) + 1;
      }
    }
  }
  const all = set.size * height * width;
  const four = (value: number) => Math.round(value * 1e4) / 1e4;
  const means = counts.map((count) => count.reduce((sum, n, byte) => sum + n * byte, 0) / all);
  const variances = counts.map(
    (count, c) =>
      count.reduce((sum, n, byte) => sum + n * (byte - (means[c] as number)) ** 2, 0) / all,
  );
  return {
    mean: means.map((mean) => four(mean / 255)),
    std: variances.map((variance) => four(Math.sqrt(variance) / 255) || 1),
  };
}

/** @throws BitplaneError ERR_ARGUMENT unless there is a mean and a positive std for each channel */
export function checkNormalization(
  { mean, std }: Normalization,
  [, , channels]: PictureShape,
  name: string,
): void {
  const site = { op: 'normalize', node: name };
  for (const [what, values] of [
    ['mean', mean],
    ['std', std],
  ] as const) {
    if (values?.length !== channels || !values.every(Number.isFinite))
      throw expected('ERR_ARGUMENT', `${channels} finite numbers as ${what}`, values, site);
  }
  if (!std.every((value) => value > 0)) throw expected('ERR_ARGUMENT', 'std above 0', std, site);
}
