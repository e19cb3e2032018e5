/**
 * The value types of bitplane, once: names, sizes, and the typed array that carries each.
 * Not here: conversions between them.
 */

/** The typed array of every dtype, over any kind of buffer. */
export interface DTypeArrays {
  /** IEEE floats of 32 bits. */
  f32: Float32Array;
  /** Integers of 32 bits. */
  i32: Int32Array;
  /** Integers from -128 to 127. */
  i8: Int8Array;
  /** Integers from 0 to 255. */
  u8: Uint8Array;
  /**
   * Bipolar: one bit an element, 1 means -1; element i at bit i mod 8 of byte i / 8, the tail
   * padded with 0.
   */
  b1: Uint8Array;
  /** Integers from -2 to 1, a byte each in memory, 2 bits on disk and at rest. */
  i2: Int8Array;
  /** Integers from -4 to 3, a byte each in memory, 3 bits on disk and at rest. */
  i3: Int8Array;
  /** Integers from -8 to 7, a byte each in memory, 4 bits on disk and at rest. */
  i4: Int8Array;
  /** Integers from -16 to 15, a byte each in memory, 5 bits on disk and at rest. */
  i5: Int8Array;
  /** Integers from -32 to 31, a byte each in memory, 6 bits on disk and at rest. */
  i6: Int8Array;
  /** Integers from -64 to 63, a byte each in memory, 7 bits on disk and at rest. */
  i7: Int8Array;
  /** Integers from 0 to 1, a byte each in memory, 1 bit on disk and at rest. */
  u1: Uint8Array;
  /** Integers from 0 to 3, a byte each in memory, 2 bits on disk and at rest. */
  u2: Uint8Array;
  /** Integers from 0 to 7, a byte each in memory, 3 bits on disk and at rest. */
  u3: Uint8Array;
  /** Integers from 0 to 15, a byte each in memory, 4 bits on disk and at rest. */
  u4: Uint8Array;
  /** Integers from 0 to 31, a byte each in memory, 5 bits on disk and at rest. */
  u5: Uint8Array;
  /** Integers from 0 to 63, a byte each in memory, 6 bits on disk and at rest. */
  u6: Uint8Array;
  /** Integers from 0 to 127, a byte each in memory, 7 bits on disk and at rest. */
  u7: Uint8Array;
}

/** Storage of every dtype. `bits` is the size of an element on disk and at rest. */
export const DTYPES = {
  f32: { bits: 32, array: Float32Array },
  i32: { bits: 32, array: Int32Array },
  i8: { bits: 8, array: Int8Array },
  u8: { bits: 8, array: Uint8Array },
  b1: { bits: 1, array: Uint8Array },
  i2: { bits: 2, array: Int8Array },
  i3: { bits: 3, array: Int8Array },
  i4: { bits: 4, array: Int8Array },
  i5: { bits: 5, array: Int8Array },
  i6: { bits: 6, array: Int8Array },
  i7: { bits: 7, array: Int8Array },
  u1: { bits: 1, array: Uint8Array },
  u2: { bits: 2, array: Uint8Array },
  u3: { bits: 3, array: Uint8Array },
  u4: { bits: 4, array: Uint8Array },
  u5: { bits: 5, array: Uint8Array },
  u6: { bits: 6, array: Uint8Array },
  u7: { bits: 7, array: Uint8Array },
} as const satisfies {
  readonly [D in keyof DTypeArrays]: {
    bits: number;
    array: new (length: number) => DTypeArrays[D];
  };
};

/**
 * The name of a value type: 'f32', 'i32', 'i8', 'u8', 'b1' (bits that mean -1 and +1), 'i2' to 'i7'
 * and 'u1' to 'u7'.
 */
export type DType = keyof DTypeArrays;

/** Integers of one byte in memory. */
export type ByteInteger = Exclude<DType, 'f32' | 'i32' | 'b1'>;
export type Integer = ByteInteger | 'i32';

/** Every dtype of integers, the widest last. */
export const INTEGERS = (Object.keys(DTYPES) as DType[])
  .filter((dtype): dtype is Integer => dtype !== 'f32' && dtype !== 'b1')
  .sort((a, b) => DTYPES[a].bits - DTYPES[b].bits);

export function isInteger(dtype: DType): dtype is Integer {
  return dtype !== 'f32' && dtype !== 'b1';
}

/** True for integers of one byte in memory. */
export function isByteInteger(dtype: DType): dtype is ByteInteger {
  return dtype !== 'f32' && dtype !== 'i32' && dtype !== 'b1';
}

/** True where an element takes less on disk than its byte in memory. */
export function isSubByte(dtype: DType): boolean {
  return isInteger(dtype) && DTYPES[dtype].bits < 8;
}

/** How memory holds the elements of a dtype: integers of at most 8 bits take a byte each. */
export function heldAs(dtype: DType): 'f32' | 'i32' | 'i8' | 'u8' | 'b1' {
  if (!isByteInteger(dtype)) return dtype;
  return dtype.startsWith('u') ? 'u8' : 'i8';
}

/** The least and the greatest integer of a dtype. */
export function integerBounds(dtype: Integer): { readonly lo: number; readonly hi: number } {
  const { bits } = DTYPES[dtype];
  return dtype.startsWith('u')
    ? { lo: 0, hi: 2 ** bits - 1 }
    : { lo: -(2 ** (bits - 1)), hi: 2 ** (bits - 1) - 1 };
}

/** The smallest dtype of all integers from lo to hi; undefined where i32 lacks some. */
export function integerDtype(lo: number, hi: number): Integer | undefined {
  return INTEGERS.find((dtype) => {
    const bounds = integerBounds(dtype);
    return bounds.lo <= lo && hi <= bounds.hi;
  });
}

/** All of them, as errors list them. */
export const DTYPE_LIST = 'f32, i32, i8, u8, b1, i2 to i7 and u1 to u7';

/** The typed array that carries a dtype. */
export type DTypeArray<D extends DType = DType> = DTypeArrays[D];

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
