/**
 * Writes graphs by hand: a method an op, with the usual defaults, and dtypes that the compiler
 * checks.
 *
 *   const g = new GraphBuilder();
 *   const x = g.input('x', 'f32', ['N', 28, 28, 1]);
 *   const y = g.relu(g.conv2d(x, g.constant(weights), { pads: [1, 1, 1, 1] }));
 *   const graph = g.graph([x], { y });
 *
 * Every method throws what `make` throws. The methods of ops are those of the op table: each op's
 * file has its own. Not here: shape rules, layers with parameters.
 */
import { requireOptions } from '../core/checks.js';
import type { DType } from '../core/dtype.js';
import { expected } from '../core/errors.js';
import type { Shape } from '../core/shape.js';
import {
  type Attrs,
  type Graph,
  graphOf,
  type Input,
  requireGraph,
  topological,
  updatesOf,
  type Value,
} from '../graph/value.js';
import { Tensor, type TensorLike } from '../tensor/tensor.js';
import { OPS } from './index.js';
import * as nodes from './make.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { verify } from './verify.js';

export type { Named };

/**
 * The methods that the op table gives a builder: `OpMethods['conv2d']` is the type of one, and
 * `Parameters<OpMethods['relu']>` what it takes.
 */
export type OpMethods = {
  readonly [K in keyof typeof OPS]: ReturnType<(typeof OPS)[K]['method']>;
};

/**
 * What a GraphBuilder has beside the methods of ops: leaves, names, and the graph at the end. Made
 * as `GraphBuilder`.
 */
export class Builder {
  readonly #names = new Set<string>();
  readonly #counts = new Map<string, number>();
  readonly #states = new Set<Value>();

  /**
   * An empty graph to write.
   * @param base a graph to go on from: its values may be used, and their names are taken
   * @throws BitplaneError ERR_GRAPH where something else stands for a graph
   */
  constructor(base?: Graph) {
    if (base !== undefined) {
      requireGraph(base);
      for (const value of topological(base)) {
        this.#claim(value.op, value.name);
        if (value.op === 'state') this.#states.add(value);
      }
    }
    for (const [name, def] of Object.entries<OpDef>(OPS))
      Object.defineProperty(this, name, { value: def.method(this.#maker(name, def)) });
  }

  /**
   * The graph of these inputs and outputs, verified. The keys of `outputs` name them; those of
   * `updates` are the names of states, and their values what a run makes of these.
   */
  graph<const I extends readonly Input[], const O extends Readonly<Record<string, Value>>>(
    inputs: I,
    outputs: O,
    options: { readonly updates?: Readonly<Record<string, Value>> } = {},
  ): Graph<I, O> {
    requireOptions(options, { updates: true }, { op: 'graph' });
    const { updates = {} } = options;
    requireGraph({ inputs, outputs, updates });
    const states = [...this.#states].filter(({ name }) => Object.hasOwn(updates, name));
    const changes = updatesOf({ inputs, outputs, updates, states });
    const graph = graphOf(inputs, Object.entries(outputs), {}, changes);
    verify(graph);
    return graph as unknown as Graph<I, O>;
  }

  /**
   * Any op by its name, with every attribute it has. `near` is what its name begins with, if no
   * name is given.
   */
  op(
    op: string,
    inputs: readonly Value[],
    attrs: Attrs = {},
    options: Named & { readonly near?: string } = {},
  ): Value {
    if (typeof op !== 'string') throw expected('ERR_ARGUMENT', 'the name of an op', op);
    requireOptions(options, { name: true, near: true }, { op });
    const { near, ...named } = options;
    const name = near === undefined ? this.#name(op, named) : this.#claim(op, this.unused(near));
    return this.#kept(name, () => nodes.make(op, name, inputs, attrs));
  }

  /** `name`, or with a number behind it: one that no value has. */
  unused(name: string): string {
    if (!this.#names.has(name)) return name;
    let count = this.#counts.get(`${name} `) ?? 1;
    do count++;
    while (this.#names.has(`${name}_${count}`));
    this.#counts.set(`${name} `, count);
    return `${name}_${count}`;
  }

  // Leaves

  /** A value fed to every run; symbols such as 'N' are sizes known only then. */
  input<const N extends string, D extends DType, const S extends Shape>(
    name: N,
    dtype: D,
    shape: S,
  ): Input<N, D, S> {
    this.#claim('input', name);
    return this.#kept(name, () => nodes.input(name, dtype, shape));
  }

  /** Numbers that never change. @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH for a taken name */
  constant<D extends DType>(
    tensor: TensorLike<D>,
    options: Named = {},
  ): Value<D, readonly number[]> {
    const name = this.#name('constant', options);
    return this.#kept(name, () => nodes.constant(name, tensor));
  }

  /** A buffer that a session owns, and what it begins with. */
  state<D extends DType>(tensor: TensorLike<D>, options: Named = {}): Value<D, readonly number[]> {
    const name = this.#name('state', options);
    const state = this.#kept(name, () => nodes.state(name, tensor));
    this.#states.add(state);
    return state;
  }

  /** What the method of an op makes its node with. */
  #maker(op: string, { attributes }: OpDef): NodeMaker<Attrs> {
    // Attributes that a node may lack are options without a default.
    const optional = Object.fromEntries(
      Object.entries(attributes).filter(([, rule]) => rule.optional),
    );
    return {
      node: (inputs, attrs, options = {}, defaults) => {
        const name = this.#name(op, options, { ...defaults, ...optional });
        return this.#kept(name, () =>
          nodes.make(op, name, inputs, { ...attrs, ...defaults, ...given(options) }),
        );
      },
      operand: (value) =>
        typeof value === 'number'
          ? this.constant(new Tensor('f32', Float32Array.of(value), []))
          : value,
    };
  }

  #name(op: string, options: Named, defaults: object = {}): string {
    requireOptions(options, { ...defaults, name: true }, { op });
    const { name } = options;
    if (name !== undefined) return this.#claim(op, name);
    let count = this.#counts.get(op) ?? 0;
    do count++;
    while (this.#names.has(`${op}_${count}`));
    this.#counts.set(op, count);
    return this.#claim(op, `${op}_${count}`);
  }

  /** The value that `make` makes; where it fails, the name is free again. */
  #kept<V extends Value>(name: string, make: () => V): V {
    try {
      return make();
    } catch (error) {
      this.#names.delete(name);
      throw error;
    }
  }

  #claim(op: string, name: string): string {
    if (typeof name !== 'string' || name === '')
      throw expected('ERR_GRAPH', 'a name that is a string and not empty', name, { op });
    if (this.#names.has(name))
      throw expected('ERR_GRAPH', 'a name of its own', 'that of another value', { op, node: name });
    this.#names.add(name);
    return name;
  }
}

/**
 * Writes a graph by hand: inputs, one method an op, and `graph` at the end. Every method infers the
 * shape and throws a BitplaneError naming the op where operands do not fit.
 */
export type GraphBuilder = Builder & OpMethods;
/**
 * Writes a graph by hand: inputs, one method an op, and `graph` at the end. Every method infers the
 * shape and throws a BitplaneError naming the op where operands do not fit.
 */
export const GraphBuilder = Builder as unknown as new (base?: Graph) => GraphBuilder;

/** @throws BitplaneError ERR_ARGUMENT where something else stands for a builder */
export function requireBuilder(g: unknown, op: string): void {
  const { op: make, constant } = (g ?? {}) as Partial<GraphBuilder>;
  if (typeof make !== 'function' || typeof constant !== 'function')
    throw expected('ERR_ARGUMENT', 'a GraphBuilder', g, { op });
}

/** Options without `name` and without undefined entries. */
function given(options: Named): Attrs {
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => key !== 'name' && value !== undefined),
  );
}
