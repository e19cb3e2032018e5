/**
 * Integer convolutions of every pair of bit widths from 1 to 8, signed, unsigned and bipolar, by
 * every variant of this machine against the native oracle. Not here: shapes, the oracle itself, the
 * largest sums (./qconv.test.ts). An emulator runs the pairs that are named there instead.
 */
import { describe, test } from 'vitest';
import { random } from '../random.js';
import { runCase, testedFeatures } from './harness.js';
import { caseOf, expectSame, type Numbers, randomLayer, rangeOfX, SHAPE } from './integers.js';

const BITS = [1, 2, 3, 4, 5, 6, 7, 8];
const WEIGHTS = [
  ...BITS.map((weightBits) => ({ weightKind: 'signed' as const, weightBits })),
  ...BITS.slice(0, 7).map((weightBits) => ({ weightKind: 'unsigned' as const, weightBits })),
  { weightKind: 'bipolar' as const, weightBits: 1 },
];
/** One row of a dense layer, whose weights are unpacked while they are multiplied. */
const ROW = { ...SHAPE, h: 1, w: 1, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0, o: 70 };
const SHAPES = [
  SHAPE,
  { ...SHAPE, c: 37, o: 33, h: 4, w: 4, sh: 2, pt: 2, pl: 0 },
  { ...SHAPE, n: 2, c: 12, o: 6, g: 3, dh: 2, dw: 2, pt: 0, pr: 2 },
  { ...ROW, c: 300 },
  { ...ROW, c: 512 },
];

describe.each(WEIGHTS)('$weightKind weights of $weightBits bits', (weights) => {
  test.each(BITS.flatMap((xBits) => [false, true].map((xSigned) => ({ xBits, xSigned }))))(
    'times $xBits bits, signed $xSigned',
    async (x) => {
      const next = random(x.xBits * 100 + weights.weightBits);
      for (const shape of SHAPES) {
        const [least, most] = rangeOfX(x);
        const zero = least + Math.floor(next() * (most - least + 1));
        const numbers: Numbers = { ...x, ...weights, zero };
        const make = caseOf('qconv', randomLayer(shape, numbers, next));
        const expected = (await runCase(make, 'reference')).y as Int32Array;
        for (const [isa, without] of testedFeatures()) {
          const { y } = await runCase(make, isa, 1, without);
          expectSame(y, expected, `${isa} without ${without}`);
        }
      }
    },
  );
});
