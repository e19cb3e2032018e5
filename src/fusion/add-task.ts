/**
 * Adds a task to a network or to a store, again and again; the tasks before it keep every bit.
 *
 * - `classifier`: the network stays, a head is trained on what it makes of the pictures.
 * - `piggyback`: the weights stay, a mask over them is trained, with batch norms and a head of the
 *   task's own (./piggyback.ts).
 * - `packnet`: the task trains the weights that no task owns, and gives up the smallest of them; a
 *   network that is no store yet gives up its own smallest first, and what is left of it is trained
 *   again (./packnet.ts).
 *
 * Departures from the papers: batch norms are trained for every task, and follow its pictures,
 * because each task has its own here. Not here: files, and what a step computes (src/train).
 */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { requirePictureSet } from '../data/picture-set.js';
import { type Store, TASK_NAME } from '../formats/store/store.js';
import type { Graph } from '../graph/value.js';
import { type AddedTask, Adding } from './adding.js';
import { type MaskKind, TASK_METHODS, type TaskMethod } from './choices.js';
import { PHASE_OPTIONS, type PhaseOptions, type TaskPictures } from './phases.js';
import { CLASSIFIER_EPOCHS, classifier, NORMS_EPOCHS } from './task-classifier.js';
import { PACKNET_EPOCHS, packnet, packnetEpochs } from './task-packnet.js';
import { PIGGYBACK_EPOCHS, piggyback } from './task-piggyback.js';
import { hasOwners, requireTrunk, storeOf } from './trunk.js';

/** Which task is added, how, and how it is trained. */
export interface AddTaskOptions extends Omit<PhaseOptions, 'batchSize' | 'seed'> {
  /** `classifier`: a head alone; `piggyback`: masks too; `packnet`: weights that no task owns. */
  readonly method: TaskMethod;
  /** The name of the new task. */
  readonly task: string;
  /** Pictures of the network's size and colours. */
  readonly pictures: TaskPictures;
  /**
   * Of all phases together. Default: 30 for `classifier`, 10 for
   * `piggyback`, 10 for `packnet` and 10 more where the trunk is no store.
   */
  readonly epochs?: number | undefined;
  /** Default 128. */
  readonly batchSize?: number | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Of a network that is no store: its task, and of `packnet` its pictures. */
  readonly trunk?: { readonly task: string; readonly pictures?: TaskPictures } | undefined;
  /** Of `classifier`: batch norms are trained with the head, in 10 whole epochs. Default false. */
  readonly norms?: boolean | undefined;
  /** Of `packnet`: the share of a task's weights to give up. Default 0.5. */
  readonly prune?: number | undefined;
  /** Of `piggyback`. Default 'binary'. */
  readonly kind?: MaskKind | undefined;
  /** Of `packnet`: what is left after pruning learns from the network before it. Default false. */
  readonly distill?: boolean | undefined;
  /** Of `classifier`: how many pictures have gone through the network. */
  onFeatures?(done: number, total: number): void;
}

/** How a task is added, and the epochs of its phases. */
const METHODS: Readonly<
  Record<
    TaskMethod,
    {
      readonly run: (adding: Adding) => Promise<AddedTask>;
      readonly phases: Readonly<Record<string, number>>;
    }
  >
> = {
  classifier: { run: classifier, phases: CLASSIFIER_EPOCHS },
  packnet: { run: packnet, phases: PACKNET_EPOCHS },
  piggyback: { run: piggyback, phases: PIGGYBACK_EPOCHS },
};

const OPTIONS: OptionNames<AddTaskOptions> = {
  method: true,
  task: true,
  pictures: true,
  epochs: true,
  ...PHASE_OPTIONS,
  trunk: true,
  prune: true,
  kind: true,
  norms: true,
  distill: true,
  onFeatures: true,
};

const SITE = { op: 'addTask' };

/**
 * Trains a further task on a network or a store and gives the store with it; tasks before keep
 * every bit.
 * @param trunk a network, or a store that this function or `fuse` with masks made
 * @throws BitplaneError ERR_ARGUMENT, ERR_UNSUPPORTED for a trunk that tasks cannot be added to,
 * and what `fit` throws
 */
export async function addTask(trunk: Graph | Store, options: AddTaskOptions): Promise<AddedTask> {
  requireOptions(options, OPTIONS, SITE);
  const { method, task, kind, norms, prune: share, distill, batchSize = 128 } = options;
  requireOneOf(method, TASK_METHODS, 'method', SITE);
  for (const [name, value, of] of [
    ['kind', kind, 'piggyback'],
    ['norms', norms, 'classifier'],
    ['prune', share, 'packnet'],
    ['distill', distill, 'packnet'],
  ] as const)
    if (value !== undefined && method !== of)
      throw expected('ERR_ARGUMENT', `no ${name} for ${method}`, value, SITE);
  if (share !== undefined && !(share > 0 && share < 1))
    throw expected('ERR_ARGUMENT', 'prune above 0 and below 1', share, SITE);
  requirePictureSet(options.pictures?.train, 'addTask');
  requirePictureSet(options.pictures?.test, 'addTask');
  const isStore = 'weights' in trunk;
  const name = options.trunk?.task ?? 'trunk';
  for (const [what, given] of [
    ['task', task],
    ["trunk's task", name],
  ])
    if (typeof given !== 'string' || !TASK_NAME.test(given))
      throw expected(
        'ERR_ARGUMENT',
        `a name of the ${what} of at most 64 letters, digits, ., - and _`,
        given,
        SITE,
      );
  const { size } = options.pictures.train;
  if (batchSize > size)
    throw expected(
      'ERR_ARGUMENT',
      `batchSize of at most ${size}, the number of pictures to train on,`,
      batchSize,
      SITE,
    );
  if (isStore && options.trunk !== undefined)
    throw expected('ERR_ARGUMENT', 'no trunk task for a store, which has its own', name, SITE);
  const store = isStore ? trunk : storeOf(name, trunk);
  requireTrunk(store);
  if (store.tasks.some((one) => one.name === task))
    throw expected('ERR_ARGUMENT', 'a name that no task of the trunk has', task, SITE);
  const bits = store.weights.find(({ weights }) => weights.method === 'bits');
  if (bits !== undefined && method !== 'classifier')
    throw expected('ERR_UNSUPPORTED', `float weights for ${method}`, 'binary ones', {
      op: method,
      node: bits.name,
    });
  const adding = new Adding(store, options);
  const { run, phases } = METHODS[method];
  await adding.phases.begin([...Object.keys(phases), 'features', 'norms']);
  return await run(adding);
}

/** The epochs of all phases together. */
export function epochsOf(
  trunk: Graph | Store,
  { method, epochs, norms }: Pick<AddTaskOptions, 'method' | 'epochs' | 'norms'>,
): number {
  if (epochs !== undefined) return epochs;
  const isFirst = !('weights' in trunk && hasOwners(trunk));
  const counts =
    method === 'packnet'
      ? packnetEpochs(undefined, isFirst).slice(isFirst ? 0 : 1)
      : Object.values(norms === true ? NORMS_EPOCHS : METHODS[method].phases);
  return counts.reduce((a, b) => a + b, 0);
}
