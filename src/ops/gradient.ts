/**
 * What a gradient rule makes its values with. A rule stands in its op's file (OpDef.gradient); this
 * is the vocabulary that the rules share. Not here: the walk that applies them (src/autodiff).
 */
import { type Dim, type Shape, sameShape } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import { Tensor } from '../tensor/tensor.js';
import type { Float, Operand } from './op.js';

/** The smallest float32 above 0: x > 0 is x >= LEAST_POSITIVE. */
export const LEAST_POSITIVE = 2 ** -149;
/** The smallest float32 whose logarithm and reciprocal are finite. */
const LEAST_NORMAL = 2 ** -126;

/** Makes an op, or a constant, under a name that is not in use. */
export interface Nodes {
  op(op: string, inputs: readonly Value[], attrs: Attrs): Value;
  constant(tensor: Tensor): Value;
}

export class Emit {
  private readonly nodes: Nodes;

  constructor(nodes: Nodes) {
    this.nodes = nodes;
  }

  /** Any op by its name, with all its attributes. */
  op(op: string, inputs: readonly Value[], attrs: Attrs = {}): Float {
    return this.nodes.op(op, inputs, attrs) as Float;
  }

  number(value: number): Float {
    return this.nodes.constant(new Tensor('f32', Float32Array.of(value), [])) as Float;
  }

  add(a: Operand, b: Operand): Float {
    return this.binary('add', a, b);
  }

  sub(a: Operand, b: Operand): Float {
    return this.binary('sub', a, b);
  }

  mul(a: Operand, b: Operand): Float {
    return this.binary('mul', a, b);
  }

  div(a: Operand, b: Operand): Float {
    return this.binary('div', a, b);
  }

  neg(x: Float): Float {
    return this.op('neg', [x]);
  }

  /** log(x) where x > 0; a finite number for 0, so that 0 times it is 0. */
  safeLog(x: Float): Float {
    return this.op('log', [this.binary('max', x, LEAST_NORMAL)]);
  }

  /** `value` where min <= x <= max, else 0. */
  gate(value: Operand, x: Float, min: number, max: number): Float {
    return this.op('gate', [this.operand(value), x], { min, max });
  }

  sum(x: Float, axes: readonly number[], keepDims = true): Float {
    return axes.length === 0 && keepDims
      ? x
      : this.op('reduce', [x], { kind: 'sum', axes, keepDims });
  }

  reshape(x: Float, shape: Shape): Float {
    return sameShape(x.shape, shape) ? x : this.op('reshape', [x], { shape });
  }

  /** Row `index` of a matrix [R, C], as [C]. */
  row(matrix: Float, index: number): Float {
    const channels = matrix.shape[1] as Dim;
    const part = { starts: [index, 0], ends: [index + 1, channels], steps: [1, 1] };
    return this.reshape(this.op('slice', [matrix], part), [channels]);
  }

  /** `x` repeated to a shape by numpy's rule. */
  expand(x: Float, shape: Shape): Float {
    return sameShape(x.shape, shape) ? x : this.op('expand', [x], { shape });
  }

  /** The reverse of broadcasting: the sum over every axis that `shape` was stretched along. */
  sumTo(value: Float, shape: Shape): Float {
    if (sameShape(value.shape, shape)) return value;
    const added = value.shape.length - shape.length;
    const axes = [...value.shape.keys()].filter(
      (axis) => axis < added || (shape[axis - added] === 1 && value.shape[axis] !== 1),
    );
    return this.reshape(this.sum(value, axes), shape);
  }

  /** How many elements of x one element of a reduction over `axes` stands for. */
  count(x: Value, axes: readonly number[]): Float {
    const sizes = axes.map((axis) => x.shape[axis] as Dim);
    const known = sizes.reduce<number>(
      (product, size) => (typeof size === 'number' ? product * size : product),
      1,
    );
    const symbols = sizes.filter((size) => typeof size === 'string');
    // What a symbol stands for is counted by adding up as many ones.
    return symbols.reduce<Float>(
      (count, symbol) =>
        this.mul(count, this.sum(this.expand(this.number(1), [symbol]), [0], false)),
      this.number(known),
    );
  }

  /**
   * [O, K], the sum over all rows of the products of a [..., O] with b [..., K]: the gradient of a
   * matrix of weights.
   */
  outerSum(a: Float, b: Float): Float {
    const [outputs, depth] = [a, b].map(({ shape }) => shape.at(-1) as number);
    const geometry = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 };
    const sums = this.op('conv2dWeightGradient', [this.asMap(a), this.asMap(b)], {
      ...geometry,
      kernel: [1, 1],
    });
    return this.reshape(sums, [outputs as number, depth as number]);
  }

  /** [..., C] as a feature map [N, H, W, C] of as many pixels as it has rows. */
  private asMap(x: Float): Float {
    const [batch = 1, ...middle] = x.shape.slice(0, -1);
    const rows = middle.reduce<number>((product, size) => product * (size as number), 1);
    return this.reshape(x, [batch, rows, 1, x.shape.at(-1) as Dim]);
  }

  private binary(op: string, a: Operand, b: Operand): Float {
    return this.op(op, [this.operand(a), this.operand(b)]);
  }

  private operand(value: Operand): Float {
    return typeof value === 'number' ? this.number(value) : value;
  }
}
