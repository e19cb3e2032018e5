/**
 * The values that the importer of a node makes: named after it, constants counted against the
 * budget of the import, and the turns between the layout of the file and that of the graph.
 */
import { type DTypeArray, type Integer, isByteInteger } from '../../core/dtype.js';
import { MAX_RANK } from '../../core/limits.js';
import { type Dim, elementCount, isSize, showShape } from '../../core/shape.js';
import type { Attrs, Value } from '../../graph/value.js';
import type { OpName } from '../../ops/index.js';
import { constant, make } from '../../ops/make.js';
import { Tensor } from '../../tensor/tensor.js';
import { dimsItem, type Item } from './item.js';
import type { Known } from './known.js';
import { NodeAttributes } from './node-attributes.js';
import type { OnnxNode } from './proto.js';
import type { Scope } from './scope.js';

export class NodeValues extends NodeAttributes {
  constructor(
    node: OnnxNode,
    protected readonly scope: Scope,
  ) {
    super(node);
  }

  /**
   * Makes a value. The main value of a node takes its name; helper values have a suffix as well.
   */
  make(op: OpName, inputs: readonly Value[], attrs: Attrs, suffix = ''): Value {
    return make(op, this.scope.unique(this.name + suffix), inputs, attrs);
  }

  /**
   * A vector of integers known at import, or a scalar of one; it counts against the budget of the
   * import.
   * @throws BitplaneError ERR_LIMIT
   */
  integers(count: number, entries: () => readonly Dim[], scalar = false): Item {
    this.scope.makeIntegers(count, this.site);
    return dimsItem(entries(), scalar);
  }

  /** The same of any shape. @throws BitplaneError ERR_LIMIT, ERR_SHAPE for too many axes */
  knownIntegers(count: number, make: () => Known): Item {
    this.scope.makeIntegers(count, this.site);
    const { entries, shape } = make();
    if (shape.length > MAX_RANK)
      throw this.expected('ERR_SHAPE', `a result of at most ${MAX_RANK} axes`, shape.length);
    return { kind: 'dims', entries, shape };
  }

  /** A constant without data in the file. @throws BitplaneError ERR_LIMIT */
  filled(value: number, shape: readonly number[]): Value {
    const count = elementCount(shape);
    this.scope.make(count * Float32Array.BYTES_PER_ELEMENT, this.site);
    return this.constant(new Float32Array(count).fill(value), shape, '');
  }

  /** A constant of converted numbers. @throws BitplaneError ERR_LIMIT */
  floats(count: number, numbers: () => ArrayLike<number>, shape: readonly number[]): Value {
    this.scope.make(count * Float32Array.BYTES_PER_ELEMENT, this.site);
    return this.constant(Float32Array.from(numbers()), shape, '');
  }

  constant(data: Float32Array, shape: readonly number[], suffix: string): Value {
    return constant(this.scope.unique(this.name + suffix), new Tensor('f32', data, shape));
  }

  integerConstant<D extends Integer>(
    dtype: D,
    data: DTypeArray<D>,
    shape: readonly number[],
    suffix: string,
  ): Value<D> {
    return constant(this.scope.unique(this.name + suffix), new Tensor(dtype, data, shape));
  }

  /** Called before a node makes so many bytes of constants. @throws BitplaneError ERR_LIMIT */
  reserve(bytes: number): void {
    this.scope.make(bytes, this.site);
  }

  /** A constant over bytes that were reserved, or that another has. */
  made(tensor: Tensor, suffix: string): Value {
    return constant(this.scope.unique(this.name + suffix), tensor);
  }

  /** A one-element constant that broadcasts against everything. */
  scalar(value: number, suffix: string): Value {
    return this.constant(Float32Array.of(value), [], suffix);
  }

  transpose(x: Value, perm: readonly number[], suffix: string): Value {
    return perm.every((axis, i) => axis === i) ? x : this.make('transpose', [x], { perm }, suffix);
  }

  /** Runs `body` on x with the axis of its channels moved last, and moves it back. */
  channelsLast(x: Value, body: (x: Value) => Value, axis = 1): Value {
    const rank = x.shape.length;
    if (axis >= rank)
      throw this.expected('ERR_SHAPE', `an input of rank ${axis + 1} or more`, showShape(x.shape));
    const axes = x.shape.map((_, i) => i);
    const perm = [...axes.filter((i) => i !== axis), axis];
    const back = axes.map((i) => perm.indexOf(i));
    // What the node before has turned back is taken as it was: a third of a network's nodes, which
    // passes would take out again one by one.
    const turned = x.op === 'transpose' && String(x.attrs.perm) === String(back);
    const last = turned ? (x.inputs[0] as Value) : this.transpose(x, perm, '/channels_last');
    return this.transpose(body(last), back, '/channels_first');
  }

  /** Runs `body` on a feature map [N, C, H, W] as [N, H, W, C], and turns the result back. */
  nhwc(x: Value, body: (x: Value) => Value): Value {
    if (x.shape.length !== 4)
      throw this.expected(
        'ERR_UNSUPPORTED',
        'an input of rank 4, [N, C, H, W]',
        showShape(x.shape),
      );
    return this.channelsLast(x, body);
  }

  /** Runs `body`, which wants floats, on x; integers go through floats, which hold them exactly. */
  onFloats(x: Value, body: (x: Value) => Value): Value {
    if (!isByteInteger(x.dtype)) return body(x);
    const y = body(this.make('cast', [x], { to: 'f32' }, '/values'));
    return this.make('cast', [y], { to: x.dtype }, '/integers');
  }

  /** An axis counted from either end, as one counted from the start. */
  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (!isSize(positive) || positive >= rank)
      throw this.expected('ERR_SHAPE', `an axis of a value of rank ${rank}`, axis);
    return positive;
  }

  axes(axes: readonly number[], rank: number): number[] {
    const positive = axes.map((axis) => this.axis(axis, rank));
    if (new Set(positive).size !== positive.length)
      throw this.expected('ERR_SHAPE', 'axes that differ', axes);
    return positive;
  }
}
