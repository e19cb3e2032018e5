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
import type { Recipe } from '../data/recipe.js';
import { evaluate } from './evaluate.js';
import { findRecipe } from './find-recipe.js';
import { checkFit } from './fit-input.js';
import { percent, three } from './format.js';
import { type Io, printJson, printLines, verbatim } from './io.js';
import { notHere } from './not-here.js';
import { withSession } from './open-session.js';
import type { SessionFlags } from './options.js';
import { startProgress } from './progress.js';
import { facts } from './table.js';

/** How many broken pictures the text output names. */
const NAMED = 10;

interface Opening {
  readonly dir: string;
  readonly split: Split | undefined;
  readonly recipe: Recipe;
  readonly outputs: number | undefined;
  readonly strict: boolean | undefined;
}

/** How each data set is opened; the keys are the choices of --dataset. */
const DATASETS = {
  mnist: async ({ dir, split, recipe }: Opening) => fitted(await openMnist(dir, split), recipe),
  cifar10: async ({ dir, split, recipe }: Opening) => fitted(await openCifar10(dir, split), recipe),
  folder: async ({ dir, split, recipe, outputs, strict }: Opening) => {
    if (split !== undefined)
      throw notHere('--split', 'a folder has no split: --data DIR names the one to use');
    return openFolder(dir, requireFit(recipe), { labels: recipe.labels, outputs, strict });
  },
} satisfies Record<string, (opening: Opening) => Promise<Dataset>>;

export type DatasetName = keyof typeof DATASETS;

export interface EvalFlags extends SessionFlags {
  readonly dataset: DatasetName;
  readonly data?: string;
  readonly split?: Split;
  readonly limit?: number;
  readonly batch?: number;
  readonly preprocess?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
}

export async function evalCommand(model: string, flags: EvalFlags, io: Io): Promise<void> {
  const dir = flags.data ?? io.env.BITPLANE_DATA;
  if (dir === undefined || dir === '')
    throw new BitplaneError(
      'ERR_ARGUMENT',
      'expected --data DIR, or the environment variable BITPLANE_DATA',
    );
  await withSession(model, flags, io, async (session) => {
    const recipe = await findRecipe(model, session.graph, flags.preprocess);
    const outputs = classCount(session.outputMetadata[0]?.shape ?? []);
    const { split, strict } = flags;
    const data = await DATASETS[flags.dataset]({ dir, split, recipe, outputs, strict });
    const input = session.inputMetadata[0];
    const notes = [
      ...(recipe.isDefault === true
        ? [`no preprocessing is known for ${model}: ${recipe.source}`]
        : []),
      ...(input === undefined ? [] : checkFit(input, data, recipe)),
      ...data.notes,
    ];
    if (flags.json !== true) printLines(io, notes);

    const total = Math.min(data.size, flags.limit ?? data.size);
    const progress = startProgress(
      io,
      'eval',
      total,
      flags.json === true && io.stderr.isTTY !== true,
    );
    const result = await evaluate(session, data, recipe.preprocess, {
      limit: flags.limit,
      batch: flags.batch,
      onProgress: (done) => progress.update(done),
    }).finally(() => progress.finish());

    if (flags.json === true) {
      const { isa, threads } = session.info;
      const known = { default: recipe.isDefault === true, preprocess: recipe.preprocess };
      printJson(io, {
        model,
        dataset: data.name,
        ...result,
        preprocess: recipe.source,
        recipe: verbatim(known),
        notes,
        isa,
        threads,
      });
      return;
    }
    const { skipped } = result;
    printLines(
      io,
      facts([
        ['model', basename(model)],
        ['data set', data.name],
        ['preprocessing', recipe.source],
        ['top-1', percent(result.top1)],
        ['top-5', percent(result.top5)],
        ['images', String(result.n)],
        ...(skipped.length === 0
          ? []
          : [['skipped', `${skipped.length}, which cannot be read`] as const]),
        ['images/s', three(result.imagesPerSecond)],
      ]),
      skipped.slice(0, NAMED).map(({ why }) => `skipped ${why}`),
      skipped.length > NAMED ? [`and ${skipped.length - NAMED} more, which --json names`] : [],
    );
  });
}

/** How many scores a picture gets; undefined where the shape leaves it open. */
function classCount(shape: Shape): number | undefined {
  return shape
    .slice(1)
    .reduce<number | undefined>(
      (count, dim) => (typeof dim === 'number' && count !== undefined ? count * dim : undefined),
      1,
    );
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
  throw new BitplaneError(
    'ERR_ARGUMENT',
    'expected resize or crop, which pictures of any size need',
    {
      op: 'preprocess',
      node: recipe.source,
    },
  );
}
