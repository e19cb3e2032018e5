/**
 * The trainings that adding a task takes, one after another: their records, their checkpoints, and
 * going on with them. Not here: what each trains (./add-task.ts, ./fine-tune.ts).
 */
import { rm } from 'node:fs/promises';
import type { OptionNames } from '../core/checks.js';
import type { Augmentation } from '../data/augment/augmentation.js';
import { normalizationOf } from '../data/normalization.js';
import type { PictureSet } from '../data/picture-set.js';
import type { Preprocess } from '../data/preprocess.js';
import type { Graph } from '../graph/value.js';
import { forBatch, type GraphModelOptions, graphModel, laidOut } from '../nn/graph-model.js';
import type { State } from '../nn/state.js';
import { fit } from '../train/fit.js';
import type { StepReport } from '../train/fit-options.js';
import type { EpochRecord } from '../train/history.js';
import { crossEntropy, distillation } from '../train/losses.js';
import type { Loss, ParameterGroup } from '../train/step.js';

/** Pictures to train on and to evaluate with. */
export interface TaskPictures {
  /** What the steps see. */
  readonly train: PictureSet;
  /** What the accuracy after each epoch is counted on. */
  readonly test: PictureSet;
}

/** How the trainings of a task, or of a network tuned on a grid, go. */
export interface PhaseOptions {
  /** How the network takes pictures; the pictures have its size and colours. */
  readonly preprocess: Preprocess;
  /** Pictures a step. */
  readonly batchSize: number;
  /** Of what is drawn, of the order of pictures and of augmentation. */
  readonly seed: number;
  /** What is done to training pictures at random. Default: nothing. */
  readonly augment?: readonly Augmentation[] | undefined;
  /** Of a step. Default: all cores. */
  readonly threads?: number | undefined;
  /** The beginning of the checkpoints' names; default: none are written. */
  readonly checkpoint?: string | undefined;
  /** Whether to go on from a checkpoint, if there is one. Default false. */
  readonly resume?: boolean | undefined;
  /** Ends the training with ERR_ABORTED; the last checkpoint stays. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step. */
  onStep?(report: StepReport & { readonly phase: string }): void;
  /** Called after each epoch. */
  onEpoch?(record: EpochRecord): void;
}

/** The names of the options that every training here takes. */
export const PHASE_OPTIONS: OptionNames<PhaseOptions> = {
  batchSize: true,
  seed: true,
  preprocess: true,
  augment: true,
  threads: true,
  checkpoint: true,
  resume: true,
  signal: true,
  onStep: true,
  onEpoch: true,
};

export interface Phase {
  readonly name: string;
  readonly graph: Graph;
  readonly pictures: TaskPictures;
  readonly epochs: number;
  readonly optimizer: readonly ParameterGroup[];
  /** A network of the same outputs whose answers the loss compares with, beside the labels. */
  readonly teacher?: Graph | undefined;
  readonly weights: NonNullable<GraphModelOptions['weights']>;
  readonly about: Readonly<Record<string, unknown>>;
}

/** Softens the answers of a teacher, so that its small ones are heard. */
const TEMPERATURE = 4;

const LABELS: Loss = ({ g, output, targets }) => crossEntropy(g, output, targets);

/** The mean of both losses. */
const LABELS_AND_TEACHER: Loss = ({ g, output, targets, teacher }) => {
  const soft = distillation(g, output, teacher!.output, { temperature: TEMPERATURE });
  return g.mul(g.add(crossEntropy(g, output, targets), soft), 0.5);
};

/** The file of a phase. */
export function checkpointOf(stem: string, phase: string): string {
  return `${stem}.${phase}.checkpoint.safetensors`;
}

export class Phases {
  readonly history: EpochRecord[] = [];

  constructor(readonly options: PhaseOptions) {}

  /** Forgets what an earlier training left, unless this one goes on with it. */
  async begin(names: readonly string[]): Promise<void> {
    const { checkpoint, resume = false } = this.options;
    if (checkpoint === undefined || resume) return;
    await Promise.all(names.map((name) => rm(checkpointOf(checkpoint, name), { force: true })));
  }

  /** The numbers of the network after a phase, by the names of its parameters. */
  async run(phase: Phase): Promise<State> {
    const { preprocess, checkpoint, onStep, ...rest } = this.options;
    const { layout } = preprocess;
    const { graph, pictures, teacher } = phase;
    const picture = pictures.train.pictureShape;
    const model = graphModel(graph, { picture, layout, weights: phase.weights });
    const done = this.history.length;
    const { state, history } = await fit(model, pictures, {
      epochs: phase.epochs,
      batchSize: rest.batchSize,
      // Each phase has its own order of pictures.
      seed: rest.seed + done,
      augment: rest.augment ?? [],
      optimizer: phase.optimizer,
      normalization: normalizationOf(preprocess, picture[2]),
      loss: teacher === undefined ? LABELS : LABELS_AND_TEACHER,
      ...(teacher && {
        teacher: {
          graph: forBatch(teacher, rest.batchSize),
          input: (g, x) => laidOut(g, x, layout),
        },
      }),
      ...(rest.threads !== undefined && { threads: rest.threads }),
      phase: phase.name,
      about: phase.about,
      checkpoint: checkpoint && checkpointOf(checkpoint, phase.name),
      resume: rest.resume ?? false,
      signal: rest.signal,
      callbacks: {
        onStep: (report) => onStep?.({ ...report, phase: phase.name }),
        onEpoch: (record) => rest.onEpoch?.({ ...record, epoch: record.epoch + done }),
      },
    });
    for (const record of history) this.history.push({ ...record, epoch: record.epoch + done });
    return state;
  }
}
