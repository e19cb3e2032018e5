/**
 * Cross-layer equalization: graph -> graph that computes the same. Pairs of layers are scaled
 * until their channel ranges agree, over chains of any length: each layer but the ends is in two
 * pairs, so the pairs are gone over until nothing changes. Nagel et al., ICCV 2019, arXiv
 * 1906.04721, section 4.1. Not here: one pair on numbers (./equalize-pair.ts), which pairs there
 * are (./pairs.ts).
 */
import { type OptionNames, requireOneOf, requireOptions } from '../../core/checks.js';
import { expected } from '../../core/errors.js';
import { isOp } from '../../ops/index.js';
import type { ChannelNormals, Folded } from '../folded.js';
import { changeLayers, cutoffsOf, inputChannels, type Layer } from '../layers.js';
import { groupRanges, pairScales, type WeightRanges } from './equalize-pair.js';
import { type LeftOut, type Pair, pairsOf } from './pairs.js';

/** How long layers are equalized, and by what. */
export interface EqualizeOptions {
  /** Default 'symmetric', the paper's; 'asymmetric' is the released default. */
  readonly ranges?: WeightRanges | undefined;
  /** It ends where the mean changes of weights, summed over layers, are below. Default 2e-7. */
  readonly tolerance?: number | undefined;
  /** Rounds over all pairs at most. Default 1000. */
  readonly rounds?: number | undefined;
  /**
   * How much wider than the median channel of the map between a pair its widest may become, by what
   * batch norms say. A factor above 1 lessens the error of weights and widens the map, whose
   * channels share a scale too. Default Infinity, as in the paper.
   */
  readonly widest?: number | undefined;
}

const OPTIONS: OptionNames<EqualizeOptions> = {
  ranges: true,
  tolerance: true,
  rounds: true,
  widest: true,
};
const SITE = { op: 'equalize' };

/** What equalizing did to a pair. */
export interface EqualizedPair {
  /** The name of the first layer. */
  readonly first: string;
  /** The name of the layer behind it. */
  readonly second: string;
  /** The factor of each channel of the first layer. */
  readonly scale: Float64Array;
  /** Of each channel of the first layer, before and after. */
  readonly before: Float64Array;
  /** The same after it was scaled. */
  readonly after: Float64Array;
}

/** A network after its layers were equalized, and which pairs were. */
export interface Equalized extends Folded {
  /** The pairs of layers that were scaled. */
  readonly pairs: readonly EqualizedPair[];
  /** Layers that were not, and why. */
  readonly leftOut: readonly LeftOut[];
  /** How often all pairs were gone through. */
  readonly rounds: number;
}

/** The numbers of a layer, while they change. */
interface Working {
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  readonly statistics: ChannelNormals | undefined;
}

/**
 * Equalizes every pair of layers that only ops between them which scale with their argument
 * connect. Biases and statistics of the first layer are scaled with its weights. Layers whose
 * results several read, or a sum, are left out, with the reason.
 * @throws BitplaneError ERR_ARGUMENT for options
 */
export function equalize(folded: Folded, options: EqualizeOptions = {}): Equalized {
  requireOptions(options, OPTIONS, SITE);
  const { ranges = 'symmetric', tolerance = 2e-7, rounds = 1000, widest = Infinity } = options;
  requireOneOf(ranges, ['symmetric', 'asymmetric'], 'ranges', SITE);
  if (!(tolerance >= 0)) throw expected('ERR_ARGUMENT', 'tolerance of 0 or more', tolerance, SITE);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw expected('ERR_ARGUMENT', 'rounds as a whole number above 0', rounds, SITE);
  if (!(widest >= 1)) throw expected('ERR_ARGUMENT', 'widest of 1 or more', widest, SITE);
  const { pairs, leftOut } = pairsOf(folded.graph);
  const working = new Map<Layer, Working>();
  const numbersOf = (layer: Layer): Working => {
    const known = working.get(layer) ?? {
      weights: Float64Array.from(layer.weights.data),
      bias: Float64Array.from(layer.bias),
      statistics: copied(folded.statistics.get(layer.name)),
    };
    working.set(layer, known);
    return known;
  };
  const sides = pairs.map((pair) => new Sides(pair, { ranges, widest }, numbersOf));
  const before = sides.map((side) => side.firstRanges());
  const scale = sides.map(({ channels }) => new Float64Array(channels).fill(1));
  let done = 0;
  for (let change = Infinity; done < rounds && pairs.length > 0 && change > tolerance; done++) {
    const previous = new Map([...working].map(([layer, { weights }]) => [layer, weights.slice()]));
    for (const [i, side] of sides.entries()) {
      const step = side.equalize(scale[i]!);
      for (const [c, factor] of step.entries()) scale[i]![c]! *= factor;
    }
    change = [...previous].reduce((sum, [layer, old]) => {
      const { weights } = working.get(layer)!;
      const moved = old.reduce((total, w, i) => total + Math.abs(w - weights[i]!), 0);
      return sum + moved / Math.max(1, old.length);
    }, 0);
  }
  const changes = new Map(
    [...working].map(([layer, { weights, bias }]) => [
      layer.name,
      bias.some((number) => number !== 0) ? { weights, bias } : { weights },
    ]),
  );
  const statistics = new Map(folded.statistics);
  for (const [layer, { statistics: own }] of working)
    if (own !== undefined) statistics.set(layer.name, own);
  const cutoffs = new Map<string, Float64Array>();
  for (const [i, { pair }] of sides.entries())
    for (const value of pair.between) {
      const bounds = cutoffsOf(value);
      if (bounds !== undefined)
        cutoffs.set(
          value.name,
          scale[i]!.map((factor, c) => factor * bounds[c]!),
        );
    }
  return {
    graph: changeLayers(folded.graph, changes, cutoffs),
    statistics,
    pairs: sides.map((side, i) => ({
      first: side.pair.first.name,
      second: side.pair.second.name,
      scale: scale[i]!,
      before: before[i]!,
      after: side.firstRanges(),
    })),
    leftOut,
    rounds: done,
  };
}

/** A pair over its working numbers. */
class Sides {
  readonly channels: number;
  private readonly first: Working;
  private readonly second: Working;
  private readonly each: number;
  private readonly reads: Int32Array;
  /** The bounds of the map between them, before any scaling. */
  private readonly cutoffs: Float32Array | undefined;

  constructor(
    readonly pair: Pair,
    private readonly options: { readonly ranges: WeightRanges; readonly widest: number },
    numbersOf: (layer: Layer) => Working,
  ) {
    this.channels = pair.first.bias.length;
    this.first = numbersOf(pair.first);
    this.second = numbersOf(pair.second);
    this.each = this.first.weights.length / this.channels;
    this.reads = inputChannels(pair.second);
    this.cutoffs = pair.between.flatMap((value) => cutoffsOf(value) ?? [])[0];
  }

  /** A channel without weights has its bias, which is then all that it gives. */
  firstRanges(): Float64Array {
    const group = (i: number) => Math.floor(i / this.each);
    const { weights, bias } = this.first;
    const ranges = groupRanges(weights, group, this.channels, this.options.ranges);
    return ranges.map((range, c) => (range === 0 ? Math.abs(bias[c]!) : range));
  }

  /**
   * Scales both layers once. @returns the factors of the first
   * @param done what the first has been multiplied by before
   */
  equalize(done: Float64Array): Float64Array {
    const { first, second, reads, each, channels } = this;
    const ranges = groupRanges(second.weights, (i) => reads[i]!, channels, this.options.ranges);
    const scale = this.limited(pairScales(this.firstRanges(), ranges), done);
    for (let i = 0; i < first.weights.length; i++)
      first.weights[i]! *= scale[Math.floor(i / each)]!;
    for (let i = 0; i < second.weights.length; i++) second.weights[i]! /= scale[reads[i]!]!;
    for (const [c, factor] of scale.entries()) {
      first.bias[c]! *= factor;
      if (first.statistics === undefined) continue;
      first.statistics.mean[c]! *= factor;
      first.statistics.std[c]! *= factor;
    }
    return scale;
  }

  /** Factors after which no channel of the map is wider than `widest` times the median one. */
  private limited(scale: Float64Array, done: Float64Array): Float64Array {
    const { statistics } = this.first;
    const { widest } = this.options;
    if (statistics === undefined || widest === Infinity) return scale;
    const isClipped = this.pair.between.some((value) => isOp(value, 'relu'));
    const widths = Float64Array.from(statistics.mean, (mean, c) => {
      const end = DEVIATIONS * statistics.std[c]!;
      if (!isClipped) return Math.abs(mean) + end;
      return Math.min(Math.max(0, mean + end), (this.cutoffs?.[c] ?? Infinity) * done[c]!);
    });
    const scaled = widths.map((width, c) => width * scale[c]!).filter((width) => width > 0);
    const most = widest * scaled.sort()[scaled.length >> 1]!;
    return scale.map((factor, c) =>
      widths[c]! > 0 ? Math.min(factor, most / widths[c]!) : factor,
    );
  }
}

/** Of a channel on either side of its mean, as activations have codes for. */
const DEVIATIONS = 6;

function copied(normals: ChannelNormals | undefined): ChannelNormals | undefined {
  return normals && { mean: normals.mean.slice(), std: normals.std.slice() };
}
