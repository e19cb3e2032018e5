/**
 * What an op is: one object, in one place, listed once in ./index.ts. Not here: any op.
 */
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AttributeRules } from './attributes.js';

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

/** How an element-wise op reads in a native chain; see native/kernels/epilogue/epilogue.h. */
export interface ChainForm {
  /** Name in BITPLANE_CHAIN_OPS when the left operand flows through the chain. */
  readonly op: string;
  /**
   * Name when the right operand flows through the chain, for ops that do not commute (sub -> rsub);
   * absent if impossible.
   */
  readonly reversed?: string;
  /** The immediates a and b. */
  readonly immediates?: readonly [number, number];
}

/**
 * The optional members are methods, not function properties, so that an OpDef of any attributes is
 * an OpDef.
 */
export interface OpDef<A extends Attrs = Attrs> {
  readonly name: string;
  /** The operands in order, as errors name them. */
  readonly operands: readonly string[];
  /** The last operand may be repeated. */
  readonly variadic?: true;
  /** Every attribute with the values it may take; a node carries exactly these. */
  readonly attributes: AttributeRules<A>;
  /**
   * Dtype and shape of the result; throws a BitplaneError naming the node where inputs or
   * attributes do not fit.
   */
  infer(draft: NodeDraft<A>): Inferred;
  /**
   * For element-wise ops: the float32 result of one element, exactly as every kernel computes it
   * (but tanh, sigmoid, exp, log and pow).
   */
  scalar?(attrs: A): (...operands: number[]) => number;
  /** For element-wise ops: how a chain says it; undefined where these attributes cannot be said. */
  chain?(attrs: A): ChainForm | undefined;
  /**
   * Non-decreasing in its first operand for every value of the others? `'sign'`: the direction
   * follows the sign of the second operand.
   */
  monotone?(attrs: A): boolean | 'sign';
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
}
