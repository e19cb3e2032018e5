/**
 * `bitplane eval`: the accuracy of a model on a data set. Not here: the measuring (evaluate.ts).
 */
import { basename } from 'node:path';
import { BitplaneError } from '../core/errors.js';
import type { Shape } from '../core/shape.js';
import { openCifar10 } from '../data/cifar10.js';
import type { Dataset, Split } from '../data/dataset.js';
import { fitDataset } from '../data/fitted.js';
import { openFolder } from '../data/folder.js';
import { openMnist } from '../data/mnist.js';
import type { Fit } from '../data/picture.js';
import { defaultRecipe, type Recipe, readRecipe, recipeBeside } from '../data/recipe.js';
import { evaluate } from './evaluate.js';
import { percent, three } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { withSession } from './open-session.js';
import type { SessionFlags } from './options.js';
import { startProgress } from './progress.js';
import { facts } from './table.js';

/** How each data set is opened; the keys are the choices of --dataset. */
const DATASETS = {
  mnist: async (dir: string, split: Split, recipe: Recipe) => fitted(await openMnist(dir, split), recipe),
  cifar10: async (dir: string, split: Split, recipe: Recipe) => fitted(await openCifar10(dir, split), recipe),
  folder: async (dir: string, _split: Split, recipe: Recipe) => openFolder(dir, requireFit(recipe), recipe.labels),
} satisfies Record<string, (dir: string, split: Split, recipe: Recipe) => Promise<Dataset>>;

export type DatasetName = keyof typeof DATASETS;
export const DATASET_NAMES = Object.keys(DATASETS) as DatasetName[];

export interface EvalFlags extends SessionFlags {
  readonly dataset: DatasetName;
  readonly data?: string;
  readonly split?: Split;
  readonly limit?: number;
  readonly batch?: number;
  readonly preprocess?: string;
  readonly json?: boolean;
}

export async function evalCommand(model: string, flags: EvalFlags, io: Io): Promise<void> {
  const dir = flags.data ?? io.env.BITPLANE_DATA;
  if (dir === undefined || dir === '')
    throw new BitplaneError('ERR_ARGUMENT', 'expected --data DIR, or the environment variable BITPLANE_DATA');
  await withSession(model, flags, async (session) => {
    const recipe = await findRecipe(model, flags.preprocess, session.inputMetadata[0]?.shape ?? []);
    const data = await DATASETS[flags.dataset](dir, flags.split ?? 'test', recipe);
    if (flags.json !== true) for (const note of data.notes) printLines(io, note);

    const total = Math.min(data.size, flags.limit ?? data.size);
    const progress = startProgress(io, 'eval', total, flags.json === true && io.stderr.isTTY !== true);
    const result = await evaluate(session, data, recipe.preprocess, {
      limit: flags.limit,
      batch: flags.batch,
      onProgress: (done) => progress.update(done),
    }).finally(() => progress.finish());

    if (flags.json === true) {
      const { isa, threads } = session.info;
      printJson(io, { model, dataset: data.name, ...result, preprocess: recipe.source, notes: data.notes, isa, threads });
      return;
    }
    printLines(
      io,
      facts([
        ['model', basename(model)],
        ['data set', data.name],
        ['preprocessing', recipe.source],
        ['top-1', percent(result.top1)],
        ['top-5', percent(result.top5)],
        ['images', String(result.n)],
        ['images/s', three(result.imagesPerSecond)],
      ]),
    );
  });
}

/** The file the user named, else the one beside the model, else the default for the input's shape. */
export async function findRecipe(model: string, named: string | undefined, shape: Shape): Promise<Recipe> {
  if (named !== undefined) return readRecipe(named);
  return (await recipeBeside(model)) ?? defaultRecipe(shape);
}

/** The size that a recipe gives pictures, if it gives one. */
function fitOf({ preprocess: { resize, crop, rounding } }: Recipe): Fit | undefined {
  const side = crop ?? resize;
  return side === undefined ? undefined : { resize, crop: side, rounding };
}

function fitted(data: Dataset, recipe: Recipe): Dataset {
  const size = fitOf(recipe);
  return size === undefined ? data : fitDataset(data, size);
}

function requireFit(recipe: Recipe): Fit {
  const size = fitOf(recipe);
  if (size !== undefined) return size;
  throw new BitplaneError('ERR_ARGUMENT', 'expected resize or crop, which pictures of any size need', {
    op: 'preprocess',
    node: recipe.source,
  });
}
