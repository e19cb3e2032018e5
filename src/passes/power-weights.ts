/**
 * Weights that are nothing but 0 and powers of two, +-2^k, as codes: code c stands for
 *
 *   sign(c) 2^(|c| - 1)        0 for c = 0
 *
 * Logarithmic weights rest so, whatever computes them of the codes in the graph. Not here: how they
 * are chosen (src/quant/formats/power-of-two.ts).
 */
import { type ByteInteger, DTYPES, type DTypeArray, isByteInteger } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { constant } from '../ops/make.js';
import { partOf, partsOf, tensorOfParts } from '../tensor/stored.js';
import type { Tensor } from '../tensor/tensor.js';

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
  // The first few tell other weights, which may lie in a file.
  const codeOf = coder(tensor);
  const start = partOf(tensor, 0, Math.min(FEW, tensor.size));
  for (let i = 0; i < start.length; i++) if (codeOf(start, i) === NONE) return undefined;
  let largest = 0;
  for (const part of partsOf(tensor)) {
    for (let i = 0; i < part.length; i++) {
      const code = codeOf(part, i);
      if (code === NONE) return undefined;
      largest = Math.max(largest, Math.abs(code));
    }
  }
  const bits = Math.max(2, Math.ceil(Math.log2(largest + 1)) + 1);
  if (bits >= DTYPES[tensor.dtype].bits) return undefined;
  const dtype = `i${bits}` as ByteInteger;
  return constant(name, tensorOfParts(dtype, tensor.shape, codesOf(tensor, codeOf)));
}

/** What stands for no code: larger than any. */
const NONE = 127;
const MOST_CODE = 2 ** (MOST_POWER_BITS - 1) - 1;

type CodeOf = (part: DTypeArray, i: number) => number;

/** The codes of numbers, in integers alone: millions of weights are asked. */
function coder({ dtype }: Tensor): CodeOf {
  if (dtype === 'f32') {
    let [of, bits]: [DTypeArray | undefined, Int32Array] = [undefined, new Int32Array(0)];
    return (part, i) => {
      if (part !== of)
        [of, bits] = [part, new Int32Array(part.buffer, part.byteOffset, part.length)];
      return codeOfBits(bits[i] as number);
    };
  }
  const codes = Int8Array.from({ length: 511 }, (_, i) => codeOfNumber(i - 255));
  return (part, i) => codes[(part[i] as number) + 255] as number;
}

/** A float: sign, exponent of 8 bits less 127, and 23 bits that are 0 for a power of two. */
function codeOfBits(bits: number): number {
  if ((bits & 0x7fffffff) === 0) return 0;
  const code = ((bits >>> 23) & 255) - 127 + 1;
  if ((bits & 0x7fffff) !== 0 || code < 1 || code > MOST_CODE) return NONE;
  return bits < 0 ? -code : code;
}

function codeOfNumber(number: number): number {
  if (number === 0) return 0;
  const code = Math.log2(Math.abs(number)) + 1;
  return Number.isInteger(code) && code <= MOST_CODE ? Math.sign(number) * code : NONE;
}

function* codesOf(tensor: Tensor, codeOf: CodeOf): Generator<Int8Array> {
  for (const part of partsOf(tensor)) {
    const codes = new Int8Array(part.length);
    for (let i = 0; i < part.length; i++) codes[i] = codeOf(part, i);
    yield codes;
  }
}
