/**
 * Data sets as async iterables: MNIST, CIFAR-10, CIFAR-100 and folders of pictures, opened when
 * they are first used.
 *
 *     for await (const { picture, label } of data.mnist()) ...
 *
 * Not here: their files (mnist.ts, cifar.ts, folder.ts), sets in memory to train on
 * (training-sets.ts).
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { openCifar10 } from './cifar10.js';
import { openCifar100 } from './cifar100.js';
import type { Dataset, Skipped, Split } from './dataset.js';
import { MAX_PIXELS, requireMaxPixels } from './decode-picture.js';
import { fitDataset } from './fitted.js';
import { isBroken, listPictures, openFolder } from './folder.js';
import { openMnist } from './mnist.js';
import { fitOf, openPicture } from './picture.js';
import type { RawPicture } from './raw-picture.js';
import { preprocessOf, type RecipeLike } from './recipe.js';

/** One picture of a data set. */
export interface LabelledPicture {
  /** Its pixels, as `imageToTensor` takes them: gray or rgb. */
  readonly picture: RawPicture;
  /** The number of its class, from 0. */
  readonly label: number;
  /** What its class is called. */
  readonly name: string;
  /** Its file, where it has one of its own. */
  readonly file?: string | undefined;
}

/** A data set, whose pictures `for await` gives one by one, in the order of the set. */
export interface LabelledPictures extends AsyncIterable<LabelledPicture> {
  /**
   * Opens the set: its size, its classes, and `read(from, to)` for any range of it.
   * @param recipe whose `resize` and `crop` give all pictures one size, which a folder needs; its
   *   labels name the classes of a folder that has none of its own
   * @param outputs how many scores a network gives: a folder without labels must have as many
   *   class folders
   * @param strict of a folder: whether a picture that cannot be read is an error. Default: what the
   *   set was made with
   * @throws BitplaneError ERR_IO, ERR_FORMAT naming a file that is missing or damaged, ERR_ARGUMENT
   */
  open(recipe?: RecipeLike, outputs?: number, strict?: boolean): Promise<Dataset>;
}

/** Which pictures of MNIST or CIFAR, and where they lie. */
export interface PublishedSetOptions {
  /**
   * The folder of its files, or the parent of that. Default: the environment variable
   * BITPLANE_DATA.
   */
  readonly dir?: string | undefined;
  /** Default 'test'. */
  readonly split?: Split | undefined;
}

/** How the pictures of a folder are read. */
export interface FolderPicturesOptions {
  /** Names of the classes in the order of a network's outputs, as folders or files name them. */
  readonly labels?: readonly string[] | undefined;
  /**
   * False: pictures need no class, such as a folder of pictures to classify. Labels are all 0,
   * names are empty. Default true.
   */
  readonly labelled?: boolean | undefined;
  /** Files of more pixels are broken. Default 64,000,000. */
  readonly maxPixels?: number | undefined;
  /**
   * True: the first picture that cannot be read is an error. False: such pictures are left out.
   * Default: `evaluate` and `open` leave them out, and their results name them in `skipped`;
   * `for await`, which has no place to name them, takes the first as an error unless `onSkipped`
   * is told.
   */
  readonly strict?: boolean | undefined;
  /** Is told of pictures that cannot be read and are left out. */
  readonly onSkipped?: ((skipped: Skipped) => void) | undefined;
}

/** Pictures read at a time of a set whose files hold many. */
const CHUNK = 256;

/**
 * MNIST, 28 x 28, gray: 10,000 pictures to test on, 60,000 to train on.
 * @throws BitplaneError ERR_ARGUMENT; once it is used ERR_IO, ERR_FORMAT naming the file
 */
export function mnist(options: PublishedSetOptions = {}): LabelledPictures {
  return published('data.mnist', openMnist, options);
}

/**
 * CIFAR-10, 32 x 32, rgb: 10,000 pictures to test on, 50,000 to train on.
 * @throws BitplaneError ERR_ARGUMENT; once it is used ERR_IO, ERR_FORMAT naming the file
 */
export function cifar10(options: PublishedSetOptions = {}): LabelledPictures {
  return published('data.cifar10', openCifar10, options);
}

/**
 * CIFAR-100 by its fine labels, 32 x 32, rgb: 10,000 pictures to test on, 50,000 to train on.
 * @throws BitplaneError ERR_ARGUMENT; once it is used ERR_IO, ERR_FORMAT naming the file
 */
export function cifar100(options: PublishedSetOptions = {}): LabelledPictures {
  return published('data.cifar100', openCifar100, options);
}

/**
 * The pictures of a folder, DIR/CLASS/picture or DIR/CLASS.jpg, each in its own size.
 * Without `labels` the sorted order of the class folders numbers the classes. Pictures that cannot
 * be read are left out and named, as `bitplane eval` does; see `strict`.
 * @throws BitplaneError ERR_ARGUMENT; once it is used ERR_FORMAT where there are no pictures, a
 *   class cannot be told or, where it is strict, a picture cannot be read
 */
export function pictures(dir: string, options: FolderPicturesOptions = {}): LabelledPictures {
  const op = 'data.pictures';
  if (typeof dir !== 'string' || dir === '')
    throw expected('ERR_ARGUMENT', 'the path of a folder', dir, { op });
  const known = {
    labels: true,
    labelled: true,
    maxPixels: true,
    strict: true,
    onSkipped: true,
  } as const;
  requireOptions(options, known, { op });
  const { labels, labelled = true, maxPixels = MAX_PIXELS, strict, onSkipped } = options;
  requireMaxPixels(options.maxPixels, op);
  requireOneOf(labelled, [true, false], 'labelled', { op });
  requireOneOf(strict, [true, false, undefined], 'strict', { op });
  requireFunction(onSkipped, op);
  const stops = strict ?? onSkipped === undefined;
  return {
    async open(recipe, outputs, stopping = strict ?? false) {
      const fit = recipe && fitOf(preprocessOf(recipe, op));
      if (fit === undefined)
        throw expected('ERR_ARGUMENT', 'a recipe with resize or crop, one size for all', recipe, {
          op,
          node: dir,
        });
      const own = labels ?? labelsOf(recipe);
      const set = await openFolder(dir, fit, {
        ...{ labels: own, labelled, maxPixels, outputs },
        strict: stopping,
      });
      return onSkipped === undefined ? set : telling(set, onSkipped);
    },
    async *[Symbol.asyncIterator]() {
      const listing = await listPictures(dir, { labels, labelled });
      for (const { path, label } of listing.pictures) {
        try {
          const { data, width, height } = await openPicture(path, maxPixels);
          yield { ...named({ data, width, height }, label, listing.classes), file: path };
        } catch (error) {
          if (stops || !isBroken(error)) throw error;
          onSkipped?.({ file: path, why: error.message });
        }
      }
    },
  };
}

function published(
  op: string,
  openSet: (dir: string, split?: Split) => Promise<Dataset>,
  options: PublishedSetOptions,
): LabelledPictures {
  requireOptions(options, { dir: true, split: true }, { op });
  const { dir = process.env.BITPLANE_DATA, split = 'test' } = options;
  requireOneOf(split, ['test', 'train'], 'split', { op });
  const open = async (recipe?: RecipeLike): Promise<Dataset> => {
    if (dir === undefined || dir === '')
      throw new BitplaneError(
        'ERR_ARGUMENT',
        'expected dir, or the environment variable BITPLANE_DATA: the folder of its files',
        { op },
      );
    if (typeof dir !== 'string') throw expected('ERR_ARGUMENT', 'dir to be a path', dir, { op });
    const fit = recipe && fitOf(preprocessOf(recipe, op));
    const set = await openSet(dir, split);
    return fit === undefined ? set : fitDataset(set, fit);
  };
  return {
    open,
    async *[Symbol.asyncIterator]() {
      const set = await open();
      const [height, width, channels] = set.pictureShape;
      const size = height * width * channels;
      for (let from = 0; from < set.size; from += CHUNK) {
        const part = await set.read(from, Math.min(set.size, from + CHUNK));
        for (const [i, label] of part.labels.entries()) {
          const data = part.pixels.subarray(i * size, (i + 1) * size);
          yield named({ data, width, height, channels }, label, set.classes);
        }
      }
    },
  };
}

/** The labels of a recipe that has been checked. */
function labelsOf(recipe: RecipeLike | undefined): readonly string[] | undefined {
  return recipe !== undefined && 'labels' in recipe ? recipe.labels : undefined;
}

/** The set, which tells what it skips. */
function telling(set: Dataset, onSkipped: (skipped: Skipped) => void): Dataset {
  return {
    ...set,
    async read(from, to) {
      const part = await set.read(from, to);
      for (const each of part.skipped ?? []) onSkipped(each);
      return part;
    },
  };
}

function named(picture: RawPicture, label: number, classes: readonly string[]): LabelledPicture {
  return { picture, label, name: classes[label] ?? '' };
}

function requireFunction(onSkipped: unknown, op: string): void {
  if (onSkipped !== undefined && typeof onSkipped !== 'function')
    throw expected('ERR_ARGUMENT', 'onSkipped to be a function', onSkipped, { op });
}
