/**
 * What a lowering works with: buffers of values, constants, and the epilogue of its kernel. Not
 * here: any op.
 */
import { byteLength, DTYPES, heldAs, isSubByte } from '../../core/dtype.js';
import { BitplaneError, type ErrorSite, expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import { eachUnknown, type Value } from '../../graph/value.js';
import { addon, type NativeConstant } from '../../native/addon.js';
import {
  isOfRun,
  isScratch,
  type KernelCall,
  type Memory,
  type Scratch,
  scratch,
} from '../../schedule/calls.js';
import {
  type EpilogueStep,
  isStore,
  type Operand,
  type Slot,
  storage,
} from '../../schedule/epilogue.js';
import { memoryBytes } from '../../schedule/memory-bytes.js';
import type { MemoryPlan } from '../../schedule/memory-plan.js';
import { packWords } from '../../tensor/layout.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Assembler, EncodedStep } from '../assembler.js';
import type { ConstantPool } from '../constant-pool.js';
import { packedBytes } from '../limits.js';
import { nativeConstant } from '../native-constant.js';
import { LOW_BITS, type LowBit } from '../session-types.js';

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

/** The derivation of a constant that is its tensor, as it is. */
const AS_IS = 'as it is';

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

/** What weights are packed for, in the order of the field `kind` of the instruction `pack`. */
const READERS = ['bconv', 'conv', 'dwconv', 'qconv', 'qdwconv', 'input_gradient'] as const;
export type WeightReader = (typeof READERS)[number];

/** What a program is compiled over and for. */
export interface Setting {
  readonly isa: string;
  readonly without?: number;
  readonly threads: number;
  readonly lowBit?: LowBit;
  /** The states in whose memory values are written. */
  readonly homes: ReadonlyMap<Memory, Value>;
  /** The number of a state among those of the program. */
  stateNumber(state: Value): number;
}

/**
 * Lowering comes before the memory plan, because it asks for memory itself: buffers of the arena
 * lie nowhere until `place`.
 */
export class LoweringContext {
  /** Memory that the instructions of the call being lowered need beside what it names. */
  demands: Scratch[] = [];
  private readonly buffers = new Map<Memory, number>();
  private readonly constantBuffers = new Map<number, number>();
  private readonly unplaced: { buffer: number; of: Memory; offset: number }[] = [];

  constructor(
    readonly asm: Assembler,
    private readonly pool: ConstantPool,
    private readonly setting: Setting,
  ) {}

  /** The field `method` of instructions that multiply integers. */
  get method(): number {
    return LOW_BITS.indexOf(this.setting.lowBit ?? 'auto');
  }

  /** The buffer of a value in memory: in the arena, its state, or its constant. */
  buffer(memory: Memory): number {
    const source = isScratch(memory) ? memory : storage(memory);
    let buffer = this.buffers.get(source);
    if (buffer === undefined) {
      const home = this.setting.homes.get(source);
      if (home !== undefined) buffer = this.buffer(home);
      else if (isOfRun(source)) buffer = this.inArena(source, source, 0);
      else buffer = this.outsideArena(source as Value);
      this.buffers.set(source, buffer);
    }
    return buffer;
  }

  /** Lets `view` be the bytes of `of` from `offset` on. */
  show(view: Memory, of: Memory, offset: number): void {
    this.buffers.set(view, this.inArena(view, of, offset));
  }

  /** Gives every buffer of the arena its place. */
  place(places: MemoryPlan['places']): void {
    for (const { buffer, of, offset } of this.unplaced) {
      const place = places.get(of);
      if (place === undefined) throw noPlace(of);
      this.asm.place(buffer, place.offset + offset);
    }
  }

  private inArena(memory: Memory, of: Memory, offset: number): number {
    const buffer = this.asm.arena(0, this.bytes(memory));
    this.unplaced.push({ buffer, of, offset });
    return buffer;
  }

  private outsideArena(value: Value): number {
    if (value.op === 'state')
      return this.asm.state(this.setting.stateNumber(value), this.bytes(value));
    const tensor = value.data as Tensor;
    const site = { op: value.op, node: value.name };
    if (tensor.dtype !== 'b1') return this.asIs(tensor, this.bytes(value), site);
    const make = () => packWords(tensor.data as Uint8Array, tensor.shape);
    return this.made([tensor], 'words', make, this.bytes(value), site);
  }

  private asIs(tensor: Tensor, bytes: number, site: ErrorSite): number {
    // Steps read one byte an element, whatever the tensor takes on disk.
    if (isSubByte(tensor.dtype))
      return this.made([tensor], 'a byte an element', () => tensor.data, bytes, site);
    return this.made([tensor], AS_IS, () => nativeConstant(tensor), bytes, site);
  }

  /**
   * Weights as the instruction that reads them wants them: a constant is packed when that
   * instruction is built, everything else by an instruction of its own, before it, in every run.
   * @param fields of the instruction that reads them
   */
  weights(
    value: Value,
    node: Value,
    reader: WeightReader,
    fields: Readonly<Record<string, number>>,
  ): { readonly buffer: number; readonly bits: number } {
    const source = storage(value);
    if (source.op !== 'constant') return this.packed(value, node, reader, fields);
    const data = source.data as Tensor;
    return { buffer: this.constantWeights(data, node), bits: DTYPES[data.dtype].bits };
  }

  /** A constant that the instruction which reads it packs when it is built. */
  constantWeights(data: Tensor, node: Value): number {
    const site = { op: node.op, node: node.name };
    const make = () => nativeConstant(data);
    return this.asm.weights(
      this.pool.add([data], AS_IS, make, packedBytes(data), site),
      byteLength(data.dtype, data.size),
    );
  }

  private packed(
    value: Value,
    node: Value,
    reader: WeightReader,
    fields: Readonly<Record<string, number>>,
  ): { readonly buffer: number; readonly bits: number } {
    const { bits } = DTYPES[value.dtype];
    const integers = { xSigned: 0, xBits: 0, weightKind: 0, zero: 0 };
    const pack = { ...integers, ...fields, kind: READERS.indexOf(reader), weightBits: bits };
    const encoded = this.asm.encoded('pack', { ...pack, x: -1, y: -1 });
    const { isa, without = 0, threads } = this.setting;
    const bytes = addon().packedBytes(Int32Array.from(encoded), isa, without, threads);
    if (bytes === 0)
      throw expected('ERR_UNSUPPORTED', 'weights that a kernel can pack', showValue(value), {
        op: node.op,
        node: node.name,
      });
    const memory = scratch(`${value.name}.packed`, 'u8', [bytes]);
    this.demands.push(memory);
    const buffer = this.asm.packed(0, bytes);
    this.unplaced.push({ buffer, of: memory, offset: 0 });
    this.asm.emit('pack', { ...pack, x: this.buffer(value), y: buffer });
    return { buffer, bits };
  }

  /**
   * A constant made by lowering itself, such as thresholds.
   * @param from the tensors that it is made of
   * @param derivation how it is made of them
   */
  made(
    from: readonly Tensor[],
    derivation: string,
    make: () => NativeConstant,
    bytes: number,
    site: ErrorSite,
  ): number {
    const number = this.pool.add(from, derivation, make, bytes, site);
    const buffer = this.constantBuffers.get(number) ?? this.asm.constant(number, bytes);
    this.constantBuffers.set(number, buffer);
    return buffer;
  }

  /** An operand as one float a channel; one number of a constant stands for all channels. */
  perChannel(operand: Value, channels: number): number {
    const source = storage(operand);
    const data = source.op === 'constant' ? source.data : undefined;
    if (elementCount(operand.shape) === channels) return this.buffer(operand);
    if (data?.size !== 1)
      throw expected('ERR_UNSUPPORTED', `an operand of ${channels} channels`, operand.name, {
        op: operand.op,
        node: operand.name,
      });
    const make = () => new Float32Array(channels).fill(data.data[0] as number);
    const site = { op: operand.op, node: operand.name };
    return this.made([data], `times ${channels}`, make, channels * 4, site);
  }

  /**
   * The epilogue of a kernel as steps, stores included. `channels` is the last axis of what flows.
   */
  epilogue(kernel: KernelCall, channels: number): EncodedStep[] {
    return kernel.epilogue.flatMap((step) => this.step(step, channels));
  }

  private step(step: EpilogueStep, channels: number): EncodedStep[] {
    switch (step.kind) {
      case 'store':
        return [
          this.store(step.value.dtype === 'i32' ? 'store_i32' : 'store_f32', step.value, step.into),
        ];
      case 'threshold':
        return this.thresholdSteps(step.value, channels);
      case 'multiThreshold': {
        const thresholds = step.value.inputs[1] as Value;
        const count = thresholds.shape[1] as number;
        const { scale, bias } = step.value.attrs as { scale: number; bias: number };
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
        const { form, reversed, operands } = step;
        if (form.op === 'cast') return [];
        if (isStore(form)) return [this.store(form.op, step.value, step.into)];
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
            ...(first.value.dtype !== 'f32' && { dtype: heldAs(first.value.dtype) }),
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

  private store(op: string, value: Value, into: Slot | undefined): EncodedStep {
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
    const tensor = thresholds.data as Tensor;
    const source = tensor.data as Float32Array;
    const [rows, count] = thresholds.shape as readonly [number, number];
    const make = () =>
      Float32Array.from(
        { length: count * channels },
        (_, i) =>
          source[(rows === 1 ? 0 : i % channels) * count + Math.floor(i / channels)] as number,
      );
    const site = { op: thresholds.op, node: thresholds.name };
    return this.made([tensor], `transposed, ${channels}`, make, count * channels * 4, site);
  }

  /**
   * (x < t) xor flip as a sign: x - t < 0, or for flipped channels t - 1 - x < 0. A difference of
   * floats has the right sign, so this is exact where floats hold t and t - 1: whatever x is, for
   * |t| below 2^24; and for every t if |x| is below 2^24, as binary sums are.
   */
  private thresholdSteps(node: Value, channels: number): EncodedStep[] {
    const tensors = thresholdTensors(node);
    const [limits, flips] = tensors.map(({ data }) => data) as [Int32Array, Int32Array];
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
    const site = { op: node.op, node: node.name };
    const scales = () => Float32Array.from(flips, (f) => (f ? -1 : 1));
    const shifts = () => Float32Array.from(limits, (limit, i) => (flips[i] ? limit - 1 : -limit));
    const scale = this.made(tensors, 'scale', scales, channels * 4, site);
    const shift = this.made(tensors, 'shift', shifts, channels * 4, site);
    return [
      { op: 'mul', kind: 'channel', buffer: scale },
      { op: 'add', kind: 'channel', buffer: shift },
      { op: 'store_bits', kind: 'tensor', buffer: this.buffer(node) },
    ];
  }

  bytes(value: Memory): number {
    return memoryBytes(value.dtype, value.shape);
  }
}

/**
 * The thresholds of a node, and which channels are turned.
 * @throws BitplaneError ERR_UNSUPPORTED where these are no constants
 */
export function thresholdTensors(node: Value): readonly [Tensor, Tensor] {
  const [, t, flip] = node.inputs;
  if (t?.op !== 'constant' || flip?.op !== 'constant')
    throw expected('ERR_UNSUPPORTED', 'constant thresholds', 'computed ones', {
      op: node.op,
      node: node.name,
    });
  return [t.data as Tensor, flip.data as Tensor];
}

function showValue({ name, op, dtype }: Value): string {
  return `"${name}" (${op}, ${dtype})`;
}

function noPlace(memory: Memory): BitplaneError {
  return new BitplaneError('ERR_GRAPH', 'has no place in memory; the schedule is broken', {
    op: isScratch(memory) ? 'memory' : memory.op,
    node: memory.name,
  });
}
