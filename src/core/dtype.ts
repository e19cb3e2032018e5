/**
 * The value types of bitplane, once: names, sizes, and the typed array that carries each.
 * Not here: conversions between them.
 */

/** The typed array of every dtype, over any kind of buffer. */
export interface Arrays {
  f32: Float32Array;
  i32: Int32Array;
  i8: Int8Array;
  u8: Uint8Array;
  /**
   * Bipolar: one bit an element, 1 means -1; element i at bit i mod 8 of byte i / 8, the tail
   * padded with 0.
   */
  b1: Uint8Array;
}

/** Storage of every dtype. `bits` is the size of an element on disk and at rest. */
export const DTYPES = {
  f32: { bits: 32, array: Float32Array },
  i32: { bits: 32, array: Int32Array },
  i8: { bits: 8, array: Int8Array },
  u8: { bits: 8, array: Uint8Array },
  b1: { bits: 1, array: Uint8Array },
} as const satisfies {
  readonly [D in keyof Arrays]: { bits: number; array: new (length: number) => Arrays[D] };
};

export type DType = keyof Arrays;

/** The typed array that carries a dtype. */
export type DTypeArray<D extends DType = DType> = Arrays[D];

/** How many bytes `count` elements take on disk. */
export function byteLength(dtype: DType, count: number): number {
  return Math.ceil((DTYPES[dtype].bits * count) / 8);
}

/**
 * True for the typed array that carries a dtype. Compares the kind of the array and not its class,
 * because test runners and vm contexts have classes of their own.
 */
export function carries<D extends DType>(dtype: D, value: unknown): value is DTypeArray<D> {
  const { array } = DTYPES[dtype];
  return (
    value instanceof array ||
    (ArrayBuffer.isView(value) &&
      Object.prototype.toString.call(value) === `[object ${array.name}]`)
  );
}
