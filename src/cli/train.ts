/**
 * `bitplane train`: a network trained by the recipe of a paper, packed and compared with its float
 * self. Not here: the recipes (src/zoo/recipes.ts), training (src/train).
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BitplaneError, expected } from '../core/errors.js';
import type { PictureSet } from '../data/picture-set.js';
import { openTrainingSets, type TrainingSetName } from '../data/training-sets.js';
import { loadModel } from '../formats/model.js';
import { readTensors } from '../formats/tensors.js';
import { writeFileAtomic } from '../formats/write-file.js';
import type { State } from '../nn/state.js';
import { Tensor } from '../tensor/tensor.js';
import { readHistory } from '../train/history-log.js';
import type { Teacher } from '../train/step.js';
import {
  FLOAT_NETWORKS,
  phasesOf,
  type RecipeModel,
  type RecipePart,
  recipeOf,
} from '../zoo/recipes.js';
import { FILES, planOf, type Trained, trainRecipe } from '../zoo/train-recipe.js';
import { knownRecipe } from './find-recipe.js';
import { bytes, percent } from './format.js';
import { type Io, printJson, printLines } from './io.js';
import { notHere } from './not-here.js';
import { dataFolder } from './open-dataset.js';
import { trainingPage } from './report/training-page.js';
import { facts } from './table.js';
import { startTrainingProgress } from './training-progress.js';

/** Beside the files of the training: curves, confusions and pictures of them. */
const PAGE = 'page.html';

export interface TrainFlags {
  readonly dataset: TrainingSetName;
  readonly data?: string;
  readonly out: string;
  readonly model?: RecipeModel;
  readonly epochs?: number;
  readonly width?: number;
  readonly batch?: number;
  readonly seed?: number;
  readonly size?: number;
  readonly teacher?: string;
  readonly without?: readonly RecipePart[];
  readonly calibrate?: number;
  readonly threads?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

export async function trainCommand(name: string, flags: TrainFlags, io: Io): Promise<void> {
  const recipe = recipeOf(name);
  const model = flags.model ?? 'resnet-20';
  if (!recipe.models.includes(model))
    throw expected('ERR_ARGUMENT', `a model of ${recipe.models.join(', ')}`, model, {
      op: '--model',
      node: name,
    });
  const dir = dataFolder(flags.data, io);
  const { size: side } = flags;
  if (flags.dataset === 'folder' && side === undefined)
    throw expected('ERR_ARGUMENT', '--size N, for the pictures of a folder', 'none', {
      op: 'train',
    });
  if (flags.dataset !== 'folder' && side !== undefined)
    throw notHere('--size', `pictures of ${flags.dataset} have their size`);
  const plan = planOf(recipe, { ...flags, model });
  const taught = phasesOf(recipe, model, flags.without).some(
    ({ teacher, teaches }) => teacher === 'given' || teaches === true,
  );
  if (flags.teacher !== undefined && !taught)
    throw notHere('--teacher', `the recipe ${name} has no teacher`);
  const fit = side === undefined ? undefined : { resize: side, crop: side };
  const { train, test } = await openTrainingSets(flags.dataset, dir, { fit });
  const remarks = remarksOn([train, test]);
  for (const remark of remarks) io.stderr.write(`${remark}\n`);
  const teacher = flags.teacher === undefined ? undefined : await teacherOf(flags, model, train);
  const stop = stopOnInterrupt();
  const progress = startTrainingProgress(io, {
    epochs: plan.epochs,
    done: flags.resume === true ? await epochsLogged(join(flags.out, FILES.log)) : 0,
    silent: flags.json === true && io.stderr.isTTY !== true,
  });
  const trained = await trainRecipe(recipe, {
    model,
    train,
    test,
    out: flags.out,
    epochs: flags.epochs,
    width: flags.width,
    batchSize: flags.batch,
    seed: flags.seed,
    threads: flags.threads,
    resume: flags.resume,
    teacher,
    without: flags.without,
    calibrate: flags.calibrate,
    signal: stop.signal,
    onStep: progress.onStep,
    onEpoch: progress.onEpoch,
  }).finally(() => {
    progress.finish();
    stop.end();
  });
  const page = trainingPage({
    title: `${name}, ${model}, on ${test.name}`,
    about: [
      ['recipe', `${name}: ${recipe.about}`],
      ['paper', recipe.paper],
      ['packed and float', comparison(trained, test)],
      ...remarks.map((remark) => ['note', remark] as const),
    ],
    history: trained.history,
    test,
    evaluation: trained.evaluation,
  });
  await writeFileAtomic(join(flags.out, PAGE), Buffer.from(page));

  const size = (await stat(join(flags.out, FILES.model))).size;
  const last = trained.history.at(-1);
  if (flags.json === true) {
    printJson(io, {
      recipe: name,
      model,
      dataset: flags.dataset,
      out: flags.out,
      epochs: trained.history.length,
      seconds: trained.history.reduce((sum, { seconds }) => sum + seconds, 0),
      top1: trained.evaluation.accuracy,
      topFloat: (last?.testAccuracy ?? 0) / 100,
      differing: trained.differing,
      bytes: size,
      history: trained.history,
    });
    return;
  }
  printLines(
    io,
    facts([
      ['recipe', `${name}: ${recipe.about}`],
      ['epochs', String(trained.history.length)],
      ['top-1', percent(100 * trained.evaluation.accuracy)],
      ['packed and float', comparison(trained, test)],
      ['size on disk', bytes(size)],
      ['files', [...Object.values(FILES), PAGE].join(', ')],
    ]),
  );
}

/** What to know of the pictures before trusting a result. */
function remarksOn(sets: readonly PictureSet[]): string[] {
  return sets.flatMap(({ name, notes, skipped: [first, ...others] }) => [
    ...notes,
    ...(first === undefined
      ? []
      : [`${name}: ${others.length + 1} pictures are left out, such as ${first.why}`]),
  ]);
}

function comparison({ differing }: Trained, test: PictureSet): string {
  return `${differing} of ${test.size} pictures answered differently`;
}

/** What a training that goes on had done; a log that cannot be read is refused where it is used. */
async function epochsLogged(path: string): Promise<number> {
  return (await readHistory(path).catch(() => [])).length;
}

/**
 * The teacher that --teacher names: the folder of a float training, or a model file whose recipe
 * says what pictures it wants.
 */
async function teacherOf(
  { teacher: path }: TrainFlags,
  model: RecipeModel,
  train: PictureSet,
): Promise<Teacher> {
  const given = path as string;
  if ((await stat(given)).isDirectory()) {
    const network = FLOAT_NETWORKS[model];
    const [inputSize, , channels] = train.pictureShape;
    const state = (await readTensors(join(given, FILES.state))) as State;
    const options = { classes: train.classes.length, inputSize, channels };
    return { model: network(options) as never, state };
  }
  const graph = await loadModel(given);
  const recipe = await knownRecipe(given, graph);
  const preprocess = recipe?.preprocess;
  if (preprocess === undefined) return { graph };
  const { mean, std } = train.normalization;
  const channels = mean.length;
  const vector = (numbers: readonly number[]) =>
    new Tensor('f32', Float32Array.from(numbers), [channels]);
  const scale = preprocess.scale ?? 1 / 255;
  const theirs = {
    mean: preprocess.mean ?? mean.map(() => 0),
    std: preprocess.std ?? std.map(() => 1),
  };
  return {
    graph,
    input(g, x) {
      // Back to bytes in [0, 255], and then what the teacher does with them.
      const factor = std.map((s, c) => (s * 255 * scale) / (theirs.std[c] as number));
      const shift = mean.map(
        (m, c) => (m * 255 * scale - (theirs.mean[c] as number)) / (theirs.std[c] as number),
      );
      const fed = g.add(g.mul(x, g.constant(vector(factor))), g.constant(vector(shift)));
      return preprocess.layout === 'NCHW' ? g.transpose(fed, [0, 3, 1, 2]) : fed;
    },
  };
}

/** Ctrl-C ends the step in progress; the last whole epoch is in the checkpoint. */
function stopOnInterrupt() {
  const controller = new AbortController();
  const abort = () =>
    controller.abort(
      new BitplaneError('ERR_ABORTED', 'training was interrupted; --resume goes on'),
    );
  process.once('SIGINT', abort);
  return {
    signal: controller.signal,
    end: () => process.removeListener('SIGINT', abort),
  };
}
