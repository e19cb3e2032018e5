/**
 * Floats of 16 bits as float32: every one of the 65,536 of each kind. Not here: files that hold
 * them (./float-types.test.ts).
 */
import { expect, test } from 'vitest';
import { fromBrainHalves, fromHalves } from '../../../src/formats/onnx/half.js';

const ALL = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);

test('each half has the value of its sign, exponent and mantissa', () => {
  const values = fromHalves(ALL);
  expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555].map((bits) => values[bits])).toEqual([
    1,
    -2,
    65504,
    2 ** -24,
    2 ** -14,
    0.333251953125,
  ]);
  expect([values[0], values[0x8000], values[0x7c00], values[0xfc00]]).toEqual([
    0,
    -0,
    Infinity,
    -Infinity,
  ]);
  for (let bits = 0x7c01; bits < 0x8000; bits++) expect(values[bits]).toBeNaN();
  // Finite ones grow with their bits, and the other sign mirrors them.
  for (let bits = 1; bits < 0x7c00; bits++) {
    if (!(values[bits]! > values[bits - 1]!) || values[bits + 0x8000] !== -values[bits]!)
      expect.unreachable(`0x${bits.toString(16)}`);
  }
});

test('each bfloat16 is the float32 whose upper half it is', () => {
  const bits = new Uint32Array(fromBrainHalves(ALL).buffer);
  expect(bits.every((word, i) => word === i * 2 ** 16)).toBe(true);
});
