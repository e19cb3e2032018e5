/**
 * The options of `batches`, their defaults and their checks, all before the first batch. Not here:
 * making batches (./batches.ts).
 */
import { requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Augmentation } from './augment/augmentation.js';
import { type BatchBuffers, checkBuffers } from './batch-buffers.js';
import { checkNormalization, type Normalization } from './normalization.js';
import type { PictureSet } from './picture-set.js';

/** How a set of pictures is cut into batches. */
export interface BatchOptions {
  /** Pictures in a batch. */
  readonly batchSize: number;
  /** A whole number from 0 to 2^32 - 1, default 0. */
  readonly seed?: number | undefined;
  /** Which pass over the set this is, from 0 (default). Each has its own order and chances. */
  readonly epoch?: number | undefined;
  /** False (default): the order of the set. */
  readonly shuffle?: boolean | undefined;
  /** True: no batch is smaller than `batchSize`. False (default): the last one holds the rest. */
  readonly dropLast?: boolean | undefined;
  /** In the order of their stages. Default none, which is what evaluation wants. */
  readonly augment?: readonly Augmentation[] | undefined;
  /** Default the set's own. */
  readonly normalization?: Normalization | undefined;
  /** True: give targets even if nothing mixes pictures. */
  readonly targets?: boolean | undefined;
  /** The first batch to give, for a run that goes on within an epoch. Default 0. */
  readonly from?: number | undefined;
  /** Where batches are written, in turns. Default two that `batches` makes. */
  readonly buffers?: readonly BatchBuffers[] | undefined;
}

export interface CheckedOptions {
  readonly batchSize: number;
  readonly seed: number;
  readonly epoch: number;
  readonly shuffle: boolean;
  readonly augment: readonly Augmentation[];
  readonly normalization: Normalization;
  /** True: batches carry targets. */
  readonly targets: boolean;
  readonly from: number;
  readonly steps: number;
  readonly buffers: readonly BatchBuffers[] | undefined;
}

const KNOWN = {
  batchSize: true,
  seed: true,
  epoch: true,
  shuffle: true,
  dropLast: true,
  augment: true,
  normalization: true,
  targets: true,
  from: true,
  buffers: true,
} as const;

const STAGES = ['move', 'erase', 'mix'];

/** @throws BitplaneError ERR_ARGUMENT */
export function checkBatchOptions(set: PictureSet, options: BatchOptions): CheckedOptions {
  const site = { op: 'batches', node: set.name };
  requireOptions(options, KNOWN, site);
  const { batchSize, seed = 0, epoch = 0, from = 0, dropLast = false, augment = [] } = options;
  if (set.size < 1) throw expected('ERR_ARGUMENT', 'at least one picture', 'an empty set', site);
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw expected('ERR_ARGUMENT', 'batchSize of at least 1', batchSize, site);
  if (dropLast && batchSize > set.size) {
    const what = `batchSize of at most ${set.size}, the pictures of the set, with dropLast`;
    throw expected('ERR_ARGUMENT', what, batchSize, site);
  }
  for (const [name, value, end] of [
    ['seed', seed, 2 ** 32],
    ['epoch', epoch, 2 ** 31],
  ] as const) {
    if (!Number.isInteger(value) || value < 0 || value >= end)
      throw expected('ERR_ARGUMENT', `${name} to be a whole number below ${end}`, value, site);
  }
  const steps = stepsOf(set.size, batchSize, dropLast);
  if (!Number.isInteger(from) || from < 0 || from > steps)
    throw expected('ERR_ARGUMENT', `from to be 0 to ${steps}, the batches of an epoch`, from, site);
  checkAugment(set, augment);
  const { normalization = set.normalization } = options;
  checkNormalization(normalization, set.pictureShape, set.name);
  const targets = options.targets === true || augment.some(({ stage }) => stage === 'mix');
  if (options.buffers !== undefined)
    checkBuffers(options.buffers, set, { batchSize: Math.min(batchSize, set.size), targets });
  const { shuffle = false, buffers } = options;
  return { batchSize, seed, epoch, shuffle, augment, normalization, targets, from, steps, buffers };
}

/** The batches of an epoch. */
export function stepsOf(size: number, batchSize: number, dropLast: boolean): number {
  return dropLast ? Math.floor(size / batchSize) : Math.ceil(size / batchSize);
}

function checkAugment(set: PictureSet, augment: readonly Augmentation[]): void {
  const site = { op: 'augment', node: set.name };
  let last = 0;
  for (const [i, { stage, settings, check }] of augment.entries()) {
    const at = STAGES.indexOf(stage);
    const previous = augment[i - 1]?.settings.name;
    if (at < last || (stage === 'mix' && previous !== undefined && last === at)) {
      const what = 'moves first (randomCrop, flip), then cutout, then one mixup';
      throw expected('ERR_ARGUMENT', what, `${settings.name} after ${previous}`, site);
    }
    last = at;
    check?.(set.pictureShape);
  }
}
