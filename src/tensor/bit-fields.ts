/**
 * Unsigned integers of n bits, n from 0 to 32, one after the other without gaps. Integer i takes
 * bits [i n, (i + 1) n) of the string whose bit k is bit k mod 8 of byte floor(k / 8), its lowest
 * bit first; only the last byte is padded, with 0. Not here: what the integers mean; dtypes of less
 * than a byte, which are laid out alike (./low-bits.ts).
 */

/** Bytes of `count` integers of `bits` bits. */
export function fieldBytes(bits: number, count: number): number {
  return Math.ceil((bits * count) / 8);
}

/** All of `values`, each below 2^bits. */
export function packFields(values: Uint32Array, bits: number): Uint8Array {
  const packed = new Uint8Array(fieldBytes(bits, values.length));
  for (let i = 0, byte = 0, shift = 0; i < values.length; i++) {
    const value = values[i] as number;
    // At most 7 + 32 bits: five bytes. Typed arrays drop what lies past their end, which is 0.
    const low = value << shift;
    packed[byte]! |= low;
    packed[byte + 1]! |= low >>> 8;
    packed[byte + 2]! |= low >>> 16;
    packed[byte + 3]! |= low >>> 24;
    if (shift > 0) packed[byte + 4]! |= value >>> (32 - shift);
    shift += bits;
    byte += shift >> 3;
    shift &= 7;
  }
  return packed;
}

/** Integers [first, first + count) of packed ones. */
export function unpackFields(
  packed: Uint8Array,
  bits: number,
  first: number,
  count: number,
): Uint32Array {
  const values = new Uint32Array(count);
  const mask = fieldMask(bits);
  // Not by shifts: the number of a bit may pass 2^31.
  const from = first * bits;
  let byte = Math.floor(from / 8);
  let shift = from % 8;
  const at = (place: number) => packed[place] ?? 0;
  for (let i = 0; i < count; i++) {
    const low =
      (at(byte) | (at(byte + 1) << 8) | (at(byte + 2) << 16) | (at(byte + 3) << 24)) >>> shift;
    const high = shift === 0 ? 0 : at(byte + 4) << (32 - shift);
    values[i] = (low | high) & mask;
    shift += bits;
    byte += shift >> 3;
    shift &= 7;
  }
  return values;
}

/** The lowest `bits` bits, as JavaScript's 32-bit operators take them. */
export function fieldMask(bits: number): number {
  return bits >= 32 ? -1 : (1 << bits) - 1;
}
