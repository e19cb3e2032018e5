/**
 * What an op is: one object, in one file, listed once in ./index.ts. Everything that any part of
 * bitplane asks about an op is a member here. Not here: any op.
 */
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AttributeRules } from './attributes.js';
import type { Emit } from './gradient.js';
import type { RangeOf, ValueRange } from './value-range.js';

/** Multiply-accumulates of one node, by kind. */
export interface Macs {
  readonly binary: number;
  readonly integer: number;
  readonly float: number;
}

/** The dtype and shape of a node's result. */
export interface Inferred {
  readonly dtype: DType;
  readonly shape: Shape;
}

/**
 * What a shape rule sees: a Value before it exists. The number of inputs and every attribute are
 * already checked.
 */
export interface NodeDraft<A extends Attrs = Attrs> {
  readonly op: string;
  readonly name: string;
  /** The names of the operands, as the op declares them. */
  readonly operands: readonly string[];
  readonly inputs: readonly Value[];
  readonly attrs: A;
}

/** How an element-wise op reads in a native epilogue; see native/kernels/epilogue/epilogue.h. */
export interface StepForm {
  /** Name in BITPLANE_EPILOGUE_OPS when the left operand flows through the epilogue. */
  readonly op: string;
  /**
   * Name when the right operand flows through the epilogue, for ops that do not commute (sub ->
   * rsub); absent if impossible.
   */
  readonly reversed?: string;
  /** The immediates a and b. */
  readonly immediates?: readonly [number, number];
}

/** An op whose operands were transposed, as the same op over the operands before that. */
export interface Transposed {
  readonly attrs: Attrs;
  /** The transposition that the new result needs to be the old one. */
  readonly perm: readonly number[];
}

/** A name of the caller's choice; else names count up: conv2d_1, conv2d_2. */
export interface Named {
  /** Unique in the graph. */
  readonly name?: string;
}

/** A value of 32-bit floats in a graph. */
export type Float = Value<'f32'>;
/** A number stands for a constant that broadcasts. */
export type Operand = Float | number;

/** What the GraphBuilder lends the method of an op. */
export interface NodeMaker<A extends Attrs> {
  /** `attrs` are those that the method takes as arguments, `defaults` those that are options. */
  node<D extends Partial<A> = Record<never, never>>(
    inputs: readonly Value[],
    attrs: Omit<A, keyof D>,
    options?: Named,
    defaults?: D,
  ): Value;
  operand(value: Operand): Float;
}

/**
 * `A` are the op's attributes. The optional members are methods, not function properties, so that
 * an OpDef of any attributes is an OpDef.
 */
export interface OpDef<A extends Attrs = Attrs> {
  readonly name: string;
  /** The operands in order, as errors name them. */
  readonly operands: readonly [string, ...string[]];
  /** The last operand may be repeated. */
  readonly variadic?: true;
  /** Every attribute with the values it may take; a node carries exactly these. */
  readonly attributes: AttributeRules<A>;
  /**
   * Dtype and shape of the result; throws a BitplaneError naming the node on inputs that misfit.
   */
  infer(draft: NodeDraft<A>): Inferred;
  /** The GraphBuilder's method for the op. */
  method(maker: NodeMaker<A>): (...args: never[]) => Value;

  // What it computes

  /** For element-wise ops: the float32 result of one element, as the kernels compute it. */
  scalar?(attrs: A): (...operands: number[]) => number;
  /** Kernels may differ from `scalar` in the last place, so nothing is concluded from it. */
  readonly approximate?: true;
  /** Result and operand agree element by element: what `scalar` implies, for other dtypes too. */
  readonly elementwise?: true;
  /**
   * The result on constant inputs, for constant folding and as a readable oracle. Element-wise ops
   * need none: `scalar` serves.
   */
  evaluate?(inputs: readonly Tensor[], attrs: A, result: Inferred): Tensor;
  /**
   * What `evaluate` costs, in elements touched; absent means the elements of the operands and the
   * result. Shapes are concrete when it is called, and it takes the same time for all of them.
   */
  work?(node: Value): number;
  /** Multiply-accumulates; absent means none. Shapes are concrete when it is called. */
  macs?(node: Value): Macs;

  // How a loss changes with its operands

  /**
   * The gradient of a loss with respect to each operand, from `upstream`, that with respect to the
   * result: f32, of the operand's shape; undefined where none flows. An op has this or
   * `noGradient`.
   */
  gradient?(node: Value, upstream: Float, e: Emit): readonly (Float | undefined)[];
  /** Why it has none: completes the sentence "... has no gradient: ". */
  readonly noGradient?: string;
  /** Operands, by number, that a gradient never reaches, whatever they depend on. */
  readonly stops?: readonly number[];

  // What passes ask

  /** The numbers that the result can be; absent or undefined means any. */
  range?(node: Value, rangeOf: RangeOf): ValueRange | undefined;
  /**
   * For element-wise ops, while operand number `moving` grows and the other one stands still: does
   * the result rise throughout or fall throughout? `others` are the numbers that the other operand
   * holds.
   */
  monotone?(attrs: A, moving: number, others?: Float32Array): boolean;
  /** The operand that the node equals, to the bit, NaN and -0 included. */
  identity?(node: Value): Value | undefined;
  /** Done twice it is what it is done once. */
  readonly idempotent?: true;
  /**
   * Attributes of one node that does what `outer` does to the result of `inner`, both of this op.
   */
  compose?(outer: Value, inner: Value): Attrs | undefined;
  /**
   * The node over operands before a transposition, where the operand was t = transpose(x, perm):
   * axis i of t is axis perm[i] of x. Absent means that it cannot be said so. The first operand was
   * transposed, of a variadic op each. Element-wise ops need none.
   */
  transposed?(node: Value, perm: readonly number[]): Transposed | undefined;
  /** The result holds elements of the operands, or of a border, and computes none. */
  readonly moves?: true;
  /**
   * Works on maps [N, H, W, C]: a transposition before it is one that a model's layout asked for.
   */
  readonly channelsLast?: true;

  // How it runs

  /** How an epilogue says it; undefined where these attributes cannot be said. */
  step?(attrs: A): StepForm | undefined;
  /**
   * Its kernel for floats takes weights, the second operand, that rest in few bits and are made
   * floats by the operations of the graph (src/passes/quantized-weights.ts).
   */
  fewBitWeights?(node: Value): boolean;
  /**
   * Its kernel reads (cast(q) - zero) * scale from q, integers of at most 8 bits, with the same
   * bits as from the floats.
   */
  readsIntegers?(node: Value): boolean;
  /**
   * Operands that a session takes as constants only: it makes tables of them when it builds a
   * program.
   */
  readonly fixed?: readonly string[];
  /** Its kernel runs an epilogue on what it computes. */
  epilogue?(node: Value): boolean;
}
