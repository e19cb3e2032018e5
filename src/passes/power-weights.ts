/**
 * Weights that are nothing but 0 and powers of two, +-2^k, as codes: code c stands for
 *
 *   sign(c) 2^(|c| - 1)        0 for c = 0
 *
 * Logarithmic weights rest so, whatever computes them of the codes in the graph. Not here: how they
 * are chosen (src/quant/formats/power-of-two.ts).
 */
import { type ByteInteger, DTYPES, isByteInteger } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { constant } from '../ops/make.js';
import { partOf } from '../tensor/stored.js';
import type { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';

/** Kernels read magnitudes up to 2^14; those of integers up to 2^6, which is a byte. */
export const MOST_POWER_BITS = 5;
export const MOST_INTEGER_POWER_BITS = 4;
/** Numbers that are looked at together. */
const FEW = 256;

const known = new WeakMap<Tensor, Value<ByteInteger> | null>();

/** The codes of a constant, where they take fewer bits than it does. */
export function powerCodes(
  value: Value,
  mostBits = MOST_POWER_BITS,
): Value<ByteInteger> | undefined {
  if (value.op !== 'constant' || (value.dtype !== 'f32' && !isByteInteger(value.dtype)))
    return undefined;
  const tensor = value.data as Tensor;
  let found = known.get(tensor);
  if (found === undefined) {
    found = encode(value.name, tensor) ?? null;
    known.set(tensor, found);
  }
  return found !== null && DTYPES[found.dtype].bits <= mostBits ? found : undefined;
}

function encode(name: string, tensor: Tensor): Value<ByteInteger> | undefined {
  const most = 2 ** (MOST_POWER_BITS - 1) - 1;
  const codeOf = (number: number): number => {
    if (number === 0) return 0;
    const code = Math.log2(Math.abs(number)) + 1;
    return Number.isInteger(code) && code >= 1 && code <= most ? Math.sign(number) * code : NaN;
  };
  // The first few tell other weights, which may lie in a file.
  if (partOf(tensor, 0, Math.min(FEW, tensor.size)).some((number) => Number.isNaN(codeOf(number))))
    return undefined;
  const codes = new Int8Array(tensor.size);
  let largest = 0;
  for (const [i, number] of tensor.data.entries()) {
    const code = codeOf(number);
    if (Number.isNaN(code)) return undefined;
    codes[i] = code;
    largest = Math.max(largest, Math.abs(code));
  }
  const bits = Math.max(2, Math.ceil(Math.log2(largest + 1)) + 1);
  if (bits >= DTYPES[tensor.dtype].bits) return undefined;
  const dtype = `i${bits}` as ByteInteger;
  return constant(name, tensorOf(dtype, codes, tensor.shape)) as Value<ByteInteger>;
}
