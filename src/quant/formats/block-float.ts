/**
 * Block floating point with mantissas of up to 24 bits: a sign and n bits a number, one exponent a
 * group. With E = floor(log2 max |w|) of the group:
 *
 *   M = min(2^n - 1, round(|w| 2^(n-1-E)))       w' = (-1)^S M 2^(E-n+1)
 *
 * of Nascimento et al., "DSConv", ICCV 2019, arXiv 1901.01928, with the sign kept apart, as Bae and
 * Bae, "Improved Adapting a Single Network to Multiple Tasks By Bit Plane Slicing and Dithering",
 * have it. A QuantSpec of the scheme `blockFloat` and b bits gives the same numbers for n = b - 1,
 * where its scale is a float32; its codes hold the sign, so it ends at 8 bits. Every w' is a
 * float32, exactly. Not here: several networks in one word (./fused.ts).
 */
import { requireOneOf, requireOptions } from '../../core/checks.js';
import { type ErrorSite, expected } from '../../core/errors.js';
import { isTensorLike, Tensor, type TensorLike } from '../../tensor/tensor.js';
import { exponentOf } from '../exponent.js';
import { type Groups, groupsOf } from '../groups.js';
import { halfEven } from '../rounding.js';
import { type Granularity, requireGranularity } from '../spec.js';

/** `nearest` is half to even; `truncate` drops the bits below the last. */
export type MantissaRounding = keyof typeof ROUND;
const ROUND = { nearest: halfEven, truncate: Math.floor } as const;
export const MANTISSA_ROUNDINGS = Object.keys(ROUND) as readonly MantissaRounding[];

/** Bits of a mantissa with its leading one, of a float32. */
export const MOST_MANTISSA_BITS = 24;

/** How many bits a mantissa has, and what shares an exponent. */
export interface BlockFloatSpec {
  /** Bits of a mantissa, without the sign: 1 to 24. */
  readonly bits: number;
  /** What shares an exponent, as in a QuantSpec. Default 'tensor'. */
  readonly granularity?: Granularity | undefined;
  /** Default 'nearest'. */
  readonly rounding?: MantissaRounding | undefined;
}

/** Numbers as mantissas that share exponents. */
export interface BlockFloat {
  /** 1 for a number below 0; one a number. */
  readonly signs: Uint8Array;
  /** Below 2^bits; one a number. */
  readonly mantissas: Uint32Array;
  /** E, one a group; 0 for a group of zeros. */
  readonly exponents: Int16Array;
  /** The numbers that these stand for; a number below 0 that has become 0 is -0. */
  readonly values: Tensor<'f32'>;
}

/**
 * Weights [O, ...] of any shape in block floating point. |w' - w| is at most 2^(E-n) where
 * rounding is nearest, but for the largest that saturate, and below 2^(E-n+1) where it truncates.
 * @throws BitplaneError ERR_ARGUMENT for bits, a granularity or a rounding that there is not, or
 * weights that are not finite
 */
export function blockFloat(tensor: TensorLike<'f32'>, spec: BlockFloatSpec): BlockFloat {
  const site = { op: 'blockFloat' };
  requireOptions(spec, { bits: true, granularity: true, rounding: true }, site);
  const { bits, granularity = 'tensor', rounding = 'nearest' } = spec;
  requireMantissaBits(bits, 'bits', site);
  requireGranularity(granularity, site);
  requireOneOf(rounding, MANTISSA_ROUNDINGS, 'rounding', site);
  const w = finiteFloats(tensor, site);
  const groups = groupsOf(granularity, w.shape);
  const exponents = exponentsOf(w.data, groups);
  const mantissas = new Uint32Array(w.data.length);
  const signs = new Uint8Array(w.data.length);
  const values = new Float32Array(w.data.length);
  const round = ROUND[rounding];
  const most = 2 ** bits - 1;
  const units = unitsOf(exponents, bits);
  for (let i = 0; i < values.length; i++) {
    const value = w.data[i] as number;
    const unit = units[groups.of(i)] as number;
    // A float32 by a power of two is exact in a float64.
    const mantissa = Math.min(most, round(Math.abs(value) / unit));
    signs[i] = value < 0 ? 1 : 0;
    mantissas[i] = mantissa;
    values[i] = value < 0 ? -(mantissa * unit) : mantissa * unit;
  }
  return { signs, mantissas, exponents, values: new Tensor('f32', values, w.shape) };
}

/** What a mantissa of `bits` bits counts: 2^(E-bits+1), one a group. */
export function unitsOf(exponents: Int16Array, bits: number): Float64Array {
  return Float64Array.from(exponents, (exponent) => 2 ** (exponent - bits + 1));
}

function exponentsOf(w: Float32Array, groups: Groups): Int16Array {
  const most = new Float32Array(groups.count);
  for (let i = 0; i < w.length; i++) {
    const group = groups.of(i);
    const magnitude = Math.abs(w[i] as number);
    if (magnitude > (most[group] as number)) most[group] = magnitude;
  }
  return Int16Array.from(most, (magnitude) => (magnitude === 0 ? 0 : exponentOf(magnitude)));
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireMantissaBits(bits: unknown, what: string, site: ErrorSite): void {
  if (!(Number.isInteger(bits) && (bits as number) >= 1 && (bits as number) <= MOST_MANTISSA_BITS))
    throw expected('ERR_ARGUMENT', `${what} from 1 to ${MOST_MANTISSA_BITS}`, bits, site);
}

/**
 * The floats of a tensor.
 * @throws BitplaneError ERR_ARGUMENT for what is no float tensor, and for numbers not finite
 */
export function finiteFloats(tensor: TensorLike<'f32'>, site: ErrorSite): Tensor<'f32'> {
  if (!isTensorLike(tensor) || tensor.dtype !== 'f32')
    throw expected('ERR_ARGUMENT', 'a Tensor of f32', tensor, site);
  const w = Tensor.from(tensor);
  for (let i = 0; i < w.data.length; i++) {
    const value = w.data[i] as number;
    if (!Number.isFinite(value))
      throw expected('ERR_ARGUMENT', 'finite numbers', `${value} as element ${i}`, site);
  }
  return w;
}
