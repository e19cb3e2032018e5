/**
 * The batches of an epoch, for training or evaluation: pictures of a set in order or shuffled,
 * moved, erased and mixed by chance, normalized. Not here: the augmentations (./augment), a single
 * picture (./picture-writer.ts).
 *
 * B pictures of [H, W, C] make x [B, H, W, C]; targets are [B, K] for K classes.
 */
import type { Augmentation, Random } from './augment/augmentation.js';
import { pixelMap, resetMap } from './augment/pixel-map.js';
import { type BatchBuffers, batchBuffers } from './batch-buffers.js';
import { type BatchOptions, type CheckedOptions, checkBatchOptions } from './batch-options.js';
import { type PictureSet, requirePictureSet } from './picture-set.js';
import { eraseRectangle, levelTable, writePicture } from './picture-writer.js';
import { pictureStream, shuffled } from './streams.js';

/** Pictures of a batch as a step of training takes them. */
export interface PictureBatch {
  /** Which batch of the epoch this is, from 0. */
  readonly step: number;
  /** Pictures in it: batchSize, or less in the last one. */
  readonly size: number;
  /** [size, H, W, C] */
  readonly x: Float32Array;
  /** [size]: of mixed pictures the class of the first one. */
  readonly labels: Int32Array;
  /** [size, K], rows of sum 1; only with `targets` or an augmentation that mixes. */
  readonly targets?: Float32Array | undefined;
}

/** The batches of one epoch, in order. */
export interface Batches extends Iterable<PictureBatch> {
  /** The batches of an epoch, those before `from` included. */
  readonly steps: number;
}

/**
 * The batches of one pass over a set. They are written into `buffers` in turns, two unless the
 * caller gives others: a batch is valid until as many further ones have been asked for as there are
 * buffers. So the next batch can be made while a step still reads this one.
 *
 * The same set, batchSize, seed and epoch give the same batches. A picture is treated the same way
 * for every batchSize.
 * @throws BitplaneError ERR_ARGUMENT at once for an empty set, a batch larger than the set with
 * dropLast, options that do not exist or fit
 */
export function batches(set: PictureSet, options: BatchOptions): Batches {
  requirePictureSet(set, 'batches');
  const checked = checkBatchOptions(set, options);
  return {
    steps: checked.steps,
    [Symbol.iterator]: () => generate(set, checked),
  };
}

function* generate(set: PictureSet, options: CheckedOptions): Generator<PictureBatch> {
  const { batchSize, seed, epoch, shuffle, from, steps, targets } = options;
  const order = shuffle ? shuffled(set.size, seed, epoch) : undefined;
  const sizes = { batchSize: Math.min(batchSize, set.size), targets };
  const buffers = options.buffers ?? [batchBuffers(set, sizes), batchBuffers(set, sizes)];
  const prepare = preparation(set, options);
  for (let step = from; step < steps; step++) {
    const first = step * batchSize;
    const size = Math.min(batchSize, set.size - first);
    const batch = partOf(buffers[step % buffers.length] as BatchBuffers, set, size, targets);
    for (let row = 0; row < size; row++)
      prepare(order === undefined ? first + row : (order[first + row] as number), row, batch);
    yield { step, size, ...batch };
  }
}

/** The first `size` rows of the buffers. */
function partOf(
  { x, labels, targets }: BatchBuffers,
  { pictureShape: [height, width, channels], classes }: PictureSet,
  size: number,
  withTargets: boolean,
): BatchBuffers {
  return {
    x: x.subarray(0, size * height * width * channels),
    labels: labels.subarray(0, size),
    ...(withTargets ? { targets: targets?.subarray(0, size * classes.length) } : {}),
  };
}

/** Writes one picture, augmented, into a row of a batch. */
function preparation(
  set: PictureSet,
  { seed, epoch, augment, normalization }: CheckedOptions,
): (picture: number, row: number, batch: BatchBuffers) => void {
  const [height, width, channels] = set.pictureShape;
  const stride = height * width * channels;
  const classes = set.classes.length;
  const table = levelTable(set.pictureShape, normalization);
  const map = pixelMap(height, width);
  const moves = ofStage(augment, 'move');
  const erasures = ofStage(augment, 'erase');
  const [mix] = ofStage(augment, 'mix');
  const other = mix === undefined ? undefined : new Float32Array(stride);
  resetMap(map);

  const write = (out: Float32Array, picture: number, random: Random) => {
    if (moves.length > 0) resetMap(map);
    for (const move of moves) move.apply(map, random);
    writePicture(out, set.bytes(picture), map, table);
    for (const erasure of erasures)
      eraseRectangle(out, set.pictureShape, erasure.apply(height, width, random));
  };

  return (picture, row, { x, labels, targets }) => {
    const random = augment.length === 0 ? NO_CHANCE : pictureStream(seed, epoch, picture);
    const out = x.subarray(row * stride, (row + 1) * stride);
    const label = set.label(picture);
    labels[row] = label;
    write(out, picture, random);
    const target = targets?.subarray(row * classes, (row + 1) * classes);
    target?.fill(0);
    if (target !== undefined) target[label] = 1;
    if (mix === undefined || other === undefined || target === undefined) return;
    const share = mix.apply(random);
    const partner = Math.floor(random() * set.size);
    write(other, partner, random);
    for (let i = 0; i < stride; i++)
      out[i] = share * (out[i] as number) + (1 - share) * (other[i] as number);
    const partnerLabel = set.label(partner);
    target[label] = share;
    target[partnerLabel] = (target[partnerLabel] as number) + (1 - share);
  };
}

/** Without augmentations no stream is made. */
const NO_CHANCE: Random = () => 0;

function ofStage<S extends Augmentation['stage']>(
  augment: readonly Augmentation[],
  stage: S,
): readonly Extract<Augmentation, { stage: S }>[] {
  return augment.filter(
    (item): item is Extract<Augmentation, { stage: S }> => item.stage === stage,
  );
}
