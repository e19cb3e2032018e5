/**
 * The pictures that `quantize` calibrates with, and those that it measures the accuracy on. Not
 * here: opening a data set (open-dataset.ts), what is done with them (quantize.ts).
 */
import { expected } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { checkFit, classCount } from '../data/fit-input.js';
import type { Recipe } from '../data/recipe.js';
import { type Graph, outputsOf } from '../graph/value.js';
import { calibrationFeeds } from './calibration-feeds.js';
import { findRecipe, recipeNotes } from './find-recipe.js';
import type { Io } from './io.js';
import { dataFolder, openDataset } from './open-dataset.js';
import { startProgress } from './progress.js';
import type { QuantizeFlags } from './quantize.js';

const CALIBRATE = 512;
const BATCH = 32;

/** What measures the accuracy: labelled pictures, and how they become inputs. */
export interface Test {
  readonly data: Dataset;
  readonly recipe: Recipe;
}

/** The pictures of a command line, and remarks on them. */
export interface Pictures {
  readonly notes: readonly string[];
  readonly calibration: Dataset;
  readonly recipe: Recipe;
  readonly test: Test | undefined;
}

/** The pictures to calibrate with, and those that measure; undefined without --dataset. */
export async function openPictures(
  from: string,
  graph: Graph,
  flags: QuantizeFlags,
  io: Io,
): Promise<Pictures | undefined> {
  if (flags.dataset === undefined) return undefined;
  const dir = dataFolder(flags.data, io);
  const recipe = await findRecipe(from, graph, flags.preprocess);
  const outputs = classCount(outputsOf(graph)[0]?.[1].shape ?? []);
  const opening = { recipe, outputs, strict: undefined };
  const isFolder = flags.dataset === 'folder';
  const calibration = await openDataset(flags.dataset, {
    ...opening,
    dir,
    split: isFolder ? undefined : 'train',
    labelled: !isFolder,
  });
  const [input, ...others] = graph.inputs;
  if (input === undefined || others.length > 0)
    throw expected('ERR_FEED', 'a model with one input', `${graph.inputs.length} inputs`, {
      op: 'quantize',
    });
  const notes = [...recipeNotes(from, recipe), ...checkFit(input, calibration, recipe)];
  const testDir = isFolder ? flags.test : dir;
  if (testDir === undefined) {
    const why = 'no --test DIR with labelled pictures: no accuracy was measured';
    return { calibration, recipe, test: undefined, notes: [...notes, why] };
  }
  const data = await openDataset(flags.dataset, {
    ...opening,
    dir: testDir,
    split: isFolder ? undefined : 'test',
  });
  return { calibration, recipe, test: { data, recipe }, notes: [...notes, ...data.notes] };
}

/** The pictures that measure a network which none calibrates; undefined without --dataset. */
export async function openTest(
  from: string,
  graph: Graph,
  flags: QuantizeFlags,
  io: Io,
): Promise<{ readonly test: Test; readonly notes: readonly string[] } | undefined> {
  if (flags.dataset === undefined) return undefined;
  const recipe = await findRecipe(from, graph, flags.preprocess);
  const isFolder = flags.dataset === 'folder';
  const data = await openDataset(flags.dataset, {
    recipe,
    outputs: classCount(outputsOf(graph)[0]?.[1].shape ?? []),
    strict: undefined,
    dir: isFolder ? (flags.test ?? dataFolder(flags.data, io)) : dataFolder(flags.data, io),
    split: isFolder ? undefined : 'test',
  });
  const [input] = graph.inputs;
  const fit = input === undefined ? [] : checkFit(input, data, recipe);
  return { test: { data, recipe }, notes: [...fit, ...data.notes] };
}

/** How many pictures the calibration takes. */
export function pictureCount({ size }: Dataset, { calibrate = CALIBRATE }: QuantizeFlags): number {
  return Math.min(size, calibrate);
}

/** The feeds of the calibration. */
export async function* calibrate(
  graph: Graph,
  { calibration, recipe }: Pictures,
  flags: QuantizeFlags,
  io: Io,
): AsyncGenerator<Readonly<Record<string, never>>> {
  const count = pictureCount(calibration, flags);
  const progress = startProgress(
    io,
    'calibrate',
    count,
    flags.json === true && io.stderr.isTTY !== true,
  );
  try {
    yield* calibrationFeeds(graph.inputs[0]!, calibration, recipe.preprocess, {
      count,
      batch: flags.batch ?? BATCH,
      spread: flags.dataset === 'folder',
      onProgress: (done) => progress.update(done),
    }) as AsyncGenerator<Readonly<Record<string, never>>>;
  } finally {
    progress.finish();
  }
}
