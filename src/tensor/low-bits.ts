/**
 * Integers of fewer than 8 bits: one a byte in memory; on disk, and where weights rest, n bits each
 * without gaps. Element i takes bits [i n, (i + 1) n) of the string whose bit k is bit k mod 8 of
 * byte k / 8, in two's complement; only the last byte is padded, with 0. Not here: b1, whose bits
 * are -1 and +1 (./values.ts).
 */
import { byteLength, DTYPES, type DTypeArray, type Integer, integerBounds } from '../core/dtype.js';

/** From a byte an element to n bits an element. */
export function packLowBits(dtype: Integer, values: DTypeArray): Uint8Array {
  const { bits } = DTYPES[dtype];
  const mask = (1 << bits) - 1;
  const packed = new Uint8Array(byteLength(dtype, values.length));
  for (let i = 0, at = 0; i < values.length; i++, at += bits) {
    const shifted = ((values[i] as number) & mask) << (at & 7);
    const byte = at >> 3;
    packed[byte]! |= shifted;
    // A byte past the end would only get zeros, and typed arrays drop it.
    packed[byte + 1]! |= shifted >> 8;
  }
  return packed;
}

/** Elements [first, first + count) of packed bytes that begin with the byte of element `first`. */
export function unpackLowBits<D extends Integer>(
  dtype: D,
  packed: Uint8Array,
  first: number,
  count: number,
): DTypeArray<D> {
  const { bits, array } = DTYPES[dtype];
  const mask = (1 << bits) - 1;
  const sign = integerBounds(dtype).lo < 0 ? 1 << (bits - 1) : 0;
  const values = new array(count);
  for (let i = 0, at = (first * bits) & 7; i < count; i++, at += bits) {
    const byte = at >> 3;
    const pair = (packed[byte] as number) | ((packed[byte + 1] ?? 0) << 8);
    values[i] = (((pair >> (at & 7)) & mask) ^ sign) - sign;
  }
  return values as DTypeArray<D>;
}

/** Fewer elements are looked at one by one. */
const FEW = 16;

/**
 * The first element that the dtype does not have; undefined where all fit. Feeds and results pass
 * here in every run, so that four elements are looked at at once: an unsigned integer of n bits has
 * zeros in bits n to 7, a signed one what its bit n - 1 is.
 */
export function firstOutside(dtype: Integer, values: DTypeArray): number | undefined {
  const { lo, hi } = integerBounds(dtype);
  const isOutside = (element: number) => element < lo || element > hi;
  const first = (part: DTypeArray) => (part as Uint8Array).find(isOutside);
  const { buffer, byteOffset, length } = values;
  if (length < FEW) return first(values);
  const head = -byteOffset & 3;
  const words = new Int32Array(buffer, byteOffset + head, (length - head) >> 2);
  const beyond = Math.imul(0xff & (-1 << DTYPES[dtype].bits), 0x01010101);
  const signed = lo < 0 ? -1 : 0;
  let different = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    different |= word ^ ((word & signed) << 1);
  }
  if ((different & beyond) !== 0) return first(values);
  return first(values.subarray(0, head)) ?? first(values.subarray(head + 4 * words.length));
}
