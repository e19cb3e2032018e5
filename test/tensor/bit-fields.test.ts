/** Integers of any number of bits, side by side. */
import { expect, test } from 'vitest';
import { packFields, unpackFields } from '../../src/tensor/bit-fields.js';
import { random } from '../random.js';

test('packed integers are not the string that the layout says', () => {
  // 5, 3, 6 of three bits, lowest first: 101 110 011 -> 1011 1001 | 1
  expect([...packFields(Uint32Array.of(5, 3, 6), 3)]).toEqual([0b10011101, 0b1]);
  expect([...packFields(Uint32Array.of(0x12345, 0xabcde), 20)]).toEqual([
    0x45, 0x23, 0xe1, 0xcd, 0xab,
  ]);
});

test('a width, a place or a length changes integers', () => {
  const draw = random(7);
  for (let bits = 0; bits <= 32; bits++) {
    const values = Uint32Array.from({ length: 67 }, () => Math.floor(draw() * 2 ** bits));
    const packed = packFields(values, bits);
    expect(packed.length).toBe(Math.ceil((67 * bits) / 8));
    expect(unpackFields(packed, bits, 0, 67)).toEqual(values);
    expect(unpackFields(packed, bits, 13, 29)).toEqual(values.slice(13, 42));
  }
});
