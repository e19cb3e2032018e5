/**
 * DSConv's block formats: Nascimento et al., "DSConv: Efficient Convolution Operator", ICCV 2019,
 * arXiv 1901.01928, as the authors' code has them. Here to compare with, and for networks that were
 * trained under them. Not here: the schemes of a QuantSpec, among them `blockFloat`, whose scale is
 * a power of two for weights too.
 */
import { expected } from '../../core/errors.js';
import { isSize } from '../../core/shape.js';
import { Tensor } from '../../tensor/tensor.js';
import { exponentOf } from '../exponent.js';
import { groupsOf } from '../groups.js';
import { halfEven } from '../rounding.js';

const f = Math.fround;
const SITE = { op: 'dsconv' };

export interface DsconvWeights {
  /** From -2^(bits-1) to 2^(bits-1), both included: the authors do not clip. [O, kh, kw, C] */
  readonly integers: Int16Array;
  /** The best scale in squares: sum(w * integer) / sum(integer^2). [O, kh, kw, blocks] */
  readonly alpha: Float32Array;
  /** alpha * integer. */
  readonly values: Float32Array;
}

/**
 * Weights [O, kh, kw, C] in blocks of input channels, the last of which may be shorter. The weight
 * of the largest magnitude in a block becomes -2^(bits-1), so the scale may be negative. A block of
 * zeros has integers of 0 and alpha 0, where the authors divide by zero.
 */
export function dsconvWeights(w: Tensor<'f32'>, bits: number, block: number): DsconvWeights {
  if (!Number.isInteger(bits) || bits < 2 || bits > 8)
    throw expected('ERR_ARGUMENT', 'bits from 2 to 8', bits, SITE);
  requireBlock(block);
  const groups = groupsOf({ block }, w.shape);
  const peaks = new Float32Array(groups.count);
  for (let i = 0; i < w.data.length; i++) {
    const value = w.data[i] as number;
    if (Math.abs(value) > Math.abs(peaks[groups.of(i)]!)) peaks[groups.of(i)] = value;
  }
  const integers = Int16Array.from(w.data, (value, i) => {
    const peak = peaks[groups.of(i)]!;
    return peak === 0 ? 0 : halfEven(f(f(-(2 ** (bits - 1)) / peak) * value));
  });
  const [products, squares] = [new Float64Array(groups.count), new Float64Array(groups.count)];
  for (let i = 0; i < integers.length; i++) {
    products[groups.of(i)]! += (w.data[i] as number) * integers[i]!;
    squares[groups.of(i)]! += integers[i]! ** 2;
  }
  const alpha = Float32Array.from(products, (sum, group) =>
    squares[group] === 0 ? 0 : sum / squares[group]!,
  );
  const values = Float32Array.from(integers, (integer, i) => alpha[groups.of(i)]! * integer);
  return { integers, alpha, values };
}

export interface DsconvActivationFormat {
  readonly exponentBits: number;
  /** Bits of the mantissa, its sign included. */
  readonly mantissaBits: number;
  /** Channels that share an exponent; it divides the number of channels. */
  readonly block: number;
}

/**
 * Activations [..., C] with one exponent for each block of channels: x rounded, half to even, to a
 * multiple of 2^(e - mantissaBits + 2), e being the largest floor(log2 |x|) of the block within
 * [-2^(exponentBits-1), 2^(exponentBits-1) - 1]. A mantissa is not clipped: a number just below
 * 2^(e+1) becomes 2^(e+1). A block of zeros stays so.
 */
export function dsconvActivations(
  x: Tensor<'f32'>,
  { exponentBits, mantissaBits, block }: DsconvActivationFormat,
): Tensor<'f32'> {
  for (const [name, value, most] of [
    ['exponentBits', exponentBits, 8],
    ['mantissaBits', mantissaBits, 24],
  ] as const)
    if (!Number.isInteger(value) || value < 2 || value > most)
      throw expected('ERR_ARGUMENT', `${name} from 2 to ${most}`, value, SITE);
  requireBlock(block);
  const channels = x.shape.at(-1) ?? 0;
  if (channels % block !== 0)
    throw expected('ERR_SHAPE', `channels that divide into blocks of ${block}`, channels, SITE);
  const [least, most] = [-(2 ** (exponentBits - 1)), 2 ** (exponentBits - 1) - 1];
  const out = new Float32Array(x.data.length);
  for (let first = 0; first < out.length; first += block) {
    let peak = 0;
    for (let i = first; i < first + block; i++)
      peak = Math.max(peak, Math.abs(x.data[i] as number));
    if (!Number.isFinite(peak))
      throw expected('ERR_ARGUMENT', 'activations of finite numbers', peak, SITE);
    if (peak === 0) continue;
    const exponent = Math.max(least, Math.min(most, exponentOf(peak)));
    const factor = 2 ** (mantissaBits - exponent - 2);
    for (let i = first; i < first + block; i++)
      out[i] = halfEven((x.data[i] as number) * factor) / factor;
  }
  return new Tensor('f32', out, x.shape);
}

function requireBlock(block: number): void {
  if (!isSize(block) || block === 0)
    throw expected('ERR_ARGUMENT', 'block to be a whole number above 0', block, SITE);
}
