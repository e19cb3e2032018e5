/**
 * Writes programs: numbered buffers and encoded instructions, as native/kernels/step.h reads them.
 * The names of instructions, fields and epilogue steps come from the addon's own tables, so the two
 * sides cannot drift apart. Not here: which instructions an op becomes (./lower).
 */
import { BitplaneError, type ErrorSite } from '../core/errors.js';
import type { NativeAddon } from '../native/addon.js';
import { requireFields } from './field-limits.js';

const ARENA = 0;
const CONSTANT = 1;
const WEIGHTS = 2;
const STATE = 3;
const PACKED = 4;

/**
 * Layouts of an epilogue operand, in the order of OperandKind in
 * native/kernels/epilogue/epilogue.h.
 */
const OPERAND_KINDS = ['none', 'channel', 'tensor', 'image_channel', 'pixel'] as const;

/** What an epilogue operand holds, in the order of OperandType there. */
const OPERAND_TYPES = ['f32', 'i32', 'i8', 'u8', 'b1'] as const;

export interface EncodedStep {
  readonly op: string;
  readonly kind?: (typeof OPERAND_KINDS)[number];
  /** Of both operands; f32 unless given. A store's op says what it writes. */
  readonly dtype?: (typeof OPERAND_TYPES)[number];
  readonly buffer?: number;
  /** The second operand of a step that has two; it lies as the first. */
  readonly second?: number;
  readonly count?: number;
  readonly a?: number;
  readonly b?: number;
  /** Stores into a wider map: its number of channels, and the first that this epilogue writes. */
  readonly pitch?: number;
  readonly first?: number;
}

/** An instruction that packs weights: its code, and the numbers of the constants. */
export interface Packing {
  readonly from: number;
  readonly to: number;
  readonly constants: readonly number[];
}

export class Assembler {
  private readonly opcodes: ReadonlyMap<
    string,
    {
      readonly number: number;
      readonly fields: readonly string[];
      /** Fields that hold buffers of weights. */
      readonly weights: readonly string[];
    }
  >;
  private readonly epilogueOps: ReadonlyMap<string, number>;
  private readonly code: number[] = [];
  private readonly buffers: number[] = [];
  private readonly real = new Float32Array(1);
  private readonly bits = new Int32Array(this.real.buffer);
  /** Where instructions begin in the code, and the buffers of weights that each packs. */
  private readonly instructions: { readonly from: number; readonly weights: number[] }[] = [];
  /** How many instructions are written so far. */
  length = 0;
  /** The layer that the next instructions compute, which errors name. */
  site: ErrorSite = {};

  constructor(native: NativeAddon) {
    this.opcodes = new Map(
      native.opcodes.map(({ name, fields }, number) => [
        name,
        {
          number,
          fields: fields.map((field) => field.name),
          weights: fields.filter(({ kind }) => kind === 'weights').map((field) => field.name),
        },
      ]),
    );
    this.epilogueOps = new Map(native.epilogueOps.map((name, number) => [name, number]));
  }

  arena(offset: number, bytes: number): number {
    return this.buffer(ARENA, offset, bytes);
  }

  /** Constant number `index`, readable while the program runs. */
  constant(index: number, bytes: number): number {
    return this.buffer(CONSTANT, index, bytes);
  }

  /** Constant number `index`, packed by the instruction that names it and read in no other way. */
  weights(index: number, bytes: number): number {
    return this.buffer(WEIGHTS, index, bytes);
  }

  /** State number `index` of those that the program is built over. */
  state(index: number, bytes: number): number {
    return this.buffer(STATE, index, bytes);
  }

  /** Arena memory for weights in the form that an instruction `pack` gives them. */
  packed(offset: number, bytes: number): number {
    return this.buffer(PACKED, offset, bytes);
  }

  /** Moves a buffer of the arena, which lay nowhere yet. */
  place(buffer: number, offset: number): void {
    this.buffers[3 * buffer + 1] = offset;
  }

  private buffer(kind: number, where: number, bytes: number): number {
    return this.buffers.push(kind, where, bytes) / 3 - 1;
  }

  /** One instruction; every field of the opcode must be given. */
  emit(
    opcode: string,
    fields: Readonly<Record<string, number>>,
    epilogue: readonly EncodedStep[] = [],
  ): void {
    const values = this.encoded(opcode, fields);
    this.instructions.push({ from: this.code.length, weights: this.weightsOf(opcode, fields) });
    this.code.push(this.opcodes.get(opcode)?.number as number, values.length);
    for (const value of values) this.code.push(value);
    this.code.push(epilogue.length);
    for (const step of epilogue) {
      const op = this.epilogueOps.get(step.op);
      if (op === undefined)
        throw new BitplaneError(
          'ERR_NATIVE',
          `the addon has no epilogue step ${step.op}; rebuild it with \`npm run build:native\``,
        );
      this.code.push(
        op,
        OPERAND_KINDS.indexOf(step.kind ?? 'none'),
        OPERAND_TYPES.indexOf(step.dtype ?? 'f32'),
        step.buffer ?? -1,
        step.second ?? -1,
        step.count ?? 0,
        this.floatBits(step.a ?? 0),
        this.floatBits(step.b ?? 0),
        step.pitch ?? 0,
        step.first ?? 0,
      );
    }
    this.length++;
  }

  /**
   * The fields of an instruction in their order. @throws BitplaneError ERR_UNSUPPORTED for a number
   * that the kernel cannot count to
   */
  encoded(opcode: string, fields: Readonly<Record<string, number>>): number[] {
    const row = this.opcodes.get(opcode);
    if (row === undefined)
      throw new BitplaneError(
        'ERR_NATIVE',
        `the addon has no instruction ${opcode}; rebuild it with \`npm run build:native\``,
      );
    const values: Record<string, number> = {};
    for (const field of row.fields) {
      const value = fields[field];
      if (value === undefined)
        throw new BitplaneError('ERR_NATIVE', `instruction ${opcode} needs a field ${field}`);
      values[field] = value;
    }
    requireFields(opcode, values, this.site);
    return Object.values(values);
  }

  /** The buffers of constant weights that an instruction packs. */
  private weightsOf(opcode: string, fields: Readonly<Record<string, number>>): number[] {
    const names = this.opcodes.get(opcode)?.weights ?? [];
    return names
      .map((name) => fields[name] ?? -1)
      .filter((buffer) => buffer >= 0 && this.buffers[3 * buffer] === WEIGHTS);
  }

  /**
   * The instructions that pack so many bytes of weights and more: where they lie in the code, and
   * which constants they pack.
   */
  packing(least: number): Packing[] {
    return this.instructions.flatMap(({ from, weights }, i) => {
      const bytes = weights.reduce((sum, buffer) => sum + this.buffers[3 * buffer + 2]!, 0);
      if (bytes < least) return [];
      const constants = weights.map((buffer) => this.buffers[3 * buffer + 1]!);
      return [{ from, to: this.instructions[i + 1]?.from ?? this.code.length, constants }];
    });
  }

  /** A float as the integer that has its bits. */
  floatBits(value: number): number {
    this.real[0] = value;
    return this.bits[0] as number;
  }

  epilogueOp(name: string): number {
    return this.epilogueOps.get(name) ?? -1;
  }

  finish(): { readonly code: Int32Array; readonly buffers: Float64Array } {
    return { code: Int32Array.from(this.code), buffers: Float64Array.from(this.buffers) };
  }
}
