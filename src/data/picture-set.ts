/**
 * A data set in memory: every picture at hand by its number, in any order, which training needs.
 * It is a `Dataset` too. Not here: batches (./batches.ts), which files there are.
 */
import { requirePlain } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { checkRange, type Dataset, type Skipped } from './dataset.js';
import type { Normalization } from './normalization.js';
import type { Fit } from './picture.js';

/** A data set in memory: every picture at hand by its number. */
export interface PictureSet extends Dataset {
  /** How pictures become numbers unless the caller says otherwise. */
  readonly normalization: Normalization;
  /** The pictures that could not be read; they are not in the set. */
  readonly skipped: readonly Skipped[];
  /** How pictures of any size were made this size; absent: they had it. */
  readonly fit?: Fit | undefined;
  /** Picture `i` as bytes [H, W, C]: a view, not to be written. */
  bytes(i: number): Uint8Array;
  /** The class of picture `i`. */
  label(i: number): number;
}

/** What a set of pictures is made of. */
export interface PictureSetParts
  extends Pick<Dataset, 'name' | 'classes' | 'pictureShape'>,
    Pick<PictureSet, 'normalization'>,
    Partial<Pick<PictureSet, 'notes' | 'skipped'>> {
  /** Bytes [N, H, W, C], kept, not copied. */
  readonly pixels: Uint8Array;
  /** [N], each below the number of classes; kept, not copied. */
  readonly labels: Int32Array;
}

/** @throws BitplaneError ERR_ARGUMENT where something else stands for a set of pictures */
export function requirePictureSet(set: unknown, op: string): void {
  const { size, pictureShape, classes, bytes } = (set ?? {}) as Partial<PictureSet>;
  if (
    typeof size !== 'number' ||
    !isSides(pictureShape) ||
    !Array.isArray(classes) ||
    typeof bytes !== 'function'
  )
    throw expected('ERR_ARGUMENT', 'a set of pictures', set, { op });
}

function isSides(shape: unknown): boolean {
  return Array.isArray(shape) && shape.length === 3 && shape.every((side) => side > 0);
}

/**
 * Pictures in memory as a data set: bytes row by row, a label each, and the names of the
 * classes.
 * @throws BitplaneError ERR_ARGUMENT where pixels, labels and classes do not fit each other
 */
export function pictureSet(parts: PictureSetParts): PictureSet {
  requirePlain(parts, 'the parts of a set of pictures', { op: 'pictureSet' });
  const { name, classes, pictureShape, normalization, pixels, labels } = parts;
  const isWhole =
    isSides(pictureShape) &&
    Array.isArray(classes) &&
    ArrayBuffer.isView(pixels) &&
    ArrayBuffer.isView(labels);
  if (!isWhole)
    throw expected('ERR_ARGUMENT', 'pictureShape, classes, pixels and labels', parts, {
      op: 'pictureSet',
    });
  const site = { op: 'pictureSet', node: name };
  const [height, width, channels] = pictureShape;
  if (channels !== 1 && channels !== 3)
    throw expected('ERR_ARGUMENT', 'pictures of 1 or 3 channels', channels, site);
  const stride = height * width * channels;
  const size = labels.length;
  if (pixels.length !== size * stride) {
    const what = `${size * stride} pixel bytes, ${size} pictures of [${pictureShape.join(', ')}]`;
    throw expected('ERR_ARGUMENT', what, pixels.length, site);
  }
  const bad = labels.findIndex((label) => !(label >= 0 && label < classes.length));
  if (bad >= 0) {
    const what = `labels from 0 to ${classes.length - 1}`;
    throw expected('ERR_ARGUMENT', what, `${labels[bad]} of picture ${bad}`, site);
  }
  return {
    name,
    classes,
    size,
    pictureShape,
    normalization,
    notes: parts.notes ?? [],
    skipped: parts.skipped ?? [],
    bytes: (i) => pixels.subarray(i * stride, (i + 1) * stride),
    label: (i) => labels[i] as number,
    async read(from, to) {
      checkRange(name, size, from, to);
      return { pixels: pixels.slice(from * stride, to * stride), labels: labels.slice(from, to) };
    },
  };
}

/** The pictures `indices` of a set, in that order; the pixels are shared. */
export function pickPictures(
  set: PictureSet,
  name: string,
  indices: Readonly<Uint32Array>,
): PictureSet {
  const at = (i: number) => indices[i] as number;
  const [height, width, channels] = set.pictureShape;
  const stride = height * width * channels;
  return {
    ...set,
    name,
    size: indices.length,
    bytes: (i) => set.bytes(at(i)),
    label: (i) => set.label(at(i)),
    async read(from, to) {
      checkRange(name, indices.length, from, to);
      const pixels = new Uint8Array((to - from) * stride);
      for (let i = from; i < to; i++) pixels.set(set.bytes(at(i)), (i - from) * stride);
      return {
        pixels,
        labels: Int32Array.from({ length: to - from }, (_, i) => set.label(at(from + i))),
      };
    },
  };
}

export interface LoadPicturesOptions {
  readonly normalization: Normalization;
  /** A set that needs more memory is refused before it is read. Default 2^32 - 1 (4 GiB). */
  readonly maxBytes?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Pictures read at a time, which bounds the memory beside the set. */
const CHUNK = 256;
const MAX_BYTES = 2 ** 32 - 1;

/**
 * Reads a whole data set into memory. Pictures that cannot be read are left out and named in
 * `skipped`.
 * @throws BitplaneError ERR_LIMIT where the set is too large, ERR_FORMAT where no picture can be
 * read, and what `data.read` throws
 */
export async function loadPictures(
  data: Dataset,
  { normalization, maxBytes = MAX_BYTES, onProgress }: LoadPicturesOptions,
): Promise<PictureSet> {
  const [height, width, channels] = data.pictureShape;
  const stride = height * width * channels;
  const bytes = data.size * stride;
  if (bytes > maxBytes) {
    const what = `pictures of at most ${maxBytes} bytes together (maxBytes)`;
    throw expected('ERR_LIMIT', what, bytes, { op: 'loadPictures', node: data.name });
  }
  const pixels = new Uint8Array(bytes);
  const labels = new Int32Array(data.size);
  const skipped: Skipped[] = [];
  let count = 0;
  for (let from = 0; from < data.size; from += CHUNK) {
    const to = Math.min(data.size, from + CHUNK);
    const part = await data.read(from, to);
    pixels.set(part.pixels, count * stride);
    labels.set(part.labels, count);
    count += part.labels.length;
    for (const file of part.skipped ?? []) skipped.push(file);
    onProgress?.(to, data.size);
  }
  const [first] = skipped;
  if (count === 0 && first !== undefined) {
    const sentence = `expected pictures that can be read but all are broken, such as ${first.why}`;
    throw new BitplaneError('ERR_FORMAT', sentence, { op: 'loadPictures', node: data.name });
  }
  return pictureSet({
    ...data,
    normalization,
    pixels: pixels.subarray(0, count * stride),
    labels: labels.subarray(0, count),
    skipped,
  });
}
