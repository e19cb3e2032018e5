/**
 * ACIQ, from a float network to few bits without data: activations clipped where the expected error
 * is least, weights in bits by channel at a given mean, their mean corrected. Banner et al.,
 * NeurIPS 2019, arXiv 1810.05723. The statistics that the paper takes of a few batches come from
 * batch norms. A channel of activations shares the scale of its map, because a sum of integers has
 * one; so activations get no bits by channel. Not here: the pieces, a file each.
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { BitplaneError, expected } from '../../core/errors.js';
import type { Graph, Value } from '../../graph/value.js';
import type { Range } from '../../quant/affine.js';
import { settingsOf } from '../../quant/network/options.js';
import type { PlannedLayer } from '../../quant/network/plan.js';
import { type Quantized, quantizePrepared } from '../../quant/network/quantize-prepared.js';
import type { QuantSpec } from '../../quant/spec.js';
import type { CodedWeights } from '../../quant/weights.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { ClippedNormals } from '../distributions.js';
import { type Folded, foldBatchNorms } from '../folded.js';
import { histogramOf, spreadOfMap } from '../synthetic.js';
import { type DataFreeOptions, knownMaps } from '../without-data.js';
import { type Clipping, clipRange } from './clip-range.js';
import { type AciqWeightOptions, aciqWeights } from './weights.js';

export interface AciqOptions extends DataFreeOptions, AciqWeightOptions {
  /** The distribution of activations that thresholds are taken of. Default 'laplace'. */
  readonly clipping?: Clipping;
  /** 'paper': thresholds of least error. 'release': of its tables. Default 'paper'. */
  readonly as?: 'paper' | 'release';
}

const OPTIONS: OptionNames<AciqOptions> = {
  weights: true,
  activations: true,
  perChannel: true,
  ends: true,
  shortcuts: true,
  layers: true,
  weightRange: true,
  inputs: true,
  allocate: true,
  correct: true,
  clipping: true,
  as: true,
};
const SITE = { op: 'aciq' };

export interface AciqResult extends Quantized {
  /** The float network that was quantized, with its statistics. */
  readonly float: Folded;
  /** Bits of each output channel, by the name of the layer. */
  readonly channelBits: ReadonlyMap<string, Uint8Array>;
}

/**
 * The first and the last layer have 8 bits and are not clipped, as released, unless `ends` says
 * otherwise; maps that sums alone read are not clipped either.
 * @throws BitplaneError ERR_ARGUMENT for options, and for an input without a range;
 * ERR_UNSUPPORTED naming a map that no batch norm tells of
 */
export async function aciq(graph: Graph, options: AciqOptions): Promise<AciqResult> {
  requireOptions(options, OPTIONS, SITE);
  const {
    inputs,
    allocate,
    correct = 'mean',
    clipping = 'laplace',
    as = 'paper',
    ...rest
  } = options;
  requireOneOf(correct, ['mean', 'variance', 'none'], 'correct', SITE);
  requireOneOf(clipping, ['laplace', 'gauss', 'mix'], 'clipping', SITE);
  requireOneOf(as, ['paper', 'release'], 'as', SITE);
  const settings = settingsOf(rest);
  const folded = foldBatchNorms(graph);
  if (folded.statistics.size === 0)
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      'expected batch norms behind products, whose statistics stand in for data, but received none',
      SITE,
    );
  const { plan, maps } = knownMaps(folded, settings, inputs);
  for (const { product, specs } of plan.layers) requireAffine(product, specs.weights);
  const atEnds = new Set(plan.layers.filter(({ isEnd }) => isEnd).map(({ reads }) => reads));
  const channelBits = new Map<string, Uint8Array>();
  const quantized = await quantizePrepared(
    folded.graph,
    settings,
    {
      seen: async (asked) => new Map(asked.map((map) => [map, histogramOf(maps.get(map)!)])),
      range: (map, spec, { min, max }) =>
        atEnds.has(map) || spec.bits === 8
          ? { lo: min, hi: max }
          : clippedRange(maps.get(map)!, clipping, spec, as),
      weights(layer: PlannedLayer): CodedWeights | undefined {
        const { product, specs, isEnd } = layer;
        if (specs.weights === undefined) return undefined;
        const own = isEnd
          ? { allocate: false, correct }
          : { ...(allocate !== undefined && { allocate }), correct };
        const w = (product.inputs[1] as Value).data as Tensor<'f32'>;
        const coded = aciqWeights(w, specs.weights.bits, own);
        channelBits.set(product.name, coded.channelBits);
        return coded;
      },
    },
    plan,
  );
  return { ...quantized, float: folded, channelBits };
}

/** The range of a map by its distribution; from 0 where it has no numbers below. */
export function clippedRange(
  map: ClippedNormals,
  clipping: Clipping,
  { bits }: Pick<QuantSpec, 'bits'>,
  as: 'paper' | 'release' = 'paper',
): Range {
  const spread = spreadOfMap(map);
  const half = spread.min >= 0;
  const { offset, range } = clipRange(spread, clipping, bits, { half, as });
  return { lo: Math.max(offset, spread.min), hi: Math.min(offset + range, spread.max) };
}

function requireAffine(product: Value, spec: QuantSpec | undefined): void {
  if (spec === undefined || spec.scheme === 'symmetric' || spec.scheme === 'asymmetric') return;
  throw expected('ERR_ARGUMENT', 'a number of bits of weights', spec.scheme, {
    op: product.op,
    node: product.name,
  });
}
