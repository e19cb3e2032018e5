/**
 * The graph: an immutable DAG of values. A value is a leaf (input, constant, state) or the single
 * result of an op. A graph is its inputs and its named outputs; everything between is reached by
 * walking `inputs`. Not here: what ops mean (src/ops), how graphs are changed (src/passes).
 *
 * Feature maps are NHWC: x is [N, H, W, C]; convolution weights are [O, kh, kw, I]; dense weights
 * are [O, I].
 */
import { DTYPES, type DType } from '../core/dtype.js';
import { type BitplaneError, type ErrorSite, expected } from '../core/errors.js';
import type { Shape, Sizes } from '../core/shape.js';
import type { Pausing } from '../core/turns.js';
import type { Tensor } from '../tensor/tensor.js';

/** Attributes of a node: plain JSON, frozen. Each op states its own type. */
export type Attrs = Readonly<Record<string, unknown>>;

/** A value of a graph: an input, a constant, a state, or the result of an op. Immutable. */
export interface Value<D extends DType = DType, S extends Shape = Shape> {
  /** 'input', 'constant', 'state', or the name of an op in src/ops/index.ts. */
  readonly op: string;
  /** Unique in its graph; errors and profiles speak of it. */
  readonly name: string;
  /** The type of its elements. */
  readonly dtype: D;
  /** Sizes of its axes, or symbols. */
  readonly shape: S;
  /** What it is computed from. */
  readonly inputs: readonly Value[];
  /** The attributes of its op. */
  readonly attrs: Attrs;
  /** The data of a constant, or the initial data of a state. */
  readonly data?: Tensor;
}

/** An input as a type, so that feeds can be checked by the compiler. */
export interface Input<N extends string = string, D extends DType = DType, S extends Shape = Shape>
  extends Value<D, S> {
  /** What tells it from other values. */
  readonly op: 'input';
  /** What feeds call it. */
  readonly name: N;
}

export interface Output<N extends string = string, D extends DType = DType> {
  readonly name: N;
  readonly value: Value<D>;
}

/**
 * Metadata of a model: strings by name, as ONNX and safetensors keep them. No pass reads it and no
 * result depends on it. Names with a prefix are defined: `onnx.*` by src/formats/onnx/metadata.ts,
 * `bitplane.recipe` by src/data/recipe.ts. All others are the author's own.
 */
export type Metadata = Readonly<Record<string, string>>;

/**
 * A network: inputs, outputs by name, and between them values that are found by walking `inputs`.
 * Immutable: whatever changes a graph gives a new one.
 */
export interface Graph<
  I extends readonly Input[] = readonly Input[],
  O extends Readonly<Record<string, Value>> = Readonly<Record<string, Value>>,
> {
  /** In the model's order. */
  readonly inputs: I;
  /**
   * By name. `outputNames` gives their order, because JavaScript lists keys that are whole numbers
   * first.
   */
  readonly outputs: O;
  /**
   * The names of the outputs in the model's order. Without it, the order is that of the keys of
   * `outputs`.
   */
  readonly outputNames?: readonly string[];
  /** Carried by every pass, and by the model files that have room for it. */
  readonly metadata?: Metadata;
  /**
   * What a run makes of states, by their names. Every reader of a state sees its old value, updates
   * included: `{ a: b, b: a }` exchanges two states.
   */
  readonly updates?: Readonly<Record<string, Value>>;
  /**
   * The states that `updates` names. They belong to the graph although nothing may read them.
   */
  readonly states?: readonly Value[];
  /** Only open graphs have it, see ./open.ts. */
  readonly open?: Openness;
}

/** What makes graphs of sizes out of an open one. */
export interface Openness {
  /**
   * The graph for sizes of some or all symbols of the inputs.
   * @throws BitplaneError where an op of the model cannot have such sizes
   */
  readonly forSizes: (sizes: Sizes) => Pausing<Graph>;
  /** Says which op needs a size, and that it is a symbol. */
  readonly why: BitplaneError;
}

/** The names of a graph's outputs in the model's order. */
export function outputNamesOf(graph: Graph): readonly string[] {
  return graph.outputNames ?? Object.keys(graph.outputs);
}

/** The outputs in the model's order. */
export function outputsOf(graph: Graph): (readonly [name: string, value: Value])[] {
  return outputNamesOf(graph).map((name) => [name, graph.outputs[name] as Value] as const);
}

/** A state, and what a run makes of it. */
export type Update = readonly [state: Value, next: Value];

/**
 * The updates of a graph, in the order of their names.
 * @throws BitplaneError ERR_GRAPH naming a state that the graph does not have
 */
export function updatesOf(graph: Graph): readonly Update[] {
  const entries = Object.entries(graph.updates ?? {});
  if (entries.length === 0) return [];
  const states = new Map(statesOf(graph).map((state) => [state.name, state]));
  return entries.map(([name, next]) => {
    const state = states.get(name);
    if (state === undefined)
      throw expected('ERR_GRAPH', 'an update of a state of the graph', `one of "${name}"`, {
        op: 'state',
        node: name,
      });
    return [state, next];
  });
}

/** Every state that the graph reads or updates. */
export function statesOf(graph: Graph): readonly Value[] {
  return topological(graph).filter(({ op }) => op === 'state');
}

/** The graph of these inputs, outputs and updates, in this order, with the model's metadata. */
export function graphOf(
  inputs: readonly Input[],
  outputs: readonly (readonly [name: string, value: Value])[],
  metadata: Metadata = {},
  updates: readonly Update[] = [],
): Graph {
  return Object.freeze({
    inputs: Object.freeze([...inputs]),
    outputs: Object.freeze(Object.fromEntries(outputs)),
    outputNames: Object.freeze(outputs.map(([name]) => name)),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata: Object.freeze({ ...metadata }) }),
    ...(updates.length > 0 && {
      updates: Object.freeze(Object.fromEntries(updates.map(([{ name }, next]) => [name, next]))),
      states: Object.freeze(updates.map(([state]) => state)),
    }),
  });
}

/**
 * The graph with other values in place of its inputs, outputs and updates: names, order and
 * metadata stay.
 */
export function mapGraph(graph: Graph, change: (value: Value) => Value): Graph {
  return graphOf(
    graph.inputs.map((value) => change(value) as Input),
    outputsOf(graph).map(([name, value]) => [name, change(value)] as const),
    graph.metadata,
    updatesOf(graph).map(([state, next]) => [change(state), change(next)] as const),
  );
}

/** @throws BitplaneError ERR_GRAPH where something else stands for a value */
export function requireValue(value: unknown, what: string, site: ErrorSite = {}): void {
  const { op, dtype, shape, inputs } = (value ?? {}) as Partial<Value>;
  if (
    typeof op !== 'string' ||
    !Object.hasOwn(DTYPES, String(dtype)) ||
    !Array.isArray(shape) ||
    !Array.isArray(inputs)
  )
    throw expected('ERR_GRAPH', what, value, site);
}

/**
 * @throws BitplaneError ERR_GRAPH where something else stands for a graph, an input or an output
 */
export function requireGraph(graph: unknown): void {
  const { inputs, outputs, outputNames, metadata, updates, states } = (graph ??
    {}) as Partial<Graph>;
  if (!Array.isArray(inputs) || outputs === null || typeof outputs !== 'object')
    throw expected('ERR_GRAPH', 'a graph, with a list of inputs and outputs by name,', graph);
  for (const input of inputs) requireValue(input, 'inputs that are values', { op: 'graph' });
  const names = Object.keys(outputs);
  for (const name of names)
    requireValue(outputs[name], 'outputs that are values', { op: 'graph', node: name });
  if (metadata !== undefined) requireMetadata(metadata);
  if (updates !== undefined) requireUpdates(updates, states ?? []);
  if (outputNames === undefined) return;
  const listed = new Set<unknown>(Array.isArray(outputNames) ? outputNames : []);
  if (
    !Array.isArray(outputNames) ||
    outputNames.length !== names.length ||
    !names.every((name) => listed.has(name))
  )
    throw expected('ERR_GRAPH', 'outputNames to list every output once', outputNames, {
      op: 'graph',
    });
}

function requireUpdates(updates: unknown, states: unknown): void {
  const site = { op: 'graph' };
  if (Object.prototype.toString.call(updates) !== '[object Object]')
    throw expected('ERR_GRAPH', 'updates as values by the names of states', updates, site);
  for (const [name, next] of Object.entries(updates as object))
    requireValue(next, 'updates that are values', { op: 'state', node: name });
  if (!Array.isArray(states)) throw expected('ERR_GRAPH', 'a list of states', states, site);
  for (const state of states) requireValue(state, 'states that are values', site);
}

function requireMetadata(metadata: unknown): void {
  if (metadata === null || typeof metadata !== 'object' || Array.isArray(metadata))
    throw expected('ERR_GRAPH', 'metadata as strings by name', metadata, { op: 'graph' });
  for (const [name, value] of Object.entries(metadata))
    if (typeof value !== 'string')
      throw expected('ERR_GRAPH', 'metadata of strings', value, { op: 'graph', node: name });
}

/**
 * The remembered orders of frozen graphs: a pass asks for the order several times, and `verify`
 * asks again.
 */
const orders = new WeakMap<Graph, readonly Value[]>();

/**
 * Every value that outputs and updates depend on, and every input, each after its own inputs.
 * Iterative: graphs may be deep.
 */
export function topological(graph: Graph): readonly Value[] {
  const known = orders.get(graph);
  if (known !== undefined) return known;
  const order: Value[] = [];
  const seen = new Set<Value>();
  let frozen =
    Object.isFrozen(graph) &&
    Object.isFrozen(graph.inputs) &&
    Object.isFrozen(graph.outputs) &&
    Object.isFrozen(graph.outputNames) &&
    Object.isFrozen(graph.updates) &&
    Object.isFrozen(graph.states);
  // Values whose inputs are on the stack above them; of each value on the stack only the first
  // visit counts.
  const stack: Value[] = [
    ...graph.inputs,
    ...(graph.states ?? []),
    ...outputsOf(graph).map(([, value]) => value),
    ...Object.values(graph.updates ?? {}),
  ].reverse();
  const open: Value[] = [];
  while (stack.length > 0) {
    const value = stack[stack.length - 1] as Value;
    if (open[open.length - 1] === value) {
      open.pop();
      stack.pop();
      order.push(value);
      continue;
    }
    if (seen.has(value)) {
      stack.pop();
      continue;
    }
    seen.add(value);
    frozen &&= Object.isFrozen(value) && Object.isFrozen(value.inputs);
    const { inputs } = value;
    if (inputs.length === 0) {
      stack.pop();
      order.push(value);
      continue;
    }
    open.push(value);
    for (let i = inputs.length - 1; i >= 0; i--) {
      const input = inputs[i] as Value;
      if (!seen.has(input)) stack.push(input);
    }
  }
  if (frozen) orders.set(graph, Object.freeze(order));
  return order;
}

/**
 * Calls `visit` for `value` and for every value it depends on where `isKnown` is false, each after
 * its own inputs. Iterative, so that a memoised recursion over a deep graph needs no deep stack.
 */
export function eachUnknown(
  value: Value,
  isKnown: (value: Value) => boolean,
  visit: (value: Value) => void,
): void {
  if (isKnown(value)) return;
  const stack: { value: Value; next: number }[] = [{ value, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as { value: Value; next: number };
    const input = top.value.inputs[top.next];
    if (input === undefined) {
      stack.pop();
      if (!isKnown(top.value)) visit(top.value);
    } else {
      top.next++;
      if (!isKnown(input)) stack.push({ value: input, next: 0 });
    }
  }
}

/**
 * Follows `next` from a value to the last value that it leads to. Last values are remembered, so
 * walks from every value of a long chain take together no longer than one.
 */
export function walk(next: (value: Value) => Value | undefined): (value: Value) => Value {
  const ends = new WeakMap<Value, Value>();
  return (value) => {
    const path: Value[] = [];
    let end = value;
    for (;;) {
      const known = ends.get(end);
      if (known !== undefined) {
        end = known;
        break;
      }
      const following = next(end);
      if (following === undefined) break;
      path.push(end);
      end = following;
    }
    for (const passed of path) ends.set(passed, end);
    return end;
  };
}

/** How often each value is read by another value, by an output or by an update. */
export function uses(graph: Graph): Map<Value, number> {
  const count = new Map<Value, number>();
  const add = (value: Value) => count.set(value, (count.get(value) ?? 0) + 1);
  for (const value of topological(graph)) for (const input of value.inputs) add(input);
  for (const [, value] of outputsOf(graph)) add(value);
  for (const [, value] of updatesOf(graph)) add(value);
  return count;
}
