/**
 * What has been written of a graph: nodes and initializers of the file, and which tensor holds each
 * value, in which order of axes and of which type. Bits and sums of bits are held as floats. Not
 * here: any op (./writers), the order in which values are written (../export.ts).
 */
import type { DType } from '../../../core/dtype.js';
import { BitplaneError } from '../../../core/errors.js';
import { type Dim, sameShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import { opDef } from '../../../ops/index.js';
import { Tensor } from '../../../tensor/tensor.js';
import { DataType } from '../data-type.js';
import type { Dialect } from '../dialects.js';
import type { NewAttribute, NewNode, NewTensor } from './encode.js';
import { baseOf, fromBase, isPlain, type Order, plainOrder, toBase } from './order.js';
import { computedType, payloadOf, payloadType } from './payload.js';

/** Bytes of an initializer that is compared with others; one a channel takes no more. */
const MOST_SHARED = 2 ** 16;

export const QONNX_DOMAIN = 'qonnx.custom_op.general';

interface Held {
  readonly tensor: string;
  readonly order: Order;
  readonly dataType: number;
}

export interface NodeOptions {
  readonly attributes?: Readonly<Record<string, NewAttribute>> | undefined;
  readonly domain?: string | undefined;
  /** Of a helper beside the value's own node. */
  readonly suffix?: string | undefined;
  /** Outputs before the one that is read, which nobody reads. */
  readonly skipped?: number | undefined;
}

export class Emission {
  readonly nodes: NewNode[] = [];
  readonly initializers: NewTensor[] = [];
  private readonly held = new Map<Value, Held>();
  private readonly made = new Map<string, string>();
  private readonly numbers = new Map<Value, number>();
  /** Where a size that is a symbol can be read: an axis of an input. */
  private readonly sizes = new Map<string, readonly [input: Value, axis: number]>();

  /** @param taken names that no tensor may take, such as those of outputs */
  constructor(
    readonly dialect: Dialect,
    readonly opset: number,
    private readonly taken: Set<string>,
    /** Constants that are written raised (./saturation.ts). */
    readonly raised: ReadonlySet<Value>,
    /** Writes a constant expression, such as dequantized weights, with its axes in an order. */
    private readonly onDemand: (
      emission: Emission,
      value: Value,
      order: Order,
    ) => string | undefined,
  ) {}

  // ---- values

  hold(value: Value, tensor: string, order: Order, dataType: number = DataType.FLOAT): void {
    this.held.set(value, { tensor, order, dataType });
  }

  /** As `hold`, of an input, whose sizes that are symbols `size` finds. */
  holdInput(input: Value, dataType: number): void {
    this.hold(input, input.name, plainOrder(input.shape.length), dataType);
    for (const [axis, dim] of input.shape.entries())
      if (typeof dim === 'string' && !this.sizes.has(dim)) this.sizes.set(dim, [input, axis]);
  }

  /** A size of a value, a vector of one int64: that of a run, where it is a symbol. */
  size(dim: Dim, of: Value): string {
    if (typeof dim === 'number') return this.integers([dim]);
    const [input, axis] = this.sizes.get(dim) ?? [];
    if (input === undefined || axis === undefined)
      throw this.fail(of, `expected sizes that are numbers, or those of an input, not ${dim}`);
    return this.once(`size ${dim}`, () => {
      const shape = this.node('Shape', [this.plain(input)], input, { suffix: '.shape' });
      const place = this.integers([axis]);
      return this.node('Gather', [shape, place], input, {
        attributes: { axis: 0 },
        suffix: `.size${axis}`,
      });
    });
  }

  /** The order in which a value is held; undefined for what is written on demand. */
  orderOf(value: Value): Order | undefined {
    const base = baseOf(value);
    const held = this.held.get(base.value);
    return held && fromBase(held.order, base);
  }

  dataTypeOf(value: Value): number {
    const base = baseOf(value).value;
    return this.held.get(base)?.dataType ?? this.typeOfConstant(base.dtype);
  }

  /** The type of a constant: before operator set 21 there are none of 4 bits. */
  typeOfConstant(dtype: DType): number {
    return this.opset < 21 ? computedType(dtype) : payloadType(dtype);
  }

  /** The tensor that holds a value with its axes in an order. */
  inOrder(value: Value, order: Order): string {
    const base = baseOf(value);
    const wanted = toBase(order, base);
    const held = this.held.get(base.value);
    if (held === undefined)
      return this.once(`${this.numberOf(base.value)} ${wanted}`, () =>
        this.leaf(base.value, wanted),
      );
    const perm = wanted.map((axis) => held.order.indexOf(axis));
    if (isPlain(perm)) return held.tensor;
    return this.once(`${held.tensor} ${perm}`, () =>
      this.node('Transpose', [held.tensor], base.value, {
        attributes: { perm },
        suffix: '.transposed',
      }),
    );
  }

  plain(value: Value): string {
    return this.inOrder(value, plainOrder(value.shape.length));
  }

  /** As `inOrder`, in floats. */
  float(value: Value, order: Order = plainOrder(value.shape.length)): string {
    return this.cast(this.inOrder(value, order), this.dataTypeOf(value), DataType.FLOAT, value);
  }

  /** As floats that broadcast to a value of `rank` axes in an order. */
  broadcast(value: Value, rank: number, order: Order): string {
    const own = value.shape.length;
    if (own === rank) return this.float(value, order);
    if (isPlain(order) || value.shape.every((dim) => dim === 1)) return this.float(value);
    const full = [...new Array<number>(rank - own).fill(1), ...value.shape];
    const { data } = value;
    if (value.op === 'constant' && data !== undefined)
      return this.once(`${this.numberOf(value)} ${rank} ${order}`, () =>
        this.tensor(
          value.name,
          reordered(new Tensor(data.dtype, data.data, full as number[]), order),
        ),
      );
    const shape = this.integers(full.map((dim) => (typeof dim === 'number' ? dim : -1)));
    const whole = this.node('Reshape', [this.float(value), shape], value, { suffix: '.broadcast' });
    return this.node('Transpose', [whole], value, {
      attributes: { perm: order },
      suffix: '.ordered',
    });
  }

  cast(tensor: string, from: number, to: number, value: Value): string {
    if (from === to) return tensor;
    return this.once(`${tensor} as ${to}`, () =>
      this.node('Cast', [tensor], value, { attributes: { to }, suffix: '.cast' }),
    );
  }

  /** A constant of the graph, or what ./writers makes of a constant expression. */
  private leaf(value: Value, order: Order): string {
    const written = this.onDemand(this, value, order);
    if (written !== undefined) return written;
    if (value.data === undefined) throw this.fail(value, 'it is read before it is written');
    return this.tensor(value.name, reordered(value.data, order));
  }

  // ---- the file

  /** A node of one output, whose name it returns. */
  node(
    op: string,
    inputs: readonly string[],
    of: Value,
    { attributes = {}, domain = '', suffix = '', skipped = 0 }: NodeOptions = {},
  ): string {
    const name = this.unique(of.name + suffix);
    const unread = Array.from({ length: skipped }, () => this.unique(`${name}.unread`));
    this.nodes.push({ op, name, domain, inputs, outputs: [...unread, name], attributes });
    return name;
  }

  tensor(name: string, tensor: Tensor, dataType = this.typeOfConstant(tensor.dtype)): string {
    return this.initializer(name, dataType, tensor.shape, payloadOf(tensor, dataType));
  }

  initializer(name: string, dataType: number, dims: readonly number[], raw: Uint8Array): string {
    const own = this.unique(name);
    this.initializers.push({ name: own, dataType, dims, raw });
    return own;
  }

  /**
   * An initializer that is made once for all that have its very bytes, as scales and zero points
   * do: onnxruntime tells by the name whether two quantizations are one.
   */
  shared(name: string, dataType: number, dims: readonly number[], raw: Uint8Array): string {
    if (raw.length > MOST_SHARED) return this.initializer(name, dataType, dims, raw);
    return this.once(`shared ${dataType} ${dims} ${raw}`, () =>
      this.initializer(name, dataType, dims, raw),
    );
  }

  /** A vector of int64, as shapes and axes are; equal ones are one. */
  integers(numbers: readonly (number | bigint)[]): string {
    return this.once(`integers ${numbers}`, () => {
      const data = BigInt64Array.from(numbers, BigInt);
      const raw = new Uint8Array(data.buffer);
      return this.initializer('integers', DataType.INT64, [numbers.length], raw);
    });
  }

  /** A number of a type; equal ones are one. */
  scalar(
    number: number,
    raw: Uint8Array = new Uint8Array(Float32Array.of(number).buffer),
    dataType = 1,
  ): string {
    const text = Object.is(number, -0) ? '-0' : String(number);
    return this.once(`scalar ${text} ${dataType}`, () =>
      this.initializer('number', dataType, [], raw),
    );
  }

  once(key: string, make: () => string): string {
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const tensor = make();
    this.made.set(key, tensor);
    return tensor;
  }

  fail(value: Value, sentence: string): BitplaneError {
    return new BitplaneError('ERR_UNSUPPORTED', sentence, { op: value.op, node: value.name });
  }

  /** A key of a value that no other value has, however they are named. */
  numberOf(value: Value): number {
    const known = this.numbers.get(value) ?? this.numbers.size;
    this.numbers.set(value, known);
    return known;
  }

  private unique(name: string): string {
    let candidate = name;
    for (let i = 2; this.taken.has(candidate); i++) candidate = `${name}_${i}`;
    this.taken.add(candidate);
    return candidate;
  }
}

/** The same elements with the axes in another order. */
export function reordered(tensor: Tensor, order: Order): Tensor {
  if (isPlain(order)) return tensor;
  const shape = order.map((axis) => tensor.shape[axis] as number);
  const { dtype } = tensor;
  // Only axes of size 1 move: the elements stay.
  const kept = (axes: readonly number[]) => axes.filter((axis) => tensor.shape[axis] !== 1);
  if (sameShape(kept(order), kept(plainOrder(order.length))))
    return new Tensor(dtype, tensor.data, shape);
  const transpose = opDef('transpose');
  return transpose.evaluate?.([tensor], { perm: order }, { dtype, shape }) as Tensor;
}
