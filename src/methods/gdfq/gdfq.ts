/**
 * GDFQ, from a float network to few bits without data: a generator learns to make pictures of given
 * classes whose maps have the statistics of batch norms, and the network in few bits learns to
 * answer them as the float one does. Xu et al., "Generative Low-bitwidth Data Free Quantization",
 * ECCV 2020, arXiv 2003.03603. Not here: the steps (./steps.ts), their losses (./losses.ts).
 */
import {
  type Complete,
  type OptionNames,
  requireOneOf,
  requireOptions,
} from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Graph } from '../../graph/value.js';
import { randomStream } from '../../nn/random.js';
import { calibrate } from '../../quant/network/calibrate.js';
import { type QuantizeOptions, settingsOf } from '../../quant/network/options.js';
import { planOf } from '../../quant/network/plan.js';
import { type Quantized, quantizePrepared } from '../../quant/network/quantize-prepared.js';
import { GraphSession } from '../../runtime/session.js';
import { StateStore } from '../../runtime/state-store.js';
import type { Tensor } from '../../tensor/tensor.js';
import { greatest } from '../../train/evaluate.js';
import type { EpochRecord } from '../../train/history.js';
import { adam, type Optimizer, sgd } from '../../train/optimizer.js';
import { multiStep } from '../../train/schedules.js';
import { asymmetricWeights } from '../asymmetric-weights.js';
import {
  allStates,
  checkEpochs,
  EPOCH_OPTIONS,
  type EpochOptions,
  type Iterated,
  networkDigest,
  runEpochs,
} from '../epochs.js';
import { foldBatchNorms } from '../folded.js';
import { generator } from '../generator.js';
import { generating } from '../generator-graphs.js';
import { batchShape, classesOf, type Observed, observed, pictureForm } from '../norms.js';
import { numbersOf, scalar } from '../optimized.js';
import { withParameters } from '../student.js';
import { channelSpec } from '../zeroq/sensitivity.js';
import { followedRange, KEPT } from './coder.js';
import { conditionedNoise } from './noise.js';
import { generatorStep, observingStep, studentStep } from './steps.js';

/** How GDFQ trains its generator and the network in few bits. */
export interface GdfqOptions
  extends EpochOptions,
    Pick<QuantizeOptions, 'ends' | 'shortcuts' | 'session'> {
  /** Bits of weights, 2 to 8: asymmetric, a scale an output channel. */
  readonly weights: number;
  /** Bits of activations, 2 to 8. */
  readonly activations: number;
  /** Numbers of the noise. Default 100. */
  readonly latent?: number | undefined;
  /** Channels of the generator's maps. Default 128, 128, 64. */
  readonly widths?: readonly [number, number, number] | undefined;
  /** Epochs that only train the generator and see ranges. Default: the release's share. */
  readonly warmUp?: number | undefined;
  /**
   * The release's settings for CIFAR, 'small', or ImageNet, 'large': whether classes change the
   * noise or the batch norms of the generator, pictures of a step, warm-up, the network's rate.
   * Default 'small' for sides of up to 64 pixels.
   */
  readonly pictures?: 'small' | 'large' | undefined;
  /**
   * 'release': the divergence of answers is a mean over classes, and ranges of maps go on with what
   * was corrected for their first value, which is too wide for some hundred iterations. 'paper': a
   * sum over classes, and ranges that are moving means. Default 'paper'.
   */
  readonly as?: 'paper' | 'release' | undefined;
}

const OPTIONS: OptionNames<GdfqOptions> = {
  ...EPOCH_OPTIONS,
  weights: true,
  activations: true,
  ends: true,
  shortcuts: true,
  session: true,
  latent: true,
  widths: true,
  warmUp: true,
  pictures: true,
  as: true,
};
const SITE = { op: 'gdfq' };

/** The release's. */
const RELEASED = { epochs: 400, steps: 200, latent: 100 };
const OF_PICTURES = {
  small: { warmUp: 4, batchSize: 200, rate: 1e-4, conditioning: 'noise' },
  large: { warmUp: 50, batchSize: 16, rate: 1e-6, conditioning: 'norms' },
} as const;
/** The largest side of small pictures. */
const SMALL_SIDE = 64;
/** Epochs unless options say otherwise. */
export const GDFQ_EPOCHS = RELEASED.epochs;
const MILESTONES = [100, 200, 300];
/** Pictures that are shown, and that the report's histograms are of. */
const SHOWN = 64;

/** A network by GDFQ, and how its training went. */
export interface GdfqResult extends Quantized {
  /** An entry an epoch. */
  readonly history: readonly EpochRecord[];
  /** Of the trained generator, as the network's input takes them; classes by turns. */
  readonly pictures: Tensor<'f32'>;
}

/**
 * First and last layer have 8 bits unless `ends` says otherwise; in the release they are as all
 * others.
 * @throws BitplaneError ERR_ARGUMENT for options; ERR_UNSUPPORTED for a network without batch
 * norms, whose input is no square picture, or whose output tells no number of classes; ERR_ABORTED;
 * ERR_FORMAT for a damaged checkpoint
 */
export async function gdfq(graph: Graph, options: GdfqOptions): Promise<GdfqResult> {
  return await trainingOf(graph, options).run(graph);
}

/**
 * The student's step as `gdfq` runs it, to be looked at and timed. Inputs: `pictures`, `targets`
 * and `teacher` [N, classes], `correction`, numbers of the optimizer; outputs: `loss`, `logits`.
 * @throws BitplaneError as `gdfq` does, before any work
 */
export function gdfqStudentStep(graph: Graph, options: GdfqOptions): Graph {
  return trainingOf(graph, options).graphs.learn;
}

function trainingOf(graph: Graph, options: GdfqOptions): Training {
  requireOptions(options, OPTIONS, SITE);
  checkEpochs(options, 2, SITE.op);
  const { weights, activations, ends = 8, as = 'paper', latent = RELEASED.latent } = options;
  requireBits({ weights, activations, ...(ends !== 'same' && { ends }) });
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  const epochs = options.epochs ?? RELEASED.epochs;
  const network = observed(graph, SITE);
  const isSmall = pictureForm(network).size <= SMALL_SIDE;
  const { pictures = isSmall ? 'small' : 'large' } = options;
  requireOneOf(pictures, Object.keys(OF_PICTURES), 'pictures', SITE);
  const share = OF_PICTURES[pictures].warmUp / RELEASED.epochs;
  const { warmUp = Math.max(1, Math.round(share * epochs)) } = options;
  if (!Number.isInteger(warmUp) || warmUp < 1 || warmUp >= epochs)
    throw expected('ERR_ARGUMENT', `warmUp from 1 to ${epochs - 1} epochs`, warmUp, SITE);
  return new Training(network, { ...options, epochs, warmUp, as, latent, pictures });
}

type Whole = GdfqOptions &
  Complete<Pick<GdfqOptions, 'epochs' | 'warmUp' | 'as' | 'latent' | 'pictures'>>;

class Training {
  private readonly classes: number;
  private readonly batchSize: number;
  private readonly steps: number;
  private readonly painting = adam({ rate: 1e-3, betas: [0.5, 0.999] });
  private readonly learning: Optimizer;
  private readonly schedule = multiStep({ milestones: MILESTONES, of: RELEASED.epochs });
  private readonly settings: ReturnType<typeof settingsOf>;
  private readonly parts: Parameters<typeof generatorStep>[0];
  readonly graphs: Readonly<Record<'paint' | 'observe' | 'learn', Graph>>;

  constructor(
    private readonly network: Observed,
    private readonly options: Whole,
  ) {
    const { weights, activations, ends = 8, shortcuts, as, latent, seed = 0, widths } = options;
    const { batchSize: most, rate, conditioning } = OF_PICTURES[options.pictures];
    this.learning = sgd({ rate, momentum: 0.9, nesterov: true, decay: 1e-4 });
    this.classes = classesOf(network);
    const form = pictureForm(network);
    this.batchSize = options.batchSize ?? most;
    this.steps = options.steps ?? RELEASED.steps;
    const shape = batchShape(network.input, this.batchSize);
    this.settings = settingsOf({
      weights: channelSpec(weights),
      activations,
      ends: 'same',
      ...(ends !== 'same' && { layers: endsOf(network, ends) }),
      ...(shortcuts !== undefined && { shortcuts }),
      weightRange: 'minmax',
    });
    const { classes, batchSize } = this;
    const { size, channels } = form;
    const model = generator({
      size,
      channels,
      latent,
      classes,
      conditioning,
      epsilon: 0.8,
      ...(widths !== undefined && { widths }),
    });
    const state = model.init(seed);
    this.parts = { network, form, model, state, classes, batchSize };
    const student = { network, classes, shape, settings: this.settings, as };
    this.graphs = {
      paint: generatorStep(this.parts, this.painting),
      observe: observingStep(student),
      learn: studentStep(student, this.learning),
    };
  }

  async run(graph: Graph): Promise<GdfqResult> {
    const { session = {}, epochs, warmUp, weights, activations, ends = 8, as } = this.options;
    const { paint, observe, learn } = this.graphs;
    const painted = new StateStore(paint);
    const learned = new StateStore(learn);
    const sessions = {
      paint: GraphSession.fromGraph(paint, { ...session, states: painted }),
      observe: GraphSession.fromGraph(observe, { ...session, states: learned }),
      learn: GraphSession.fromGraph(learn, { ...session, states: learned }),
    };
    try {
      const { latent, seed = 0, widths, shortcuts, pictures } = this.options;
      const history = await runEpochs(
        {
          op: SITE.op,
          epochs,
          steps: this.steps,
          batchSize: this.batchSize,
          stores: [painted, learned],
          settings: {
            ...{ method: 'gdfq', epochs, warmUp, steps: this.steps, batchSize: this.batchSize },
            ...{ weights, activations, ends, shortcuts: shortcuts ?? null },
            ...{ as, latent, seed, widths: widths ?? null, pictures },
            network: networkDigest(graph),
          },
          phase: (epoch) => (epoch < warmUp ? 'warm-up' : 'train'),
          rate: (epoch) => (epoch < warmUp ? 0 : this.learning.rate * this.factor(epoch)),
          iterate: (epoch, step) => this.iterate(sessions, epoch, step),
        },
        this.options,
      );
      return { ...(await this.finished(graph, painted, learned)), history };
    } finally {
      for (const one of Object.values(sessions)) await one.release();
      painted.release();
      learned.release();
    }
  }

  private factor(epoch: number): number {
    const { epochs } = this.options;
    const steps = epochs * this.steps;
    return this.schedule({ step: epoch * this.steps, steps, epoch, epochs });
  }

  /** 1 - 0.9^t after so many iterations of the warm-up. */
  private correction(iterations: number): number {
    return 1 - KEPT ** Math.min(iterations, this.options.warmUp * this.steps);
  }

  private async iterate(
    sessions: Readonly<Record<'paint' | 'observe' | 'learn', GraphSession>>,
    epoch: number,
    step: number,
  ): Promise<Iterated> {
    const { warmUp, latent, seed = 0 } = this.options;
    const { classes, batchSize } = this;
    const done = epoch * this.steps + step;
    const random = randomStream(seed, `noise ${done}`);
    const { noise, targets, labels } = conditionedNoise(batchSize, latent, classes, random);
    const factor = this.factor(epoch);
    const made = await results(sessions.paint, {
      noise,
      ...numbersOf(this.painting, this.painting.rate * factor, done + 1),
    });
    const seen = { pictures: made.pictures!, correction: scalar(this.correction(done + 1)) };
    const metrics = {
      'generator loss': made.loss!.data[0]!,
      'class loss': made.classes!.data[0]!,
      'statistics loss': made.statistics!.data[0]!,
    };
    if (epoch < warmUp) {
      const { logits } = await results(sessions.observe, seen);
      return { loss: metrics['generator loss'], right: rightOf(logits!, labels), metrics };
    }
    const learnt = done - warmUp * this.steps + 1;
    const { loss, logits } = await results(sessions.learn, {
      ...seen,
      targets,
      teacher: made.logits!,
      ...numbersOf(this.learning, this.learning.rate * factor, learnt),
    });
    return { loss: loss!.data[0]!, right: rightOf(logits!, labels), metrics };
  }

  /** The network in few bits with what the student has learned, and pictures of the generator. */
  private async finished(graph: Graph, painted: StateStore, learned: StateStore) {
    const { session, as, latent, seed = 0, warmUp } = this.options;
    const states = allStates([learned]);
    const { graph: folded } = foldBatchNorms(withParameters(this.network, states));
    const count = typeof this.network.input.shape[0] === 'number' ? this.batchSize : SHOWN;
    const showing = GraphSession.fromGraph(generating(this.parts, this.graphs.paint, count), {
      ...session,
      states: painted,
    });
    const random = randomStream(seed, 'shown');
    const { noise } = conditionedNoise(count, latent, this.classes, random, true);
    const pictures = (await results(showing, { noise })).pictures!;
    await showing.release();
    const feeds = [{ [this.network.input.name]: pictures }] as never;
    const correction = this.correction(warmUp * this.steps);
    const quantized = await quantizePrepared(
      folded,
      this.settings,
      {
        seen: async (maps) => await calibrate(folded, maps, feeds, session),
        range: (map) => followedRange(map, states, as, correction),
        weights: (layer) => asymmetricWeights(layer, 'minmax'),
      },
      planOf(folded, this.settings),
    );
    return { ...quantized, graph: { ...quantized.graph, ...metadataOf(graph) }, pictures };
  }
}

function metadataOf({ metadata }: Graph) {
  return metadata === undefined ? {} : { metadata };
}

async function results(
  session: GraphSession,
  feeds: Readonly<Record<string, Tensor<'f32'>>>,
): Promise<Readonly<Record<string, Tensor<'f32'>>>> {
  return (await session.run(feeds as never)) as never;
}

function rightOf({ data }: Tensor<'f32'>, labels: Int32Array): number {
  const classes = data.length / labels.length;
  let right = 0;
  for (const [row, label] of labels.entries())
    if (greatest(data, row * classes, classes) === label) right++;
  return right;
}

function requireBits(widths: Readonly<Record<string, unknown>>): void {
  for (const [name, bits] of Object.entries(widths))
    if (!Number.isInteger(bits) || (bits as number) < 2 || (bits as number) > 8)
      throw expected('ERR_ARGUMENT', `${name} as a number of bits from 2 to 8`, bits, SITE);
}

/** The choice of the first and the last products, which have the same form as all others. */
function endsOf({ graph }: Observed, bits: number) {
  const { layers } = planOf(graph, settingsOf({ weights: 8 }));
  return Object.fromEntries(
    layers
      .filter(({ isEnd }) => isEnd)
      .map(({ product }) => [
        product.name,
        { weights: channelSpec(bits), activations: bits } as const,
      ]),
  );
}
