/**
 * What a schedule is a list of: calls of kernels, copies, and pairs of layers cut into strips; and
 * the memory that they read and write. Not here: how they are found (./fuse.ts, ./strips.ts),
 * where memory lies (./memory-plan.ts).
 */
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import type { Dequantized } from './dequantized.js';
import type { EpilogueStep } from './epilogue.js';

/** Memory that no value of the graph stands for: the schedule itself made it. */
export interface Scratch {
  readonly scratch: true;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** What calls read and write. */
export type Memory = Value | Scratch;

export function scratch(name: string, dtype: DType, shape: Shape): Scratch {
  return Object.freeze({ scratch: true, name, dtype, shape });
}

export function isScratch(memory: Memory): memory is Scratch {
  return 'scratch' in memory;
}

/**
 * True for memory that every run has of its own: not for constants and states, which lie elsewhere.
 */
export function isOfRun(memory: Memory): boolean {
  return isScratch(memory) || (memory.op !== 'constant' && memory.op !== 'state');
}

/** What each call leaves in memory, and what it needs. */
export interface Access {
  /** What the call leaves in memory. */
  readonly stores: readonly Memory[];
  /** What it reads from memory that runs write. Constants are not listed. */
  readonly reads: readonly Memory[];
}

/** What one instruction (or a few) computes. */
export interface KernelCall extends Access {
  readonly kind: 'kernel';
  /**
   * The value whose op begins the kernel. For op 'map' kernels, the value that flows in from
   * memory.
   */
  readonly anchor: Value;
  /** True when the anchor is only read: the kernel is the epilogue alone. */
  readonly map: boolean;
  readonly epilogue: readonly EpilogueStep[];
  readonly stores: readonly Value[];
  readonly reads: readonly Value[];
  /** The integers that the anchor reads in place of its operand, where it does. */
  readonly integers?: Dequantized;
  /** For a concatenation: the parts that lie in it already. */
  readonly inPlace?: ReadonlySet<Value>;
}

/** The bytes of `from`, as they are, to `to`. */
export interface CopyCall extends Access {
  readonly kind: 'copy';
  readonly from: Memory;
  readonly to: Memory;
}

/** Rows of memory that a strip reads or writes. */
export interface View {
  readonly of: Memory;
  /** Bytes from the beginning of `of`. */
  readonly offset: number;
}

/** One instruction of a pair that is cut into strips, on behalf of the layer that it counts to. */
export type StripPart = { readonly on: KernelCall } & (
  | { readonly run: KernelCall }
  | { readonly from: Value; readonly to: Value }
);

/**
 * Two layers in one call. Each part is a layer over a few rows. Its inputs and results are values
 * of those rows alone, and `views` says where each of them lies in memory.
 */
export interface StripedCall extends Access {
  readonly kind: 'strips';
  readonly anchor: Value;
  readonly parts: readonly StripPart[];
  readonly views: ReadonlyMap<Value, View>;
}

export type Call = KernelCall | CopyCall | StripedCall;

export function isStriped(call: Call): call is StripedCall {
  return call.kind === 'strips';
}

/** A copy of the bytes of a value as they are. */
export function copyCall(from: Memory, to: Memory): CopyCall {
  const reads = !isScratch(from) && from.op === 'constant' ? [] : [from];
  return { kind: 'copy', from, to, reads, stores: [to] };
}
