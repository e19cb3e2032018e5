/**
 * A network in few bits while it is trained: its parameters are states, its weights and maps are
 * quantized where the finished network quantizes them. Not here: how (./gdfq, ./zaq), losses, and
 * which maps are quantized (src/quant/network/plan.ts).
 */
import { elementCount } from '../core/shape.js';
import {
  type Graph,
  graphOf,
  outputsOf,
  topological,
  type Update,
  type Value,
} from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { isOp } from '../ops/index.js';
import { constant } from '../ops/make.js';
import { hasFloatWeights } from '../passes/absorb-affines.js';
import { bind } from '../passes/bind.js';
import { rewrite } from '../passes/rewrite.js';
import type { Settings } from '../quant/network/options.js';
import { type Edge, planOf } from '../quant/network/plan.js';
import type { QuantSpec } from '../quant/spec.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Observed } from './norms.js';

type Float = Value<'f32'>;

/** What stands for weights and maps while a student is trained. */
export interface Coder {
  /** @param w a state, [O, ...] */
  weights(w: Float, spec: QuantSpec): Float;
  /** @param name the map's in the network */
  map(name: string, x: Float, spec: QuantSpec): Float;
  /** What a run makes of the ranges of maps; complete when the student is built. */
  readonly updates: readonly Update[];
}

export interface StudentOptions {
  readonly settings: Settings;
  readonly coder: Coder;
  /**
   * Whether batch norms take the statistics of the batch and move those of the network. Default
   * false.
   */
  readonly training?: boolean | undefined;
}

export interface Student {
  readonly output: Float;
  /** Weights, biases, scales and shifts of batch norms: states. */
  readonly parameters: readonly Float[];
  /** Of the ranges of maps, and of running statistics in training. */
  readonly updates: readonly Update[];
  /** What stands for a value of the network. */
  at(name: string): Float;
}

/** What a parameter is called as a state. */
export const trainedName = (name: string) => `trained/${name}`;
/** What the end of a map's range is called as a state. */
export const rangeName = (map: string, end: 'min' | 'max') => `range/${map}/${end}`;

/** The network in few bits over x, its states among those that `g` builds. */
export function studentOver(
  g: GraphBuilder,
  { graph, input }: Observed,
  x: Float,
  { settings, coder, training = false }: StudentOptions,
): Student {
  const [batch] = input.shape;
  const sizes = typeof batch === 'string' ? { [batch]: x.shape[0] as number } : {};
  const bound = bind(graphOf(graph.inputs, outputsOf(graph)), sizes);
  const { layers, edges } = planOf(bound, settings);
  const widths = new Map(layers.map(({ product, specs }) => [product, specs.weights]));
  const read = new Map<Value, readonly { readonly map: Value; readonly edge: Edge }[]>();
  for (const [map, own] of edges)
    for (const edge of own)
      read.set(edge.reader, [...(read.get(edge.reader) ?? []), { map, edge }]);
  const trained = trainedConstants(bound);
  const running = training ? runningConstants(bound) : new Set<Value>();
  const updates: Update[] = [];
  const made = new Map<Value, Value>();
  for (const value of topological(bound)) {
    const name = g.unused(`student/${value.name}`);
    if (value.op === 'input') made.set(value, x);
    else if (trained.has(value) || running.has(value))
      made.set(value, g.state(value.data as Tensor<'f32'>, { name: trainedName(value.name) }));
    else if (value.op === 'constant') made.set(value, g.constant(value.data!, { name }));
    else {
      const inputs = value.inputs.map((one) => made.get(one)!);
      for (const { map, edge } of read.get(value) ?? [])
        inputs[edge.index] = coder.map(map.name, inputs[edge.index] as Float, edge.spec);
      const spec = widths.get(value);
      if (spec !== undefined) inputs[1] = coder.weights(inputs[1] as Float, spec);
      const isBatch = isOp(value, 'batchNorm') && running.has(value.inputs[3]);
      if (isBatch) for (const update of movedStatistics(g, inputs as Float[])) updates.push(update);
      const y = isBatch
        ? g.op('normalize', inputs.slice(0, 3), value.attrs, { name })
        : g.op(value.op, inputs, value.attrs, { name });
      made.set(value, y);
    }
  }
  const [[, output]] = outputsOf(bound) as [[string, Value]];
  const byName = new Map(Array.from(made, ([value, own]) => [value.name, own] as const));
  return {
    output: made.get(output) as Float,
    parameters: [...trained].map((value) => made.get(value) as Float),
    updates: [...updates, ...coder.updates],
    at: (name) => byName.get(name) as Float,
  };
}

/** Running means and variances after a batch; the variance unbiased, a tenth new, as in PyTorch. */
function movedStatistics(g: GraphBuilder, inputs: readonly Float[]): Update[] {
  const [x, , , mean, variance] = inputs as readonly [Float, Float, Float, Float, Float];
  const channels = x.shape.at(-1) as number;
  const count = elementCount(x.shape.slice(0, -1) as number[]);
  const both = g.moments(x);
  const row = (i: number) =>
    g.reshape(g.slice(both, [i, 0], [i + 1, channels]), [channels]) as Float;
  const moved = (old: Float, now: Float) => g.add(g.mul(old, 0.9), g.mul(now, 0.1));
  return [
    [mean, moved(mean, row(0))],
    [variance, moved(variance, g.mul(row(1), count / Math.max(1, count - 1)))],
  ];
}

/** Weights of products, biases behind them, scales and shifts of batch norms. */
function trainedConstants(graph: Graph): ReadonlySet<Value> {
  const found = new Set<Value>();
  const isFloat = (value: Value | undefined) => value?.op === 'constant' && value.dtype === 'f32';
  for (const value of topological(graph)) {
    if (hasFloatWeights(value)) found.add(value.inputs[1] as Value);
    if (isOp(value, 'batchNorm'))
      for (const own of [value.inputs[1], value.inputs[2]]) if (isFloat(own)) found.add(own);
    if (isOp(value, 'add')) {
      const [a, b] = value.inputs as readonly [Value, Value];
      const [product, bias] = isFloat(a) ? [b, a] : [a, b];
      if (hasFloatWeights(product) && isFloat(bias)) found.add(bias);
    }
  }
  return found;
}

/** Means and variances of batch norms. */
function runningConstants(graph: Graph): ReadonlySet<Value> {
  return new Set(
    topological(graph).flatMap((value) => {
      if (!isOp(value, 'batchNorm')) return [];
      const own = value.inputs.slice(3);
      return own.every(({ op }) => op === 'constant') ? own : [];
    }),
  );
}

/** The network with the numbers that a student has learned, by the names of its states. */
export function withParameters(
  { graph }: Observed,
  states: ReadonlyMap<string, Tensor<'f32'>>,
): Graph {
  return rewrite(graph, (_value, { original }) => {
    const learned = original.op === 'constant' ? states.get(trainedName(original.name)) : undefined;
    return learned && constant(original.name, learned);
  });
}
