/**
 * ZAQ, from a float network to few bits without data: a generator learns pictures that the float
 * network and the one in few bits answer differently, and the latter learns to answer them alike,
 * in its answers and in how the channels of its maps relate. Liu, Zhang, Wang, "Zero-shot
 * Adversarial Quantization", CVPR 2021, arXiv 2103.15263. Not here: the steps (./steps.ts), their
 * distances (./relations.ts), the options (./options.ts).
 */
import { unknownName } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import { type Graph, topological, type Value } from '../../graph/value.js';
import { fillNormal, randomStream } from '../../nn/random.js';
import { opDef } from '../../ops/index.js';
import type { Range } from '../../quant/affine.js';
import { calibrate } from '../../quant/network/calibrate.js';
import { type Settings, settingsOf } from '../../quant/network/options.js';
import { type Quantized, quantizePrepared } from '../../quant/network/quantize-prepared.js';
import { GraphSession } from '../../runtime/session.js';
import { StateStore } from '../../runtime/state-store.js';
import { Tensor } from '../../tensor/tensor.js';
import { greatest } from '../../train/evaluate.js';
import type { EpochRecord } from '../../train/history.js';
import { adam, type Optimizer, sgd } from '../../train/optimizer.js';
import { multiStep } from '../../train/schedules.js';
import { allStates, type Iterated, networkDigest, runEpochs } from '../epochs.js';
import { foldBatchNorms } from '../folded.js';
import { generator } from '../generator.js';
import { generating } from '../generator-graphs.js';
import { layersOf } from '../layers.js';
import { batchShape, type Observed, observed, pictureForm } from '../norms.js';
import { numbersOf } from '../optimized.js';
import { rangeName, withParameters } from '../student.js';
import { KEPT } from './coder.js';
import {
  RELEASED,
  SITE,
  ZAQ_EPOCHS,
  type ZaqOptions,
  type ZaqSettings,
  zaqSettings,
} from './options.js';
import {
  estimationStep,
  LAYER_SUMS,
  LAYER_WEIGHTS,
  statesOfAll,
  transferStep,
  type ZaqParts,
} from './steps.js';
import { uniformWeights } from './weights.js';

const MILESTONES = [100, 200];
/** Pictures that are shown, and that the report's histograms are of. */
const SHOWN = 64;

/** A network by ZAQ, and how its training went. */
export interface ZaqResult extends Quantized {
  /** An entry an epoch. */
  readonly history: readonly EpochRecord[];
  /** Of the trained generator, as the network's input takes them. */
  readonly pictures: Tensor<'f32'>;
  /** The maps that were compared. */
  readonly taps: readonly string[];
}

/**
 * Batch norms take the statistics of generated pictures while training, and end with those. First
 * and last layer have 8 bits unless `ends` says otherwise; in the release they are as all others.
 * Biases stay float.
 * @throws BitplaneError ERR_ARGUMENT for options; ERR_UNSUPPORTED for a network whose input is no
 * square picture, or that has no maps; ERR_ABORTED; ERR_FORMAT for a damaged
 * checkpoint
 */
export async function zaq(graph: Graph, options: ZaqOptions): Promise<ZaqResult> {
  const settings = zaqSettings(options);
  const network = observed(graph, SITE, { needsNorms: false });
  const taps = tapsOf(network, options.taps);
  return await new Training(network, taps, settings).run(graph);
}

/** Of each size of maps the last one that is computed, or those that are named. */
function tapsOf({ graph }: Observed, names: readonly string[] | undefined): readonly Value[] {
  const maps = topological(graph).filter(
    (value) => value.shape.length === 4 && value.op !== 'input' && value.op !== 'constant',
  );
  if (names !== undefined) {
    if (!Array.isArray(names) || names.length === 0)
      throw expected('ERR_ARGUMENT', 'taps as names of maps', names, SITE);
    const found = new Map(maps.map((map) => [map.name, map]));
    return names.map((name) => {
      const map = found.get(name);
      if (map === undefined) throw unknownName('maps of', String(name), [...found.keys()], SITE);
      return map;
    });
  }
  const last = new Map<string, Value>();
  for (const map of maps) {
    const [height, width] = map.shape.slice(1, 3);
    if (opDef(map.op).moves !== true && (height !== 1 || width !== 1))
      last.set(`${height} ${width}`, map);
  }
  if (last.size > 0) return [...last.values()];
  throw expected('ERR_UNSUPPORTED', 'maps of several pixels', 'none', SITE);
}

class Training {
  private readonly epochs: number;
  private readonly steps: number;
  private readonly latent: number;
  private readonly learning: Optimizer;
  private readonly painting = adam({ rate: 1e-3 });
  private readonly schedule = multiStep({ milestones: MILESTONES, of: ZAQ_EPOCHS });
  private readonly parts: ZaqParts;
  private readonly graphs: { readonly transfer: Graph; readonly estimate: Graph };
  private readonly store: StateStore;

  constructor(
    private readonly network: Observed,
    private readonly taps: readonly Value[],
    private readonly options: ZaqSettings,
  ) {
    const { as, alpha, beta, widths, seed = 0, perChannel, norms } = options;
    this.epochs = options.epochs ?? ZAQ_EPOCHS;
    this.steps = options.steps ?? RELEASED.steps;
    this.latent = options.latent ?? RELEASED.latent;
    const batchSize = options.batchSize ?? RELEASED.batchSize;
    batchShape(network.input, batchSize);
    this.learning = sgd({ rate: options.rate, momentum: 0.9, decay: 5e-4 });
    const form = pictureForm(network);
    const { size, channels } = form;
    const model = generator({
      size,
      channels,
      latent: this.latent,
      ...(widths !== undefined && { widths }),
    });
    this.parts = {
      ...{ network, form, model, state: model.init(seed), settings: settingsFor(options), taps },
      ...{ batchSize, alpha, beta, relations: as, perChannel, norms },
      codes: as === 'paper' ? 'symmetric' : 'asymmetric',
    };
    this.graphs = {
      transfer: transferStep(this.parts, this.learning),
      estimate: estimationStep(this.parts, this.painting),
    };
    this.store = new StateStore(statesOfAll(Object.values(this.graphs)));
  }

  async run(graph: Graph): Promise<ZaqResult> {
    const { session = {}, weights, activations, ends = 8, shortcuts, ...rest } = this.options;
    const { as, alpha, beta, kept, transfers, seed = 0, widths, perChannel, norms, rate } = rest;
    const { batchSize } = this.parts;
    const sessions = {
      transfer: GraphSession.fromGraph(this.graphs.transfer, { ...session, states: this.store }),
      estimate: GraphSession.fromGraph(this.graphs.estimate, { ...session, states: this.store }),
    };
    const taps = this.taps.map(({ name }) => name);
    try {
      const history = await runEpochs(
        {
          op: SITE.op,
          epochs: this.epochs,
          steps: this.steps,
          batchSize,
          stores: [this.store],
          settings: {
            ...{ method: 'zaq', epochs: this.epochs, steps: this.steps, batchSize },
            ...{ weights, perChannel, activations, ends, shortcuts: shortcuts ?? null },
            ...{ as, alpha, beta, norms, rate },
            network: networkDigest(graph),
            ...{ kept, transfers, seed, latent: this.latent, widths: widths ?? null, taps },
          },
          phase: () => 'train',
          rate: (epoch) => this.learning.rate * this.factor(epoch),
          iterate: (epoch, step) => this.iterate(sessions, epoch, step),
        },
        this.options,
      );
      return { ...(await this.finished(graph)), history, taps };
    } finally {
      for (const one of Object.values(sessions)) await one.release();
      this.store.release();
    }
  }

  private factor(epoch: number): number {
    const steps = this.epochs * this.steps;
    return this.schedule({ step: epoch * this.steps, steps, epoch, epochs: this.epochs });
  }

  /** Knowledge transfer some times, then discrepancy estimation once. */
  private async iterate(
    sessions: Readonly<Record<'transfer' | 'estimate', GraphSession>>,
    epoch: number,
    step: number,
  ): Promise<Iterated> {
    const { transfers, as } = this.options;
    if (as === 'paper' && step === 0 && epoch > 0) this.weighLayers();
    const done = epoch * this.steps + step;
    const factor = this.factor(epoch);
    let [loss, answers, right] = [0, 0, 0];
    for (let k = 0; k < transfers; k++) {
      const told = await results(sessions.transfer, {
        noise: this.noise(`transfer ${done} ${k}`),
        ...numbersOf(this.learning, this.learning.rate * factor, done * transfers + k + 1),
      });
      loss += told.loss!.data[0]!;
      answers += told.answers!.data[0]!;
      right += agreeing(told.student!, told.teacher!);
    }
    const { loss: painted, large } = await results(sessions.estimate, {
      noise: this.noise(`estimate ${done}`),
      ...numbersOf(this.painting, this.painting.rate * factor, done + 1),
    });
    return {
      loss: loss / transfers,
      right: right / transfers,
      metrics: {
        'generator loss': painted!.data[0]!,
        'answer distance': answers / transfers,
        'last maps': large!.data[0]!,
      },
    };
  }

  private noise(name: string, count = this.parts.batchSize): Tensor<'f32'> {
    const data = new Float32Array(count * this.latent);
    fillNormal(data, 1, randomStream(this.options.seed ?? 0, name));
    return new Tensor('f32', data, [count, this.latent]);
  }

  /** Moves the weights of layers toward the softmax of their distances in the epoch before. */
  private weighLayers(): void {
    const { kept, transfers } = this.options;
    const read = (name: string) => this.store.get(name).data as Float32Array;
    const [old, sums] = [read(LAYER_WEIGHTS), read(LAYER_SUMS)];
    const distances = Array.from(sums, (sum) => sum / (this.steps * transfers));
    const next = layerWeights(Array.from(old), distances, kept);
    const shape = [next.length];
    this.store.set(LAYER_WEIGHTS, new Tensor('f32', Float32Array.from(next), shape));
    this.store.set(LAYER_SUMS, new Tensor('f32', new Float32Array(next.length), shape));
  }

  /** 1 - 0.9^t after t steps of both kinds, each of which moves the ranges of maps. */
  private seenShare(): number {
    return 1 - KEPT ** (this.epochs * this.steps * (this.options.transfers + 1));
  }

  private async finished(graph: Graph) {
    const { session } = this.options;
    const states = allStates([this.store]);
    const trained = withParameters(this.network, states);
    const raw = new Map(layersOf(trained).map(({ name, weights }) => [name, weights]));
    const { graph: folded } = foldBatchNorms(trained);
    const isFixed = typeof this.network.input.shape[0] === 'number';
    const count = isFixed ? this.parts.batchSize : SHOWN;
    const showing = GraphSession.fromGraph(generating(this.parts, this.graphs.transfer, count), {
      ...session,
      states: this.store,
    });
    const pictures = (await results(showing, { noise: this.noise('shown', count) })).pictures!;
    await showing.release();
    const feeds = [{ [this.network.input.name]: pictures }] as never;
    const quantized = await quantizePrepared(folded, this.parts.settings, {
      seen: async (maps) => await calibrate(folded, maps, feeds, session),
      range: (map) => rangeOf(map, states, this.seenShare()),
      weights: (layer) => {
        const { codes, perChannel } = this.parts;
        return uniformWeights(layer, raw.get(layer.product.name)!, codes, perChannel);
      },
    });
    const { metadata } = graph;
    const named = metadata === undefined ? quantized.graph : { ...quantized.graph, metadata };
    return { ...quantized, graph: named, pictures };
  }
}

/** kept times the old weights, and the rest the softmax of the distances. */
export function layerWeights(
  old: readonly number[],
  distances: readonly number[],
  kept: number,
): readonly number[] {
  const most = distances.reduce((a, b) => Math.max(a, b));
  const sizes = distances.map((distance) => Math.exp(distance - most));
  const sum = sizes.reduce((a, b) => a + b);
  return old.map((weight, i) => kept * weight + ((1 - kept) * sizes[i]!) / sum);
}

function settingsFor({ weights, activations, ends = 8, shortcuts }: ZaqSettings): Settings {
  return settingsOf({
    weights: { bits: weights },
    activations,
    ends,
    ...(shortcuts !== undefined && { shortcuts }),
    weightRange: 'minmax',
  });
}

/** @param share of a moving mean that numbers seen are; the rest is still the 0 it began with */
function rangeOf(
  { name, op }: Value,
  states: ReadonlyMap<string, Tensor<'f32'>>,
  share: number,
): Range {
  const [lo, hi] = (['min', 'max'] as const).map(
    (end) => states.get(rangeName(name, end))?.data[0],
  );
  if (lo === undefined || hi === undefined)
    throw expected('ERR_GRAPH', 'a map that the student quantizes', 'another', { op, node: name });
  return { lo: lo / share, hi: hi / share };
}

async function results(
  session: GraphSession,
  feeds: Readonly<Record<string, Tensor<'f32'>>>,
): Promise<Readonly<Record<string, Tensor<'f32'>>>> {
  return (await session.run(feeds as never)) as never;
}

/** Rows whose greatest numbers stand at the same place. */
function agreeing(a: Tensor<'f32'>, b: Tensor<'f32'>): number {
  const classes = a.shape.at(-1) as number;
  let count = 0;
  for (let row = 0; row * classes < a.data.length; row++) {
    const at = row * classes;
    if (greatest(a.data, at, classes) === greatest(b.data, at, classes)) count++;
  }
  return count;
}
