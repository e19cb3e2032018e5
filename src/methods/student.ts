/**
 * A network in few bits while it is trained: its weights are states, quantized in every step by
 * their own least and greatest number; maps are quantized where the finished network quantizes
 * them, by ranges that follow what is seen. Rounding lets gradients through as they are. Not here:
 * losses, and which maps are quantized (src/quant/network/plan.ts).
 */
import { expected } from '../core/errors.js';
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
import type { Range } from '../quant/affine.js';
import type { Settings } from '../quant/network/options.js';
import { type Edge, planOf } from '../quant/network/plan.js';
import type { QuantSpec } from '../quant/spec.js';
import { Tensor } from '../tensor/tensor.js';
import type { Observed } from './norms.js';

type Float = Value<'f32'>;

/** What is seen of maps, as a share of a moving mean: 0.9 of the old one, 0.1 of the new. */
const KEPT = 0.9;
/** The least scale, as released. */
const LEAST = 1e-8;

export interface StudentOptions {
  readonly settings: Settings;
  /**
   * 'paper': the moving mean is divided by 1 - 0.9^t where it is used. 'release': what is divided
   * is also what the mean goes on with.
   */
  readonly as: 'paper' | 'release';
  /** Whether a run moves the ranges of maps. */
  readonly follows: boolean;
  /** 1 - 0.9^t, t being how often ranges were moved, this run included if it moves them. */
  readonly correction: Float;
}

export interface Student {
  readonly output: Float;
  /** Weights, biases, scales and shifts of batch norms: states. */
  readonly parameters: readonly Float[];
  /** Of the ranges of maps; empty unless they follow. */
  readonly updates: readonly Update[];
}

/** What a parameter and the end of a map's range are called as states. */
const trainedName = (name: string) => `trained/${name}`;
const rangeName = (map: string, end: 'min' | 'max') => `range/${map}/${end}`;

/** The network in few bits over x, its states among those that `g` builds. */
export function studentOver(
  g: GraphBuilder,
  { graph, input }: Observed,
  x: Float,
  options: StudentOptions,
): Student {
  const [batch] = input.shape;
  const sizes = typeof batch === 'string' ? { [batch]: x.shape[0] as number } : {};
  const bound = bind(graphOf(graph.inputs, outputsOf(graph)), sizes);
  const { layers, edges } = planOf(bound, options.settings);
  const widths = new Map(layers.map(({ product, specs }) => [product, specs.weights]));
  const maps = new Maps(g, options);
  const read = new Map<Value, readonly { readonly map: Value; readonly edge: Edge }[]>();
  for (const [map, own] of edges)
    for (const edge of own)
      read.set(edge.reader, [...(read.get(edge.reader) ?? []), { map, edge }]);
  const trained = trainedConstants(bound);
  const parameters: Float[] = [];
  const made = new Map<Value, Value>();
  for (const value of topological(bound)) {
    const name = g.unused(`student/${value.name}`);
    if (value.op === 'input') made.set(value, x);
    else if (value.op === 'constant' && trained.has(value)) {
      const parameter = g.state(value.data as Tensor<'f32'>, {
        name: trainedName(value.name),
      }) as Float;
      parameters.push(parameter);
      made.set(value, parameter);
    } else if (value.op === 'constant') made.set(value, g.constant(value.data!, { name }));
    else {
      const inputs = value.inputs.map((one) => made.get(one)!);
      for (const { map, edge } of read.get(value) ?? [])
        inputs[edge.index] = maps.coded(map.name, inputs[edge.index] as Float, edge.spec);
      const spec = widths.get(value);
      if (spec !== undefined) inputs[1] = codedWeights(g, inputs[1] as Float, spec);
      made.set(value, g.op(value.op, inputs, value.attrs, { name }));
    }
  }
  const [[, output]] = outputsOf(bound) as [[string, Value]];
  return { output: made.get(output) as Float, parameters, updates: maps.updates };
}

/** The maps of a student in codes, each made once, and its ranges, which are states. */
class Maps {
  readonly updates: Update[] = [];
  private readonly ranges = new Map<string, { readonly lo: Float; readonly hi: Float }>();
  private readonly codes = new Map<string, Float>();

  constructor(
    private readonly g: GraphBuilder,
    private readonly options: StudentOptions,
  ) {}

  coded(name: string, x: Float, { bits }: QuantSpec): Float {
    const key = `${bits} ${name}`;
    const known = this.codes.get(key) ?? quantized(this.g, x, this.rangeOf(name, x), bits);
    this.codes.set(key, known);
    return known;
  }

  private rangeOf(name: string, x: Float) {
    const known = this.ranges.get(name) ?? {
      lo: this.followed(name, x, 'min'),
      hi: this.followed(name, x, 'max'),
    };
    this.ranges.set(name, known);
    return known;
  }

  private followed(map: string, x: Float, kind: 'min' | 'max'): Float {
    const { g } = this;
    const { as, follows, correction } = this.options;
    const old = g.state(new Tensor('f32', new Float32Array(1), []), {
      name: rangeName(map, kind),
    }) as Float;
    const used = (mean: Float) => (as === 'paper' ? g.div(mean, correction) : mean);
    if (!follows) return used(old);
    const seen = g.reduce(g.surrogate(x), kind, [...x.shape.keys()]);
    const moved = g.add(g.mul(old, KEPT), g.mul(seen, 1 - KEPT));
    const next = as === 'paper' ? moved : g.div(moved, correction);
    this.updates.push([old, next]);
    return used(next);
  }
}

/** Weights in codes with a scale an output channel, by their least and greatest number. */
function codedWeights(g: GraphBuilder, w: Float, { bits }: QuantSpec): Float {
  const still = g.surrogate(w);
  const axes = [...w.shape.keys()].slice(1);
  const [lo, hi] = (['min', 'max'] as const).map((kind) =>
    g.reduce(still, kind, axes, { keepDims: true }),
  ) as [Float, Float];
  return quantized(g, w, { lo, hi }, bits);
}

/**
 * (clip(round(x / scale) + zero) - zero) scale over [lo, hi], widened to hold 0: the asymmetric
 * codes of src/quant/affine.ts. Its gradient is that of x.
 */
export function quantized(
  g: GraphBuilder,
  x: Float,
  range: { readonly lo: Float; readonly hi: Float },
  bits: number,
): Float {
  const top = 2 ** bits - 1;
  const still = g.surrogate(x);
  const lo = g.min(range.lo, 0);
  const scale = g.max(g.div(g.sub(g.max(range.hi, 0), lo), top), LEAST);
  const zero = g.neg(g.round(g.div(lo, scale)));
  const code = g.clip(g.add(g.round(g.div(still, scale)), zero), 0, top);
  return g.surrogate(g.mul(g.sub(code, zero), scale), x);
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

/** The network with the numbers that a student has learned, by the names of its states. */
export function withParameters(
  { graph }: Observed,
  states: ReadonlyMap<string, Tensor<'f32'>>,
): Graph {
  const trained = trainedConstants(graph);
  return rewrite(graph, (_value, { original }) =>
    trained.has(original)
      ? constant(original.name, states.get(trainedName(original.name))!)
      : undefined,
  );
}

/** The range that a student has of a map. @throws BitplaneError ERR_GRAPH for one it has none of */
export function rangeOfMap(
  { name, op }: Value,
  states: ReadonlyMap<string, Tensor<'f32'>>,
  as: 'paper' | 'release',
  correction: number,
): Range {
  const [lo, hi] = (['min', 'max'] as const).map((end) => {
    const number = states.get(rangeName(name, end))?.data[0];
    if (number === undefined)
      throw expected('ERR_GRAPH', 'a map that the student quantizes', 'another', {
        op,
        node: name,
      });
    return as === 'paper' ? number / correction : number;
  }) as [number, number];
  return { lo, hi };
}
