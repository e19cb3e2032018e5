/**
 * Runs one-instruction programs on a chosen instruction set, below sessions: for tests that compare
 * every kernel variant with its oracle.
 */
import { addon, type NativeProgram } from '../../src/native/addon.js';
import { type IsaName, supportedIsas } from '../../src/native/isa.js';
import { Assembler, type EncodedStep } from '../../src/runtime/assembler.js';
import { ConstantPool } from '../../src/runtime/constant-pool.js';
import { launch } from '../../src/runtime/scheduler.js';

/** True where an emulator runs the tests (scripts/cpu-suites.mjs). */
export const isEmulated = process.env.BITPLANE_EMULATED !== undefined;

/**
 * The instruction sets to test: BITPLANE_ISA alone if it is set, else all that this machine has. An
 * emulated machine takes many times as long for each, and the scalar one is tested elsewhere: there
 * it is the best alone.
 */
export function testedIsas(): IsaName[] {
  const supported = supportedIsas();
  const forced = isEmulated ? supported.at(-1) : process.env.BITPLANE_ISA;
  return supported.filter((isa) => forced === undefined || isa === forced);
}

/**
 * Each of those with all of its CPU features, then without the last of them, and so on until it has
 * none: every variant that a feature has is the best once.
 */
export function testedFeatures(): (readonly [isa: IsaName, without: number])[] {
  return testedIsas().flatMap((isa) => {
    const bits = addon().features.flatMap(({ isas }, i) => (isas.includes(isa) ? [2 ** i] : []));
    const last = (count: number) => bits.slice(bits.length - count);
    return [0, ...bits.map((_, i) => last(i + 1).reduce((sum, bit) => sum + bit))].map(
      (without) => [isa, without] as const,
    );
  });
}

/**
 * The contents of a buffer of a test program: feeds, a constant, constant weights, or memory to
 * write, of the kind and size of an array.
 */
export type Slot =
  | { readonly feed: NodeJS.TypedArray }
  | { readonly constant: NodeJS.TypedArray }
  | { readonly weights: NodeJS.TypedArray }
  | Packed
  | { readonly result: NodeJS.TypedArray };

/** Weights in memory form, packed in the run. */
interface Packed {
  readonly packed: NodeJS.TypedArray;
  /** As the instruction `pack` takes it. */
  readonly kind: number;
  readonly bits: number;
}

export interface Case {
  readonly opcode: string;
  /** Every field that is no buffer. */
  readonly fields: Readonly<Record<string, number>>;
  /** Every field that is a buffer, and operands of the epilogue by any other name. */
  readonly buffers: Readonly<Record<string, Slot>>;
  /** `operand` and `secondOperand` name buffers. */
  readonly epilogue?: readonly (Omit<EncodedStep, 'buffer' | 'second'> & {
    readonly operand?: string;
    readonly secondOperand?: string;
  })[];
  /** Instructions that follow, over the same buffers. */
  readonly after?: readonly Pick<Case, 'opcode' | 'fields'>[];
}

/** A program of one case, what it is fed and what it writes. */
interface Built {
  readonly program: NativeProgram;
  readonly feeds: readonly NodeJS.TypedArray[];
  readonly targets: Record<string, NodeJS.TypedArray>;
}

/**
 * Runs a case; results by buffer name, fresh arrays. Their memory holds ones before the run, and
 * zeros before the oracle's run, so an element or tail bit that a kernel does not write differs.
 * `without` are CPU features that kernels may not use, as bits.
 */
export async function runCase(
  test: Case,
  isa: IsaName,
  threads = 1,
  without = 0,
): Promise<Record<string, NodeJS.TypedArray>> {
  const { program, feeds, targets } = build(test, isa, threads, without);
  let ticket = 0;
  await new Promise<void>((resolve) => {
    ticket = launch(program, feeds, false, 0, () => resolve());
  });
  program.finish(ticket, Object.values(targets));
  program.release();
  return targets;
}

/** The variant that runs a case. */
export function kernelOf(test: Case, isa: IsaName, without = 0): string {
  const { program } = build(test, isa, 1, without);
  const name = program.kernels.at(-1) as string;
  program.release();
  return name;
}

function build(test: Case, isa: IsaName, threads: number, without: number): Built {
  const native = addon();
  const asm = new Assembler(native);
  const pool = new ConstantPool();
  const numbers: Record<string, number> = {};
  const inputs: number[] = [];
  const feeds: NodeJS.TypedArray[] = [];
  const outputs: number[] = [];
  const targets: Record<string, NodeJS.TypedArray> = {};
  let arenaBytes = 0;
  const place = (bytes: number) => {
    const number = asm.arena(arenaBytes, bytes);
    arenaBytes += Math.ceil((bytes + 64) / 64) * 64;
    return number;
  };
  for (const [name, slot] of Object.entries(test.buffers)) {
    if ('constant' in slot)
      numbers[name] = asm.constant(
        pool.add([], name, () => slot.constant),
        slot.constant.byteLength,
      );
    else if ('weights' in slot)
      numbers[name] = asm.weights(
        pool.add([], name, () => slot.weights),
        slot.weights.byteLength,
      );
    else if ('packed' in slot) {
      const x = place(slot.packed.byteLength);
      inputs.push(x);
      feeds.push(slot.packed);
      const { c = 0 } = test.fields;
      const unused = { padding: 0, xSigned: 0, xBits: 0, weightKind: 0, zero: 0 };
      const pack = { o: c, g: c, ...unused, ...test.fields, x, kind: slot.kind };
      const fields = { ...pack, weightBits: slot.bits };
      const encoded = Int32Array.from(asm.encoded('pack', { ...fields, x: -1, y: -1 }));
      const bytes = native.packedBytes(encoded, isa, without, threads);
      // What lay there before must not matter.
      const dirty = place(bytes);
      inputs.push(dirty);
      feeds.push(new Uint8Array(bytes).fill(0xa5));
      numbers[name] = asm.packed(arenaBytes - Math.ceil((bytes + 64) / 64) * 64, bytes);
      asm.emit('pack', { ...fields, y: numbers[name] });
    } else if ('feed' in slot) {
      numbers[name] = place(slot.feed.byteLength);
      inputs.push(numbers[name]);
      feeds.push(slot.feed);
    } else {
      numbers[name] = place(slot.result.byteLength);
      outputs.push(numbers[name]);
      targets[name] = slot.result.slice();
      inputs.push(numbers[name]);
      feeds.push(new Uint8Array(slot.result.byteLength).fill(isa === 'reference' ? 0 : 255));
    }
  }
  const epilogue = (test.epilogue ?? []).map(({ operand, secondOperand, ...step }) => ({
    ...step,
    ...(operand !== undefined && { buffer: numbers[operand] as number }),
    ...(secondOperand !== undefined && { second: numbers[secondOperand] as number }),
  }));
  asm.emit(test.opcode, { ...test.fields, ...numbers }, epilogue);
  for (const { opcode, fields } of test.after ?? []) asm.emit(opcode, { ...fields, ...numbers });
  pool.settle(Infinity);
  const { code, buffers } = asm.finish();
  const program = new native.Program(
    new native.Constants(pool.constants),
    code,
    buffers,
    { arenaBytes, isa, threads, without },
    inputs,
    outputs,
  );
  return { program, feeds, targets };
}

export function randomFloats(count: number, next: () => number, scale = 2): Float32Array {
  return Float32Array.from({ length: count }, () => (next() - 0.5) * scale);
}

export function randomBytes(count: number, next: () => number): Uint8Array {
  return Uint8Array.from({ length: count }, () => Math.floor(next() * 256));
}

/** A packed map of `pixels` pixels: random bits, tails 0. */
export function randomBitMap(pixels: number, channels: number, next: () => number): Uint8Array {
  const row = Math.ceil(channels / 64) * 8;
  const words = new Uint8Array(pixels * row);
  for (let p = 0; p < pixels; p++) {
    for (let c = 0; c < channels; c++) if (next() < 0.5) words[p * row + (c >> 3)]! |= 1 << (c & 7);
  }
  return words;
}

/** Random weights in disk form, the tail of the last byte 0. */
export function randomBits(count: number, next: () => number): Uint8Array {
  const bytes = randomBytes(Math.ceil(count / 8), next);
  if (count % 8 !== 0) bytes[bytes.length - 1]! &= (1 << (count % 8)) - 1;
  return bytes;
}
