/**
 * The type of a quantizer of a layer: a value with its formula, its precision, its paper, and a
 * pseudo-gradient (its own gradient is zero almost everywhere). Those of more than one bit are made
 * from a QuantSpec (./layer-weights.ts, ./layer-inputs.ts). Not here: any quantizer; layers with
 * parameters (src/nn), gradients.
 */
import { requireOneOf } from '../core/checks.js';
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import type { Tensor } from '../tensor/tensor.js';
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
  /** What it is called. */
  readonly name: string;
  /** Bits of an element. */
  readonly precision: number;
  /** Of quantizers that take the sign of a number alone. */
  readonly zero?: SignOfZero;
  /** Of quantizers that are made from one. */
  readonly spec?: QuantSpec;
  /** As the paper writes it. */
  readonly formula: string;
  /** What stands in for its gradient. */
  readonly pseudoGradient: PseudoGradient;
  /** Where it is from. */
  readonly paper: string;
}

/**
 * Quantized weights: the layer multiplies by `values`, then its result by `scale`, [O] or one
 * number, so that products stay integers.
 */
export interface QuantizedWeights {
  /** The quantized weights, or their signs. */
  readonly values: Value<'f32'>;
  /** What they are multiplied by; absent: nothing. */
  readonly scale?: Value<'f32'>;
}

/** What a layer has learned for a quantizer: parameters of one number each, by their names. */
export type Learned = Readonly<Record<string, Value<'f32'>>>;

/** A quantizer of a layer's weights. */
export interface WeightQuantizer extends Quantizer {
  /** Parameters of the layer, and what each begins with, given weights as the layer begins. */
  readonly learned?: Readonly<Record<string, (w: Float32Array) => number>>;
  /** Only numbers can be quantized, not values that a graph computes. */
  readonly constantsOnly?: true;
  /**
   * w is [O, ...]. Numbers (constants) are quantized at once; other values become ops under names
   * that begin with `name`.
   */
  quantize(g: GraphBuilder, name: string, w: Value<'f32'>, learned?: Learned): QuantizedWeights;
  /**
   * The quantized weights as one value, `values` times `scale`, through which a gradient reaches w.
   * Absent where it reaches w as it is.
   */
  trained?(g: GraphBuilder, name: string, w: Value<'f32'>, learned?: Learned): Value<'f32'>;
}

/** A quantizer of a layer's input. */
export interface ActivationQuantizer extends Quantizer {
  /** Demands one bit: a layer whose input may be 0 under zero: 'torch' is then an error. */
  readonly packed: boolean;
  /** Parameters of the layer, and what each begins with. */
  readonly learned?: Readonly<Record<string, number>>;
  /** Adds the quantized value of x to the graph. */
  quantize(g: GraphBuilder, name: string, x: Value<'f32'>, learned?: Learned): Value<'f32'>;
  /** The same numbers, through which a gradient reaches x and what is learned. */
  trained(g: GraphBuilder, name: string, x: Value<'f32'>, learned?: Learned): Value<'f32'>;
}

/** @throws BitplaneError ERR_ARGUMENT for a parameter that was not given */
export function learnedNumber(
  learned: Learned | undefined,
  which: string,
  op: string,
  node: string,
): Value<'f32'> {
  const value = learned?.[which];
  if (value === undefined) throw expected('ERR_ARGUMENT', `a ${which}`, value, { op, node });
  return value;
}

/**
 * The number of a constant that stands for a learned step or range; undefined for other values.
 * @throws BitplaneError ERR_ARGUMENT for a number that is not finite and above 0
 */
export function positiveConstant(
  value: Value<'f32'>,
  which: string,
  op: string,
  node: string,
): number | undefined {
  if (value.op !== 'constant') return undefined;
  const number = (value.data as Tensor<'f32'>).data[0] as number;
  if (number > 0 && number < Infinity) return number;
  throw expected('ERR_ARGUMENT', `a ${which} that is finite and above 0`, number, { op, node });
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireBits(op: string, bits: number, least: number): void {
  if (!Number.isInteger(bits) || bits < least || bits > 8)
    throw expected('ERR_ARGUMENT', `bits from ${least} to 8`, bits, { op });
}
