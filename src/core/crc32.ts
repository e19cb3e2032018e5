/**
 * CRC-32 as PNG and ZIP have it (ISO 3309): the remainder of dividing the bits of a message by a
 * polynomial. Not here: anything that keeps it.
 */

/** For each byte, the remainder of dividing it by the polynomial, bits reversed. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  return rest;
});

/** The checksum of bytes, from 0 to 2^32 - 1. */
export function crc32(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = (rest >>> 8) ^ (REMAINDERS[(rest ^ byte) & 255] as number);
  return (rest ^ 0xffffffff) >>> 0;
}
