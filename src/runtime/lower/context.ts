/**
 * What a lowering works with: buffers of values, constants, and the chain of its kernel. Not here:
 * any op.
 */
import { byteLength, DTYPES } from '../../core/dtype.js';
import { BitplaneError, expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import { eachUnknown, type Value } from '../../graph/value.js';
import type { Kernel } from '../../passes/fuse.js';
import { type Link, type Operand, type Slot, storage } from '../../passes/links.js';
import { memoryBytes, type Plan } from '../../passes/plan.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Assembler, EpilogueStep as ChainStep, ConstantPool } from '../assembler.js';
import { packedBytes } from '../limits.js';
import { nativeConstant } from '../native-constant.js';
import { packWords } from '../words.js';

/** A value as [N, HW, C]: the first axis, all between, the last. */
export interface Rows {
  readonly n: number;
  readonly hw: number;
  readonly c: number;
}

export function rowsOf(value: Value): Rows {
  const shape = value.shape as readonly number[];
  const c = shape.length === 0 ? 1 : (shape.at(-1) as number);
  const n = shape.length < 2 ? 1 : (shape[0] as number);
  const hw = shape.slice(1, -1).reduce((product, dim) => product * dim, 1);
  return { n, hw, c };
}

/** Floats hold every integer up to here. */
const FLOAT_INTEGERS = 2 ** 24;

const binarySums = new WeakMap<Value, boolean>();

/** True for the result of a binary product, moved or not. */
function isBinarySum(value: Value): boolean {
  eachUnknown(
    value,
    (one) => binarySums.has(one),
    (one) => {
      const moved =
        one.op !== 'cast' &&
        one.inputs.length > 0 &&
        one.inputs.every((input) => binarySums.get(input));
      binarySums.set(one, one.op === 'conv2d' || one.op === 'dense' || moved);
    },
  );
  return binarySums.get(value) as boolean;
}

export class LoweringContext {
  private readonly buffers = new Map<Value, number>();
  private readonly repeated = new Map<string, number>();

  constructor(
    readonly asm: Assembler,
    private readonly pool: ConstantPool,
    private readonly plan: Plan,
  ) {}

  /** The buffer of a value in memory: its place in the arena, or its constant. */
  buffer(value: Value): number {
    const source = storage(value);
    let buffer = this.buffers.get(source);
    if (buffer === undefined) {
      const place = this.plan.places.get(source);
      if (place !== undefined) buffer = this.asm.arena(place.offset, place.bytes);
      else if (source.data !== undefined) buffer = this.constantBuffer(source);
      else throw noPlace(source);
      this.buffers.set(source, buffer);
    }
    return buffer;
  }

  /** Lets `view` be the bytes of `of` from `offset` on. */
  show(view: Value, of: Value, offset: number): void {
    const place = this.plan.places.get(of);
    if (place === undefined) throw noPlace(of);
    this.buffers.set(view, this.asm.arena(place.offset + offset, this.bytes(view)));
  }

  private constantBuffer(value: Value): number {
    const tensor = value.data as Tensor;
    if (tensor.dtype === 'b1')
      return this.made(
        `${value.name}#words`,
        () => packWords(tensor.data as Uint8Array, tensor.shape),
        this.bytes(value),
      );
    const site = { op: value.op, node: value.name };
    return this.asm.constant(
      this.pool.add(tensor, () => nativeConstant(tensor), this.bytes(value), site),
      this.bytes(value),
    );
  }

  /** Constant weights, packed by the instruction. */
  weights(value: Value, node: Value): { readonly buffer: number; readonly bits: number } {
    const data = storage(value).data;
    if (data === undefined) {
      throw expected(
        'ERR_UNSUPPORTED',
        'weights that are constant',
        `"${value.name}" (${value.op})`,
        { op: node.op, node: node.name },
      );
    }
    return {
      buffer: this.asm.weights(
        this.pool.add(data, () => nativeConstant(data), packedBytes(data), {
          op: node.op,
          node: node.name,
        }),
        byteLength(data.dtype, data.size),
      ),
      bits: DTYPES[data.dtype].bits,
    };
  }

  /** A constant made by lowering itself, such as thresholds; `key` names it within the session. */
  made(key: string, make: () => NodeJS.TypedArray, bytes: number): number {
    return this.asm.constant(this.pool.add(key, make, bytes, { op: 'constant', node: key }), bytes);
  }

  /** A constant operand as one float a channel. */
  perChannel(operand: Value, channels: number): number {
    const data = storage(operand).data;
    if (data === undefined) {
      if (elementCount(operand.shape) === channels) return this.buffer(operand);
      throw expected('ERR_UNSUPPORTED', `an operand of ${channels} channels`, operand.name, {
        op: operand.op,
        node: operand.name,
      });
    }
    if (data.size === channels) return this.buffer(operand);
    const key = `${operand.name}*${channels}`;
    let buffer = this.repeated.get(key);
    if (buffer === undefined) {
      buffer = this.made(
        key,
        () => new Float32Array(channels).fill(data.data[0] as number),
        channels * 4,
      );
      this.repeated.set(key, buffer);
    }
    return buffer;
  }

  /** The chain of a kernel as steps, stores included. `channels` is the last axis of what flows. */
  chain(kernel: Kernel, channels: number): ChainStep[] {
    return kernel.chain.flatMap((link) => this.step(link, channels));
  }

  private step(link: Link, channels: number): ChainStep[] {
    switch (link.kind) {
      case 'store':
        return [
          this.store(link.value.dtype === 'i32' ? 'store_i32' : 'store_f32', link.value, link.into),
        ];
      case 'threshold':
        return this.thresholdSteps(link.value, channels);
      case 'multiThreshold': {
        const thresholds = link.value.inputs[1] as Value;
        const count = thresholds.shape[1] as number;
        const { scale, bias } = link.value.attrs as { scale: number; bias: number };
        return [
          {
            op: 'multithreshold',
            kind: 'channel',
            buffer: this.thresholdTable(thresholds, channels),
            count,
            a: scale,
            b: bias,
          },
        ];
      }
      case 'op': {
        const { form, reversed, operands } = link;
        if (form.op === 'cast') return [];
        if (form.op === 'store_bits' || form.op === 'store_i32')
          return [this.store(form.op, link.value, link.into)];
        const op = reversed ? (form.reversed as string) : form.op;
        const [a, b] = form.immediates ?? [0, 0];
        const [first, second] = operands;
        if (first === undefined) return [{ op, a, b }];
        const bufferOf = ({ value, layout }: Operand) =>
          layout === 'channel' ? this.perChannel(value, channels) : this.buffer(value);
        // A tensor of fewer channels is one that repeats.
        const pitch = first.layout === 'tensor' ? (first.value.shape.at(-1) as number) : channels;
        return [
          {
            op,
            kind: first.layout,
            buffer: bufferOf(first),
            ...(second && { second: bufferOf(second) }),
            a,
            b,
            ...(pitch !== channels && { pitch }),
          },
        ];
      }
    }
  }

  private store(op: string, value: Value, into: Slot | undefined): ChainStep {
    if (into === undefined) return { op, kind: 'tensor', buffer: this.buffer(value) };
    return {
      op,
      kind: 'tensor',
      buffer: this.buffer(into.whole),
      pitch: into.whole.shape.at(-1) as number,
      first: into.first,
    };
  }

  /** [C or 1, T] -> [T][C]. */
  private thresholdTable(thresholds: Value, channels: number): number {
    const source = thresholds.data?.data as Float32Array;
    const [rows, count] = thresholds.shape as readonly [number, number];
    const make = () =>
      Float32Array.from(
        { length: count * channels },
        (_, i) =>
          source[(rows === 1 ? 0 : i % channels) * count + Math.floor(i / channels)] as number,
      );
    return this.made(`${thresholds.name}^T${channels}`, make, count * channels * 4);
  }

  /**
   * (x < t) xor flip as a sign: x - t < 0, or for flipped channels t - 1 - x < 0. A difference of
   * floats has the right sign, so this is exact where floats hold t and t - 1: whatever x is, for
   * |t| below 2^24; and for every t if |x| is below 2^24, as binary sums are.
   */
  private thresholdSteps(node: Value, channels: number): ChainStep[] {
    const [, t, flip] = node.inputs;
    const limits = t?.data?.data;
    const flips = flip?.data?.data;
    if (limits === undefined || flips === undefined)
      throw expected('ERR_UNSUPPORTED', 'constant thresholds', 'a computed one', {
        op: node.op,
        node: node.name,
      });
    if (
      !isBinarySum(node.inputs[0] as Value) &&
      limits.some((t) => Math.abs(t) >= FLOAT_INTEGERS)
    ) {
      let most = 0;
      for (const t of limits) most = Math.max(most, Math.abs(t));
      throw expected(
        'ERR_UNSUPPORTED',
        'thresholds below 2^24 for integers that are no binary sums',
        most,
        {
          op: node.op,
          node: node.name,
        },
      );
    }
    const scale = this.made(
      `${node.name}#scale`,
      () => Float32Array.from(flips, (f) => (f ? -1 : 1)),
      channels * 4,
    );
    const shift = this.made(
      `${node.name}#shift`,
      () => Float32Array.from(limits, (limit, i) => (flips[i] ? limit - 1 : -limit)),
      channels * 4,
    );
    return [
      { op: 'mul', kind: 'channel', buffer: scale },
      { op: 'add', kind: 'channel', buffer: shift },
      { op: 'store_bits', kind: 'tensor', buffer: this.buffer(node) },
    ];
  }

  bytes(value: Value): number {
    return memoryBytes(value.dtype, value.shape);
  }
}

function noPlace(value: Value): BitplaneError {
  return new BitplaneError('ERR_GRAPH', 'has no place in memory; the schedule is broken', {
    op: value.op,
    node: value.name,
  });
}
