/**
 * Depthwise integer convolution: every variant on every instruction set of this machine, and the
 * native oracle itself, against the definition (./integers.ts). All sums are exact.
 */
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { kernelOf, runCase, testedIsas } from './harness.js';
import {
  caseOf,
  expectSame,
  type IntegerLayer,
  type IntegerShape,
  type Numbers,
  randomIntegers,
  randomLayer,
  rangeOfWeights,
  rangeOfX,
  SHAPE,
  sumsOf,
} from './integers.js';

const BYTES: Numbers = { xSigned: false, xBits: 8, weightKind: 'signed', weightBits: 8, zero: 3 };
const BITS = [1, 2, 3, 4, 5, 6, 7, 8];
const WEIGHTS = [
  ...BITS.map((weightBits) => ({ weightKind: 'signed' as const, weightBits })),
  ...BITS.slice(0, 7).map((weightBits) => ({ weightKind: 'unsigned' as const, weightBits })),
  { weightKind: 'bipolar' as const, weightBits: 1 },
];

const of = (shape: Partial<IntegerShape>, c = 19) => ({ ...SHAPE, c, o: c, g: c, ...shape });
const SHAPES: readonly IntegerShape[] = [
  ...[1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130].map((c) => of({}, c)),
  of({ kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 }),
  of({ kh: 5, kw: 5, pt: 2, pl: 2, pb: 2, pr: 2, h: 9, w: 8 }),
  of({ kh: 4, kw: 2, pt: 0, pl: 1, pb: 3, pr: 0 }),
  of({ sh: 2, sw: 2, h: 9, w: 7 }),
  of({ dh: 2, dw: 3, h: 9, w: 9, pt: 1, pl: 0, pb: 3, pr: 2 }),
  // A kernel larger than the map; windows of padding alone.
  of({ h: 2, w: 1, kh: 5, kw: 3, pt: 3, pb: 3, pl: 2, pr: 2 }),
  of({ h: 3, w: 3, kh: 2, kw: 2, pt: 3, pb: 3, pl: 3, pr: 3 }),
  of({ n: 3, h: 7, w: 6 }, 70),
  of({ h: 17, w: 15 }, 40),
];

async function expectSums(layer: IntegerLayer, expected = sumsOf(layer)) {
  const make = caseOf('qdwconv', layer);
  for (const isa of ['reference' as const, ...testedIsas()])
    for (const threads of isa === 'reference' ? [1] : [1, 3])
      expectSame((await runCase(make, isa, threads)).y, expected, `${isa}, ${threads} threads`);
}

describe('every sum is exact', () => {
  test.each(WEIGHTS)('$weightKind weights of $weightBits bits, times 1 to 8', async (weights) => {
    for (const xBits of BITS)
      for (const xSigned of [false, true]) {
        const next = random(xBits * 10 + weights.weightBits);
        const [least, most] = rangeOfX({ xBits, xSigned });
        const zero = least + Math.floor(next() * (most - least + 1));
        const numbers = { ...weights, xBits, xSigned, zero };
        await expectSums(randomLayer(of({ n: 2, h: 4 }, 21), numbers, next));
      }
  });

  test.each(SHAPES.map((shape) => [JSON.stringify(shape), shape] as const))(
    'of %s',
    async (_, shape) => {
      const next = random(shape.c * 100 + shape.kh);
      await expectSums(randomLayer(shape, BYTES, next));
      const signed = { xSigned: true, zero: -100, weightBits: 5 } as const;
      await expectSums(randomLayer(shape, { ...BYTES, ...signed }, next));
      const bipolar = { xBits: 4, zero: 15, weightKind: 'bipolar', weightBits: 1 } as const;
      const powers = { weightKind: 'power', weightBits: 4 } as const;
      await expectSums(randomLayer(shape, { ...BYTES, ...bipolar }, next));
      await expectSums(randomLayer(shape, { ...BYTES, ...powers }, next));
    },
  );

  test.each([
    { weightBits: 8, weightKind: 'signed' },
    { weightBits: 4, weightKind: 'unsigned', xSigned: true, zero: -9 },
    { weightBits: 7, weightKind: 'unsigned', zero: 255 },
    { weightBits: 3, weightKind: 'signed', xBits: 2, zero: 1 },
  ] satisfies readonly Partial<Numbers>[])(
    'zero points of weights are subtracted: $weightKind, $weightBits bits',
    async (numbers) => {
      for (const shape of [of({}, 70), of({ kh: 4, kw: 2, pt: 0, pl: 1, sw: 2 }, 33)]) {
        const next = random(shape.c + numbers.weightBits);
        const layer = randomLayer(shape, { ...BYTES, ...numbers }, next);
        const zeros = randomIntegers(shape.c, rangeOfWeights(layer.numbers), next);
        const taps = shape.kh * shape.kw;
        const weights = layer.weights.map((w, at) => w - zeros[Math.floor(at / taps)]!);
        const expected = sumsOf({ ...layer, weights });
        const make = caseOf('qdwconv', layer, {
          buffers: { zeros: { constant: Int8Array.from(zeros) } },
        });
        for (const isa of ['reference' as const, ...testedIsas()])
          for (const threads of isa === 'reference' ? [1] : [1, 3])
            expectSame((await runCase(make, isa, threads)).y, expected, `${isa}, ${threads}`);
      }
    },
  );

  test('sums of equal products, the largest there are', async () => {
    const shape = of({ h: 15, w: 15, kh: 15, kw: 15, pt: 0, pl: 0, pb: 0, pr: 0 });
    for (const xSigned of [false, true])
      for (const x of rangeOfX({ xBits: 8, xSigned }))
        for (const zero of rangeOfX({ xBits: 8, xSigned }))
          for (const weight of rangeOfWeights(BYTES)) {
            const layer = randomLayer(shape, { ...BYTES, xSigned, zero }, random(1));
            await expectSums(
              { ...layer, x: layer.x.fill(x), weights: layer.weights.fill(weight) },
              new Int32Array(19).fill(225 * (x - zero) * weight),
            );
          }
  });
});

test('an epilogue starts from the float nearest to the sum', async () => {
  const layer = randomLayer(of({ h: 12, w: 11 }, 70), BYTES, random(2));
  const sums = sumsOf(layer);
  const make = caseOf('qdwconv', layer, {
    buffers: {
      half: { constant: new Float32Array(70).fill(0.5) },
      out: { result: new Float32Array(sums.length) },
    },
    epilogue: [
      { op: 'mul', kind: 'channel', operand: 'half' },
      { op: 'store_f32', kind: 'tensor', operand: 'out' },
    ],
  });
  for (const isa of ['reference' as const, ...testedIsas()])
    for (const threads of [1, 3])
      expectSame(
        (await runCase(make, isa, threads)).out,
        Float32Array.from(sums, (sum) => sum * 0.5),
        isa,
      );
});

test('what is no such layer is refused', () => {
  const layer = randomLayer(of({}), BYTES, random(3));
  const y = { result: new Int32Array(sumsOf(layer).length) };
  const epilogue = [{ op: 'relu' }] as const;
  const wrong = [
    caseOf('qdwconv', layer, { fields: { xBits: 9 } }),
    caseOf('qdwconv', layer, { fields: { weightBits: 9 } }),
    caseOf('qdwconv', layer, { fields: { zero: 256 } }),
    caseOf('qdwconv', { ...layer, weights: layer.weights.subarray(1) }),
    caseOf('qdwconv', layer, { epilogue, buffers: { y } }),
    caseOf(
      'qdwconv',
      randomLayer(of({ h: 1, w: 1, kh: 257, kw: 257 }, 1), { ...BYTES, zero: 0 }, random(4)),
      {
        fields: { oh: 1, ow: 1 },
        buffers: { y },
      },
    ),
  ];
  for (const make of wrong)
    for (const isa of ['reference' as const, ...testedIsas()])
      expect(() => kernelOf(make, isa), isa).toThrow(/qdwconv\) was refused/);
});
