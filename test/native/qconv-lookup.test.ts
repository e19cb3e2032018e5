/**
 * Integer convolution of weights of one and two bits: sums that are looked up in a table or counted
 * in bit planes, as the instruction set has it, and the same sums as products, on every instruction
 * set of this machine. All sums are exact. Not here: what only planes have
 * (./qconv-planes.test.ts).
 */
import { describe, expect, test } from 'vitest';
import type { IsaName } from '../../src/native/isa.js';
import { random } from '../random.js';
import { isEmulated, kernelOf, runCase, testedFeatures, testedIsas } from './harness.js';
import {
  caseOf,
  expectSame,
  type IntegerShape,
  type Numbers,
  randomLayer,
  rangeOfX,
  SHAPE,
  sumsOf,
} from './integers.js';

/** As the field `method` numbers them. */
const METHODS = { cheapest: 0, planes: 1, dot: 2 } as const;
const KINDS = [
  ['signed', 1],
  ['signed', 2],
  ['unsigned', 1],
  ['unsigned', 2],
  ['bipolar', 1],
] as const;
const NUMBERS: readonly Numbers[] = KINDS.flatMap(([weightKind, weightBits]) =>
  [1, 2, 3, 4].flatMap((xBits) =>
    [false, true].map((xSigned) => ({ weightKind, weightBits, xBits, xSigned, zero: 0 })),
  ),
);
const POINT = { kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };
const SHAPES: readonly Partial<IntegerShape>[] = [
  { c: 16, o: 70 },
  { c: 4, o: 1 },
  { c: 6, o: 33 },
  { c: 64, o: 64, h: 9, w: 9, n: 2 },
  { c: 48, o: 36, g: 3 },
  { c: 20, o: 130, sh: 2, sw: 2, dh: 2, dw: 2, h: 9, w: 9 },
  { ...POINT, h: 1, w: 1, n: 5, c: 1024, o: 130 },
  // A window of more steps than a panel has.
  { c: 512, o: 20, h: 2, w: 2 },
];

/** Under an emulator all of them take minutes. */
const TESTED = isEmulated ? NUMBERS.filter((_, i) => i % 3 === 1) : NUMBERS;

const title = ({ weightKind, weightBits, xBits, xSigned }: Numbers) =>
  `${weightKind} weights of ${weightBits} bits, ${xSigned ? 'signed' : 'unsigned'} A${xBits}`;

describe('every sum is exact, looked up or not', () => {
  test.each(TESTED.map((numbers) => [title(numbers), numbers] as const))(
    '%s',
    async (_, numbers) => {
      const [least, most] = rangeOfX(numbers);
      for (const [i, some] of SHAPES.entries()) {
        const zero = [least, most, 0][i % 3]!;
        const layer = randomLayer({ ...SHAPE, ...some }, { ...numbers, zero }, random(i + 3));
        const expected = sumsOf(layer);
        for (const [isa, without] of testedFeatures())
          for (const [name, method] of Object.entries(METHODS)) {
            const threads = method === METHODS.planes ? 3 : 1;
            const make = caseOf('qconv', layer, { fields: { method } });
            const { y } = await runCase(make, isa, threads, without);
            expectSame(y, expected, `${isa} without ${without}, ${name}, shape ${i}`);
          }
      }
    },
  );
});

test('weights of one value only have no table of more rows than there are', async () => {
  for (const weightKind of ['signed', 'unsigned'] as const)
    for (const xBits of [4, 8]) {
      const numbers = { weightKind, weightBits: 1, xBits, xSigned: false, zero: 0 } as const;
      const layer = randomLayer({ ...SHAPE, c: 16 }, numbers, random(9));
      const zeros = { ...layer, weights: layer.weights.map(() => 0) };
      for (const isa of testedIsas())
        for (const method of Object.values(METHODS)) {
          const { y } = await runCase(caseOf('qconv', zeros, { fields: { method } }), isa);
          expectSame(y, sumsOf(zeros), `${weightKind} A${xBits}, ${isa}, ${method}`);
        }
    }
});

/** The kernel of a layer of `c` channels in, by a method. */
function kernel(isa: IsaName, numbers: Partial<Numbers>, c: number, method: number): string {
  const all = { weightKind: 'signed', weightBits: 2, xBits: 2, xSigned: false, zero: 0 } as const;
  const layer = randomLayer({ ...SHAPE, c, o: 64 }, { ...all, ...numbers }, random(1));
  return kernelOf(caseOf('qconv', layer, { fields: { method } }), isa);
}

describe.each(testedIsas().filter((isa) => isa.startsWith('avx')))('%s', (isa) => {
  test('planes are looked up where the numbers have a table and channels fill its steps', () => {
    const { planes } = METHODS;
    expect(kernel(isa, {}, 16, planes)).toMatch(/qconv_w2_.*_lookup/);
    expect(kernel(isa, { weightBits: 1 }, 16, planes)).toMatch(/qconv_w1_.*_lookup/);
    // Pairs of channels, not four of them.
    expect(kernel(isa, { weightBits: 1 }, 18, planes)).toMatch(/qconv_w2_.*_lookup/);
    expect(kernel(isa, {}, 17, planes)).not.toContain('lookup');
    expect(kernel(isa, { weightBits: 3 }, 16, planes)).not.toContain('lookup');
    expect(kernel(isa, { xBits: 8 }, 16, planes)).not.toContain('lookup');
  });

  test('weights of one bit and activations of two are cheapest looked up', () => {
    expect(kernel(isa, { weightBits: 1 }, 16, METHODS.cheapest)).toContain('qconv_w1_');
  });
});

describe.each(testedIsas())('%s', (isa) => {
  test('products are formed where they are asked for', () => {
    expect(kernel(isa, {}, 16, METHODS.dot)).not.toMatch(/lookup|planes/);
  });

  test('a method that there is none of is refused', () => {
    expect(() => kernel(isa, {}, 16, 3)).toThrow(/cannot be built|qconv/);
    expect(() => kernel(isa, {}, 16, -1)).toThrow(/cannot be built|qconv/);
  });
});
