/**
 * The value types of bitplane, once: names, sizes, and the typed array that carries each.
 * Not here: conversions between them.
 */

/** Storage of every dtype. `bits` is the size of an element on disk and at rest. */
export const DTYPES = {
  f32: { bits: 32, array: Float32Array },
  i32: { bits: 32, array: Int32Array },
  i8: { bits: 8, array: Int8Array },
  u8: { bits: 8, array: Uint8Array },
  /** Bipolar: one bit an element, 1 means -1; element i at bit i mod 8 of byte i / 8, the tail padded with 0. */
  b1: { bits: 1, array: Uint8Array },
} as const;

export type DType = keyof typeof DTYPES;

/** The typed array that carries a dtype. */
export type DTypeArray<D extends DType = DType> = InstanceType<(typeof DTYPES)[D]['array']>;

/** How many bytes `count` elements take on disk. */
export function byteLength(dtype: DType, count: number): number {
  return Math.ceil((DTYPES[dtype].bits * count) / 8);
}
