/**
 * A data set that is drawn, not read: pictures of eight shapes in any place, size and colour,
 * leaning to either side, bright on dark or dark on bright, with specks and noise. Not here:
 * drawing one (./shape-picture.ts).
 *
 * A pixel is bright as often as it is dark in every class, so a linear classifier of pixels learns
 * next to nothing: softmax regression on 8000 pictures reaches 19 % of the test pictures, where
 * chance is 12.5 %. A network of three small convolutions reaches 99 %. The same bytes on every
 * machine.
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { type PictureSet, pictureSet } from './picture-set.js';
import { GLYPHS, type Glyph } from './shape-glyphs.js';
import { drawShape, SIDE } from './shape-picture.js';
import type { TrainingSets } from './split-pictures.js';
import { pictureStream } from './streams.js';

/** How many pictures of drawn shapes there are, and which. */
export interface ShapesOptions {
  /** Pictures to train on. Default 8000. */
  readonly train?: number | undefined;
  /** Pictures to test on. Default 2000. */
  readonly test?: number | undefined;
  /** A whole number from 0 to 2^32 - 1, default 0. */
  readonly seed?: number | undefined;
}

/** Of the pictures themselves, in two digits. */
const NORMALIZATION = { mean: [0.47, 0.47, 0.47], std: [0.24, 0.24, 0.24] };

/**
 * Pictures to train and to test on, [24, 24, 3], classes in turn. Picture i of a seed is the same
 * however many there are. Test pictures are drawn from other random numbers than training pictures.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function shapes(options: ShapesOptions = {}): TrainingSets {
  const site = { op: 'shapes' };
  requireOptions(options, { train: true, test: true, seed: true }, site);
  const { train = 8000, test = 2000, seed = 0 } = options;
  for (const [name, value, end] of [
    ['train', train, 1e6],
    ['test', test, 1e6],
    ['seed', seed, 2 ** 32 - 1],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value > end)
      throw expected('ERR_ARGUMENT', `${name} to be a whole number up to ${end}`, value, site);
  }
  return { train: drawn('train', train, seed), test: drawn('test', test, seed) };
}

function drawn(split: 'train' | 'test', count: number, seed: number): PictureSet {
  const stride = SIDE * SIDE * 3;
  const pixels = new Uint8Array(count * stride);
  const labels = Int32Array.from({ length: count }, (_, i) => i % GLYPHS.length);
  for (let i = 0; i < count; i++) {
    const glyph = GLYPHS[i % GLYPHS.length] as Glyph;
    const random = pictureStream(seed, 0, i, `shapes ${split}`);
    drawShape(pixels.subarray(i * stride, (i + 1) * stride), glyph, random);
  }
  return pictureSet({
    name: `shapes ${split}`,
    classes: GLYPHS.map(({ name }) => name),
    pictureShape: [SIDE, SIDE, 3],
    normalization: NORMALIZATION,
    pixels,
    labels,
  });
}
