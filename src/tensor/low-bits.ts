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
