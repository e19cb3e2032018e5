/**
 * Opens what a network is trained and tested on, in memory: CIFAR-10, CIFAR-100, MNIST, or a
 * folder. Not here: the files of each (cifar10.ts, cifar100.ts, mnist.ts, folder.ts).
 *
 * A folder holds `train` and `test` (or `val`, or `validation`), each with a folder for each class;
 * or only the folders of classes, of which a seeded share is held out.
 */
import { join } from 'node:path';
import { requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { openCifar10 } from './cifar10.js';
import { openCifar100 } from './cifar100.js';
import { listFolder } from './files.js';
import { openFolder } from './folder.js';
import { openMnist } from './mnist.js';
import {
  CIFAR10_NORMALIZATION,
  CIFAR100_NORMALIZATION,
  MNIST_NORMALIZATION,
  measureNormalization,
  type Normalization,
} from './normalization.js';
import type { Fit } from './picture.js';
import { loadPictures, type PictureSet } from './picture-set.js';
import { splitPictures, type TrainingSets } from './split-pictures.js';

/** How the pictures of a training are opened. */
export interface TrainingSetsOptions {
  /** Of a folder: the size of its pictures. */
  readonly fit?: Fit | undefined;
  /** Of a folder without a test folder: the share of each class to hold out. Default 0.2. */
  readonly share?: number | undefined;
  /** Of a folder without a test folder: which pictures are held out. Default 0. */
  readonly seed?: number | undefined;
  /** Of a folder: a picture that cannot be read is an error (true) or left out (false, default). */
  readonly strict?: boolean | undefined;
  /** Default: of CIFAR and MNIST the usual one, of a folder that of its training pictures. */
  readonly normalization?: Normalization | undefined;
}

const OPENERS = {
  cifar10: async (dir, { normalization = CIFAR10_NORMALIZATION }) => ({
    train: await loadPictures(await openCifar10(dir, 'train'), { normalization }),
    test: await loadPictures(await openCifar10(dir, 'test'), { normalization }),
  }),
  cifar100: async (dir, { normalization = CIFAR100_NORMALIZATION }) => ({
    train: await loadPictures(await openCifar100(dir, 'train'), { normalization }),
    test: await loadPictures(await openCifar100(dir, 'test'), { normalization }),
  }),
  mnist: async (dir, { normalization = MNIST_NORMALIZATION }) => ({
    train: await loadPictures(await openMnist(dir, 'train'), { normalization }),
    test: await loadPictures(await openMnist(dir, 'test'), { normalization }),
  }),
  folder: openFolders,
} satisfies Record<string, (dir: string, options: TrainingSetsOptions) => Promise<TrainingSets>>;

/** The data sets that can be opened by name: 'cifar10', 'cifar100', 'mnist', 'folder'. */
export type TrainingSetName = keyof typeof OPENERS;

export const TRAINING_SET_NAMES = Object.keys(OPENERS) as readonly TrainingSetName[];

const KNOWN = { fit: true, share: true, seed: true, strict: true, normalization: true } as const;

/**
 * The pictures to train and to test on.
 * @throws BitplaneError ERR_IO or ERR_FORMAT naming a file that is missing or damaged, ERR_LIMIT
 * where the pictures do not fit into memory
 */
export async function openTrainingSets(
  name: TrainingSetName,
  dir: string,
  options: TrainingSetsOptions = {},
): Promise<TrainingSets> {
  if (typeof dir !== 'string' || dir === '')
    throw expected('ERR_ARGUMENT', 'the path of a folder', dir, { op: 'openTrainingSets' });
  const site = { op: 'openTrainingSets', node: dir };
  requireOneOf(name, TRAINING_SET_NAMES, 'the data set', site);
  requireOptions(options, KNOWN, site);
  return OPENERS[name](dir, options);
}

const HELD_OUT = ['test', 'val', 'validation'];
/** Stands in until the training pictures are measured. */
const UNMEASURED: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };

async function openFolders(dir: string, options: TrainingSetsOptions): Promise<TrainingSets> {
  const { fit, share = 0.2, seed, strict } = options;
  if (fit === undefined)
    throw expected('ERR_ARGUMENT', 'fit, the size of the pictures of a folder', undefined, {
      op: 'openTrainingSets',
      node: dir,
    });
  const { folders } = await listFolder(dir);
  const heldOut = HELD_OUT.find((name) => folders.includes(name));
  const load = async (path: string, labels?: readonly string[]) =>
    loadPictures(await openFolder(path, fit, { labels, strict }), { normalization: UNMEASURED });
  if (!folders.includes('train') || heldOut === undefined) {
    const { train, test } = splitPictures(await load(dir), { share, seed });
    return normalized(train, test, options);
  }
  const train = await load(join(dir, 'train'));
  const test = await load(join(dir, heldOut), train.classes);
  return normalized(train, test, options);
}

function normalized(
  train: PictureSet,
  test: PictureSet,
  { fit, normalization = measureNormalization(train) }: TrainingSetsOptions,
): TrainingSets {
  return { train: { ...train, fit, normalization }, test: { ...test, fit, normalization } };
}
