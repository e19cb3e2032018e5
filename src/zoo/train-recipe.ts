/**
 * Runs a recipe: its phases one after the other, each from what the phase before ended with, with a
 * log, checkpoints to go on from, and the trained network packed. Not here: what the recipes are
 * (./recipes.ts), training itself (src/train).
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type OptionNames, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { trainedPreprocess } from '../data/normalization.js';
import { type PictureSet, requirePictureSet } from '../data/picture-set.js';
import { withRecipe } from '../data/recipe.js';
import { saveModel } from '../formats/safetensors/model.js';
import { Session } from '../formats/session.js';
import { writeTensors } from '../formats/tensors.js';
import { makeFolder } from '../formats/write-file.js';
import type { Graph } from '../graph/value.js';
import type { Parameter } from '../nn/scope.js';
import { initialState, type State } from '../nn/state.js';
import { calibrate } from '../train/calibrate.js';
import { type Evaluation, evaluate } from '../train/evaluate.js';
import { fit } from '../train/fit.js';
import type { StepReport } from '../train/fit-options.js';
import type { EpochRecord } from '../train/history.js';
import { type HistoryLog, openHistoryLog } from '../train/history-log.js';
import type { Teacher } from '../train/step.js';
import type { Network, NetworkOptions } from './network.js';
import type { Recipe, RecipeModel, RecipePart, RecipePhase } from './recipe.js';
import { phasesOf } from './recipes.js';

/** What a recipe is trained on, and for how long. */
export interface TrainRecipeOptions {
  /** Which network. */
  readonly model: RecipeModel;
  /** To train on. */
  readonly train: PictureSet;
  /** To measure the accuracy on after each epoch. */
  readonly test: PictureSet;
  /** Where the files go; it is made if it does not exist. */
  readonly out: string;
  /** Of all phases together; each has at least one. Default the recipe's. */
  readonly epochs?: number | undefined;
  /** Channels of the first stage. */
  readonly width?: number | undefined;
  /** Pictures a step. Default: the recipe's. */
  readonly batchSize?: number | undefined;
  /** Of parameters, order and augmentation. Default 0. */
  readonly seed?: number | undefined;
  /** Of a step. Default: all cores. */
  readonly threads?: number | undefined;
  /** Whether to go on from the files in `out`. */
  readonly resume?: boolean | undefined;
  /** The network that a recipe with a teacher compares with, in place of one that it trains. */
  readonly teacher?: Teacher | undefined;
  /** Parts of the recipe to leave out, to see what they bring. Default none. */
  readonly without?: readonly RecipePart[] | undefined;
  /**
   * How many batches count the running statistics anew when training has ended. Default: they stay
   * as training left them.
   */
  readonly calibrate?: number | undefined;
  /** Stops it after the step in progress: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Is told of each step when it has ended. */
  onStep?(report: StepReport & { readonly phase: string }): void;
  /** Is told of each epoch when it has ended. */
  onEpoch?(record: EpochRecord): void;
}

/** A network that a recipe trained: its state, and its graph for inference. */
export interface Trained {
  /** As it was trained. */
  readonly network: Network;
  /** Of the last epoch. */
  readonly state: State;
  /** For inference, carrying its recipe. */
  readonly graph: Graph;
  /** An entry an epoch. */
  readonly history: readonly EpochRecord[];
  /** Of the packed network. */
  readonly evaluation: Evaluation;
  /** Test pictures that the packed network and the float evaluation answer differently. */
  readonly differing: number;
}

/** Where a phase leaves what a training goes on from. */
export function checkpointOf(folder: string, phase: string): string {
  return join(folder, `${phase}.checkpoint.safetensors`);
}

/** The files of a training. */
export const FILES = {
  model: 'model.safetensors',
  state: 'state.safetensors',
  log: 'log.jsonl',
} as const;

const OPTIONS: OptionNames<TrainRecipeOptions> = {
  model: true,
  train: true,
  test: true,
  out: true,
  epochs: true,
  width: true,
  batchSize: true,
  seed: true,
  threads: true,
  resume: true,
  teacher: true,
  without: true,
  calibrate: true,
  signal: true,
  onStep: true,
  onEpoch: true,
};

/**
 * Trains a model by a recipe, phase by phase, packs it, and compares both on every test picture.
 * @throws BitplaneError what `fit` throws, ERR_ARGUMENT for a recipe without its teacher
 */
export async function trainRecipe(recipe: Recipe, options: TrainRecipeOptions): Promise<Trained> {
  requireOptions(options, OPTIONS, { op: 'train' });
  const { train, test, out, seed = 0, resume = false } = options;
  requirePictureSet(train, 'train');
  requirePictureSet(test, 'train');
  if (typeof out !== 'string' || out === '')
    throw expected('ERR_ARGUMENT', 'out, the path of a folder,', out, { op: 'train' });
  const { phases, epochs } = planOf(recipe, options);
  if (options.teacher === undefined && phases.some(({ teacher }) => teacher === 'given'))
    throw expected('ERR_ARGUMENT', 'a teacher, which this recipe needs,', 'none', {
      op: 'train',
      node: recipe.name,
    });
  await makeFolder(out);
  const counts = epochsOf(phases, epochs);
  const settings = networkOptions(options);
  const checkpoints = phases.map(({ name }) => checkpointOf(out, name));
  // Those of an earlier training: what goes on later must not meet them.
  if (!resume) await Promise.all(checkpoints.map((path) => rm(path, { force: true })));
  const history: EpochRecord[] = [];
  let log: HistoryLog | undefined;
  let previous: { readonly network: Network; readonly state: State } | undefined;
  for (const [i, phase] of phases.entries()) {
    const network = phase.model(settings);
    const offset = counts.slice(0, i).reduce((a, b) => a + b, 0);
    const teacher = teacherOf(phase, previous, options.teacher);
    // Of a phase that has ended, the checkpoint is its result.
    const { state, history: own } = await fit(
      network,
      { train, test },
      {
        epochs: counts[i] as number,
        batchSize: options.batchSize ?? recipe.batchSize,
        loss: phase.loss,
        optimizer: phase.optimizer,
        schedule: phase.schedule,
        augment: augmentationOf(recipe, train),
        // Each phase has its own order of pictures.
        seed: seed + i,
        state: startOf(network, phase, seed, phase.continues ? previous?.state : undefined),
        ...(options.threads !== undefined && { threads: options.threads }),
        ...(phase.constraint && { constraint: phase.constraint }),
        ...(teacher && { teacher }),
        phase: phase.name,
        checkpoint: checkpoints[i],
        resume,
        signal: options.signal,
        callbacks: {
          onStep: (report) => options.onStep?.({ ...report, phase: phase.name }),
          async onEpoch(last) {
            const record = { ...last, epoch: last.epoch + offset };
            log ??= await openHistoryLog(join(out, FILES.log), record.epoch - 1);
            await log.append(record);
            options.onEpoch?.(record);
          },
        },
      },
    );
    for (const record of own) history.push({ ...record, epoch: record.epoch + offset });
    previous = { network, state };
  }
  const { network, state } = previous!;
  return await finished(
    network,
    await calibrated(network, state, recipe, options),
    history,
    options,
  );
}

/** The state with running statistics counted anew, where that is asked for. */
async function calibrated(
  network: Network,
  state: State,
  recipe: Recipe,
  {
    train,
    batchSize = recipe.batchSize,
    calibrate: count,
    seed,
    threads,
    signal,
  }: TrainRecipeOptions,
): Promise<State> {
  if (count === undefined) return state;
  return await calibrate(network as never, state, train, {
    batches: count,
    batchSize,
    augment: augmentationOf(recipe, train),
    ...(seed !== undefined && { seed }),
    threads,
    signal,
  });
}

const augmentationOf = (recipe: Recipe, { pictureShape }: PictureSet) =>
  recipe.augment({ size: pictureShape[0], color: pictureShape[2] > 1 });

/** Saves the packed network, and compares it with the float one. */
async function finished(
  network: Network,
  state: State,
  history: readonly EpochRecord[],
  { out, train, test, threads, signal }: TrainRecipeOptions,
): Promise<Trained> {
  const [side] = train.pictureShape;
  // So that pictures of any size can be answered too.
  const { resize = side, crop = side, rounding } = train.fit ?? {};
  const graph = withRecipe(network.graph(state), {
    preprocess: {
      ...trainedPreprocess(train.pictureShape, train.normalization),
      ...{ resize, crop, ...(rounding && { rounding }) },
    },
    labels: train.classes,
    source: FILES.model,
  });
  await writeTensors(state, join(out, FILES.state));
  await saveModel(graph, join(out, FILES.model));
  const answers: Evaluation[] = [];
  for (const optimize of [true, false]) {
    const session = Session.fromGraph(graph, {
      optimize,
      ...(threads !== undefined && { threads }),
    });
    const { normalization } = train;
    answers.push(await evaluate(session as never, test, { normalization, signal }));
    await session.release();
  }
  const [packed, float] = answers as [Evaluation, Evaluation];
  const differing = packed.predictions.filter((answer, i) => answer !== float.predictions[i]);
  return { network, state, graph, history, evaluation: packed, differing: differing.length };
}

/**
 * The phases of a training, and their epochs together. A teacher that is given is not trained.
 * @throws BitplaneError ERR_ARGUMENT for a model that the recipe does not train, a part it lacks
 */
export function planOf(
  recipe: Recipe,
  {
    model,
    without,
    teacher,
    epochs,
  }: Pick<TrainRecipeOptions, 'model' | 'without' | 'epochs'> & { readonly teacher?: unknown },
): { readonly phases: readonly RecipePhase[]; readonly epochs: number } {
  const phases = phasesOf(recipe, model, without).filter(
    ({ teaches }) => teacher === undefined || teaches !== true,
  );
  return { phases, epochs: epochs ?? Math.round(recipe.epochs * shareOf(phases)) };
}

/** Of the recipe's epochs: less than 1 where a phase is left out. */
const shareOf = (phases: readonly RecipePhase[]) =>
  phases.reduce((sum, { share }) => sum + share, 0);

/** Whole epochs of each phase, at least one. */
export function epochsOf(phases: readonly RecipePhase[], epochs: number): number[] {
  const names = phases.map(({ name }) => name);
  if (!Number.isInteger(epochs) || epochs < phases.length)
    throw expected(
      'ERR_ARGUMENT',
      `epochs of at least ${phases.length}, one a phase (${names.join(', ')})`,
      epochs,
      { op: 'train' },
    );
  const all = shareOf(phases);
  const counts = phases.map(({ share }) => Math.max(1, Math.floor((share / all) * epochs)));
  counts[counts.length - 1]! += epochs - counts.reduce((a, b) => a + b, 0);
  return counts;
}

function networkOptions({ train, width }: TrainRecipeOptions): NetworkOptions {
  const [height, , channels] = train.pictureShape;
  return {
    classes: train.classes.length,
    inputSize: height,
    channels,
    ...(width !== undefined && { width }),
  };
}

/** What initializers give, and over it what the phase before trained under the same names. */
function startOf(
  network: Network,
  { init }: RecipePhase,
  seed: number,
  previous: State | undefined,
): State {
  const begun = network.parameters.map((parameter) =>
    init === undefined || parameter.role !== 'weight' ? parameter : { ...parameter, init },
  );
  const fresh = initialState(begun, seed);
  if (previous === undefined) return fresh;
  const taken = network.parameters.map(({ name }: Parameter) => [
    name,
    Object.hasOwn(previous, name) ? previous[name] : fresh[name],
  ]);
  return Object.fromEntries(taken) as State;
}

function teacherOf(
  { teacher }: RecipePhase,
  previous: { readonly network: Network; readonly state: State } | undefined,
  given: Teacher | undefined,
): Teacher | undefined {
  if (teacher === undefined) return undefined;
  if (teacher === 'given' || previous === undefined) return given;
  return { model: previous.network as never, state: previous.state };
}
