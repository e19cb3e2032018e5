/**
 * Writes graphs by hand: a method an op, with the usual defaults, and dtypes that the compiler
 * checks.
 *
 *   const g = new GraphBuilder();
 *   const x = g.input('x', 'f32', ['N', 28, 28, 1]);
 *   const y = g.relu(g.conv2d(x, g.constant(weights), { pads: [1, 1, 1, 1] }));
 *   const graph = g.graph([x], { y });
 *
 * Every method throws what `make` throws. Not here: shape rules (each op has its own), layers with
 * parameters.
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
  requireValue,
  type Value,
} from '../graph/value.js';
import { Tensor, type TensorLike } from '../tensor/tensor.js';
import type { Pair } from './attributes.js';
import type { AvgPool2dAttrs } from './avg-pool2d.js';
import type { Conv2dAttrs } from './conv2d.js';
import type { AttrsOf, OpName } from './index.js';
import * as nodes from './make.js';
import type { Pool2dAttrs } from './pool2d.js';
import type { ReduceAttrs } from './reduce.js';
import type { SliceAttrs } from './slice.js';
import { verify } from './verify.js';

/** A name of the caller's choice; else names count up: conv2d_1, conv2d_2. */
export interface Named {
  readonly name?: string;
}

type Float = Value<'f32'>;
/** A number stands for a constant that broadcasts. */
type Operand = Float | number;
type ConvOptions = Partial<Omit<Conv2dAttrs, 'padValue'>> & Named;
type PoolOptions = Partial<Omit<Pool2dAttrs, 'kernel'>> & Named;

const POOL = { pads: [0, 0, 0, 0], dilations: [1, 1], ceil: false } as const;

export class GraphBuilder {
  readonly #names = new Set<string>();
  readonly #counts = new Map<string, number>();

  /** The graph of these inputs and outputs, verified. The keys of `outputs` name them. */
  graph<const I extends readonly Input[], const O extends Readonly<Record<string, Value>>>(
    inputs: I,
    outputs: O,
  ): Graph<I, O> {
    requireGraph({ inputs, outputs });
    const graph = graphOf(inputs, Object.entries(outputs));
    verify(graph);
    return graph as unknown as Graph<I, O>;
  }

  // Leaves

  /** A value fed to every run; symbols such as 'N' are sizes known only then. */
  input<const N extends string, D extends DType, const S extends Shape>(
    name: N,
    dtype: D,
    shape: S,
  ): Input<N, D, S> {
    this.#claim('input', name);
    return nodes.input(name, dtype, shape);
  }

  constant<D extends DType>(
    tensor: TensorLike<D>,
    options: Named = {},
  ): Value<D, readonly number[]> {
    return nodes.constant(this.#name('constant', options), tensor);
  }

  /** A buffer that a session owns, and what it begins with. */
  state<D extends DType>(tensor: TensorLike<D>, options: Named = {}): Value<D, readonly number[]> {
    return nodes.state(this.#name('state', options), tensor);
  }

  // Element-wise, two operands, broadcasting as numpy does

  add = this.#binary('add');
  sub = this.#binary('sub');
  mul = this.#binary('mul');
  div = this.#binary('div');
  /** a < b ? b : a */
  max = this.#binary('max');
  /** b < a ? b : a */
  min = this.#binary('min');
  pow = this.#binary('pow');
  /** x < 0 ? x * slope : x */
  prelu = this.#binary('prelu');

  // Element-wise, one operand

  relu = this.#unary('relu');
  tanh = this.#unary('tanh');
  sigmoid = this.#unary('sigmoid');
  abs = this.#unary('abs');
  neg = this.#unary('neg');
  sqrt = this.#unary('sqrt');
  exp = this.#unary('exp');
  log = this.#unary('log');
  floor = this.#unary('floor');
  ceil = this.#unary('ceil');
  /** Half to even. */
  round = this.#unary('round');
  /** -1, 0 or 1; the binarization is `sign`. */
  signum = this.#unary('signum');

  leakyRelu(x: Float, options: { readonly alpha?: number } & Named = {}): Float {
    return this.#node('leakyRelu', [x], {}, options, { alpha: 0.01 }) as Float;
  }

  clip(x: Float, min: number, max: number, options: Named = {}): Float {
    return this.#node('clip', [x], { min, max }, options) as Float;
  }

  // Between dtypes

  cast(x: Value<'f32' | 'i32' | 'b1'>, to: 'f32', options?: Named): Float;
  cast(x: Float, to: 'i32', options?: Named): Value<'i32'>;
  cast(x: Value, to: 'f32' | 'i32', options: Named = {}): Value {
    return this.#node('cast', [x], { to }, options);
  }

  /** The binarization: -1 iff x < 0. */
  sign(x: Float, options: Named = {}): Value<'b1'> {
    return this.#node('sign', [x], {}, options) as Value<'b1'>;
  }

  /** -1 iff (x < t) xor flip, per channel. */
  threshold(
    x: Value<'i32'>,
    t: Value<'i32'>,
    flip: Value<'i32'>,
    options: Named = {},
  ): Value<'b1'> {
    return this.#node('threshold', [x, t, flip], {}, options) as Value<'b1'>;
  }

  /** bias + scale * #{t : x >= t}; thresholds are [C or 1, T]. */
  multiThreshold(
    x: Float,
    thresholds: Float,
    options: { readonly scale?: number; readonly bias?: number } & Named = {},
  ): Float {
    return this.#node('multiThreshold', [x, thresholds], {}, options, {
      scale: 1,
      bias: 0,
    }) as Float;
  }

  // Reductions

  /**
   * x [N,H,W,C], w [O,kh,kw,C/groups]. Two binary operands give exact integers, and may be padded
   * with +1 or -1.
   */
  conv2d(x: Float, w: Value<'f32' | 'b1'>, options?: ConvOptions): Float;
  conv2d(
    x: Value<'b1'>,
    w: Value<'b1'>,
    options?: ConvOptions & Partial<Pick<Conv2dAttrs, 'padValue'>>,
  ): Value<'i32'>;
  conv2d(x: Value, w: Value, options: Partial<Conv2dAttrs> & Named = {}): Value {
    const defaults = {
      strides: [1, 1],
      pads: [0, 0, 0, 0],
      dilations: [1, 1],
      groups: 1,
      padValue: 0,
    } as const;
    return this.#node('conv2d', [x, w], {}, options, defaults);
  }

  /** x [...,K], w [O,K] */
  dense(x: Float, w: Value<'f32' | 'b1'>, options?: Named): Float;
  dense(x: Value<'b1'>, w: Value<'b1'>, options?: Named): Value<'i32'>;
  dense(x: Value, w: Value, options: Named = {}): Value {
    return this.#node('dense', [x, w], {}, options);
  }

  /** a [...,M,K], b [K,N] */
  matmul(a: Float, b: Float, options: Named = {}): Float {
    return this.#node('matmul', [a, b], {}, options) as Float;
  }

  /** The stride is the kernel if none is given. */
  maxPool2d<D extends 'f32' | 'b1'>(
    x: Value<D>,
    kernel: Pair,
    options: PoolOptions = {},
  ): Value<D> {
    return this.#node('maxPool2d', [x], { kernel }, options, {
      strides: kernel,
      ...POOL,
    }) as Value<D>;
  }

  /** The stride is the kernel if none is given. */
  avgPool2d(
    x: Float,
    kernel: Pair,
    options: PoolOptions & Partial<Pick<AvgPool2dAttrs, 'countPad'>> = {},
  ): Float {
    return this.#node('avgPool2d', [x], { kernel }, options, {
      strides: kernel,
      ...POOL,
      countPad: false,
    }) as Float;
  }

  reduce(
    x: Float,
    kind: ReduceAttrs['kind'],
    axes: readonly number[],
    options: { readonly keepDims?: boolean } & Named = {},
  ): Float {
    return this.#node('reduce', [x], { kind, axes }, options, { keepDims: false }) as Float;
  }

  /** Along the last axis if none is given. */
  softmax(x: Float, options: { readonly axis?: number } & Named = {}): Float {
    requireValue(x, 'x to be a value', { op: 'softmax' });
    return this.#node('softmax', [x], {}, options, { axis: x.shape.length - 1 }) as Float;
  }

  /** Over the last axis, with given statistics. */
  batchNorm(
    x: Float,
    gamma: Float,
    beta: Float,
    mean: Float,
    variance: Float,
    options: { readonly epsilon?: number } & Named = {},
  ): Float {
    return this.#node('batchNorm', [x, gamma, beta, mean, variance], {}, options, {
      epsilon: 1e-5,
    }) as Float;
  }

  // The same elements elsewhere

  /** One size may be -1: what makes the counts agree. */
  reshape<D extends DType>(
    x: Value<D>,
    shape: readonly (number | string)[],
    options: Named = {},
  ): Value<D> {
    return this.#node('reshape', [x], { shape }, options) as Value<D>;
  }

  transpose<D extends DType>(x: Value<D>, perm: readonly number[], options: Named = {}): Value<D> {
    return this.#node('transpose', [x], { perm }, options) as Value<D>;
  }

  /**
   * Every steps[i]-th element of axis i from starts[i] to, without, ends[i]; steps are 1 if none
   * are given.
   */
  slice<D extends DType>(
    x: Value<D>,
    starts: SliceAttrs['starts'],
    ends: SliceAttrs['ends'],
    options: Partial<Pick<SliceAttrs, 'steps'>> & Named = {},
  ): Value<D> {
    requireValue(x, 'x to be a value', { op: 'slice' });
    return this.#node('slice', [x], { starts, ends }, options, {
      steps: x.shape.map(() => 1),
    }) as Value<D>;
  }

  /** pads are [before of each axis..., after of each axis...]; a binary x takes -1 or 1. */
  pad<D extends 'f32' | 'b1'>(
    x: Value<D>,
    pads: readonly number[],
    value: number,
    options: Named = {},
  ): Value<D> {
    return this.#node('pad', [x], { pads, value }, options) as Value<D>;
  }

  concat<D extends DType>(
    values: readonly Value<D>[],
    axis: number,
    options: Named = {},
  ): Value<D> {
    return this.#node('concat', values, { axis }, options) as Value<D>;
  }

  expand<D extends DType>(
    x: Value<D>,
    shape: readonly (number | string)[],
    options: Named = {},
  ): Value<D> {
    return this.#node('expand', [x], { shape }, options) as Value<D>;
  }

  #binary(op: 'add' | 'sub' | 'mul' | 'div' | 'max' | 'min' | 'pow' | 'prelu') {
    return (a: Operand, b: Operand, options: Named = {}): Float =>
      this.#node(op, [this.#operand(a), this.#operand(b)], {}, options) as Float;
  }

  #unary(
    op:
      | 'relu'
      | 'tanh'
      | 'sigmoid'
      | 'abs'
      | 'neg'
      | 'sqrt'
      | 'exp'
      | 'log'
      | 'floor'
      | 'ceil'
      | 'round'
      | 'signum',
  ) {
    return (x: Float, options: Named = {}): Float => this.#node(op, [x], {}, options) as Float;
  }

  #operand(value: Operand): Float {
    return typeof value === 'number'
      ? this.constant(new Tensor('f32', Float32Array.of(value), []))
      : value;
  }

  /** `attrs` are those that a method takes as arguments, `defaults` those that are options. */
  #node<K extends OpName, D extends Partial<AttrsOf<K>> = Record<never, never>>(
    op: K,
    inputs: readonly Value[],
    attrs: Omit<AttrsOf<K>, keyof D>,
    options: Named,
    defaults?: D,
  ): Value {
    const name = this.#name(op, options, defaults);
    return nodes.make(op, name, inputs, { ...attrs, ...defaults, ...given(options) });
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

  #claim(op: string, name: string): string {
    if (this.#names.has(name))
      throw expected('ERR_GRAPH', 'a name of its own', 'that of another value', { op, node: name });
    this.#names.add(name);
    return name;
  }
}

/** Options without `name` and without undefined entries. */
function given(options: Named): Attrs {
  return Object.fromEntries(
    Object.entries(options).filter(([key, value]) => key !== 'name' && value !== undefined),
  );
}
