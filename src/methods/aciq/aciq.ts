/**
 * ACIQ, from a float network to few bits without data: activations clipped where the expected error
 * is least, weights in bits by channel at a given mean, what both change in the mean corrected.
 * Banner et al., NeurIPS 2019, arXiv 1810.05723. The statistics that the paper takes of a few
 * batches come from batch norms. The channels of a map share its scale, because a sum of integers
 * has one; so activations get no bits by channel. Not here: the pieces, a file each.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import type { Graph, Value } from '../../graph/value.js';
import { paramsOfRanges, type Range } from '../../quant/affine.js';
import { finiteFloats } from '../../quant/formats/block-float.js';
import { settingsOf } from '../../quant/network/options.js';
import {
  type Quantized,
  quantizePrepared,
  specOfMap,
} from '../../quant/network/quantize-prepared.js';
import type { Histogram } from '../../quant/observers/histogram.js';
import { mseRange } from '../../quant/observers/mse.js';
import { showQuantSpec } from '../../quant/parse-spec.js';
import type { QuantSpec } from '../../quant/spec.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { ClippedNormals } from '../distributions.js';
import { type Folded, foldBatchNorms } from '../folded.js';
import { changeLayers, type LayerChange, layersOf } from '../layers.js';
import { histogramOf, spreadOfMap } from '../synthetic.js';
import {
  DATA_FREE_OPTIONS,
  type DataFreeOptions,
  type Known,
  knownMaps,
  requireStatistics,
} from '../without-data.js';
import { type Clipping, clipRange } from './clip-range.js';
import { biasWithout, meanShifts } from './correct-activations.js';
import { type AciqWeightOptions, type AciqWeights, aciqWeights } from './weights.js';

/** How ACIQ quantizes a network. */
export interface AciqOptions extends DataFreeOptions, AciqWeightOptions {
  /**
   * The distribution of activations that thresholds are taken of; 'search' takes none, but the
   * range whose error is least for the normals of all channels together. Default 'laplace'.
   */
  readonly clipping?: Clipping | 'search' | undefined;
  /** Takes from biases what quantized activations add in the mean. Default true. */
  readonly correctActivations?: boolean | undefined;
  /** 'paper': thresholds of least error. 'release': of its tables. Default 'paper'. */
  readonly as?: 'paper' | 'release' | undefined;
}

const OPTIONS: OptionNames<AciqOptions> = {
  ...DATA_FREE_OPTIONS,
  allocate: true,
  correct: true,
  clipping: true,
  correctActivations: true,
  as: true,
};
const SITE = { op: 'aciq' };

/** A network by ACIQ, and what was done to each layer. */
export interface AciqResult extends Quantized {
  /** The float network that was quantized, with its statistics. */
  readonly float: Folded;
  /** Bits of each output channel, by the name of the layer. */
  readonly channelBits: ReadonlyMap<string, Uint8Array>;
}

type RangeFor = (map: Value, spec: QuantSpec, seen: Histogram) => Range;

/**
 * The first and the last layer have 8 bits and are not clipped, as released, unless `ends` says
 * otherwise; maps of 8 bits are not clipped either.
 * @throws BitplaneError ERR_ARGUMENT for options, and for an input without a range;
 * ERR_UNSUPPORTED naming a map that no batch norm tells of
 */
export async function aciq(graph: Graph, options: AciqOptions): Promise<AciqResult> {
  requireOptions(options, OPTIONS, SITE);
  const { inputs, allocate, correct = 'mean', clipping = 'laplace', ...others } = options;
  const { correctActivations = true, as = 'paper', ...rest } = others;
  requireOneOf(correct, ['mean', 'variance', 'none'], 'correct', SITE);
  requireOneOf(clipping, ['laplace', 'gauss', 'mix', 'search'], 'clipping', SITE);
  requireOneOf(correctActivations, [true, false], 'correctActivations', SITE);
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  const settings = settingsOf(rest);
  const folded = foldBatchNorms(graph);
  requireStatistics(folded, SITE);
  const known = knownMaps(folded, settings, inputs);
  for (const { product, specs } of known.plan.layers) requireAffine(product, specs.weights);

  const weights = new Map<string, AciqWeights>();
  for (const { product, specs, isEnd } of known.plan.layers) {
    if (specs.weights === undefined) continue;
    const w = finiteFloats((product.inputs[1] as Value).data as Tensor<'f32'>, {
      op: product.op,
      node: product.name,
    });
    const own = isEnd ? false : allocate;
    const choice = { correct, ...(own !== undefined && { allocate: own }) };
    weights.set(product.name, aciqWeights(w, specs.weights.bits, choice));
  }
  const rangeOf = ({ plan, maps }: Known): RangeFor => {
    const atEnds = new Set(plan.layers.flatMap(({ isEnd, reads }) => (isEnd ? [reads] : [])));
    return (map, spec, seen) => {
      if (atEnds.has(map) || spec.bits === 8) return { lo: seen.min, hi: seen.max };
      if (clipping === 'search') return mseRange(seen, spec);
      return clippedRange(maps.get(map)!, clipping, spec.bits, as);
    };
  };
  const float = correctActivations ? corrected(folded, known, rangeOf(known), weights) : folded;
  const now = correctActivations ? knownMaps(float, settings, inputs) : known;
  const quantized = await quantizePrepared(
    float.graph,
    settings,
    {
      seen: async (asked) => new Map(asked.map((map) => [map, histogramOf(now.maps.get(map)!)])),
      range: rangeOf(now),
      weights: ({ product }) => weights.get(product.name),
    },
    now.plan,
  );
  const bits = Array.from(weights, ([name, { channelBits }]) => [name, channelBits] as const);
  return { ...quantized, float, channelBits: new Map(bits) };
}

/** The network with biases less what the quantized maps that layers read add in the mean. */
function corrected(
  folded: Folded,
  { plan, maps }: Known,
  rangeOf: RangeFor,
  weights: ReadonlyMap<string, AciqWeights>,
): Folded {
  const layers = new Map(layersOf(folded.graph).map((layer) => [layer.product, layer]));
  const changes = new Map<string, LayerChange>();
  for (const { product, specs, reads } of plan.layers) {
    const edge = reads && plan.edges.get(reads)?.find(({ spec }) => spec === specs.activations);
    const map = reads && maps.get(reads);
    if (edge === undefined || map === undefined || map.isAssumed) continue;
    // Between a pooling and its map the means move otherwise.
    if (edge.reader !== product) continue;
    const layer = layers.get(product)!;
    const seen = histogramOf(map);
    const spec = specOfMap(edge.spec, seen);
    const params = paramsOfRanges(spec, [rangeOf(reads!, spec, seen)]);
    const values = weights.get(product.name)?.values ?? layer.weights.data;
    changes.set(product.name, { bias: biasWithout(layer, values, meanShifts(map, spec, params)) });
  }
  return { graph: changeLayers(folded.graph, changes), statistics: folded.statistics };
}

/**
 * The range of a map by its distribution; from 0 where no number is below.
 * Arguments are not checked.
 */
export function clippedRange(
  map: ClippedNormals,
  clipping: Clipping,
  bits: number,
  as: 'paper' | 'release' = 'paper',
): Range {
  const spread = spreadOfMap(map);
  const half = spread.min >= 0;
  const { offset, range } = clipRange(spread, clipping, bits, { half, as });
  return { lo: Math.max(offset, spread.min), hi: Math.min(offset + range, spread.max) };
}

function requireAffine(product: Value, spec: QuantSpec | undefined): void {
  if (spec === undefined || spec.scheme === 'symmetric' || spec.scheme === 'asymmetric') return;
  throw expected('ERR_ARGUMENT', 'weights of 2 to 8 bits', `${spec.bits}, ${showQuantSpec(spec)}`, {
    op: product.op,
    node: product.name,
  });
}
