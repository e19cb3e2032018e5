/**
 * The type of a quantizer of a layer: a value with its formula, its precision, its paper, and a
 * pseudo-gradient (its own gradient is zero almost everywhere). Those of more than one bit are made
 * from a QuantSpec (./layer-weights.ts, ./layer-inputs.ts). Not here: any quantizer; layers with
 * parameters (src/nn), gradients.
 */
import { requireOneOf } from '../core/checks.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { type PseudoGradient, requirePseudoGradient } from './pseudo-gradient.js';
import type { QuantSpec } from './spec.js';

/**
 * The value of sign(0). `'plus'`: +1, which one bit can hold. `'torch'`: 0, as torch.sign has it in
 * the authors' releases; a tensor that may hold 0 then stays float, or takes two bit planes.
 */
export type SignOfZero = (typeof SIGNS_OF_ZERO)[number];
const SIGNS_OF_ZERO = ['plus', 'torch'] as const;

/** @throws BitplaneError ERR_ARGUMENT for an unknown zero rule or pseudo-gradient */
export function requireSignRule(
  op: string,
  zero: SignOfZero,
  pseudoGradient: PseudoGradient,
): void {
  requireOneOf(zero, SIGNS_OF_ZERO, 'zero', { op });
  requirePseudoGradient(pseudoGradient, op);
}

/** What every quantizer tells about itself. */
export interface Quantizer {
  readonly name: string;
  /** Bits of an element. */
  readonly precision: number;
  /** Of quantizers that take the sign of a number alone. */
  readonly zero?: SignOfZero;
  /** Of quantizers that are made from one. */
  readonly spec?: QuantSpec;
  /** As the paper writes it. */
  readonly formula: string;
  readonly pseudoGradient: PseudoGradient;
  readonly paper: string;
}

/**
 * Quantized weights: the layer multiplies by `values`, then its result by `scale` [O], so that
 * products stay integers.
 */
export interface QuantizedWeights {
  readonly values: Value<'f32'>;
  readonly scale?: Value<'f32'>;
}

export interface WeightQuantizer extends Quantizer {
  /** Only numbers can be quantized, not values that a graph computes. */
  readonly constantsOnly?: true;
  /**
   * w is [O, ...]. Numbers (constants) are quantized at once; other values become ops under names
   * that begin with `name`.
   */
  quantize(g: GraphBuilder, name: string, w: Value<'f32'>): QuantizedWeights;
  /**
   * The quantized weights as one value, `values` times `scale`, through which a gradient reaches w.
   * Absent where it reaches w as it is.
   */
  trained?(g: GraphBuilder, name: string, w: Value<'f32'>): Value<'f32'>;
}

export interface ActivationQuantizer extends Quantizer {
  /** Demands one bit: a layer whose input may be 0 under zero: 'torch' is then an error. */
  readonly packed: boolean;
  /** The range that it begins with; absent where it has none to learn. */
  readonly range?: number;
  /** `range` [] is the greatest magnitude that has a code; it is the layer's parameter. */
  quantize(g: GraphBuilder, name: string, x: Value<'f32'>, range?: Value<'f32'>): Value<'f32'>;
  /** The same numbers, through which a gradient reaches x and the range. */
  trained(g: GraphBuilder, name: string, x: Value<'f32'>, range?: Value<'f32'>): Value<'f32'>;
}
