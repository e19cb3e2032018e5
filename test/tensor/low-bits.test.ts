/**
 * Integers of fewer than 8 bits: what a tensor takes, and how they lie on disk. The oracle is one
 * bit string, written out.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  byteLength,
  DTYPES,
  INTEGERS,
  type Integer,
  integerBounds,
  integerDtype,
  isSubByte,
} from '../../src/core/dtype.js';
import { firstOutside, packLowBits, unpackLowBits } from '../../src/tensor/low-bits.js';
import { partOf, storedTensor } from '../../src/tensor/stored.js';
import { Tensor } from '../../src/tensor/tensor.js';

const SUB_BYTE = INTEGERS.filter(isSubByte);

function anyOf(dtype: Integer) {
  const { lo, hi } = integerBounds(dtype);
  return fc.array(fc.integer({ min: lo, max: hi }), { maxLength: 50 });
}

/** Every element's bits, lowest first, one after the other, then eight to a byte. */
function written(dtype: Integer, elements: readonly number[]): number[] {
  const { bits } = DTYPES[dtype];
  const string = elements.flatMap((element) =>
    Array.from({ length: bits }, (_, k) => (element >> k) & 1),
  );
  return Array.from({ length: Math.ceil(string.length / 8) }, (_, byte) =>
    string.slice(byte * 8, byte * 8 + 8).reduce((sum, bit, k) => sum + bit * 2 ** k, 0),
  );
}

describe.each(SUB_BYTE)('%s', (dtype) => {
  test('packs as the written-out bit string and comes back, any part of it', () => {
    fc.assert(
      fc.property(anyOf(dtype), fc.nat(50), fc.nat(50), (elements, a, b) => {
        const { array } = DTYPES[dtype];
        const packed = packLowBits(dtype, array.from(elements));
        expect([...packed]).toEqual(written(dtype, elements));
        expect(packed).toHaveLength(byteLength(dtype, elements.length));
        expect([...unpackLowBits(dtype, packed, 0, elements.length)]).toEqual(elements);
        const read = (target: Uint8Array, from: number) =>
          target.set(packed.subarray(from, from + target.length));
        const stored = storedTensor(dtype, [elements.length], { read });
        const [first, end] = [Math.min(a, b), Math.max(a, b)].map((at) =>
          Math.min(at, elements.length),
        ) as [number, number];
        expect([...partOf(stored, first, end - first)]).toEqual(elements.slice(first, end));
        expect([...stored.data]).toEqual(elements);
      }),
    );
  });

  test('a tensor refuses what the dtype does not hold', () => {
    const { array } = DTYPES[dtype];
    const { lo, hi } = integerBounds(dtype);
    expect(new Tensor(dtype, array.of(lo, hi), [2]).size).toBe(2);
    expect(() => new Tensor(dtype, array.of(hi + 1), [1])).toThrow(
      `expected elements from ${lo} to ${hi} for dtype ${dtype} but received ${hi + 1}`,
    );
    if (lo < 0) expect(() => new Tensor(dtype, array.of(lo - 1), [1])).toThrow('elements from');
  });

  test('one element outside is found among others, whatever it is and wherever it lies', () => {
    const { array } = DTYPES[dtype];
    const { lo, hi } = integerBounds(dtype);
    for (let offset = 0; offset < 4; offset++) {
      for (const length of [1, 3, 15, 16, 17, 22, 23]) {
        const values = new array(new ArrayBuffer(offset + length), offset);
        for (let i = 0; i < length; i++) values[i] = i % 2 === 0 ? lo : hi;
        for (let at = 0; at < length; at++) {
          for (let byte = 0; byte < 256; byte++) {
            const before = values[at] as number;
            values[at] = byte;
            const element = values[at] as number;
            const wanted = element < lo || element > hi ? element : undefined;
            if (firstOutside(dtype, values) !== wanted)
              expect([offset, length, at, element]).toEqual('found wrongly');
            values[at] = before;
          }
        }
      }
    }
  });
});

test('the smallest dtype of a range', () => {
  expect(integerDtype(0, 1)).toBe('u1');
  expect(integerDtype(-1, 1)).toBe('i2');
  expect(integerDtype(0, 15)).toBe('u4');
  expect(integerDtype(0, 16)).toBe('u5');
  expect(integerDtype(-8, 7)).toBe('i4');
  expect(integerDtype(-9, 7)).toBe('i5');
  expect(integerDtype(0, 255)).toBe('u8');
  expect(integerDtype(-1, 128)).toBe('i32');
  expect(integerDtype(0, 2 ** 31)).toBeUndefined();
});
