/**
 * --dataset, --data and --split of a command line: opens the data set that they name, its pictures
 * in the size that a recipe asks for. Not here: the data sets (src/data).
 */
import { BitplaneError, expected } from '../core/errors.js';
import { openCifar10 } from '../data/cifar10.js';
import { openCifar100 } from '../data/cifar100.js';
import type { Dataset, Split } from '../data/dataset.js';
import { fittedNote } from '../data/fit-input.js';
import { fitDataset } from '../data/fitted.js';
import { openFolder } from '../data/folder.js';
import { openMnist } from '../data/mnist.js';
import { type Fit, fitOf } from '../data/picture.js';
import type { Recipe } from '../data/recipe.js';
import type { Io } from './io.js';
import { notHere } from './not-here.js';
import type { DatasetName } from './options.js';

export interface Opening {
  readonly dir: string;
  readonly split: Split | undefined;
  readonly recipe: Recipe;
  readonly outputs: number | undefined;
  readonly strict: boolean | undefined;
  /** False: pictures of a folder need no class. Default true. */
  readonly labelled?: boolean;
}

/** How each data set is opened. */
const DATASETS = {
  mnist: async ({ dir, split, recipe }: Opening) => fitted(await openMnist(dir, split), recipe),
  cifar10: async ({ dir, split, recipe }: Opening) => fitted(await openCifar10(dir, split), recipe),
  cifar100: async ({ dir, split, recipe }: Opening) =>
    fitted(await openCifar100(dir, split), recipe),
  folder: async ({ dir, split, recipe, outputs, strict, labelled }: Opening) => {
    if (split !== undefined)
      throw notHere('--split', 'a folder has no split: --data DIR names the one to use');
    const { labels } = recipe;
    const set = await openFolder(dir, requireFit(recipe), { labels, outputs, strict, labelled });
    return noted(set, recipe);
  },
} satisfies Record<DatasetName, (opening: Opening) => Promise<Dataset>>;

/** @throws BitplaneError ERR_SHAPE for a network of other classes than the data set has */
export async function openDataset(name: DatasetName, opening: Opening): Promise<Dataset> {
  const data = await DATASETS[name](opening);
  const { outputs } = opening;
  const { length } = data.classes;
  // A folder's classes are those of the network already.
  if (name !== 'folder' && outputs !== undefined && outputs !== length)
    throw expected(
      'ERR_SHAPE',
      `a model of ${length} scores, one for each class of ${data.name},`,
      `one of ${outputs}`,
      { op: '--dataset' },
    );
  return data;
}

/** The folder of --data, else of the environment. @throws BitplaneError ERR_ARGUMENT */
export function dataFolder(data: string | undefined, io: Io): string {
  const dir = data ?? io.env.BITPLANE_DATA;
  if (dir !== undefined && dir !== '') return dir;
  throw new BitplaneError(
    'ERR_ARGUMENT',
    'expected --data DIR, or the environment variable BITPLANE_DATA',
  );
}

function fitted(data: Dataset, recipe: Recipe): Dataset {
  const size = fitOf(recipe.preprocess);
  const set = size === undefined ? data : fitDataset(data, size);
  return set === data ? data : noted(set, recipe);
}

/** The set, with a remark where its pictures got the size of the input. */
function noted(set: Dataset, recipe: Recipe): Dataset {
  if (recipe.isFitted !== true) return set;
  return { ...set, notes: [...set.notes, fittedNote(recipe)] };
}

function requireFit(recipe: Recipe): Fit {
  const size = fitOf(recipe.preprocess);
  if (size !== undefined) return size;
  throw new BitplaneError(
    'ERR_ARGUMENT',
    'expected resize or crop, which pictures of any size need',
    {
      op: 'preprocess',
      node: recipe.source,
    },
  );
}
