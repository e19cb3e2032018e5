/**
 * What `fit` takes, and the checks of it that need no training step. Not here: training (./fit.ts).
 */
import type { OptionNames } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { showShape } from '../core/shape.js';
import type { Augmentation } from '../data/augment/augmentation.js';
import type { Normalization } from '../data/normalization.js';
import { type PictureSet, requirePictureSet } from '../data/picture-set.js';
import type { Model } from '../nn/model.js';
import type { State, StateLike } from '../nn/state.js';
import type { EpochRecord } from './history.js';
import type { Schedule } from './schedule.js';
import type { TrainingStepOptions } from './step.js';

/** How far an epoch is. */
export interface StepReport {
  /** From 1 on. */
  readonly epoch: number;
  /** Of the whole training. */
  readonly epochs: number;
  /** Steps of the epoch that are done, of `steps`. */
  readonly step: number;
  /** Of an epoch. */
  readonly steps: number;
  /** Mean over the epoch so far. */
  readonly loss: number;
  /** Percent of the epoch's pictures so far. */
  readonly accuracy: number;
  /** Pictures that the training takes in a second. */
  readonly imagesPerSecond: number;
}

/** What a training tells as it goes. */
export interface Callbacks {
  /** Is told of each step when it has ended. */
  onStep?(report: StepReport): void;
  /** 'stop' ends the training after this epoch, with what it has. */
  onEpoch?(record: EpochRecord): void | 'stop' | Promise<void> | Promise<'stop' | undefined>;
}

/** How a network is trained. */
export interface FitOptions
  extends Omit<TrainingStepOptions, 'batchSize' | 'loss' | 'optimizer'>,
    Partial<Pick<TrainingStepOptions, 'loss' | 'optimizer'>> {
  /** How often all pictures are gone through. */
  readonly epochs: number;
  /** Default 128. Batches that would be smaller are left out. */
  readonly batchSize?: number | undefined;
  /** Times the optimizer's rate at each step. Default cosine, from 1 to 0. */
  readonly schedule?: Schedule | undefined;
  /** Default none. */
  readonly augment?: readonly Augmentation[] | undefined;
  /** Default the training set's own. */
  readonly normalization?: Normalization | undefined;
  /** Of initial parameters, order of pictures and augmentation. Default 0. */
  readonly seed?: number | undefined;
  /** What the parameters begin with. Default: what their initializers give. */
  readonly state?: StateLike | undefined;
  /** Default: all cores. The same number gives the same bits. */
  readonly threads?: number | undefined;
  /** What is told as the training goes. */
  readonly callbacks?: Callbacks | undefined;
  /** Stops it after the step in progress: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What else the result depends on, as JSON by name: a checkpoint of other values is refused.
   */
  readonly about?: Readonly<Record<string, unknown>> | undefined;
  /** What the records of epochs call this part of a recipe. Default 'train'. */
  readonly phase?: string | undefined;
  /** A file that is replaced after every epoch. */
  readonly checkpoint?: string | undefined;
  /** Whether to go on from the checkpoint, if it exists. Default false: it is begun anew. */
  readonly resume?: boolean | undefined;
}

/** A trained state, and how the training went. */
export interface Fitted {
  /** What was trained. */
  readonly state: State;
  /** An entry an epoch. */
  readonly history: readonly EpochRecord[];
}

/** What a network is trained and tested on. */
export interface FitData {
  /** To train on. */
  readonly train: PictureSet;
  /** To measure the accuracy on after each epoch; absent: it is not measured. */
  readonly test?: PictureSet | undefined;
}

export const FIT_OPTIONS: OptionNames<FitOptions> = {
  epochs: true,
  batchSize: true,
  loss: true,
  optimizer: true,
  schedule: true,
  augment: true,
  normalization: true,
  seed: true,
  state: true,
  threads: true,
  callbacks: true,
  signal: true,
  checkpoint: true,
  resume: true,
  phase: true,
  about: true,
  teacher: true,
  frozen: true,
  constraint: true,
  clipNorm: true,
  accumulate: true,
};

/**
 * @throws BitplaneError ERR_ARGUMENT for epochs, and pictures or classes that the model does not
 * have
 */
export function requireFit(model: Model, { train, test }: FitData, { epochs }: FitOptions): void {
  if (!Number.isInteger(epochs) || epochs < 1)
    throw expected('ERR_ARGUMENT', 'epochs to be a whole number of 1 or more', epochs, {
      op: 'fit',
    });
  for (const set of [train, test]) {
    if (set === undefined && set !== train) continue;
    requirePictureSet(set, 'fit');
    const picture = model.input.shape.slice(1);
    if (picture.some((size, i) => size !== set.pictureShape[i]))
      throw expected(
        'ERR_ARGUMENT',
        `pictures of shape ${showShape(picture)}, the model's input "${model.input.name}"`,
        showShape(set.pictureShape),
        { op: 'fit', node: set.name },
      );
    if (model.outputShape.length !== 1 || model.outputShape[0] !== set.classes.length)
      throw expected(
        'ERR_ARGUMENT',
        `a model with an output of ${set.classes.length} numbers, one a class of the set`,
        showShape(model.outputShape),
        { op: 'fit', node: set.name },
      );
  }
}
