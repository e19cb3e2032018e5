/**
 * A set of pictures as a network wants them: its size, its number of channels, its normalization.
 * Not here: layouts, which a network transposes itself (src/nn/graph-model.ts).
 */
import { expected } from '../core/errors.js';
import type { Normalization } from './normalization.js';
import { fitPicture } from './picture.js';
import { type PictureSet, pictureSet } from './picture-set.js';

export interface WantedPictures {
  readonly side: number;
  readonly channels: 1 | 3;
  readonly normalization: Normalization;
}

/**
 * Pictures of another size are resized and cropped, gray ones repeated in three channels, as `eval`
 * does with a recipe that says so.
 * @throws BitplaneError ERR_ARGUMENT for colour pictures where one channel is wanted
 */
export function picturesFor(
  set: PictureSet,
  { side, channels, normalization }: WantedPictures,
): PictureSet {
  const [height, width, stored] = set.pictureShape;
  if (stored === 3 && channels === 1)
    throw expected('ERR_ARGUMENT', 'gray pictures, which the network takes,', 'colours', {
      op: 'pictures',
      node: set.name,
    });
  if (height === side && width === side && stored === channels) return { ...set, normalization };
  const fit = { resize: side, crop: side };
  const pixels = new Uint8Array(set.size * side * side * channels);
  const labels = new Int32Array(set.size);
  const copies = channels / stored;
  for (let i = 0; i < set.size; i++) {
    const picture = { data: set.bytes(i), height, width, channels: stored };
    const { data } = fitPicture(picture, fit, set.name);
    const first = i * side * side * channels;
    if (copies === 1) pixels.set(data, first);
    else
      for (let k = 0; k < data.length * copies; k++)
        pixels[first + k] = data[Math.floor(k / copies)]!;
    labels[i] = set.label(i);
  }
  const { name, classes, notes, skipped } = set;
  const pictureShape = [side, side, channels] as const;
  return pictureSet({
    ...{ name, classes, pictureShape, normalization, pixels, labels, skipped },
    notes: [...notes, `${name}: pictures are made ${side}x${side} in ${channels} channels`],
  });
}
