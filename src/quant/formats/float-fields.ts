/**
 * The fields of a float32 (IEEE 754): a sign, 8 bits of exponent, 23 of mantissa; and mantissas of
 * which only the upper bits are kept. Not here: several networks in one word (./fused.ts).
 */
import { expected } from '../../core/errors.js';
import { Tensor, type TensorLike } from '../../tensor/tensor.js';
import { finiteFloats } from './block-float.js';

/** Bits of the mantissa that a float32 stores; its leading one is not among them. */
export const STORED_MANTISSA = 23;
const EXPONENT_MASK = 0xff;

/** The bits of floats, as integers. */
export function floatBits(x: Float32Array): Uint32Array {
  return new Uint32Array(x.buffer, x.byteOffset, x.length);
}

export const signOf = (bits: number): number => bits >>> 31;
export const exponentFieldOf = (bits: number): number => (bits >>> STORED_MANTISSA) & EXPONENT_MASK;
export const mantissaFieldOf = (bits: number): number => bits & ((1 << STORED_MANTISSA) - 1);

/** The bits of the float32 of these fields. */
export function joinFields(sign: number, exponent: number, mantissa: number): number {
  return ((sign << 31) | (exponent << STORED_MANTISSA) | mantissa) >>> 0;
}

/**
 * Floats of which the upper `bits` of 23 stored bits of mantissa are kept, and the others are 0:
 * toward zero by less than 2^-bits of the number (of numbers below 2^-126, of 2^-126). Zeros stay,
 * with their sign. Bit plane slicing as Bae and Bae have it.
 * @throws BitplaneError ERR_ARGUMENT for bits outside 0 to 23, or numbers that are not finite
 */
export function sliceMantissa(tensor: TensorLike<'f32'>, bits: number): Tensor<'f32'> {
  const site = { op: 'sliceMantissa' };
  if (!(Number.isInteger(bits) && bits >= 0 && bits <= STORED_MANTISSA))
    throw expected('ERR_ARGUMENT', `bits from 0 to ${STORED_MANTISSA}`, bits, site);
  const x = finiteFloats(tensor, site);
  const mask = -1 << (STORED_MANTISSA - bits);
  const sliced = floatBits(x.data).map((word) => word & mask);
  return new Tensor('f32', new Float32Array(sliced.buffer), x.shape);
}
