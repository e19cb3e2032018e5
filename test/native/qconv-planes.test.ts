/**
 * Integer convolution by bit planes: every kind of digit that weights become, windows that fill no
 * word, counters that are as full as they get, and where planes are chosen. All sums are exact. Not
 * here: every pair of bit widths (./qconv-lookup.test.ts, ./qconv-pairs.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { addon } from '../../src/native/addon.js';
import { random } from '../random.js';
import { isEmulated, kernelOf, runCase, testedFeatures, testedIsas } from './harness.js';
import {
  caseOf,
  expectSame,
  type IntegerLayer,
  type IntegerShape,
  type Numbers,
  randomLayer,
  rangeOfWeights,
  rangeOfX,
  SHAPE,
  sumsOf,
} from './integers.js';

/** As the field `method` numbers them. */
const CHEAPEST = 0;
const PLANES = 1;
const POINT = { kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };
const SOME: Numbers = { weightKind: 'signed', weightBits: 2, xBits: 2, xSigned: false, zero: 0 };

/** What weights become, and the weights that are left of their range. */
const asDrawn = (w: number) => w;
const DIGITS: readonly (readonly [string, Partial<Numbers>, typeof asDrawn])[] = [
  ['bits', { weightKind: 'unsigned' }, asDrawn],
  ["two's complement", { weightBits: 3, xSigned: true }, asDrawn],
  ['a sign', { weightBits: 1, xBits: 8 }, asDrawn],
  ['both signs', { weightKind: 'bipolar', weightBits: 1, xBits: 4, xSigned: true }, asDrawn],
  ['a sign or nothing', {}, (w) => Math.max(w, -1)],
  ['a sign or nothing, of bytes', { weightBits: 8, xBits: 3 }, (w) => w % 2],
  ['powers of two', { weightKind: 'power', weightBits: 3, xBits: 3 }, asDrawn],
  ['fewer than there is room for', { weightBits: 8, xBits: 1, xSigned: true }, (w) => w >> 6],
];
const SHAPES: readonly Partial<IntegerShape>[] = [
  { c: 1, o: 9 },
  { c: 13, o: 21, pt: 2, pl: 0 },
  { c: 21, o: 15, g: 3, sh: 2 },
  { c: 5, o: 10, g: 5, dh: 2, dw: 3, pt: 3, pl: 1, pb: 2, pr: 4 },
  { c: 65, o: 4, sw: 2, pt: 0, pl: 0, pb: 0, pr: 0 },
  { c: 64, o: 12, n: 3, h: 4, w: 3 },
  { c: 128, o: 6, g: 2, h: 4, w: 3, sh: 2, sw: 2 },
  { ...POINT, c: 192, o: 9, h: 1, w: 1, n: 7 },
  { ...POINT, c: 785, o: 11, h: 1, w: 1 },
];

const isPlanes = /^qconv_planes_/;
const hasPlanes = (isa: string) => isa === 'scalar' || isa === 'neon';

/** Expects the sums of every variant, and planes where the instruction set has them. */
async function expectSums(layer: IntegerLayer, sums: Int32Array, title: string) {
  for (const [isa, without] of testedFeatures())
    for (const threads of [1, 3]) {
      const make = caseOf('qconv', layer, { fields: { method: PLANES } });
      const { y } = await runCase(make, isa, threads, without);
      expectSame(y, sums, `${title}, ${isa} without ${without}, ${threads} threads`);
    }
}

describe('digits of weights', () => {
  test.each(DIGITS)('%s', async (_, some, narrow) => {
    for (const [i, shape] of SHAPES.entries()) {
      const [least, most] = rangeOfX({ ...SOME, ...some });
      const zero = [least, most, Math.max(0, most - 1)][i % 3]!;
      const drawn = randomLayer({ ...SHAPE, ...shape }, { ...SOME, ...some, zero }, random(i + 7));
      const layer = { ...drawn, weights: drawn.weights.map(narrow) };
      await expectSums(layer, sumsOf(layer), `shape ${i}`);
    }
  });
});

/** Pairs whose counters are full after 5, 16, 18 and more words of a window, and their digits. */
const FULL: readonly Partial<Numbers>[] = [
  { weightKind: 'unsigned', weightBits: 2, xBits: 8 },
  { weightBits: 2, xBits: 8, xSigned: true },
  { weightKind: 'bipolar', weightBits: 1, xBits: 8 },
  { weightBits: 1, xBits: 8 },
  { weightKind: 'unsigned', weightBits: 4, xBits: 4 },
  { weightBits: 8, xBits: 2, xSigned: true },
  { weightKind: 'unsigned', weightBits: 2 },
  {},
];

/** A dense layer whose every x and every weight is the same number, but two weights an output. */
function uniform(numbers: Numbers, c: number, x: number, weight: number): IntegerLayer {
  const shape = { ...SHAPE, ...POINT, n: 5, h: 1, w: 1, c, o: 9 };
  const layer = {
    shape,
    numbers,
    x: new Int32Array(shape.n * c).fill(x),
    weights: new Int32Array(shape.o * c).fill(weight),
  };
  // Weights that are known to be within less would have fewer digits.
  for (let o = 0; o < shape.o; o++) layer.weights.set(rangeOfWeights(numbers), o * c + c - 2);
  return layer;
}

describe('counters are never fuller than they hold', () => {
  test.each(FULL.map((some) => [JSON.stringify(some), { ...SOME, ...some }] as const))(
    '%s',
    async (_, some) => {
      const [least, most] = rangeOfWeights(some);
      // Under an emulator all of them take minutes.
      for (const c of isEmulated ? [384, 1088, 1218] : [322, 384, 1026, 1088, 1154, 1218, 12354])
        for (const weight of [least, most])
          for (const [end, x] of rangeOfX(some).entries()) {
            const numbers = { ...some, zero: rangeOfX(some)[1 - end]! };
            const sum = (x - numbers.zero) * ((c - 2) * weight + least + most);
            const layer = uniform(numbers, c, x, weight);
            await expectSums(layer, new Int32Array(45).fill(sum), `${c} times ${x} ${weight}`);
          }
    },
  );

  // Where each bit of an activation meets another bit of the weights.
  test.each(FULL.map((some) => [JSON.stringify(some), { ...SOME, ...some }] as const))(
    '%s, both ends in turn',
    async (_, some) => {
      const ends = rangeOfX(some);
      for (const period of [1, 8, 64]) {
        const [least, most] = rangeOfWeights(some);
        const layer = uniform({ ...some, zero: ends[0] }, 1219, 0, 0);
        const turned = {
          ...layer,
          x: layer.x.map((_, i) => ends[Math.floor(i / period) % 2]!),
          weights: layer.weights.map((_, i) => (Math.floor(i / period) % 2 ? most : least)),
        };
        await expectSums(turned, sumsOf(turned), `period ${period}`);
      }
    },
  );
});

/** The kernel of a layer of 64 channels in and out, without some CPU features. */
function kernel(
  isa: 'scalar' | 'neon',
  some: Partial<Numbers>,
  { method = CHEAPEST, without = 0, shape = {}, narrow = asDrawn } = {},
): string {
  const layer = randomLayer({ ...SHAPE, c: 64, o: 64, ...shape }, { ...SOME, ...some }, random(1));
  const weights = layer.weights.map(narrow);
  return kernelOf(caseOf('qconv', { ...layer, weights }, { fields: { method } }), isa, without);
}

describe.each(testedIsas().filter(hasPlanes) as ('scalar' | 'neon')[])('%s', (isa) => {
  test('up to 16 pairs of planes are counted where planes are asked for', () => {
    const planes = { method: PLANES };
    for (const some of [{}, { xBits: 8 }, { weightBits: 4, xBits: 4 }, { weightBits: 8 }])
      expect(kernel(isa, some, planes)).toMatch(isPlanes);
    for (const some of [
      { weightBits: 3, xBits: 6 },
      { weightBits: 8, xBits: 3 },
    ])
      expect(kernel(isa, some, planes)).not.toMatch(isPlanes);
    // Any number of channels.
    expect(kernel(isa, {}, { ...planes, shape: { c: 17, o: 5 } })).toMatch(isPlanes);
  });
});

/** The bit of a CPU feature, as `without` has it, and whether this machine has it. */
const bitOf = (feature: string) => 2 ** addon().features.findIndex(({ name }) => name === feature);
const hasFeature = (feature: string) =>
  addon().features.some(({ name, isas }) => name === feature && isas.includes('neon'));
const ternary = (w: number) => Math.max(w, -1);

test.skipIf(!testedIsas().includes('neon'))(
  'NEON counts planes where that takes fewer operations',
  () => {
    const armv80 = { without: bitOf('dotprod') + bitOf('i8mm') };
    for (const weightBits of [1, 2, 3, 4])
      for (const xBits of [1, 2, 3, 4].filter((bits) => weightBits * bits <= 10))
        expect(kernel('neon', { weightBits, xBits }, armv80)).toMatch(isPlanes);
    expect(kernel('neon', { weightBits: 4, xBits: 4 }, armv80)).toMatch(/_smlal$/);
    expect(kernel('neon', { xBits: 8 }, armv80)).toMatch(/_smlal$/);
    expect(kernel('neon', { xBits: 7 }, { ...armv80, narrow: ternary })).toMatch(isPlanes);
    // Of few outputs, windows would be put together for nothing.
    const few = { c: 16, o: 4, g: 4 };
    expect(kernel('neon', { weightBits: 4 }, { ...armv80, shape: few })).toMatch(/_smlal$/);
  },
);

test.skipIf(!hasFeature('i8mm'))(
  'cores with products of bytes look up or multiply what takes them less',
  () => {
    const dotprod = { without: bitOf('i8mm') };
    expect(kernel('neon', { weightBits: 1, xBits: 1 }, dotprod)).toMatch(isPlanes);
    expect(kernel('neon', { weightBits: 1, xBits: 2 }, dotprod)).toMatch(/_lookup$/);
    expect(kernel('neon', { xBits: 1 }, dotprod)).toMatch(isPlanes);
    expect(kernel('neon', {}, dotprod)).toMatch(/_sdot$/);
    expect(kernel('neon', { xBits: 1 }, { ...dotprod, narrow: ternary })).toMatch(isPlanes);
    expect(kernel('neon', { weightBits: 1, xBits: 1 })).toMatch(isPlanes);
    expect(kernel('neon', { weightBits: 1, weightKind: 'bipolar' })).toMatch(/_smmla$/);
    expect(kernel('neon', { xBits: 1 })).toMatch(/_smmla$/);
  },
);
