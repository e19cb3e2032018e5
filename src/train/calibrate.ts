/**
 * Running statistics of batch norms, counted anew: while parameters still change, running means
 * follow old ones. Each becomes the plain mean over some batches of what the finished parameters
 * give. Not here: training (./fit.ts).
 */
import { type OptionNames, requireOptions, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import type { Augmentation } from '../data/augment/augmentation.js';
import { batches } from '../data/batches.js';
import type { Normalization } from '../data/normalization.js';
import { type PictureSet, requirePictureSet } from '../data/picture-set.js';
import type { Model } from '../nn/model.js';
import { checkState, requireModel, type State, type StateLike } from '../nn/state.js';
import { GraphBuilder } from '../ops/builder.js';
import { GraphSession } from '../runtime/session.js';
import { StateStore } from '../runtime/state-store.js';
import { Tensor } from '../tensor/tensor.js';

/** By how many batches running statistics are counted anew. */
export interface CalibrateOptions {
  /** How many batches. Default: all whole ones of the set, at most 50. */
  readonly batches?: number | undefined;
  /** Default 128. */
  readonly batchSize?: number | undefined;
  /** As in training: statistics of other pictures would not fit. Default none. */
  readonly augment?: readonly Augmentation[] | undefined;
  /** Default the set's own. */
  readonly normalization?: Normalization | undefined;
  /** Of the order of pictures and the augmentation. Default 0. */
  readonly seed?: number | undefined;
  /** Default: all cores. */
  readonly threads?: number | undefined;
  /** Stops it: the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS: OptionNames<CalibrateOptions> = {
  batches: true,
  batchSize: true,
  augment: true,
  normalization: true,
  seed: true,
  threads: true,
  signal: true,
};

const MOST_BATCHES = 50;

/**
 * The state with running means and variances counted anew, everything else as it was.
 * @throws BitplaneError ERR_ARGUMENT for a state that does not fit, an empty set, a batch larger
 * than it, more batches than it has; ERR_ABORTED
 */
export async function calibrate(
  model: Model,
  state: StateLike,
  set: PictureSet,
  options: CalibrateOptions = {},
): Promise<State> {
  const site = { op: 'calibrate' };
  requireOptions(options, OPTIONS, site);
  requireModel(model);
  checkState(model.parameters, state);
  requirePictureSet(set, 'calibrate');
  requireSignal(options.signal, site);
  const { batchSize = 128, augment = [], normalization, seed = 0, threads, signal } = options;
  const all = batches(set, {
    batchSize,
    seed,
    shuffle: true,
    dropLast: true,
    augment,
    normalization,
  });
  const count = options.batches ?? Math.min(MOST_BATCHES, all.steps);
  if (!Number.isInteger(count) || count < 1 || count > all.steps)
    throw expected('ERR_ARGUMENT', `batches to be 1 to ${all.steps}`, count, site);
  const { graph, names } = countingGraph(model, state, batchSize);
  if (names.length === 0) return state as State;
  const states = new StateStore(graph);
  const session = GraphSession.fromGraph(graph, {
    states,
    ...(threads !== undefined && { threads }),
  });
  try {
    for (const { step, x } of all) {
      if (step === count) break;
      if (signal?.aborted) throw new BitplaneError('ERR_ABORTED', 'calibration was aborted', site);
      // The k-th batch has a share of 1/k: that makes the plain mean.
      const share = new Tensor('f32', Float32Array.of(1 / (step + 1)), []);
      await session.run({ [model.input.name]: x, share } as never);
    }
    const counted = names.map((name) => [name, states.get(name)]);
    return { ...(state as State), ...Object.fromEntries(counted) };
  } finally {
    await session.release();
    states.release();
  }
}

/** The network in training, whose only change is that of the running statistics, `names`. */
function countingGraph(model: Model, state: StateLike, batchSize: number) {
  const g = new GraphBuilder();
  const shape = [batchSize, ...model.input.shape.slice(1)];
  const image = g.input(model.input.name, 'f32', shape);
  const share = g.input('share', 'f32', []);
  const isCounted = (role: string) => role === 'mean' || role === 'variance';
  const { output, updates } = model.build(g, image, {
    training: true,
    share,
    leaf: ({ name, role }) =>
      (isCounted(role)
        ? g.state(state[name]!, { name })
        : g.constant(state[name]!, { name })) as never,
  });
  const changes = updates.map(([{ name }, next]) => [name, next] as const);
  const graph = g.graph(
    [image, share],
    { [model.output]: output },
    { updates: Object.fromEntries(changes) },
  );
  return { graph, names: changes.map(([name]) => name) };
}
