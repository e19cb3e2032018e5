/**
 * DFQ, from a float network to few bits without data: batch norms folded, ReLU6 as ReLU, layers
 * equalized, high biases absorbed, weights quantized, biases corrected, ranges of activations beta
 * +- 6 gamma. Nagel et al., ICCV 2019, arXiv 1906.04721. Not here: the steps, a file each.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Graph, Value } from '../../graph/value.js';
import { type Settings, settingsOf } from '../../quant/network/options.js';
import { type PlannedLayer, planOf } from '../../quant/network/plan.js';
import {
  type Quantized,
  quantizePrepared,
  type Sources,
  weightsOf,
} from '../../quant/network/quantize-prepared.js';
import type { CodedWeights } from '../../quant/weights.js';
import type { SessionOptions } from '../../runtime/session-types.js';
import type { Tensor, TensorLike } from '../../tensor/tensor.js';
import { type Folded, foldBatchNorms } from '../folded.js';
import { layersOf } from '../layers.js';
import { histogramOf } from '../synthetic.js';
import {
  DATA_FREE_OPTIONS,
  type DataFreeOptions,
  knownMaps,
  requireStatistics,
} from '../without-data.js';
import { type DistillOptions, distill } from '../zeroq/distill.js';
import { type Absorbed, type AbsorbOptions, absorbBias } from './absorb-bias.js';
import { type Corrected, correctBias } from './correct-bias.js';
import { correctBiasByPictures } from './correct-by-pictures.js';
import { type Equalized, equalize } from './equalize.js';
import { keepKernelSums } from './kernel-sums.js';
import { releasedQuantization } from './released-quantization.js';
import { replaceRelu6 } from './replace-relu6.js';
import { settleStillChannels, withoutReadingZeros } from './still-channels.js';

/** Which steps of DFQ are taken, and how the network is quantized. */
export interface DfqOptions extends DataFreeOptions {
  /**
   * 'paper'. 'release': ranges of max - min when equalizing; biases corrected for the released
   * quantizer's 8 bits, whatever the weights get, and the corrections carried on.
   */
  readonly as?: 'paper' | 'release' | undefined;
  /**
   * ReLU6 as 'cutoffs', a bound for each channel that is scaled with it, which leaves the float
   * network as it was; as 'relu', which the paper takes, and the release; or 'keep', which leaves
   * its layers out. Default 'cutoffs', or 'relu' for the release.
   */
  readonly relu6?: 'relu' | 'cutoffs' | 'keep' | undefined;
  /** Default true. */
  readonly equalize?: boolean | undefined;
  /** Default true, unless ReLU6 became cutoffs, which bound the maps that high biases widen. */
  readonly absorb?: boolean | undefined;
  /**
   * True: biases are corrected by what batch norms say. 'empirical': by what float and quantized
   * layers give over pictures, which are distilled where none are given; with maps in floats.
   */
  readonly correct?: boolean | 'empirical' | undefined;
  /**
   * 'sums': of each kernel the sum, so that what varies slowly is multiplied rightly; 'nearest':
   * each weight to the nearest code, as in the paper. Default 'sums', or 'nearest' for the release.
   */
  readonly rounding?: 'sums' | 'nearest' | undefined;
  /** For the empirical correction, as the network's input takes them. */
  readonly pictures?: TensorLike<'f32'> | undefined;
  /** How pictures are distilled. Default: 16 of them, 100 steps. */
  readonly distill?: Pick<DistillOptions, 'count' | 'steps' | 'seed' | 'statistics'> | undefined;
  /** For runs of the empirical correction. */
  readonly session?: Pick<SessionOptions, 'threads' | 'isa' | 'maxBytes'> | undefined;
  /** Called after each step of distilling and each layer that is corrected, counted from 1. */
  onProgress?(part: 'distill' | 'correct', done: number, of: number): void;
  /** Of `equalize`. Default 1.5, or Infinity for the release, which is also the paper's. */
  readonly widest?: number | undefined;
  /** Of `absorbBias`. Default 'leave', or 'absorb' for the release, which is also the paper's. */
  readonly borders?: AbsorbOptions['borders'] | undefined;
  /** `deviations` of `absorbBias`. Default 4, or 3 for the release, which is also the paper's. */
  readonly above?: number | undefined;
  /**
   * Standard deviations on either side of the mean that activations have codes for. Default 5, or 6
   * for the release, which is also the paper's.
   */
  readonly deviations?: number | undefined;
}

const OPTIONS: OptionNames<DfqOptions> = {
  ...DATA_FREE_OPTIONS,
  as: true,
  relu6: true,
  equalize: true,
  absorb: true,
  correct: true,
  widest: true,
  borders: true,
  above: true,
  rounding: true,
  pictures: true,
  distill: true,
  session: true,
  onProgress: true,
  deviations: true,
};
const SITE = { op: 'dfq' };

/** A network by DFQ, and what each step did. */
export interface DfqResult extends Quantized {
  /** The float network that was quantized, with its statistics. */
  readonly float: Folded;
  /** What equalizing did; undefined where it was left out. */
  readonly equalized: Pick<Equalized, 'pairs' | 'leftOut' | 'rounds'> | undefined;
  /** What absorbing did; undefined where it was left out. */
  readonly absorbed: Pick<Absorbed, 'absorbed' | 'leftOut'> | undefined;
  /** What correcting did; undefined where it was left out. */
  readonly corrected: Pick<Corrected, 'corrections' | 'leftOut'> | undefined;
  /** The clips in whose place ReLUs stand now. */
  readonly replaced: readonly string[];
}

/**
 * Quantizes a network with what its batch norms know: equalized weights, absorbed and corrected
 * biases.
 * @throws BitplaneError ERR_ARGUMENT for options, and for an input without a range;
 * ERR_UNSUPPORTED naming a map that no batch norm tells of
 */
export async function dfq(graph: Graph, options: DfqOptions): Promise<DfqResult> {
  requireOptions(options, OPTIONS, SITE);
  const { as = 'paper', inputs, ...rest } = options;
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  const isPaper = as === 'paper';
  const { equalize: equalizes = true, absorb, correct = true, ...others } = rest;
  const {
    relu6 = isPaper ? 'cutoffs' : 'relu',
    widest = isPaper ? 1.5 : Infinity,
    ...more
  } = others;
  const { borders = isPaper ? 'leave' : 'absorb', above = isPaper ? 4 : 3, ...most } = more;
  const {
    deviations = isPaper ? 5 : 6,
    rounding = isPaper ? 'sums' : 'nearest',
    pictures,
    distill: distilling,
    session = {},
    onProgress,
    ...quantize
  } = most;
  requireOneOf(relu6, ['relu', 'cutoffs', 'keep'], 'relu6', SITE);
  for (const [name, value] of Object.entries({ equalize: equalizes, absorb: absorb ?? true }))
    requireOneOf(value, [true, false], name, SITE);
  requireOneOf(rounding, ['sums', 'nearest'], 'rounding', SITE);
  requireOneOf(correct, [true, false, 'empirical'], 'correct', SITE);
  for (const [name, value] of Object.entries({ pictures, distill: distilling }))
    if (value !== undefined && correct !== 'empirical')
      throw expected('ERR_ARGUMENT', `correct: 'empirical' for ${name}`, correct, SITE);
  const settings = settingsOf(quantize);
  const folded = foldBatchNorms(graph);
  requireStatistics(folded, SITE);
  knownMaps(folded, settings, inputs);
  const { graph: plain, names: replaced } =
    relu6 === 'keep' ? { graph: folded.graph, names: [] } : replaceRelu6(folded.graph, relu6);
  let float: Folded = settleStillChannels({ graph: plain, statistics: folded.statistics });
  const ranges = isPaper ? 'symmetric' : 'asymmetric';
  const equalized = equalizes ? equalize(float, { ranges, widest }) : undefined;
  float = equalized ?? float;
  const absorbs = absorb ?? !(relu6 === 'cutoffs' && replaced.length > 0);
  const absorbed = absorbs ? absorbBias(float, { borders, deviations: above }) : undefined;
  float = absorbed === undefined ? float : { ...absorbed, graph: withoutReadingZeros(absorbed) };
  const weights = (layer: PlannedLayer) => weightsIn(layer, settings, rounding);
  const inCodes = async (of: Folded) => {
    const { plan, maps } = knownMaps(of, settings, inputs);
    const seen = async (asked: readonly Value[]) =>
      new Map(asked.map((map) => [map, histogramOf(maps.get(map)!, deviations)]));
    return await quantizePrepared(of.graph, settings, { seen, weights }, plan);
  };
  let corrected: Corrected | undefined;
  if (correct === 'empirical') {
    corrected = await correctBiasByPictures(
      float,
      async (biased) => (await weightsInCodes(biased, settings, weights)).graph,
      pictures ?? (await distilled(graph, options)),
      { session, onLayer: (done, of) => onProgress?.('correct', done, of) },
    );
  } else if (correct)
    corrected = correctBias(float, quantizedBy(float, as, settings, rounding), { as });
  float = corrected ?? float;
  const quantized = await inCodes(float);
  const { statistics } = float;
  return {
    ...quantized,
    float: { graph: float.graph, statistics },
    equalized,
    absorbed,
    corrected,
    replaced,
  };
}

/** The network whose weights alone are quantized: maps that pictures see clipped are no error. */
async function weightsInCodes(
  graph: Graph,
  settings: Settings,
  weights: NonNullable<Sources['weights']>,
): Promise<Quantized> {
  const { layers } = planOf(graph, settings);
  const plan = {
    layers: layers.map((layer) => ({ ...layer, reads: undefined })),
    edges: new Map(),
  };
  return await quantizePrepared(graph, settings, { seen: async () => new Map(), weights }, plan);
}

/** Pictures that the batch norms ask for. */
async function distilled(
  graph: Graph,
  { distill: given = {}, session, onProgress }: DfqOptions,
): Promise<Tensor<'f32'>> {
  const { count = 16, steps = 100, ...others } = given;
  const runs = session === undefined ? {} : { session };
  const done = await distill(graph, {
    ...{ count, steps, ...others, ...runs },
    onStep: (step) => onProgress?.('distill', step, steps),
  });
  return done.pictures;
}

function weightsIn(
  layer: PlannedLayer,
  settings: Settings,
  rounding: NonNullable<DfqOptions['rounding']>,
): CodedWeights | undefined {
  const coded = weightsOf(layer, settings.weightRange);
  if (coded === undefined || rounding === 'nearest') return coded;
  return keepKernelSums((layer.product.inputs[1] as Value).data as Tensor<'f32'>, coded);
}

/** The numbers that stand for the weights that are quantized. */
function quantizedBy(
  { graph }: Folded,
  as: 'paper' | 'release',
  settings: Settings,
  rounding: NonNullable<DfqOptions['rounding']>,
): ReadonlyMap<string, ArrayLike<number>> {
  const layers = new Map(layersOf(graph).map((layer) => [layer.name, layer]));
  const found = new Map<string, ArrayLike<number>>();
  for (const planned of planOf(graph, settings).layers) {
    const coded = weightsIn(planned, settings, rounding);
    if (coded === undefined) continue;
    const { name } = planned.product;
    const { data } = layers.get(name)!.weights;
    found.set(name, as === 'paper' ? coded.values : releasedQuantization(data, 8, 'asymmetric'));
  }
  return found;
}
