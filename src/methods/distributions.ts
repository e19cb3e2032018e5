/**
 * How the numbers of each map are distributed, without data: batch norms say what a layer gives
 * before its activation, and the ops behind it say what becomes of that. A channel is a normal
 * distribution that is clipped to [lo, hi]; sums are matched in mean and variance, their operands
 * taken as independent. Not here: the statistics (./folded.ts), ranges (./synthetic.ts).
 */
import { unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { topological, type Value } from '../graph/value.js';
import { isOp } from '../ops/index.js';
import { perChannel } from '../passes/constants.js';
import type { Range } from '../quant/affine.js';
import type { Folded } from './folded.js';
import { cutoffsOf, inputChannels, type Layer, layersOf } from './layers.js';
import { clippedMoments } from './normal.js';

/** min(max(x, lo), hi) for x of a normal distribution, one a channel. */
export interface ClippedNormals {
  /** Of each channel. */
  readonly mean: Float64Array;
  /** Of each channel. */
  readonly std: Float64Array;
  /** Where each channel is clipped below. */
  readonly lo: Float64Array;
  /** Where each channel is clipped above. */
  readonly hi: Float64Array;
  /** True where the mean of an input is behind it, which nothing but data can tell. */
  readonly isAssumed: boolean;
}

/** The least and the greatest number of each input, by its name. */
export type InputRanges = Readonly<Record<string, Range>>;

/** The distribution of every map that one is known of. Arguments are not checked. */
export function distributionsOf(
  { graph, statistics }: Folded,
  inputs: InputRanges = {},
): ReadonlyMap<Value, ClippedNormals> {
  const names = graph.inputs.map(({ name }) => name);
  for (const [name, { lo, hi }] of Object.entries(inputs)) {
    if (!names.includes(name)) throw unknownName('ranges of the inputs', name, names, SITE);
    if (!(Number.isFinite(lo) && Number.isFinite(hi) && lo <= hi))
      throw expected('ERR_ARGUMENT', 'lo and hi as finite numbers in order', `${lo}, ${hi}`, {
        ...SITE,
        node: name,
      });
  }
  const layers = new Map(layersOf(graph).map((layer) => [layer.product, layer]));
  const known = new Map<Value, ClippedNormals>();
  for (const value of topological(graph)) {
    const layer = layers.get(value);
    const found =
      layer === undefined ? behind(value, known, inputs) : ofLayer(layer, statistics, known);
    if (found !== undefined) known.set(value, found);
  }
  return known;
}

const SITE = { op: 'distributionsOf' };

/** Mean and variance of each channel. Arguments are not checked. */
export function momentsOf({ mean, std, lo, hi }: ClippedNormals): {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
} {
  const moments = Array.from(mean, (m, c) => clippedMoments(m, std[c]!, lo[c]!, hi[c]!));
  return {
    mean: Float64Array.from(moments, (one) => one.mean),
    variance: Float64Array.from(moments, ({ variance }) => variance),
  };
}

function ofLayer(
  layer: Layer,
  statistics: Folded['statistics'],
  known: ReadonlyMap<Value, ClippedNormals>,
): ClippedNormals | undefined {
  const own = statistics.get(layer.name);
  if (own !== undefined)
    return unclipped(
      own.mean.map((mean, o) => mean - layer.bias[o]!),
      own.std,
    );
  const read = known.get(layer.product.inputs[0] as Value);
  if (read === undefined) return undefined;
  const x = momentsOf(read);
  const channels = inputChannels(layer);
  const outputs = layer.bias.length;
  const each = layer.weights.size / outputs;
  const [mean, variance] = [new Float64Array(outputs), new Float64Array(outputs)];
  for (const [i, w] of layer.weights.data.entries()) {
    const o = Math.floor(i / each);
    mean[o]! += w * x.mean[channels[i]!]!;
    variance[o]! += w * w * x.variance[channels[i]!]!;
  }
  return { ...unclipped(mean, variance.map(Math.sqrt)), isAssumed: read.isAssumed };
}

function unclipped(mean: Float64Array, std: Float64Array, isAssumed = false): ClippedNormals {
  const lo = new Float64Array(mean.length).fill(-Infinity);
  return { mean, std, lo, hi: lo.map(() => Infinity), isAssumed };
}

/** What an op makes of the distributions of what it reads. */
function behind(
  value: Value,
  known: ReadonlyMap<Value, ClippedNormals>,
  inputs: InputRanges,
): ClippedNormals | undefined {
  const channels = value.shape.at(-1);
  if (typeof channels !== 'number') return undefined;
  if (value.op === 'input') return evenly(inputs[value.name], channels);
  const x = known.get(value.inputs[0] as Value);
  if (isOp(value, 'add') || isOp(value, 'mul')) return combined(value, known);
  if (isOp(value, 'concat')) return joined(value, known);
  if (x === undefined) return undefined;
  const all = (change: (numbers: Float64Array) => Float64Array): ClippedNormals => ({
    mean: change(x.mean),
    std: change(x.std),
    lo: change(x.lo),
    hi: change(x.hi),
    isAssumed: x.isAssumed,
  });
  if (isOp(value, 'relu')) return bounded(x, 0, Infinity);
  if (isOp(value, 'clip')) return bounded(x, value.attrs.min, value.attrs.max);
  const cutoffs = cutoffsOf(value);
  if (cutoffs !== undefined) {
    const cut = (bounds: Float64Array) => bounds.map((bound, c) => Math.min(bound, cutoffs[c]!));
    return { ...x, lo: cut(x.lo), hi: cut(x.hi) };
  }
  if (isOp(value, 'maxPool2d') || isOp(value, 'avgPool2d')) return x;
  if (isOp(value, 'reduce')) {
    const { kind, axes } = value.attrs;
    const keepsChannels = !axes.includes(value.inputs[0].shape.length - 1);
    return keepsChannels && kind !== 'sum' ? x : undefined;
  }
  if (isOp(value, 'reshape')) {
    const times = channels / x.mean.length;
    if (!Number.isInteger(times)) return undefined;
    return all((numbers) =>
      Float64Array.from({ length: channels }, (_, c) => numbers[c % numbers.length]!),
    );
  }
  if (isOp(value, 'transpose')) {
    const isLast = value.attrs.perm.at(-1) === value.attrs.perm.length - 1;
    const isEven =
      all((numbers) => numbers.filter((number) => number !== numbers[0])).mean.length === 0;
    if (isLast) return x;
    return isEven ? all((numbers) => new Float64Array(channels).fill(numbers[0]!)) : undefined;
  }
  if (isOp(value, 'slice')) {
    const [start, step] = [value.attrs.starts.at(-1)!, value.attrs.steps.at(-1)!];
    return all((numbers) =>
      Float64Array.from({ length: channels }, (_, c) => numbers[start + c * step]!),
    );
  }
  if (isOp(value, 'pad')) {
    const before = value.attrs.pads[value.shape.length - 1]!;
    const filled = value.attrs.value;
    const grown = (by: number) => (numbers: Float64Array) =>
      Float64Array.from({ length: channels }, (_, c) => numbers[c - before] ?? by);
    return {
      mean: grown(filled)(x.mean),
      std: grown(0)(x.std),
      lo: grown(filled)(x.lo),
      hi: grown(filled)(x.hi),
      isAssumed: x.isAssumed,
    };
  }
  return undefined;
}

/** Numbers that lie anywhere between two: the moments of the uniform distribution. */
function evenly(range: Range | undefined, channels: number): ClippedNormals | undefined {
  if (range === undefined) return undefined;
  const all = (number: number) => new Float64Array(channels).fill(number);
  const { lo, hi } = range;
  return {
    mean: all((lo + hi) / 2),
    std: all((hi - lo) / Math.sqrt(12)),
    lo: all(lo),
    hi: all(hi),
    isAssumed: true,
  };
}

function bounded(x: ClippedNormals, min: number, max: number): ClippedNormals {
  const clip = (bound: number) => Math.min(Math.max(bound, min), max);
  return { ...x, lo: x.lo.map(clip), hi: x.hi.map(clip) };
}

/** Sums of two maps; sums and positive multiples of a map and constants. */
function combined(
  value: Value,
  known: ReadonlyMap<Value, ClippedNormals>,
): ClippedNormals | undefined {
  const [a, b] = value.inputs.map((input) => known.get(input));
  if (a !== undefined && b !== undefined) {
    if (!isOp(value, 'add') || a.mean.length !== b.mean.length) return undefined;
    const [x, y] = [momentsOf(a), momentsOf(b)];
    return {
      mean: x.mean.map((mean, c) => mean + y.mean[c]!),
      std: x.variance.map((variance, c) => Math.sqrt(variance + y.variance[c]!)),
      lo: a.lo.map((lo, c) => lo + b.lo[c]!),
      hi: a.hi.map((hi, c) => hi + b.hi[c]!),
      isAssumed: a.isAssumed || b.isAssumed,
    };
  }
  const x = a ?? b;
  const numbers = perChannel(value.inputs[a === undefined ? 0 : 1] as Value, value.shape);
  if (x === undefined || numbers === undefined) return undefined;
  const at = (c: number) => numbers[numbers.length === 1 ? 0 : c] as number;
  if (isOp(value, 'add')) {
    const shift = (all: Float64Array) => all.map((number, c) => number + at(c));
    return { ...x, mean: shift(x.mean), lo: shift(x.lo), hi: shift(x.hi) };
  }
  if (!numbers.every((factor) => factor > 0)) return undefined;
  const scale = (all: Float64Array) => all.map((number, c) => number * at(c));
  return { ...x, mean: scale(x.mean), std: scale(x.std), lo: scale(x.lo), hi: scale(x.hi) };
}

function joined(
  value: Value,
  known: ReadonlyMap<Value, ClippedNormals>,
): ClippedNormals | undefined {
  const parts = value.inputs.map((input) => known.get(input));
  if (!isOp(value, 'concat') || value.attrs.axis !== value.shape.length - 1) return undefined;
  if (!parts.every((part) => part !== undefined)) return undefined;
  const all = (of: (part: ClippedNormals) => Float64Array) =>
    Float64Array.from(parts.flatMap((part) => Array.from(of(part!))));
  return {
    mean: all(({ mean }) => mean),
    std: all(({ std }) => std),
    lo: all(({ lo }) => lo),
    hi: all(({ hi }) => hi),
    isAssumed: parts.some((part) => part!.isAssumed),
  };
}
