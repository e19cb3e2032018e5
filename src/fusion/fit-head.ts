/**
 * A head trained on features that are computed once: what a task costs whose network is another
 * task's but for its last layer. Not here: the network (./head.ts), stores (./add-task.ts).
 */
import { BitplaneError } from '../core/errors.js';
import type { Dim } from '../core/shape.js';
import { batches } from '../data/batches.js';
import type { Normalization } from '../data/normalization.js';
import type { PictureSet } from '../data/picture-set.js';
import { shuffled } from '../data/streams.js';
import type { Graph } from '../graph/value.js';
import { type EpochOptions, runEpochs } from '../methods/epochs.js';
import { laidOut, type PictureLayout, requireOpenBatch } from '../nn/graph-model.js';
import { model } from '../nn/model.js';
import { type Float, layer } from '../nn/scope.js';
import type { State } from '../nn/state.js';
import { GraphBuilder } from '../ops/builder.js';
import { inline } from '../ops/inline.js';
import { GraphSession } from '../runtime/session.js';
import { StateStore } from '../runtime/state-store.js';
import { Tensor } from '../tensor/tensor.js';
import { readCheckpoint, requireSameTraining, writeCheckpoint } from '../train/checkpoint.js';
import { greatest } from '../train/evaluate.js';
import type { EpochRecord } from '../train/history.js';
import { crossEntropy } from '../train/losses.js';
import { adam } from '../train/optimizer.js';
import { cosine } from '../train/schedules.js';
import { trainingStep } from '../train/step.js';
import { featureGraph, type Head } from './head.js';

/** What a head reads of pictures, and their classes. */
export interface Features {
  /** [N, features] */
  readonly values: Tensor<'f32'>;
  readonly labels: Int32Array;
}

export interface FeatureOptions {
  readonly layout: PictureLayout;
  readonly normalization: Normalization;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  onProgress?(done: number, total: number): void;
}

/** Pictures that the network reads at a time. */
const BATCH = 100;

/** The features of every picture of a set, in its order. */
export async function featuresOf(
  graph: Graph,
  set: PictureSet,
  { layout, normalization, threads, signal, onProgress }: FeatureOptions,
): Promise<Features> {
  const g = new GraphBuilder();
  const source = featureGraph(graph);
  requireOpenBatch(source);
  const batch = source.inputs[0]?.shape[0] as Dim;
  const x = g.input('pictures', 'f32', [batch, ...set.pictureShape]);
  const fed = laidOut(g, x as Float, layout);
  const { features } = inline(g, source, { [source.inputs[0]!.name]: fed }, 'trunk');
  const options = threads === undefined ? {} : { threads };
  const session = GraphSession.fromGraph(g.graph([x], { features: features! }), options);
  const width = features!.shape[1] as number;
  const values = new Float32Array(set.size * width);
  const labels = new Int32Array(set.size);
  try {
    for (const batch of batches(set, { batchSize: Math.min(BATCH, set.size), normalization })) {
      if (signal?.aborted) throw new BitplaneError('ERR_ABORTED', 'training was aborted');
      const results = await session.run({
        pictures: new Tensor('f32', batch.x, [batch.size, ...set.pictureShape]),
      } as never);
      const from = batch.step * Math.min(BATCH, set.size);
      values.set((results['features'] as unknown as Tensor<'f32'>).data, from * width);
      labels.set(batch.labels, from);
      onProgress?.(from + batch.size, set.size);
    }
  } finally {
    await session.release();
  }
  return { values: new Tensor('f32', values, [set.size, width]), labels };
}

/**
 * What `make` gives, kept in a file: a second call with the same settings reads it.
 * @throws BitplaneError ERR_ARGUMENT for a file of other settings
 */
export async function keptFeatures(
  path: string | undefined,
  resume: boolean,
  settings: Readonly<Record<string, unknown>>,
  make: () => Promise<readonly Features[]>,
): Promise<readonly Features[]> {
  const found =
    resume && path !== undefined ? await readCheckpoint(path).catch(missing) : undefined;
  if (found !== undefined) {
    requireSameTraining(path as string, found, new Map(), settings);
    return [...found.states.values()].map((values, i) => ({
      values,
      labels: Int32Array.from((found.history[i] as readonly number[]) ?? []),
    }));
  }
  const made = await make();
  if (path !== undefined)
    await writeCheckpoint(path, {
      states: new Map(made.map(({ values }, i) => [`features${i}`, values])),
      epoch: 0,
      step: 0,
      settings,
      history: made.map(({ labels }) => [...labels]),
    });
  return made;
}

function missing(error: unknown): undefined {
  const cause = error instanceof BitplaneError ? (error.cause as { code?: unknown }) : undefined;
  if (cause?.code === 'ENOENT') return undefined;
  throw error;
}

export interface FitHeadOptions extends EpochOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly threads?: number | undefined;
  /** What the result depends on beside the options: a checkpoint of other values is refused. */
  readonly about: Readonly<Record<string, unknown>>;
}

/** Of Adam, for features whose numbers have mean 0 and deviation 1. */
const RATE = 3e-3;
/** Times a weight, added to its gradient. */
const DECAY = 1e-4;
/** Keeps features that are the same for all pictures finite. */
const LEAST = 1e-6;

/**
 * The head's numbers after training, under the names of its constants. Features are taken about
 * their mean, where the head has a bias, and by their deviation; both go into its numbers.
 */
export async function fitHead(
  { weights, bias }: Pick<Head, 'weights' | 'bias'>,
  [train, test]: readonly [Features, Features],
  options: FitHeadOptions,
): Promise<{ readonly state: State; readonly history: readonly EpochRecord[] }> {
  const { epochs, batchSize, seed, threads, about } = options;
  const [classes, width] = weights.shape as readonly [number, number];
  const { mean, spread } = spreadOf(train.values, bias !== undefined);
  const head = model(
    { input: { name: 'features', shape: ['N', width] } },
    layer(
      'head',
      (scope, x) => {
        const given = (value: typeof weights, role: 'weight' | 'bias') =>
          scope.parameter(value.name, value.shape as readonly number[], role, (out) =>
            out.set((value.data as Tensor<'f32'>).data),
          );
        const { g } = scope;
        const row = (data: Float32Array) => g.constant(new Tensor('f32', data, [width])) as Float;
        const even = g.div(g.sub(x, row(mean)), row(spread));
        const y = g.dense(even, given(weights, 'weight'));
        return bias === undefined ? y : g.add(y, given(bias, 'bias'));
      },
      { transparent: true },
    ),
  );
  const optimizer = adam({ rate: RATE, decay: DECAY });
  const step = trainingStep(head, head.init(), {
    batchSize,
    optimizer,
    loss: ({ g, output, targets }) => crossEntropy(g, output, targets),
  });
  const states = new StateStore(step.graph);
  const shared = { states, ...(threads !== undefined && { threads }) };
  const session = GraphSession.fromGraph(step.graph, shared);
  const schedule = cosine();
  const steps = Math.floor(train.labels.length / batchSize);
  const factor = (number: number) =>
    schedule({ step: number, steps: epochs * steps, epoch: number / steps, epochs });
  const x = new Float32Array(batchSize * width);
  const targets = new Float32Array(batchSize * classes);
  let ordered = -1;
  let order: Uint32Array = new Uint32Array();
  try {
    const history = await runEpochs(
      {
        op: 'classifier',
        epochs,
        steps,
        batchSize,
        stores: [states],
        settings: { epochs, seed, batchSize, features: train.values.shape, ...about },
        phase: () => 'head',
        rate: (epoch) => factor((epoch + 1) * steps - 1) * RATE,
        async iterate(epoch, number) {
          if (ordered !== epoch)
            [order, ordered] = [shuffled(train.labels.length, seed, epoch), epoch];
          targets.fill(0);
          for (let row = 0; row < batchSize; row++) {
            const i = order[number * batchSize + row] as number;
            x.set(train.values.data.subarray(i * width, (i + 1) * width), row * width);
            targets[row * classes + (train.labels[i] as number)] = 1;
          }
          const before = epoch * steps + number;
          const results = await session.run({
            features: new Tensor('f32', x, [batchSize, width]),
            targets: new Tensor('f32', targets, [batchSize, classes]),
            ...step.numbers(factor(before), before + 1),
          } as never);
          const logits = (results['logits'] as unknown as Tensor<'f32'>).data;
          let right = 0;
          for (let row = 0; row < batchSize; row++)
            if (targets[row * classes + greatest(logits, row * classes, classes)] === 1) right++;
          const [loss] = (results['loss'] as unknown as Tensor<'f32'>).data;
          return { loss: loss as number, right, metrics: {} };
        },
        test: async () => tested(numbers(), test, { weights, ...(bias && { bias }) }),
      },
      options,
    );
    return { state: numbers(), history };
  } finally {
    await session.release();
    states.release();
  }

  /** W (f - m) / s + b = (W / s) f + (b - (W / s) m) */
  function numbers(): State {
    const w = states.get(weights.name) as Tensor<'f32'>;
    const scaled = w.data.map((value, i) => value / (spread[i % width] as number));
    const folded = { [weights.name]: new Tensor('f32', scaled, w.shape) };
    if (bias === undefined) return folded;
    const b = states.get(bias.name) as Tensor<'f32'>;
    const shifted = b.data.map((value, c) => {
      let sum = value;
      for (let i = 0; i < width; i++)
        sum -= (scaled[c * width + i] as number) * (mean[i] as number);
      return sum;
    });
    return { ...folded, [bias.name]: new Tensor('f32', shifted, b.shape) };
  }
}

/** The mean and the deviation of each feature; the mean 0 where a head cannot take it away. */
function spreadOf({ data, shape }: Tensor<'f32'>, hasBias: boolean) {
  const [count, width] = shape as readonly [number, number];
  const sums = [0, 1].map(() => new Float64Array(width)) as [Float64Array, Float64Array];
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    sums[0][i % width]! += value;
    sums[1][i % width]! += value * value;
  }
  const mean = sums[0].map((sum) => sum / count);
  const spread = sums[1].map((sum, i) =>
    Math.sqrt(Math.max(0, sum / count - (mean[i] as number) ** 2) + LEAST),
  );
  return {
    mean: Float32Array.from(hasBias ? mean : mean.map(() => 0)),
    spread: Float32Array.from(spread),
  };
}

/** In plain loops: test features are few. */
function tested(
  state: State,
  { values, labels }: Features,
  { weights, bias }: Pick<Head, 'weights' | 'bias'>,
): { readonly loss: number; readonly accuracy: number } {
  const [classes, width] = weights.shape as readonly [number, number];
  const w = (state[weights.name] as Tensor<'f32'>).data;
  const b = bias && (state[bias.name] as Tensor<'f32'>).data;
  const logits = new Float32Array(classes);
  let [loss, right] = [0, 0];
  for (let row = 0; row < labels.length; row++) {
    for (let c = 0; c < classes; c++) {
      let sum = b?.[c] ?? 0;
      for (let i = 0; i < width; i++)
        sum += (values.data[row * width + i] as number) * (w[c * width + i] as number);
      logits[c] = sum;
    }
    const answer = greatest(logits, 0, classes);
    const top = logits[answer] as number;
    const all = logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
    const label = labels[row] as number;
    loss += top + Math.log(all) - (logits[label] as number);
    if (answer === label) right++;
  }
  return { loss: loss / labels.length, accuracy: (100 * right) / labels.length };
}
