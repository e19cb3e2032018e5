/**
 * Training: epochs of steps over a set of pictures, evaluated after each, with checkpoints from
 * which an interrupted training goes on to the same result. Not here: what a step computes
 * (./step.ts), recipes of the papers (src/zoo/recipes.ts).
 */
import { requireOptions, requirePlain, requireSignal } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { batches, type PictureBatch } from '../data/batches.js';
import { statesOf } from '../graph/value.js';
import type { Model } from '../nn/model.js';
import { requireModel, type State } from '../nn/state.js';
import { GraphBuilder } from '../ops/builder.js';
import { GraphSession } from '../runtime/session.js';
import { StateStore } from '../runtime/state-store.js';
import { Tensor } from '../tensor/tensor.js';
import { readCheckpoint, requireSameTraining, writeCheckpoint } from './checkpoint.js';
import { evaluate, greatest } from './evaluate.js';
import {
  FIT_OPTIONS,
  type FitData,
  type FitOptions,
  type Fitted,
  requireFit,
} from './fit-options.js';
import type { EpochRecord } from './history.js';
import { crossEntropy } from './losses.js';
import { firstNonFinite } from './non-finite.js';
import { sgd } from './optimizer.js';
import type { Schedule } from './schedule.js';
import { cosine } from './schedules.js';
import { type Loss, type TrainingStep, trainingStep } from './step.js';

/** Cross-entropy of logits with the probability of each class. */
const CROSS_ENTROPY: Loss = ({ g, output, targets }) => crossEntropy(g, output, targets);

/**
 * Trains a classifier. Targets are one-hot, or what an augmentation mixed.
 *
 *     const { state } = await fit(zoo.resnet20(), { train, test }, { epochs: 30 });
 *
 * @throws BitplaneError ERR_ARGUMENT for a model that does not fit the pictures or classes, an
 * empty set, a batch larger than it; ERR_ABORTED; ERR_FORMAT for a damaged checkpoint;
 * ERR_UNSUPPORTED with epoch, step and op where numbers stop being finite
 */
export async function fit(model: Model, data: FitData, options: FitOptions): Promise<Fitted> {
  requireOptions(options, FIT_OPTIONS, { op: 'fit' });
  requireSignal(options.signal, { op: 'fit' });
  requireModel(model);
  requirePlain(data, 'data: { train, test }', { op: 'fit' });
  requireFit(model, data, options);
  return await new Training(model, data, options).run();
}

/** Of the graphs of a training step. */
interface TrainingSessions {
  readonly step: GraphSession;
  readonly gather?: GraphSession | undefined;
}

class Training {
  private readonly batchSize: number;
  private readonly accumulate: number;
  private readonly schedule: Schedule;
  private readonly step: TrainingStep;
  private readonly store: StateStore;
  /** Of an epoch; each takes `accumulate` batches. */
  private readonly steps: number;
  /** Of the optimizer, or of the first group's. */
  private readonly rate: number;
  private readonly history: EpochRecord[] = [];
  /** The states at the beginning of the epoch in progress. */
  private before = new Map<string, Tensor>();

  constructor(
    private readonly model: Model,
    private readonly data: FitData,
    private readonly options: FitOptions,
  ) {
    const { batchSize = 128, optimizer = sgd({ momentum: 0.9 }), loss = CROSS_ENTROPY } = options;
    const { seed = 0, state = model.init(seed), schedule = cosine() } = options;
    this.batchSize = batchSize;
    this.schedule = schedule;
    const { teacher, frozen, constraint, clipNorm, accumulate = 1 } = options;
    this.step = trainingStep(model, state, {
      batchSize,
      optimizer,
      loss,
      teacher,
      ...(frozen && { frozen }),
      ...(constraint && { constraint }),
      ...(clipNorm !== undefined && { clipNorm }),
      accumulate,
    });
    const batches = this.epochBatches(0).steps;
    this.accumulate = accumulate;
    this.steps = Math.floor(batches / accumulate);
    if (this.steps === 0)
      throw expected('ERR_ARGUMENT', `accumulate of at most ${batches}, the batches`, accumulate, {
        op: 'fit',
      });
    this.rate = 'step' in optimizer ? optimizer.rate : (optimizer[0]?.optimizer.rate ?? 0);
    this.store = new StateStore(this.step.graph);
  }

  async run(): Promise<Fitted> {
    const { epochs, threads, data, callbacks, checkpoint } = { ...this.options, data: this.data };
    const shared = { states: this.store, ...(threads !== undefined && { threads }) };
    const training = {
      step: GraphSession.fromGraph(this.step.graph, shared),
      gather: this.step.gather && GraphSession.fromGraph(this.step.gather, shared),
    };
    const testing = GraphSession.fromGraph(this.evaluationGraph(), shared);
    try {
      const done = await this.resumed();
      for (let epoch = done; epoch < epochs; epoch++) {
        this.before = this.snapshot();
        const trained = await this.epoch(training, epoch);
        const tested =
          data.test && (await evaluate(testing as never, data.test, this.evaluateOptions()));
        const record = {
          ...trained,
          testLoss: tested?.loss ?? null,
          testAccuracy: tested === undefined ? null : tested.accuracy * 100,
        };
        this.history.push(record);
        // First what the caller keeps, then the checkpoint: a log is never behind it.
        const asked = await callbacks?.onEpoch?.(record);
        if (checkpoint !== undefined) await this.save(checkpoint, epoch + 1);
        if (asked === 'stop') break;
      }
      const state = this.step.parameters.map((name) => [name, this.store.get(name)] as const);
      return { state: Object.fromEntries(state) as State, history: this.history };
    } finally {
      await Promise.all(
        [training.step, training.gather, testing].map((session) => session?.release()),
      );
      this.store.release();
    }
  }

  /** The network as it is evaluated, over the same states. */
  private evaluationGraph() {
    const states = new Map(statesOf(this.step.graph).map((state) => [state.name, state]));
    const g = new GraphBuilder();
    const { name, shape } = this.model.input;
    const input = g.input(name, 'f32', shape);
    const { output } = this.model.build(g, input, {
      leaf: (parameter) => states.get(parameter.name) as never,
    });
    return g.graph([input], { [this.model.output]: output });
  }

  private evaluateOptions() {
    const { normalization = this.data.train.normalization, signal } = this.options;
    return { normalization, signal };
  }

  private epochBatches(epoch: number) {
    const { seed = 0, augment = [], normalization } = this.options;
    return batches(this.data.train, {
      batchSize: this.batchSize,
      seed,
      epoch,
      shuffle: true,
      dropLast: true,
      targets: true,
      augment,
      normalization,
    });
  }

  private async epoch(training: TrainingSessions, epoch: number) {
    const { epochs, callbacks, signal } = this.options;
    const { accumulate } = this;
    const begun = performance.now();
    let [loss, correct, pictures] = [0, 0, 0];
    const left = this.epochBatches(epoch)[Symbol.iterator]();
    for (let next = left.next(); !next.done; ) {
      if (signal?.aborted) throw new BitplaneError('ERR_ABORTED', 'training was aborted');
      const batch = next.value;
      // Batches that would make less than a step.
      if (batch.step >= this.steps * accumulate) break;
      const session = this.sessionOf(training, batch.step);
      const running = session.run(this.feeds(batch, epoch) as never);
      // The next batch is made while this one is trained on.
      next = left.next();
      const results = await running;
      const [number] = (results['loss'] as unknown as Tensor<'f32'>).data;
      if (!Number.isFinite(number))
        await this.explain(training, epoch, batch.step, number as number);
      loss += number as number;
      pictures += batch.size;
      correct += this.hits(results[this.model.output] as never, batch.labels);
      callbacks?.onStep?.({
        epoch: epoch + 1,
        epochs,
        step: Math.floor((batch.step + 1) / accumulate),
        steps: this.steps,
        loss: loss / (batch.step + 1),
        accuracy: (correct * 100) / pictures,
        imagesPerSecond: (pictures * 1000) / (performance.now() - begun),
      });
    }
    const seconds = (performance.now() - begun) / 1000;
    return {
      epoch: epoch + 1,
      phase: this.options.phase ?? 'train',
      rate: this.factor(epoch * this.steps + this.steps - 1) * this.rate,
      loss: loss / (this.steps * accumulate),
      trainAccuracy: (correct * 100) / pictures,
      seconds,
      imagesPerSecond: pictures / seconds,
    };
  }

  /** Gradients are gathered over batches, and the last of a step changes the parameters. */
  private sessionOf({ step, gather = step }: TrainingSessions, batch: number): GraphSession {
    return (batch + 1) % this.accumulate === 0 ? step : gather;
  }

  /** Of the rate, at a step counted from 0. */
  private factor(step: number): number {
    const { epochs } = this.options;
    return this.schedule({ step, steps: epochs * this.steps, epoch: step / this.steps, epochs });
  }

  private feeds({ x, targets, size, step }: PictureBatch, epoch: number) {
    const before = epoch * this.steps + Math.floor(step / this.accumulate);
    const { name, shape } = this.model.input;
    const classes = this.model.outputShape as readonly number[];
    return {
      [name]: new Tensor('f32', x, [size, ...(shape.slice(1) as number[])]),
      targets: new Tensor('f32', targets as Float32Array, [size, ...classes]),
      ...this.step.numbers(this.factor(before), before + 1),
    };
  }

  private hits({ data }: Tensor<'f32'>, labels: Int32Array): number {
    const classes = data.length / labels.length;
    let count = 0;
    for (let row = 0; row < labels.length; row++)
      if (greatest(data, row * classes, classes) === labels[row]) count++;
    return count;
  }

  private snapshot(): Map<string, Tensor> {
    return new Map(this.store.names.map((name) => [name, this.store.get(name)]));
  }

  /** Repeats the epoch up to the step that went wrong, and says which op did. */
  private async explain(
    training: TrainingSessions,
    epoch: number,
    wrong: number,
    loss: number,
  ): Promise<never> {
    for (const [name, tensor] of this.before) this.store.set(name, tensor);
    let first: { readonly op: string; readonly name: string } | undefined;
    for (const batch of this.epochBatches(epoch)) {
      const feeds = this.feeds(batch, epoch);
      if (batch.step === wrong) {
        first = await firstNonFinite(this.step.graph, this.snapshot(), feeds);
        break;
      }
      await this.sessionOf(training, batch.step).run(feeds as never);
    }
    for (const [name, tensor] of this.before) this.store.set(name, tensor);
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      `expected a finite loss but received ${loss} in epoch ${epoch + 1}, ` +
        `step ${Math.floor(wrong / this.accumulate) + 1}` +
        (first === undefined ? '' : `; the first numbers that are not finite are those of this op`),
      first === undefined ? { op: 'fit' } : { op: first.op, node: first.name },
    );
  }

  /** What the result depends on. */
  private settings(): Readonly<Record<string, unknown>> {
    const { epochs, seed = 0, augment = [], normalization } = this.options;
    return {
      epochs,
      seed,
      batchSize: this.batchSize,
      ...(this.accumulate > 1 && { accumulate: this.accumulate }),
      pictures: this.data.train.size,
      schedule: this.schedule.description ?? null,
      augment: augment.map(({ settings }) => settings),
      normalization: normalization ?? this.data.train.normalization,
      ...this.options.about,
    };
  }

  private async save(path: string, epoch: number): Promise<void> {
    await writeCheckpoint(path, {
      states: this.snapshot() as Map<string, Tensor<'f32'>>,
      epoch,
      step: epoch * this.steps,
      settings: this.settings(),
      history: this.history,
    });
  }

  /** Goes on from the checkpoint, if asked to; the number of epochs that are done. */
  private async resumed(): Promise<number> {
    const { checkpoint: path, resume = false } = this.options;
    if (!resume || path === undefined) return 0;
    let checkpoint: Awaited<ReturnType<typeof readCheckpoint>>;
    try {
      checkpoint = await readCheckpoint(path);
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
    const shapes = new Map(
      statesOf(this.step.graph).map(({ name, shape }) => [name, shape as readonly number[]]),
    );
    requireSameTraining(path, checkpoint, shapes, this.settings());
    for (const name of shapes.keys()) this.store.set(name, checkpoint.states.get(name) as Tensor);
    for (const record of checkpoint.history) this.history.push(record as EpochRecord);
    return checkpoint.epoch;
  }
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof BitplaneError ? (error.cause as { code?: unknown }) : undefined;
  return cause?.code === 'ENOENT';
}
