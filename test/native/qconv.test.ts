/**
 * Integer convolution: every variant on every instruction set of this machine, with its CPU
 * features and without, and the native oracle itself, against the definition (./integers.ts). All
 * sums are exact. Not here: all pairs of bit widths (./qconv-pairs.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { addon } from '../../src/native/addon.js';
import { random } from '../random.js';
import { type Case, kernelOf, runCase, testedFeatures } from './harness.js';
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

/** W8A8 with unsigned activations, as quantized networks mostly are. */
const BYTES: Numbers = {
  xSigned: false,
  xBits: 8,
  weightKind: 'signed',
  weightBits: 8,
  zero: 3,
};

/** Twelve pairs that take every way to multiply and to unpack. */
const PAIRS: readonly (readonly [string, Partial<Numbers>])[] = [
  ['W8 A8', {}],
  ['W8 A8, signed', { xSigned: true, zero: -7 }],
  ['W4 A8', { weightBits: 4, zero: 128 }],
  ['W4 A4', { weightBits: 4, xBits: 4 }],
  ['W7 A8, unsigned weights', { weightBits: 7, weightKind: 'unsigned', zero: 255 }],
  ['W7 A7', { weightBits: 7, xBits: 7, xSigned: true, zero: 63 }],
  ['W8 A7', { xBits: 7, zero: 0 }],
  ['W6 A6', { weightBits: 6, xBits: 6 }],
  ['W5 A3, unsigned weights', { weightBits: 5, weightKind: 'unsigned', xBits: 3 }],
  ['W3 A5', { weightBits: 3, xBits: 5, xSigned: true, zero: -16 }],
  ['W2 A2', { weightBits: 2, xBits: 2, zero: 1 }],
  ['bipolar weights, A8', { weightBits: 1, weightKind: 'bipolar', zero: 17 }],
  ['W4 A8, powers of two', { weightBits: 4, weightKind: 'power', zero: 9 }],
  ['W4 A4, powers of two', { weightBits: 4, weightKind: 'power', xBits: 4 }],
  ['W3 A8, powers of two', { weightBits: 3, weightKind: 'power', xSigned: true }],
  ['W2 A2, powers of two', { weightBits: 2, weightKind: 'power', xBits: 2, zero: 1 }],
];

const POINT = { kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };
const SHAPES: readonly Partial<IntegerShape>[] = [
  {},
  ...[1, 2, 3, 4, 5, 15, 16, 17, 33].map((c) => ({ c, o: 9 })),
  ...[1, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130].map((o) => ({ c: 6, o })),
  { pt: 2, pb: 0, pl: 0, pr: 3, c: 5 },
  ...[{ pt: 1 }, { pl: 1 }, { pb: 1 }, { pr: 1 }].map((side) => ({
    ...{ pt: 0, pl: 0, pb: 0, pr: 0 },
    ...side,
  })),
  { sh: 2, sw: 2, h: 7, w: 7 },
  { sh: 3, sw: 2, h: 9, w: 8, kh: 2, kw: 1, pt: 1, pl: 0, pb: 0, pr: 1 },
  { dh: 2, dw: 3, h: 9, w: 9, pt: 1, pl: 0, pb: 3, pr: 2 },
  // A kernel larger than the map; windows of padding alone.
  { h: 2, w: 1, kh: 5, kw: 3, pt: 3, pb: 3, pl: 2, pr: 2 },
  { h: 3, w: 3, kh: 2, kw: 2, pt: 3, pb: 3, pl: 3, pr: 3 },
  { kh: 7, kw: 7, pt: 3, pb: 3, pl: 3, pr: 3, h: 11, w: 11, sh: 2, sw: 2, c: 3, o: 20 },
  { ...POINT, c: 96, o: 40 },
  { ...POINT, sh: 2, sw: 2, h: 7, c: 12 },
  // Dense layers: images of one pixel.
  { ...POINT, h: 1, w: 1, c: 785, o: 10 },
  { ...POINT, h: 1, w: 1, n: 23, c: 130, o: 70 },
  { ...POINT, h: 1, w: 1, c: 4608, o: 17 },
  { g: 2, c: 24, o: 36 },
  { g: 5, c: 15, o: 10 },
  { g: 3, c: 12, o: 192 },
  { g: 10, c: 10, o: 10 },
  { n: 3, h: 7, w: 7, c: 20, o: 70 },
  // More pixels than a block, a window of more than one panel.
  { h: 12, w: 9, c: 160, o: 40 },
];

/** Every sum of a layer, by every variant of this machine and by the oracle. */
async function expectSums(layer: IntegerLayer, expected = sumsOf(layer)) {
  const make = caseOf('qconv', layer);
  expectSame((await runCase(make, 'reference')).y, expected, 'reference');
  for (const [isa, without] of testedFeatures())
    for (const threads of [1, 3]) {
      const { y } = await runCase(make, isa, threads, without);
      expectSame(y, expected, `${isa} without ${without}, ${threads} threads`);
    }
}

describe('every sum is exact', () => {
  test.each(PAIRS)('%s', (_, numbers) =>
    expectSums(randomLayer(SHAPE, { ...BYTES, ...numbers }, random(5))),
  );

  test.each(SHAPES.map((shape) => [JSON.stringify(shape), { ...SHAPE, ...shape }] as const))(
    'of %s',
    async (_, shape) => {
      const some = shape.c > 100 ? [0, 3] : [0, 1, 3, 11, 12];
      for (const i of some)
        await expectSums(
          randomLayer(shape, { ...BYTES, ...PAIRS[i]![1] }, random(i + shape.c * shape.o)),
        );
    },
  );
});

test.each([
  ['W4A8', { weightBits: 4 }],
  ['W8 A8, signed', { xSigned: true, zero: -7 }],
  ['W2A2', { weightBits: 2, xBits: 2, zero: 1 }],
] satisfies readonly (readonly [string, Partial<Numbers>])[])(
  'a few weights of 16 bits have sums and scales of their own, %s',
  async (_, numbers) => {
    const epilogue = [{ op: 'store_f32', kind: 'tensor', operand: 'out' }] as const;
    for (const [i, shape] of [
      { pt: 2 },
      { g: 3, c: 12, o: 192 },
      { ...POINT, h: 1, w: 1, c: 785, o: 70 },
      { h: 12, w: 9, c: 160, o: 40 },
    ].entries()) {
      const next = random(i + 50);
      const layer = randomLayer({ ...SHAPE, ...shape }, { ...BYTES, ...numbers }, next);
      const { o } = layer.shape;
      const each = layer.weights.length / o;
      const [starts, entries] = [[0], [] as number[]];
      const few = layer.weights.map((_, at) => {
        const number = next() < 0.03 ? Math.floor(next() * 65535) - 32767 : 0;
        if (number !== 0) entries.push(((at % each) << 16) | (number & 0xffff));
        if ((at + 1) % each === 0) starts.push(entries.length);
        return number;
      });
      const scalesOf = () => Float32Array.from({ length: o }, () => next() - 0.5);
      const [scales, fewScales] = [scalesOf(), scalesOf()];
      const sums = sumsOf(layer);
      const fewSums = sumsOf({ ...layer, weights: few });
      const f = Math.fround;
      const expected = Float32Array.from(
        sums,
        (sum, at) => f(f(sum) * scales[at % o]!) + f(f(fewSums[at]!) * fewScales[at % o]!),
      );
      const out = { result: new Float32Array(sums.length) };
      const make = caseOf('qconv', layer, {
        epilogue,
        buffers: {
          out,
          few: { constant: Int32Array.from(starts.concat(entries)) },
          scales: { constant: Float32Array.of(...scales, ...fewScales) },
        },
      });
      for (const [isa, without] of [['reference', 0] as const, ...testedFeatures()])
        for (const threads of [1, 3]) {
          const result = await runCase(make, isa, threads, without);
          expect([isa, without, threads, i, result['out']]).toEqual([
            ...[isa, without, threads, i, expected],
          ]);
        }
    }
  },
);

test.each([
  ['W4A8', { weightBits: 4, weightKind: 'unsigned' }],
  ['W7 A8 signed', { weightBits: 7, weightKind: 'unsigned', xSigned: true, zero: -9 }],
  ['W3 A8, signed weights', { weightBits: 3, xBits: 8 }],
  ['W8A8, signed weights', { weightBits: 8, xBits: 8 }],
  ['W2A2', { weightBits: 2, weightKind: 'unsigned', xBits: 2, zero: 1 }],
] satisfies readonly (readonly [string, Partial<Numbers>])[])(
  'zero points of weights are subtracted from every weight, %s',
  async (_, numbers) => {
    for (const [i, shape] of [
      {},
      { g: 3, c: 12, o: 192 },
      { g: 5, c: 15, o: 10, sh: 2, sw: 2, pt: 2 },
      { ...POINT, h: 1, w: 1, c: 785, o: 70 },
      { h: 12, w: 9, c: 160, o: 40 },
    ].entries()) {
      const next = random(i + 40);
      const layer = randomLayer({ ...SHAPE, ...shape }, { ...BYTES, ...numbers }, next);
      const { o } = layer.shape;
      const zeros = randomIntegers(o, rangeOfWeights(layer.numbers), next);
      const each = layer.weights.length / o;
      const weights = layer.weights.map((w, at) => w - zeros[Math.floor(at / each)]!);
      const expected = sumsOf({ ...layer, weights });
      const make = caseOf('qconv', layer, {
        buffers: { zeros: { constant: Int8Array.from(zeros) } },
      });
      expectSame((await runCase(make, 'reference')).y, expected, 'reference');
      for (const [isa, without] of testedFeatures())
        for (const threads of [1, 3]) {
          const { y } = await runCase(make, isa, threads, without);
          expectSame(y, expected, `${isa} without ${without}, ${threads} threads, shape ${i}`);
        }
    }
  },
);

/** A layer whose every x and every weight is the same number. */
function uniform(shape: IntegerShape, numbers: Numbers, x: number, weight: number): IntegerLayer {
  const { n, h, w, c, o, kh, kw, g } = shape;
  return {
    shape,
    numbers,
    x: new Int32Array(n * h * w * c).fill(x),
    weights: new Int32Array((o * kh * kw * c) / g).fill(weight),
  };
}

describe('sums of equal products, the largest there are', () => {
  test.each(PAIRS)('%s', async (_, some) => {
    const shape = { ...SHAPE, ...POINT, n: 2, h: 1, w: 3, o: 17 };
    for (const c of [144, 1023, 4608]) {
      for (const end of [0, 1])
        for (const weightEnd of [0, 1])
          for (const zeroEnd of [0, 1]) {
            const all = { ...BYTES, ...some };
            const numbers = { ...all, zero: rangeOfX(all)[zeroEnd]! };
            const x = rangeOfX(numbers)[end]!;
            const weight = rangeOfWeights(numbers)[weightEnd]!;
            const sum = c * (x - numbers.zero) * weight;
            const sums = new Int32Array(6 * shape.o).fill(sum);
            await expectSums(uniform({ ...shape, c }, numbers, x, weight), sums);
          }
    }
  });

  // Where pairs of products of both signs meet, each half of a step may overflow by itself.
  test.each(PAIRS)('%s, weights of both ends', async (_, some) => {
    const numbers = { ...BYTES, ...some };
    const shape = { ...SHAPE, ...POINT, h: 1, w: 7, c: 640, o: 17 };
    const layer = uniform(shape, numbers, rangeOfX(numbers)[1], 0);
    const [least, most] = rangeOfWeights(numbers);
    for (const period of [1, 2, 4, 8, 16, 32])
      await expectSums({
        ...layer,
        weights: layer.weights.map((_, i) => (Math.floor(i / period) % 2 ? least : most)),
      });
  });
});

/**
 * Sums of two products fit int16 while |x| |w| is small enough; each row is the widest case of a
 * way to multiply, or the first that is too wide for it.
 */
const WAYS: readonly (readonly [string, Partial<Numbers>, Record<string, string>])[] = [
  ['2 255 8 eight times', { weightBits: 4 }, { avx2: 'maddubs', avx512: 'maddubs' }],
  ['2 63 32 eight times', { weightBits: 6, xBits: 6 }, { avx2: 'maddubs', avx512: 'maddubs' }],
  ['2 255 16 four times', { weightBits: 5 }, { avx2: 'maddubs_madd', avx512: 'madd' }],
  ['2 255 32 twice', { weightBits: 6 }, { avx2: 'maddubs_madd', avx512: 'madd' }],
  ['2 127 128 once', { xBits: 7 }, { avx2: 'maddubs_madd', avx512: 'madd', neon: 'smlal' }],
  ['2 255 64 once', { weightBits: 7 }, { avx2: 'maddubs_madd', avx512: 'madd', neon: 'smlal' }],
  ['2 255 128 never', {}, { avx2: 'madd', avx512: 'madd', neon: 'smull' }],
  [
    '2 255 127 never',
    { weightBits: 7, weightKind: 'unsigned' },
    { avx2: 'madd', avx512: 'madd', neon: 'smlal' },
  ],
];

const I8MM = addon().features.findIndex(({ name }) => name === 'i8mm');

test.skipIf(!addon().features[I8MM]!.isas.includes('neon'))(
  'products of matrices of bytes take activations as they are, with a sign and without',
  () => {
    const kernel = (some: Partial<Numbers>, without = 0) =>
      kernelOf(
        caseOf('qconv', randomLayer(SHAPE, { ...BYTES, ...some }, random(3))),
        'neon',
        without,
      );
    expect(kernel({})).toMatch(/_usmmla$/);
    expect(kernel({ xSigned: true })).toMatch(/_smmla$/);
    expect(kernel({ xBits: 7 })).toMatch(/_smmla$/);
    expect(kernel({}, 2 ** I8MM)).toMatch(/_sdot$/);
  },
);

describe('the way to multiply follows from the widest numbers', () => {
  const every = 7;
  test.each(WAYS)('%s', async (_, some, ways) => {
    const numbers = { ...BYTES, ...some };
    const shape = { ...SHAPE, ...POINT, w: 7, c: 1000 };
    const [least, most] = rangeOfWeights(numbers);
    for (const weight of [least, most]) {
      const layer = uniform(shape, numbers, rangeOfX(numbers)[1], weight);
      // Constants are known: one weight of each end makes them as wide as their type.
      layer.weights[0] = least;
      layer.weights[1] = most;
      await expectSums(layer);
      for (const [isa, without] of testedFeatures()) if (without === every || !ways[isa]) continue;
    }
    const layer = uniform(shape, numbers, 0, 0);
    layer.weights[0] = least;
    layer.weights[1] = most;
    for (const [isa] of testedFeatures())
      if (ways[isa] !== undefined)
        expect(kernelOf(caseOf('qconv', layer), isa, every)).toMatch(new RegExp(`_${ways[isa]}$`));
  });

  test('weights of 8 bits that are all small are multiplied as such', async () => {
    const layer = randomLayer({ ...SHAPE, c: 80 }, BYTES, random(9));
    const small = { ...layer, weights: layer.weights.map((w) => w >> 4) };
    await expectSums(small);
    for (const [isa] of testedFeatures())
      if (isa === 'avx2') expect(kernelOf(caseOf('qconv', small), isa, every)).toMatch(/_maddubs$/);
  });
});

test('an epilogue starts from the float nearest to the sum, and requantizes exactly', async () => {
  for (const [i, [, some]] of PAIRS.entries()) {
    const shape = { ...SHAPE, c: 30, o: 70, h: 9, w: 8 };
    const layer = randomLayer(shape, { ...BYTES, ...some }, random(i));
    const sums = sumsOf(layer);
    const peak = sums.reduce((most, sum) => Math.max(most, Math.abs(sum)), 1);
    const scale = Float32Array.from({ length: 70 }, (_, c) => (90 + c) / peak);
    const make = caseOf('qconv', layer, {
      buffers: {
        scale: { constant: scale },
        center: { constant: new Float32Array(70).fill(100) },
        out: { result: new Uint8Array(sums.length) },
        floats: { result: new Float32Array(sums.length) },
      },
      epilogue: [
        { op: 'store_f32', kind: 'tensor', operand: 'floats' },
        { op: 'mul', kind: 'channel', operand: 'scale' },
        { op: 'round' },
        { op: 'add', kind: 'channel', operand: 'center' },
        { op: 'clip', a: 0, b: 255 },
        { op: 'store_u8', kind: 'tensor', operand: 'out' },
      ],
    });
    const even = (v: number) => {
      const near = Math.round(v);
      return near - v === 0.5 && near % 2 !== 0 ? near - 1 : near;
    };
    const bytes = Uint8Array.from(sums, (sum, at) => {
      const scaled = Math.fround(Math.fround(sum) * scale[at % 70]!);
      return Math.min(255, Math.max(0, even(scaled) + 100));
    });
    for (const [isa, without] of [['reference', 0] as const, ...testedFeatures()])
      for (const threads of [1, 3]) {
        const found = await runCase(make, isa, threads, without);
        expectSame(found.floats, Float32Array.from(sums), isa);
        expectSame(found.out, bytes, isa);
      }
  }
});

describe('what is no such layer is refused', () => {
  const layer = randomLayer(SHAPE, BYTES, random(1));
  const refused = (make: Case) => {
    for (const isa of ['reference' as const, ...testedFeatures().map(([name]) => name)])
      expect(() => kernelOf(make, isa), isa).toThrow(/qconv\) was refused/);
  };
  const withFields = (fields: Record<string, number>) => caseOf('qconv', layer, { fields });

  test.each([
    ['activations of 0 bits', { xBits: 0 }],
    ['activations of 9 bits', { xBits: 9 }],
    ['activations neither signed nor unsigned', { xSigned: 2 }],
    ['weights of 0 bits', { weightBits: 0 }],
    ['weights of 9 bits', { weightBits: 9 }],
    ['unsigned weights of 8 bits', { weightKind: 1, weightBits: 8 }],
    ['bipolar weights of 2 bits', { weightKind: 2, weightBits: 2 }],
    ['weights of no kind', { weightKind: 4 }],
    ['codes of powers of 1 bit', { weightKind: 3, weightBits: 1 }],
    ['codes of powers of 5 bits', { weightKind: 3, weightBits: 5 }],
    ['a zero point below the range', { zero: -1 }],
    ['a zero point above the range', { xBits: 4, zero: 16 }],
    ['a zero point above the signed range', { xBits: 4, xSigned: 1, zero: 8 }],
  ])('%s', (_, fields) => refused(withFields(fields)));

  test('a window whose sum could leave int32', () => {
    const wide = { ...SHAPE, ...POINT, h: 1, w: 1, o: 1 };
    const of = (c: number, zero: number) =>
      caseOf('qconv', uniform({ ...wide, c }, { ...BYTES, zero }, 0, 0));
    for (const [isa, without] of testedFeatures()) {
      kernelOf(of(65793, 0), isa, without);
      kernelOf(of(131071, 128), isa, without);
    }
    refused(of(65794, 0));
    refused(of(65794, 255));
    refused(of(131072, 128));
  });

  test('zero points of weights that end early, or let a sum leave int32', () => {
    const zeros = (bytes: Int8Array) => ({ buffers: { zeros: { constant: bytes } } });
    refused(caseOf('qconv', layer, zeros(new Int8Array(SHAPE.o - 1))));
    const wide = { ...SHAPE, ...POINT, h: 1, w: 1, o: 1, c: 40000 };
    const of = (zero: number) =>
      caseOf('qconv', uniform(wide, BYTES, 0, 0), zeros(Int8Array.of(zero)));
    for (const [isa, without] of testedFeatures()) kernelOf(of(0), isa, without);
    refused(of(127));
  });

  test('a few weights that are not those of the layer, or whose sum could leave int32', () => {
    const small = randomLayer(
      { ...SHAPE, ...POINT, c: 300, o: 1 },
      { ...BYTES, zero: 0 },
      random(2),
    );
    const epilogue = [{ op: 'store_f32', kind: 'tensor', operand: 'out' }] as const;
    const floats = { result: new Float32Array(sumsOf(small).length) };
    const withFew = (entries: readonly number[], scales = 2) =>
      caseOf('qconv', small, {
        epilogue,
        buffers: {
          out: floats,
          few: { constant: Int32Array.from([0, entries.length].concat(entries)) },
          scales: { constant: new Float32Array(scales) },
        },
      });
    const most = (count: number) => Array.from({ length: count }, (_, k) => (k << 16) | 32767);
    for (const [isa, without] of testedFeatures()) kernelOf(withFew(most(257)), isa, without);
    refused(withFew(most(258)));
    refused(withFew(most(5), 1));
    refused(withFew([300 << 16]));
    refused(withFew([3 << 16, 2 << 16]));
  });

  test('weights that end early', () => {
    refused(caseOf('qconv', { ...layer, weights: layer.weights.subarray(1) }));
  });

  test('a result beside an epilogue', () => {
    const epilogue = [{ op: 'store_f32', kind: 'tensor', operand: 'out' }] as const;
    const floats = { result: new Float32Array(sumsOf(layer).length) };
    const y = { result: new Int32Array(sumsOf(layer).length) };
    refused(caseOf('qconv', layer, { epilogue, buffers: { out: floats, y } }));
  });
});
