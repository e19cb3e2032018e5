/**
 * `bitplane train classifier|packnet|piggyback`: a task added to a network or to a store, and
 * `bitplane train grid`: a network trained further on the grid of block floats. Not here: the
 * trainings (src/fusion/add-task.ts, src/fusion/fine-tune.ts).
 */
import { dirname } from 'node:path';
import { expected } from '../core/errors.js';
import { normalizationOf } from '../data/normalization.js';
import { type PictureSet, pickPictures } from '../data/picture-set.js';
import { picturesFor } from '../data/pictures-for.js';
import { channelsOf, type Preprocess } from '../data/preprocess.js';
import { type Recipe, withRecipe } from '../data/recipe.js';
import { openTrainingSets, type TrainingSetName } from '../data/training-sets.js';
import { openStore } from '../formats/model.js';
import { saveModel } from '../formats/safetensors/model.js';
import { Session } from '../formats/session.js';
import type { Store } from '../formats/store/store.js';
import { makeFolder, writeFileAtomic } from '../formats/write-file.js';
import { addTask, epochsOf } from '../fusion/add-task.js';
import { TASK_METHODS } from '../fusion/choices.js';
import { FINE_TUNE_EPOCHS, fineTune } from '../fusion/fine-tune.js';
import type { TaskPictures } from '../fusion/phases.js';
import { saveStore, taskGraph } from '../fusion/store-file.js';
import { storeSizes } from '../fusion/store-sizes.js';
import type { Graph } from '../graph/value.js';
import { Tensor } from '../tensor/tensor.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { type Evaluation, evaluate } from '../train/evaluate.js';
import type { EpochRecord } from '../train/history.js';
import { recipeOf } from '../zoo/recipes.js';
import { findRecipe } from './find-recipe.js';
import { percent } from './format.js';
import { type TaskName, taskNames } from './fuse-options.js';
import { sizeFacts, sizeTable } from './fuse-report.js';
import { type Io, printJson, printLines } from './io.js';
import { isStore } from './is-store.js';
import { type Elsewhere, notHere, refuseElsewhere } from './not-here.js';
import { dataFolder } from './open-dataset.js';
import { openModel } from './open-model.js';
import { startProgress } from './progress.js';
import { trainingPage } from './report/training-page.js';
import { isSameFile, requireOther } from './same-file.js';
import { stopOnInterrupt } from './stop-on-interrupt.js';
import { facts } from './table.js';
import type { TrainFlags } from './train.js';
import type { TaskTraining } from './train-task-names.js';
import { startTrainingProgress } from './training-progress.js';

/** Options that recipes have and tasks do not. */
const OF_RECIPES: Elsewhere<TrainFlags> = [
  ['model', '--model', 'the network is that of --trunk'],
  ['width', '--width', 'the network is that of --trunk'],
  ['size', '--size', 'pictures have the size that --trunk takes'],
  ['teacher', '--teacher', '--distill learns from the network before it'],
  ['without', '--without', 'only recipes of papers have parts'],
  ['calibrate', '--calibrate', 'batch norms keep the statistics of training'],
];

/** Options of one training, and why the others have none. */
const OF_TRAINING: readonly (readonly [
  flag: keyof TrainFlags,
  option: string,
  trainings: readonly TaskTraining[],
])[] = [
  ['task', '--task', TASK_METHODS],
  ['trunkTask', '--trunk-task', TASK_METHODS],
  ['norms', '--norms', ['classifier']],
  ['prune', '--prune', ['packnet']],
  ['masks', '--masks', ['piggyback']],
  ['distill', '--distill', ['packnet', 'grid']],
  ['bits', '--bits', ['grid']],
  ['granularity', '--granularity', ['grid']],
  ['exponents', '--exponents', ['grid']],
];

/** What a training needs of the command line. */
interface Opened {
  readonly trunk: Graph | Store;
  /** The network that pictures are made for. */
  readonly recipe: Recipe;
  readonly pictures: TaskPictures;
  readonly notes: readonly string[];
}

export async function trainTask(name: TaskTraining, flags: TrainFlags, io: Io): Promise<void> {
  requireFlags(name, flags);
  if (name === 'grid' && (await isStore(flags.trunk as string)))
    throw expected(
      'ERR_ARGUMENT',
      'a network for train grid (convert --export-task gives one)',
      'a store',
      { op: '--trunk' },
    );
  const opened = await open(flags, io);
  const { pictures, recipe } = opened;
  for (const note of opened.notes) io.stderr.write(`${note}\n`);
  const trunkTask = await openTrunkTask(name, flags, opened, io);
  const { out, resume, epochs, seed, batch } = flags;
  const stem = out.replace(/\.safetensors$/i, '');
  // A folder that cannot be made is said now, and not after the first epoch.
  await makeFolder(dirname(out));
  const isMethod = name !== 'grid';
  const silent = flags.json === true && io.stderr.isTTY !== true;
  const total = isMethod
    ? epochsOf(opened.trunk, { method: name, epochs, norms: flags.norms })
    : (epochs ?? FINE_TUNE_EPOCHS);
  const stop = stopOnInterrupt();
  const progress = startTrainingProgress(io, {
    epochs: total,
    done: resume === true ? await epochsDone(stem) : 0,
    silent,
  });
  const size = pictures.train.size + pictures.test.size;
  const features = startProgress(io, 'features', size, silent);
  const [side, , channels] = pictures.train.pictureShape;
  const common = {
    ...{ pictures, epochs, seed, batchSize: batch, preprocess: recipe.preprocess },
    augment:
      name === 'classifier' && flags.norms !== true
        ? []
        : recipeOf('float').augment({ size: side, color: channels > 1 }),
    ...{ threads: flags.threads, checkpoint: stem, resume, signal: stop.signal },
    onStep: progress.onStep,
    onEpoch: progress.onEpoch,
  };
  const ended = () => {
    progress.finish();
    features.finish();
    stop.end();
  };
  if (!isMethod) {
    const { graph, history } = await fineTune(opened.trunk as Graph, {
      ...common,
      bits: flags.bits as number,
      granularity: flags.granularity,
      exponents: flags.exponents,
      distill: flags.distill,
    }).finally(ended);
    await saveModel(graph, out);
    await report(name, flags, opened, history, undefined, io);
    return;
  }
  const { store, history } = await addTask(opened.trunk, {
    ...common,
    method: name,
    task: taskOf(flags),
    trunk: trunkTask,
    prune: flags.prune,
    kind: flags.masks,
    norms: flags.norms,
    distill: flags.distill,
    onFeatures: features.update,
  }).finally(ended);
  await saveStore(store, out);
  await report(name, flags, opened, history, store, io);
}

/** What needs no file, before any is opened. */
function requireFlags(name: TaskTraining, flags: TrainFlags): void {
  refuseElsewhere(flags, OF_RECIPES);
  for (const [flag, option, trainings] of OF_TRAINING)
    if (flags[flag] !== undefined && !trainings.includes(name))
      throw notHere(option, `it is of train ${trainings.join(', ')}`);
  const { trunk, out, bits, granularity } = flags;
  if (trunk === undefined)
    throw expected('ERR_ARGUMENT', `--trunk MODEL for train ${name}`, 'none', { op: '--trunk' });
  if (!/\.safetensors$/i.test(out))
    throw expected('ERR_ARGUMENT', 'a file whose name ends in .safetensors', out, { op: '--out' });
  if (isSameFile(trunk, out))
    throw expected('ERR_ARGUMENT', 'another file than the trunk', out, { op: '--out' });
  if (flags.html !== undefined) requireOther(flags.html, [trunk], '--html', [out]);
  if (name === 'grid' && bits === undefined)
    throw expected('ERR_ARGUMENT', '--bits N for train grid', 'none', { op: '--bits' });
  if (typeof granularity === 'object')
    throw expected('ERR_ARGUMENT', 'tensor or channel', 'blocks', { op: '--granularity' });
}

async function open(flags: TrainFlags, io: Io): Promise<Opened> {
  const path = flags.trunk as string;
  const isOne = await isStore(path);
  const store = isOne ? await openStore(path) : undefined;
  const graph = store ? taskGraph(store, store.tasks[0]!.name) : await openModel(path, {}, io);
  const recipe = await findRecipe(path, graph);
  const { notes, pictures } = await openPictures(flags.dataset, graph, recipe, flags, io);
  const isDefault = recipe.isDefault === true;
  const trunk = store ?? (isDefault ? graph : withRecipe(graph, recipe));
  return {
    trunk,
    recipe: { ...recipe, preprocess: sized(recipe.preprocess, pictures.train) },
    pictures,
    notes: [
      ...(isDefault ? [`no preprocessing is known for ${path}: ${recipe.source}`] : []),
      ...notes,
    ],
  };
}

/** The data set's pictures, as the network takes them. */
async function openPictures(
  dataset: TrainingSetName,
  graph: Graph,
  { preprocess }: Recipe,
  flags: TrainFlags,
  io: Io,
): Promise<{ readonly pictures: TaskPictures; readonly notes: readonly string[] }> {
  const { color, quantize } = preprocess;
  if (color === 'bgr' || quantize !== undefined)
    throw expected(
      'ERR_UNSUPPORTED',
      'a trunk that takes rgb or gray pictures as they are',
      color === 'bgr' ? 'bgr' : 'a preprocessing that quantizes',
      { op: '--trunk' },
    );
  const channels = channelsOf(color);
  const side = sideOf(graph, preprocess);
  const dir = dataFolder(flags.data, io);
  const fit = dataset === 'folder' ? { resize: side, crop: side } : undefined;
  const sets = await openTrainingSets(dataset, dir, { fit });
  const normalization = normalizationOf(preprocess, channels);
  const made = ({ train, test }: TaskPictures): TaskPictures => ({
    train: picturesFor(first(train, flags.limit), { side, channels, normalization }),
    test: picturesFor(first(test, flags.limit), { side, channels, normalization }),
  });
  const pictures = made(sets);
  const skipped = [pictures.train, pictures.test].flatMap(({ name, skipped: [one, ...more] }) =>
    one ? [`${name}: ${more.length + 1} pictures are left out, such as ${one.why}`] : [],
  );
  return { pictures, notes: [...new Set([...pictures.train.notes, ...skipped])] };
}

function first(set: PictureSet, limit: number | undefined): PictureSet {
  if (limit === undefined || limit >= set.size) return set;
  const indices = Uint32Array.from({ length: limit }, (_, i) => i);
  return pickPictures(set, set.name, indices);
}

/** Height and width that a network takes. */
function sideOf({ inputs: [input] }: Graph, { layout, color, crop, resize }: Preprocess): number {
  const [, a, b] = input?.shape ?? [];
  const given =
    layout === 'flat' ? Math.sqrt(Number(a) / channelsOf(color)) : layout === 'NCHW' ? b : a;
  const side = typeof given === 'number' ? given : (crop ?? resize);
  if (side !== undefined && Number.isInteger(side)) return side;
  throw expected('ERR_SHAPE', 'a trunk that takes square pictures of one size', String(given), {
    op: '--trunk',
    node: input?.name,
  });
}

/** Says the size where pictures of the data set had another one. */
function sized(preprocess: Preprocess, { pictureShape: [side], notes }: PictureSet): Preprocess {
  return notes.some((note) => note.includes('pictures are made'))
    ? { ...preprocess, resize: side, crop: side }
    : preprocess;
}

/** The task of a trunk that is no store, and its pictures. */
async function openTrunkTask(
  name: TaskTraining,
  flags: TrainFlags,
  { trunk, recipe }: Opened,
  io: Io,
): Promise<{ readonly task: string; readonly pictures?: TaskPictures } | undefined> {
  const { trunkTask } = flags;
  if ('weights' in trunk) {
    if (trunkTask !== undefined) throw notHere('--trunk-task', 'the store names its tasks');
    return undefined;
  }
  if (name === 'grid') return undefined;
  const [{ name: task, dataset }] = taskNames([flags.trunk as string], trunkTask) as [TaskName];
  if (name === 'packnet' && dataset === undefined)
    throw expected(
      'ERR_ARGUMENT',
      '--trunk-task NAME=DATASET: the trunk is pruned and trained again',
      'no data set',
      { op: '--trunk-task' },
    );
  if (name !== 'packnet' && dataset !== undefined)
    throw notHere('--trunk-task', `${name} does not train the trunk: NAME alone`);
  if (dataset === undefined) return { task };
  const { pictures } = await openPictures(dataset, trunk, recipe, flags, io);
  return { task, pictures };
}

const taskOf = ({ task, dataset }: TrainFlags) => task ?? dataset;

/** What a training that goes on had done, as far as its last phase's checkpoint says. */
async function epochsDone(stem: string): Promise<number> {
  let done = 0;
  for (const phase of ['head', 'norms', 'masks', 'grid', 'trunk', 'train', 'retrain'])
    done += await readCheckpoint(`${stem}.${phase}.checkpoint.safetensors`).then(
      ({ epoch }) => epoch,
      () => 0,
    );
  return done;
}

async function report(
  training: TaskTraining,
  flags: TrainFlags,
  { pictures: { test, train }, recipe, notes }: Opened,
  history: readonly EpochRecord[],
  store: Store | undefined,
  io: Io,
): Promise<void> {
  const { out, html, dataset } = flags;
  const task = store && taskOf(flags);
  const evaluation = await answers(out, task, test, recipe.preprocess, flags.threads);
  const top1 = 100 * evaluation.accuracy;
  const sizes = store && storeSizes(store);
  if (html !== undefined) {
    const page = trainingPage({
      title: `${training}: ${task ?? `${flags.bits} bits`}, on ${test.name}`,
      about: [
        ['trained', training],
        ...notes.map((note) => ['note', note] as const),
        ...(sizes && store ? sizeFacts(sizes, store.tasks.length) : []),
      ],
      ...{ history, test, evaluation },
    });
    await writeFileAtomic(html, Buffer.from(page));
  }
  if (flags.json === true) {
    printJson(io, {
      ...{ out, training, task: task ?? null, dataset, top1, n: test.size },
      ...{ pictures: train.size, history, sizes: sizes ?? null, notes, html: html ?? null },
    });
    return;
  }
  if (sizes) printLines(io, sizeTable(sizes), '');
  printLines(
    io,
    facts([
      ['task', `${task ?? training}, ${dataset}: ${train.size} pictures`],
      ['epochs', String(history.length)],
      ['top-1', `${percent(top1)} of ${test.size} test pictures`],
      ...(sizes && store ? sizeFacts(sizes, store.tasks.length) : []),
      ['file', out],
    ]),
  );
}

/** What the file that was written answers. */
async function answers(
  out: string,
  task: string | undefined,
  test: PictureSet,
  { layout }: Preprocess,
  threads: number | undefined,
): Promise<Evaluation> {
  const session = await Session.create(out, {
    ...(task !== undefined && { task }),
    ...(threads !== undefined && { threads }),
  });
  const [input] = session.inputNames as readonly [string];
  try {
    const run = (feeds: Readonly<Record<string, Float32Array>>) =>
      session.run({ [input]: laid(feeds[input]!, test.pictureShape, layout) });
    return await evaluate({ ...names(session), run } as never, test, {});
  } finally {
    await session.release();
  }
}

const names = ({ inputNames, outputNames }: Session) => ({ inputNames, outputNames });

/** Pictures [N, H, W, C] as a network of such a layout is fed. */
function laid(
  x: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  layout: Preprocess['layout'],
): Tensor<'f32'> {
  const plane = height * width;
  const count = x.length / (plane * channels);
  if (layout === 'NHWC') return new Tensor('f32', x, [count, height, width, channels]);
  const out = new Float32Array(x.length);
  for (let n = 0; n < count; n++)
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < plane; i++)
        out[(n * channels + c) * plane + i] = x[(n * plane + i) * channels + c]!;
  const shape = layout === 'flat' ? [count, channels * plane] : [count, channels, height, width];
  return new Tensor('f32', out, shape);
}
