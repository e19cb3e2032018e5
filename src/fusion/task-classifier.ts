/**
 * A task whose weights are another task's but for its head, which is trained on features that are
 * computed once; or together with batch norms of the task's own, which takes whole epochs. Not
 * here: training the head on features (./fit-head.ts).
 */
import { normalizationOf } from '../data/normalization.js';
import type { Float } from '../nn/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { adam } from '../train/optimizer.js';
import type { AddedTask, Adding, Begun } from './adding.js';
import { featuresOf, fitHead, keptFeatures } from './fit-head.js';
import { headIn } from './head.js';
import { checkpointOf } from './phases.js';
import { templateOf } from './trunk.js';

export const CLASSIFIER_EPOCHS = { head: 30 };
export const NORMS_EPOCHS = { norms: 10 };

/** Of Adam. */
const NORMS_RATE = 1e-3;

export async function classifier(adding: Adding): Promise<AddedTask> {
  const {
    pictures,
    preprocess,
    epochs = CLASSIFIER_EPOCHS.head,
    checkpoint,
    resume,
  } = adding.options;
  const { threads, signal, onFeatures } = adding.options;
  const begun = adding.begun(templateOf(adding.store));
  if (adding.options.norms === true) return norms(adding, begun);
  const head = headIn(begun.graph);
  const sets = [pictures.train, pictures.test];
  const total = pictures.train.size + pictures.test.size;
  const about = { ...adding.about, pictures: sets.map(({ name, size }) => [name, size]) };
  const features = await keptFeatures(
    checkpoint && checkpointOf(checkpoint, 'features'),
    resume ?? false,
    about,
    async () => {
      const all = [];
      for (const [i, set] of sets.entries())
        all.push(
          await featuresOf(begun.graph, set, {
            layout: preprocess.layout,
            normalization: normalizationOf(preprocess, set.pictureShape[2]),
            threads,
            signal,
            onProgress: (done) => onFeatures?.(i * pictures.train.size + done, total),
          }),
        );
      return all;
    },
  );
  const { onStep, onEpoch } = adding.options;
  const { state, history } = await fitHead(head, features as never, {
    epochs,
    batchSize: adding.batchSize,
    seed: adding.seed,
    threads,
    about,
    signal,
    checkpoint: checkpoint && checkpointOf(checkpoint, 'head'),
    resume: resume ?? false,
    ...(onStep && { onStep }),
    ...(onEpoch && { onEpoch }),
  });
  for (const record of history) adding.phases.history.push(record);
  return adding.added(begun, state, () => ({ like: begun.task }));
}

async function norms(adding: Adding, begun: Begun): Promise<AddedTask> {
  const { pictures, epochs = NORMS_EPOCHS.norms } = adding.options;
  const state = await adding.phases.run({
    name: 'norms',
    graph: begun.graph,
    pictures,
    epochs,
    about: adding.about,
    optimizer: [{ takes: () => true, optimizer: adam({ rate: NORMS_RATE }) }],
    weights: (scope, w) =>
      begun.shared.has(w.name)
        ? (scope.g.constant(w.data as Tensor<'f32'>, { name: w.name }) as Float)
        : undefined,
  });
  return adding.added(begun, state, () => ({ like: begun.task }));
}
