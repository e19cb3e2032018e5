/**
 * `bitplane train`: a network trained by the recipe of a paper, packed and compared with its float
 * self. Not here: the recipes (src/zoo/recipes.ts), training (src/train).
 */

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { PictureSet } from '../data/picture-set.js';
import type { Preprocess } from '../data/preprocess.js';
import { openTrainingSets, type TrainingSetName } from '../data/training-sets.js';
import { loadModel } from '../formats/model.js';
import { readTensors } from '../formats/tensors.js';
import { writeFileAtomic } from '../formats/write-file.js';
import { constantsOf, type State } from '../nn/state.js';
import { Tensor, type TensorLike } from '../tensor/tensor.js';
import { readHistory } from '../train/history-log.js';
import type { Teacher } from '../train/step.js';
import type { Network, NetworkOptions } from '../zoo/network.js';
import type { RecipeModel, RecipePart } from '../zoo/recipe.js';
import { FLOAT_NETWORKS, phasesOf, RECIPES, recipeOf } from '../zoo/recipes.js';
import { checkpointOf, FILES, planOf, type Trained, trainRecipe } from '../zoo/train-recipe.js';
import { knownRecipe } from './find-recipe.js';
import { bytes, percent } from './format.js';
import type { TaskName } from './fuse-options.js';
import { type Io, printJson, printLines } from './io.js';
import { modelFile } from './model-file.js';
import { type Elsewhere, notHere, refuseElsewhere } from './not-here.js';
import { dataFolder } from './open-dataset.js';
import { trainingPage } from './report/training-page.js';
import { stopOnInterrupt } from './stop-on-interrupt.js';
import { facts } from './table.js';
import { isTaskTraining, TASK_TRAININGS } from './train-task-names.js';
import { startTrainingProgress } from './training-progress.js';

/** Beside the files of the training: curves, confusions and pictures of them. */
const PAGE = 'page.html';

/** How the network was trained, and what it answers: a TrainingSummary. */
const SUMMARY = 'training.json';

interface TrainingSummary {
  /** Without the folders of the data and of the training. */
  readonly command: string;
  readonly recipe: string;
  readonly model: RecipeModel;
  readonly dataset: TrainingSetName;
  readonly epochs: number;
  /** Of training, without evaluations. */
  readonly seconds: number;
  /** Percent of the test pictures that the packed network answers rightly. */
  readonly top1: number;
  /** The same of the float evaluation after the last epoch. */
  readonly topFloat: number;
  /** Test pictures that the two answer differently. */
  readonly differing: number;
  /** Of the packed network's file. */
  readonly bytes: number;
}

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
  // Of a task that is added to a trunk.
  readonly trunk?: string;
  readonly trunkTask?: readonly TaskName[];
  readonly task?: string;
  readonly prune?: number;
  readonly masks?: 'binary' | 'ternary';
  readonly norms?: boolean;
  readonly distill?: boolean;
  readonly bits?: number;
  readonly granularity?: 'tensor' | 'channel';
  readonly exponents?: 'frozen' | 'learned';
  readonly limit?: number;
  readonly html?: string;
}

const OF_TASKS: Elsewhere<TrainFlags> = (
  [
    ['trunk', '--trunk'],
    ['trunkTask', '--trunk-task'],
    ['task', '--task'],
    ['prune', '--prune'],
    ['masks', '--masks'],
    ['norms', '--norms'],
    ['distill', '--distill'],
    ['bits', '--bits'],
    ['granularity', '--granularity'],
    ['exponents', '--exponents'],
    ['limit', '--limit'],
    ['html', '--html'],
  ] as const
).map(([flag, option]) => [
  flag,
  option,
  `only ${TASK_TRAININGS.join(', ')} add a task to a trunk or tune one`,
]);

export async function trainCommand(name: string, flags: TrainFlags, io: Io): Promise<void> {
  if (isTaskTraining(name)) return (await import('./train-task.js')).trainTask(name, flags, io);
  refuseElsewhere(flags, OF_TASKS);
  if (!Object.hasOwn(RECIPES, name))
    throw unknownName('a recipe,', name, [...Object.keys(RECIPES), ...TASK_TRAININGS], {
      op: 'train',
    });
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
  const isThere = (phase: { readonly name: string }) =>
    existsSync(checkpointOf(flags.out, phase.name));
  if (flags.resume === true && !plan.phases.some(isThere))
    io.stderr.write(`bitplane: ${flags.out} holds no checkpoint: the training begins anew\n`);
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
  const summary: TrainingSummary = {
    command: commandOf(name, flags),
    recipe: name,
    model,
    dataset: flags.dataset,
    epochs: trained.history.length,
    seconds: trained.history.reduce((sum, { seconds }) => sum + seconds, 0),
    top1: 100 * trained.evaluation.accuracy,
    topFloat: last?.testAccuracy ?? 0,
    differing: trained.differing,
    bytes: size,
  };
  const text = `${JSON.stringify(summary, undefined, 2)}\n`;
  await writeFileAtomic(join(flags.out, SUMMARY), Buffer.from(text));
  if (flags.json === true) {
    printJson(io, { ...summary, out: flags.out, history: trained.history });
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
      ['files', [...Object.values(FILES), PAGE, SUMMARY].join(', ')],
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

/** The command that repeats a training, on data and into a folder of anyone's. */
function commandOf(name: string, flags: TrainFlags): string {
  const { data: _, out: __, resume: ___, json: ____, without = [], ...told } = flags;
  const options = Object.entries(told).map(([option, value]) => `--${option} ${value}`);
  const parts = without.map((part) => `--without ${part}`);
  return ['bitplane train', name, ...options, ...parts].join(' ');
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
 * says what pictures it wants. A file of the network that `float` trains gives its layers too.
 */
async function teacherOf(
  { teacher: path }: TrainFlags,
  model: RecipeModel,
  train: PictureSet,
): Promise<Teacher> {
  const given = path as string;
  const trained = join(given, FILES.state);
  if (existsSync(trained)) {
    const state = (await readTensors(trained)) as State;
    return { model: floatNetwork(model, train, state) as never, state };
  }
  const file = modelFile(given);
  const graph = await loadModel(file);
  const constants = constantsOf(graph);
  const network = floatNetwork(model, train, constants);
  const names = network.parameters.map(({ name }) => name);
  const taught: Teacher = names.every((name) => constants[name]?.dtype === 'f32')
    ? {
        model: network as never,
        state: Object.fromEntries(names.map((name) => [name, constants[name]])) as State,
      }
    : { graph };
  const preprocess = (await knownRecipe(file, graph))?.preprocess;
  return preprocess === undefined ? taught : { ...taught, input: fedAs(preprocess, train) };
}

/** The network that `float` trains, as wide as these tensors of it. */
function floatNetwork(
  model: RecipeModel,
  { pictureShape: [inputSize, , channels], classes }: PictureSet,
  tensors: Readonly<Record<string, TensorLike>>,
): Network {
  const build: (options: NetworkOptions) => Network = FLOAT_NETWORKS[model];
  const options = { classes: classes.length, inputSize, channels };
  const plain = build(options);
  const [stem] = plain.parameters;
  const width = tensors[stem!.name]?.shape[0] ?? stem!.shape[0];
  return width === stem!.shape[0] ? plain : build({ ...options, width: width as number });
}

/** What a network of other preprocessing is fed: back to bytes in [0, 255], then as it wants. */
function fedAs(
  preprocess: Preprocess,
  { normalization }: PictureSet,
): NonNullable<Teacher['input']> {
  const { mean, std } = normalization;
  const scale = preprocess.scale ?? 1 / 255;
  const theirs = {
    mean: preprocess.mean ?? mean.map(() => 0),
    std: preprocess.std ?? std.map(() => 1),
  };
  const factor = std.map((s, c) => (s * 255 * scale) / (theirs.std[c] as number));
  const shift = mean.map(
    (m, c) => (m * 255 * scale - (theirs.mean[c] as number)) / (theirs.std[c] as number),
  );
  const vector = (numbers: readonly number[]) =>
    new Tensor('f32', Float32Array.from(numbers), [numbers.length]);
  return (g, x) => {
    const same = factor.every((f, c) => Math.abs(f - 1) < 1e-6 && Math.abs(shift[c]!) < 1e-6);
    const fed = same ? x : g.add(g.mul(x, g.constant(vector(factor))), g.constant(vector(shift)));
    return preprocess.layout === 'NCHW' ? g.transpose(fed, [0, 3, 1, 2]) : fed;
  };
}
