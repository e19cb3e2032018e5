/**
 * Epochs of a training without data: their records, checkpoints from which an interrupted one goes
 * on to the same result, and its end. Not here: what an iteration does (./gdfq), training with data
 * (src/train/fit.ts).
 */

import { crypto } from '../core/builtins.js';
import { type OptionNames, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { modelParts } from '../formats/safetensors/model.js';
import type { Graph } from '../graph/value.js';
import type { StateStore } from '../runtime/state-store.js';
import type { Tensor } from '../tensor/tensor.js';
import { readCheckpoint, requireSameTraining, writeCheckpoint } from '../train/checkpoint.js';
import type { StepReport } from '../train/fit-options.js';
import type { EpochRecord } from '../train/history.js';

/** What every method takes that trains. */
export interface EpochOptions {
  /** Milestones of its schedule scale with them. Default: the release's. */
  readonly epochs?: number | undefined;
  /** Iterations of an epoch. Default: the release's. */
  readonly steps?: number | undefined;
  /** Pictures of an iteration. Default: the release's. */
  readonly batchSize?: number | undefined;
  /** Of the generator's first parameters, and of noise and classes. Default 0. */
  readonly seed?: number | undefined;
  /** Stops it: the promise is rejected with ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** A file that is replaced after every epoch. */
  readonly checkpoint?: string | undefined;
  /** Whether to go on from the checkpoint, if it exists. Default false. */
  readonly resume?: boolean | undefined;
  /** Is told of each step when it has ended. */
  onStep?(report: StepReport & { readonly phase: string }): void;
  /** Is told of each epoch when it has ended. */
  onEpoch?(record: EpochRecord): void;
}

export const EPOCH_OPTIONS: OptionNames<EpochOptions> = {
  epochs: true,
  steps: true,
  batchSize: true,
  seed: true,
  signal: true,
  checkpoint: true,
  resume: true,
  onStep: true,
  onEpoch: true,
};

/** @throws BitplaneError ERR_ARGUMENT naming the option */
export function checkEpochs(options: EpochOptions, leastEpochs: number, op: string): void {
  const { epochs, steps, batchSize, seed = 0, signal, checkpoint } = options;
  const least = { epochs: leastEpochs, steps: 1, batchSize: 2 };
  for (const [name, value] of Object.entries({ epochs, steps, batchSize })) {
    const most = least[name as keyof typeof least];
    if (value !== undefined && (!Number.isInteger(value) || value < most))
      throw expected('ERR_ARGUMENT', `${name} to be a whole number of ${most} or more`, value, {
        op,
      });
  }
  if (!Number.isInteger(seed)) throw expected('ERR_ARGUMENT', 'seed to be whole', seed, { op });
  requireSignal(signal, { op });
  if (checkpoint !== undefined && typeof checkpoint !== 'string')
    throw expected('ERR_ARGUMENT', 'checkpoint to be the path of a file', checkpoint, { op });
}

/** What an iteration did. */
export interface Iterated {
  /** Of the network that is trained. */
  readonly loss: number;
  /** Pictures that it answered as it should. */
  readonly right: number;
  /** Other numbers, whose means over an epoch its record has. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface Epochs {
  readonly op: string;
  readonly epochs: number;
  readonly steps: number;
  readonly batchSize: number;
  /** All states, under names that differ. */
  readonly stores: readonly StateStore[];
  /** What the result depends on. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Epochs count from 0. */
  phase(epoch: number): string;
  rate(epoch: number): number;
  iterate(epoch: number, step: number): Promise<Iterated>;
  /** What the network answers on test pictures after an epoch; accuracy in percent. */
  test?(): Promise<{ readonly loss: number; readonly accuracy: number }>;
}

/**
 * @throws BitplaneError ERR_ABORTED; ERR_UNSUPPORTED with epoch and step where a loss stops being
 * finite; ERR_FORMAT for a damaged checkpoint; ERR_ARGUMENT for one of another training
 */
export async function runEpochs(plan: Epochs, options: EpochOptions): Promise<EpochRecord[]> {
  const { op, epochs, steps, batchSize } = plan;
  const { checkpoint, signal, onStep, onEpoch } = options;
  const history = await resumed(plan, options);
  for (let epoch = history.length; epoch < epochs; epoch++) {
    const begun = performance.now();
    const phase = plan.phase(epoch);
    let [loss, right] = [0, 0];
    const sums: Record<string, number> = {};
    const speed = (done: number) => (done * batchSize * 1000) / (performance.now() - begun);
    for (let step = 0; step < steps; step++) {
      if (signal?.aborted) throw new BitplaneError('ERR_ABORTED', 'training was aborted', { op });
      const done = await plan.iterate(epoch, step);
      for (const [name, value] of Object.entries({ loss: done.loss, ...done.metrics }))
        if (!Number.isFinite(value))
          throw expected(
            'ERR_UNSUPPORTED',
            `a finite ${name} in epoch ${epoch + 1}, step ${step + 1}`,
            value,
            { op },
          );
      loss += done.loss;
      right += done.right;
      for (const [name, value] of Object.entries(done.metrics))
        sums[name] = (sums[name] ?? 0) + value;
      onStep?.({
        epoch: epoch + 1,
        epochs,
        step: step + 1,
        steps,
        loss: loss / (step + 1),
        accuracy: (100 * right) / ((step + 1) * batchSize),
        imagesPerSecond: speed(step + 1),
        phase,
      });
    }
    const trained = {
      seconds: (performance.now() - begun) / 1000,
      imagesPerSecond: speed(steps),
    };
    const tested = await plan.test?.();
    const record: EpochRecord = {
      epoch: epoch + 1,
      phase,
      rate: plan.rate(epoch),
      loss: loss / steps,
      trainAccuracy: (100 * right) / (steps * batchSize),
      testLoss: tested?.loss ?? null,
      testAccuracy: tested?.accuracy ?? null,
      ...trained,
      metrics: Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / steps])),
    };
    history.push(record);
    if (checkpoint !== undefined)
      await writeCheckpoint(checkpoint, {
        states: allStates(plan.stores),
        epoch: epoch + 1,
        step: (epoch + 1) * steps,
        settings: plan.settings,
        history,
      });
    onEpoch?.(record);
  }
  return history;
}

/** What tells a network from any other, its numbers included, among the settings of epochs. */
export function networkDigest(graph: Graph): string {
  const { metadata, tensors } = modelParts(graph);
  const hash = crypto()
    .createHash('sha256')
    .update(metadata.get('bitplane.graph') ?? '');
  for (const [name, { data }] of tensors) hash.update(`\n${name}\n`).update(data);
  return hash.digest('hex');
}

/** Every state of some stores by its name. */
export function allStates(stores: readonly StateStore[]): ReadonlyMap<string, Tensor<'f32'>> {
  return new Map(
    stores.flatMap((store) =>
      store.names.map((name) => [name, store.get(name) as Tensor<'f32'>] as const),
    ),
  );
}

/** Goes on from the checkpoint, if asked to; the records of the epochs that are done. */
async function resumed(plan: Epochs, { checkpoint: path, resume }: EpochOptions) {
  if (resume !== true || path === undefined) return [];
  let found: Awaited<ReturnType<typeof readCheckpoint>>;
  try {
    found = await readCheckpoint(path);
  } catch (error) {
    const cause = error instanceof BitplaneError ? (error.cause as { code?: unknown }) : undefined;
    if (cause?.code === 'ENOENT') return [];
    throw error;
  }
  const now = allStates(plan.stores);
  const shapes = new Map(Array.from(now, ([name, { shape }]) => [name, shape] as const));
  requireSameTraining(path, found, shapes, plan.settings);
  for (const store of plan.stores)
    for (const name of store.names) store.set(name, found.states.get(name)!);
  return found.history as EpochRecord[];
}
