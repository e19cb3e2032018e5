/**
 * Floats of 16 bits as float32: every one of the 65,536 of each kind. Not here: files that hold
 * them (./float-types.test.ts).
 */
import { expect, test } from 'vitest';
import { fromBrainHalves, fromHalves, toHalves } from '../../../src/formats/onnx/half.js';

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

test('a float becomes the nearest half, a tie the even one', () => {
  const values = fromHalves(ALL);
  const numbers = ALL.filter((bits) => (bits & 0x7fff) <= 0x7c00);
  expect(toHalves(Float32Array.from(numbers, (bits) => values[bits]!))).toEqual(numbers);
  expect(toHalves(Float32Array.of(NaN))[0]! & 0x7fff).toBeGreaterThan(0x7c00);
  // Half way to the next one, and a float32 to each side of that; 65536 follows the largest.
  for (let bits = 0; bits < 0x7c00; bits++) {
    const next = bits === 0x7bff ? 65536 : values[bits + 1]!;
    const tie = (values[bits]! + next) / 2;
    const ulp = 2 ** (Math.floor(Math.log2(tie)) - 23);
    const even = bits + (bits % 2);
    const rounded = toHalves(Float32Array.of(tie - ulp, tie, tie + ulp, -tie));
    if (`${rounded}` !== `${[bits, even, bits + 1, even + 0x8000]}`)
      expect.unreachable(`0x${bits.toString(16)}: ${rounded}`);
  }
});
