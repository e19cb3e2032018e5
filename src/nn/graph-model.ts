/**
 * A finished network, such as an imported one, as a model that can be trained on: its weights,
 * biases and batch norms are the parameters, under the names of their constants. Not here: reading
 * networks (src/formats), training (src/train).
 */
import { requireOneOf } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Dim, Shape } from '../core/shape.js';
import { type Graph, outputsOf, topological, type Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { isOp } from '../ops/index.js';
import { hasFloatWeights } from '../passes/absorb-affines.js';
import { bind } from '../passes/bind.js';
import { channelsLast } from '../passes/index.js';
import type { Tensor } from '../tensor/tensor.js';
import { type BatchNormValues, normalizing } from './batch-norm.js';
import { type Model, model } from './model.js';
import { type Float, layer, type Role, type Scope } from './scope.js';

/** How a network takes pictures [N, H, W, C]; `flat` is [N, C H W]. */
export const PICTURE_LAYOUTS = ['NHWC', 'NCHW', 'flat'] as const;
export type PictureLayout = (typeof PICTURE_LAYOUTS)[number];

export interface GraphModelOptions {
  /** [H, W, C] of the pictures that the model takes. */
  readonly picture: readonly [height: number, width: number, channels: number];
  /** How the graph takes them. */
  readonly layout: PictureLayout;
  /**
   * What products compute with in place of their weights, a constant of the graph; undefined: a
   * parameter. Default: parameters all.
   */
  weights?(scope: Scope, weights: Value<'f32'>): Float | undefined;
}

/**
 * A graph of one input and one output as a model. Its initial state is the graph's own numbers.
 * Batch norms that are no longer such, but scales and shifts by channel, are parameters too, and
 * take no statistics.
 * @throws BitplaneError ERR_ARGUMENT for a graph of several inputs or outputs; ERR_SHAPE and its
 * like where it does not take such pictures
 */
export function graphModel(given: Graph, options: GraphModelOptions): Model<string, string> {
  const graph = channelsLast(given);
  const { picture, layout, weights } = options;
  requireOneOf(layout, PICTURE_LAYOUTS, 'layout', { op: 'graphModel' });
  const [input, ...others] = graph.inputs;
  const [[name, output] = ['', undefined], ...more] = outputsOf(graph);
  if (input === undefined || output === undefined || others.length + more.length > 0)
    throw expected(
      'ERR_ARGUMENT',
      'a network of one input and one output',
      `${graph.inputs.length} and ${outputsOf(graph).length}`,
      { op: 'graphModel' },
    );
  requireOpenBatch(graph);
  const roles = rolesOf(graph);
  const network = layer(
    'network',
    (scope, x) => {
      const { g } = scope;
      const made = new Map<Value, Value>();
      const own = (value: Value) => made.get(value) as Float;
      const bound = forBatch(graph, x.shape[0] as Dim);
      for (const value of topological(bound)) {
        const named = { name: g.unused(scope.named(value.name)) };
        if (value.op === 'input') made.set(value, laidOut(g, x, layout));
        else if (value.op === 'constant')
          made.set(value, constantIn(scope, value, roles.get(value), weights));
        else if (isOp(value, 'batchNorm') && value.inputs.slice(1).every((one) => roles.has(one))) {
          const [to, gamma, beta, mean, variance] = value.inputs.map(own) as Float[];
          const parts = { gamma, beta, mean, variance } as BatchNormValues;
          const norm = scope.child(`${value.name}.norm`);
          const normal = normalizing(norm, to as Float, parts, value.attrs);
          made.set(value, normal(to as Float, named.name));
        } else made.set(value, g.op(value.op, value.inputs.map(own), value.attrs, named));
      }
      return own(outputsOf(bound)[0]?.[1] as Value);
    },
    { transparent: true },
  );
  const shape: Shape = [input.shape[0] as number, ...picture];
  return model({ input: { name: input.name, shape }, output: name }, network);
}

/** @throws BitplaneError ERR_SHAPE for a network whose file fixes how many pictures a run has */
export function requireOpenBatch({ inputs: [input] }: Graph): void {
  const batch = input?.shape[0];
  if (typeof batch !== 'string')
    throw expected('ERR_SHAPE', 'a network that takes any number of pictures', batch, {
      op: 'graphModel',
      node: input?.name,
    });
}

/** The graph for such a batch, where it leaves it open: its sizes say so wherever they stand. */
export function forBatch(graph: Graph, batch: Dim): Graph {
  const symbol = graph.inputs[0]?.shape[0];
  if (typeof symbol !== 'string' || typeof batch !== 'number') return graph;
  return bind(graph, { [symbol]: batch });
}

/** Pictures [N, H, W, C] as a network of such a layout takes them. */
export function laidOut(g: GraphBuilder, x: Float, layout: PictureLayout): Float {
  if (layout === 'NCHW') return g.transpose(x, [0, 3, 1, 2]);
  if (layout === 'NHWC') return x;
  const size = x.shape.slice(1).reduce<number>((product, dim) => product * (dim as number), 1);
  return g.reshape(g.transpose(x, [0, 3, 1, 2]), [x.shape[0] as number, size]) as Float;
}

function constantIn(
  scope: Scope,
  value: Value,
  role: Role | undefined,
  weights: GraphModelOptions['weights'],
): Value {
  const { name } = value;
  if (role === undefined) return scope.g.constant(value.data as Tensor, { name });
  const other = role === 'weight' ? weights?.(scope, value as Value<'f32'>) : undefined;
  return other ?? parameterOf(scope, name, value as Value<'f32'>, role);
}

/** A parameter that begins with the numbers of a constant. */
export function parameterOf(scope: Scope, name: string, value: Value<'f32'>, role: Role): Float {
  const begin = (out: Float32Array) => out.set((value.data as Tensor<'f32'>).data);
  return scope.parameter(name, value.shape as readonly number[], role, begin);
}

/** What each constant is trained as; those without a role stay. */
function rolesOf(graph: Graph): ReadonlyMap<Value, Role> {
  const roles = new Map<Value, Role>();
  const behind = new Set<Value>();
  const isFloat = (value: Value | undefined) => value?.op === 'constant' && value.dtype === 'f32';
  for (const value of topological(graph)) {
    if (hasFloatWeights(value)) {
      roles.set(value.inputs[1] as Value, 'weight');
      behind.add(value);
      continue;
    }
    if (!value.inputs.some((one) => behind.has(one))) continue;
    behind.add(value);
    const constants = value.inputs.slice(1).filter(isFloat);
    if (isOp(value, 'batchNorm')) {
      if (constants.length < 4) continue;
      for (const [i, role] of (['scale', 'shift', 'mean', 'variance'] as const).entries())
        roles.set(constants[i] as Value, role);
    } else if (isOp(value, 'add') || isOp(value, 'mul')) {
      const found = value.inputs.find((one) => isFloat(one) && isByChannel(one, value));
      if (found !== undefined && !roles.has(found))
        roles.set(found, isOp(value, 'add') ? 'bias' : 'scale');
    }
  }
  return roles;
}

/** One number a channel. */
function isByChannel({ shape }: Value, result: Value): boolean {
  const channels = result.shape.at(-1);
  return shape.at(-1) === channels && shape.slice(0, -1).every((size) => size === 1);
}
