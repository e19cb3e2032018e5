/**
 * `bitplane demo` without a data set, the whole way of a binary network: pictures are drawn, a
 * linear classifier and a small binary network are trained on them, the network is packed into a
 * file, and the file is run and held against the float network. Not here: the networks
 * (demo-networks.ts), training (src/train).
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { batches } from '../data/batches.js';
import { shapes } from '../data/shapes.js';
import type { TrainingSets } from '../data/split-pictures.js';
import { saveModel } from '../formats/safetensors/model.js';
import { Session } from '../formats/session.js';
import { writeTensors } from '../formats/tensors.js';
import type { Graph } from '../graph/value.js';
import type { Model } from '../nn/model.js';
import type { State } from '../nn/state.js';
import { Tensor } from '../tensor/tensor.js';
import { evaluate } from '../train/evaluate.js';
import { fit } from '../train/fit.js';
import { adam } from '../train/optimizer.js';
import { linear } from '../train/schedules.js';
import { binaryNetwork, linearClassifier } from './demo-networks.js';
import { type EpochsWithin, epochsWithin } from './epochs-within.js';
import { bytes, microseconds, percent, three } from './format.js';
import { type Io, printLines } from './io.js';
import { facts } from './table.js';
import { timeInTurns } from './time-in-turns.js';
import { startTrainingProgress } from './training-progress.js';

export interface StoryOptions {
  /** Default: all that `data.shapes` draws. */
  readonly sets?: TrainingSets | undefined;
  /** Of the binary network, at most. */
  readonly epochs?: number | undefined;
  /** Training of the binary network ends by then. */
  readonly seconds?: number | undefined;
}

const EPOCHS = 5;
const SECONDS = 50;
const LINEAR_EPOCHS = 3;
const BATCH = 100;
/** Runs of a batch in a round of timing. */
const BATCH_RUNS = { packed: 6, float: 3 };
/** Percent of the held-out pictures that the binary network reaches if it has its epochs. */
const GOAL = 90;

/**
 * The exit code: 1 where the packed network answers a picture differently than the float one, or
 * where the network had all its epochs and did not learn.
 */
export async function demoStory(
  io: Io,
  { sets = shapes(), epochs = EPOCHS, seconds = SECONDS }: StoryOptions = {},
): Promise<number> {
  const { train, test } = sets;
  printLines(
    io,
    `${train.size} drawn pictures of ${train.classes.length} shapes to train on, ` +
      `${test.size} others to test on`,
    `on ${cpus()[0]?.model.trim() || 'this machine'}`,
    '',
  );
  const pixels = await fit(linearClassifier(train), sets, {
    ...{ epochs: LINEAR_EPOCHS, batchSize: BATCH, optimizer: adam({ rate: 1e-3 }) },
    schedule: linear(),
  });
  const linearAccuracy = pixels.history.at(-1)?.testAccuracy as number;
  printLines(io, `a linear classifier of the pixels: ${percent(linearAccuracy)}`);

  const network = binaryNetwork(train);
  const plan = epochsWithin(epochs, seconds);
  const began = performance.now();
  const { state, history } = await trained(network, sets, plan, epochs, io);
  const cut = history.length < epochs ? ` of ${epochs}, as many as fit into ${seconds} s` : '';
  const done = history.length === 1 ? '1 epoch' : `${history.length} epochs`;
  printLines(
    io,
    `a binary network, trained for ${done}${cut}, ` +
      `in ${((performance.now() - began) / 1000).toFixed(1)} s`,
    '',
  );
  const { accuracy, differing } = await packedAndFloat(network, state, sets, io);
  if (differing > 0) return 1;
  if (accuracy >= GOAL || cut !== '') return 0;
  printLines(io, '', `expected ${GOAL} % or more of a network that had all its epochs`);
  return 1;
}

async function trained(
  network: Model,
  sets: TrainingSets,
  plan: EpochsWithin,
  epochs: number,
  io: Io,
) {
  const progress = startTrainingProgress(io, { epochs });
  return await fit(network, sets, {
    epochs,
    batchSize: BATCH,
    optimizer: adam({ rate: 0.01 }),
    schedule: plan.schedule,
    callbacks: {
      onStep: progress.onStep,
      onEpoch(record) {
        progress.onEpoch(record);
        return plan.onEpoch(record);
      },
    },
  }).finally(() => progress.finish());
}

/** Packs the network into a file, runs it from there, and prints what that changes. */
async function packedAndFloat(network: Model, state: State, { train, test }: TrainingSets, io: Io) {
  const folder = await mkdtemp(join(tmpdir(), 'bitplane-demo-'));
  const files = { packed: join(folder, 'packed'), float: join(folder, 'float') };
  const graph: Graph = network.graph(state);
  const float = Session.fromGraph(graph, { optimize: false });
  let packed: Session | undefined;
  try {
    await saveModel(graph, files.packed);
    await writeTensors(state, files.float);
    packed = await Session.create(files.packed);
    const { normalization } = train;
    const before = await evaluate(float, test, { normalization });
    const after = await evaluate(packed, test, { normalization });
    const differing = before.predictions.filter((answer, i) => answer !== after.predictions[i]);
    const rows: [string, string][] = [
      ['accuracy before packing', percent(100 * before.accuracy)],
      ['accuracy after packing', percent(100 * after.accuracy)],
      ['predictions that differ', `${differing.length} of ${test.size}`],
    ];
    for (const count of [1, Math.min(BATCH, test.size)]) {
      const [batch] = batches(test, { batchSize: count, normalization });
      const feeds = { image: new Tensor('f32', batch!.x, [count, ...test.pictureShape]) };
      const time = await timeInTurns(
        { packed, float },
        feeds,
        io,
        count === 1 ? undefined : BATCH_RUNS,
      );
      const what = count === 1 ? 'time of one picture' : `time of ${count} pictures`;
      rows.push([`${what}, packed`, microseconds(time.packed)]);
      rows.push([`${what}, float`, times(microseconds, time, 'as long')]);
    }
    const size = { packed: await sizeOf(files.packed), float: await sizeOf(files.float) };
    rows.push(['size on disk, packed', bytes(size.packed)]);
    rows.push(['size on disk, float', times(bytes, size, 'as large')]);
    printLines(io, facts(rows));
    return { accuracy: 100 * after.accuracy, differing: differing.length };
  } finally {
    await Promise.all([float.release(), packed?.release()]);
    await rm(folder, { recursive: true, force: true });
  }
}

function times(
  show: (value: number) => string,
  { packed, float }: { readonly packed: number; readonly float: number },
  what: string,
): string {
  return `${show(float)} (${three(float / packed)} times ${what})`;
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}
