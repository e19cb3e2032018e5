/**
 * Weights of several networks in one word: what comes out is the rounding of each, bit for bit. The
 * rounding itself against its formula, written here in whole numbers, and against the low-bit
 * formats. Not here: files and networks.
 */
import { describe, expect, test } from 'vitest';
import { MOST_FLOAT } from '../../src/core/float32.js';
import { blockFloat } from '../../src/quant/formats/block-float.js';
import { floatBits, sliceMantissa } from '../../src/quant/formats/float-fields.js';
import { type FuseOptions, fuse } from '../../src/quant/formats/fused.js';
import { split } from '../../src/quant/formats/split.js';
import { quantSpec } from '../../src/quant/spec.js';
import { quantizeWeights } from '../../src/quant/weights.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';

const TINY = 2 ** -149;
/** Zeros of both signs, denormals, powers of two, a number below a power, and normal weights. */
function weights(seed: number, shape: readonly number[] = [3, 2, 7]): Tensor<'f32'> {
  const draw = random(seed);
  const special = [0, -0, TINY, -3 * TINY, 1, -0.5, 1 - 2 ** -24, 2 ** -126, -(2 ** -20)];
  const count = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: count }, (_, i) => special[i] ?? draw() - draw());
  return new Tensor('f32', data, shape);
}

const CASES: Record<string, Tensor<'f32'>> = {
  weights: weights(1),
  'zeros alone': new Tensor('f32', new Float32Array(42), [3, 2, 7]),
  'denormals alone': new Tensor(
    'f32',
    weights(2).data.map((_, i) => (i - 20) * TINY),
    [3, 2, 7],
  ),
  'the largest float': new Tensor(
    'f32',
    weights(3).data.map((value, i) => (i % 9 === 0 ? -3.4028234663852886e38 : value * 1e38)),
    [3, 2, 7],
  ),
};

/** Bit by bit, so that -0 is no 0. */
const bits = ({ data }: Tensor<'f32'>) => [...floatBits(data)];

describe('block floating point', () => {
  test('a number differs from the formula', () => {
    const w = weights(4);
    const most = Math.max(...w.data.map(Math.abs));
    const exponent = Math.floor(Math.log2(most));
    for (const rounding of ['nearest', 'truncate'] as const)
      for (let n = 1; n <= 24; n++) {
        const got = blockFloat(w, { bits: n, rounding });
        expect([...got.exponents]).toEqual([exponent]);
        for (const [i, value] of w.data.entries()) {
          const exact = Math.abs(value) * 2 ** (n - 1 - exponent);
          const distance = Math.abs(got.mantissas[i]! - exact);
          if (got.mantissas[i] === 2 ** n - 1) expect(exact).toBeGreaterThan(2 ** n - 1.5);
          else expect(distance).toBeLessThan(rounding === 'nearest' ? 0.5 + 1e-12 : 1);
          if (rounding === 'truncate') expect(got.mantissas[i]!).toBeLessThanOrEqual(exact);
          expect(got.values.data[i]).toBe(
            (value < 0 ? -1 : 1) * got.mantissas[i]! * 2 ** (exponent - n + 1),
          );
        }
      }
  });

  test('half way between two numbers is not the even one, or the largest does not saturate', () => {
    const w = new Tensor('f32', Float32Array.of(1.25, 1.75, 1.5, -1.99), [4]);
    expect([...blockFloat(w, { bits: 2 }).mantissas]).toEqual([2, 3, 3, 3]);
    expect([...blockFloat(w, { bits: 2, rounding: 'truncate' }).mantissas]).toEqual([2, 3, 3, 3]);
    expect([...blockFloat(w, { bits: 3 }).mantissas]).toEqual([5, 7, 6, 7]);
    expect([...blockFloat(w, { bits: 1 }).mantissas]).toEqual([1, 1, 1, 1]);
  });

  test('24 bits lose something of the largest weight', () => {
    const w = weights(5);
    const at = w.data.reduce((best, v, i) => (Math.abs(v) > Math.abs(w.data[best]!) ? i : best), 0);
    expect(blockFloat(w, { bits: 24 }).values.data[at]).toBe(w.data[at]);
  });

  test.each(['tensor', 'channel', { block: 3 }] as const)(
    'the scheme blockFloat of a QuantSpec gives other numbers: %j',
    (granularity) => {
      // The scale of a QuantSpec is a float32, which a block of denormals does not have.
      const { data, shape } = weights(6);
      const w = new Tensor(
        'f32',
        data.map((value) => (Math.abs(value) < 2 ** -100 ? 0 : value)),
        shape,
      );
      for (let n = 1; n <= 7; n++) {
        const spec = quantSpec({ bits: n + 1, scheme: 'blockFloat', granularity });
        const want = quantizeWeights(w, spec).values;
        const got = blockFloat(w, { bits: n, granularity }).values.data;
        expect([...got].map((value) => value + 0)).toEqual([...want].map((value) => value + 0));
      }
    },
  );

  test('a bad argument is taken', () => {
    const w = weights(1);
    for (const n of [0, 25, 1.5, Number.NaN])
      expect(() => blockFloat(w, { bits: n })).toThrow('blockFloat: expected bits from 1 to 24');
    expect(() => blockFloat(w, { bits: 4, granularity: 'rows' as never })).toThrow('granularity');
    expect(() => blockFloat(w, { bits: 4, rounding: 'up' as never })).toThrow('rounding');
    const nan = new Tensor('f32', Float32Array.of(1, Number.NaN), [2]);
    expect(() => blockFloat(nan, { bits: 4 })).toThrow('finite numbers but received NaN as elem');
  });
});

describe('two networks', () => {
  test.each(Object.keys(CASES))('a width changes a weight: %s beside others', (name) => {
    const [a, b] = [CASES[name]!, weights(8)];
    for (let n = 1; n <= 24; n++)
      for (let m = 1; m <= 24 && n + m <= 32; m++) {
        const fused = fuse([a, b], { method: 'bfp', bits: [n, m] });
        expect(bits(split(fused, 0))).toEqual(bits(blockFloat(a, { bits: n }).values));
        expect(bits(split(fused, 1))).toEqual(bits(blockFloat(b, { bits: m }).values));
      }
  });

  test.each(['tensor', 'channel', { block: 3 }] as const)(
    'a granularity or a rounding is lost: %j',
    (granularity) => {
      for (const rounding of ['nearest', 'truncate'] as const) {
        const spec = { granularity, rounding };
        const [a, b] = [weights(9), weights(10)];
        const fused = fuse([a, b], { method: 'bfp', bits: [5, 9], ...spec });
        expect(bits(split(fused, 0))).toEqual(bits(blockFloat(a, { bits: 5, ...spec }).values));
        expect(bits(split(fused, 1))).toEqual(bits(blockFloat(b, { bits: 9, ...spec }).values));
      }
    },
  );

  test('a word takes other than n + m bits and a sign each', () => {
    const fused = fuse([weights(1), weights(2)], { method: 'bfp', bits: [12, 11] });
    expect(fused.words.length).toBe(Math.ceil((42 * 23) / 8));
    expect(fused.signs.length).toBe(Math.ceil((42 * 2) / 8));
  });

  test('noise moves a weight by its last place or more, or is none', () => {
    const [a, b] = [weights(11), weights(12)];
    const fused = fuse([a, b], { method: 'bfp', bits: [6, 10] });
    const exact = split(fused, 0).data;
    for (const dither of ['noise', 'random'] as const) {
      const got = split(fused, 0, { dither }).data;
      const step = 2 ** -5;
      for (const [i, value] of got.entries()) {
        const added = Math.abs(value) - Math.abs(exact[i]!);
        expect(added).toBeGreaterThanOrEqual(0);
        expect(added).toBeLessThan(step);
      }
      expect(got).not.toEqual(exact);
      expect(split(fused, 1, { dither })).toEqual(split(fused, 1));
    }
    // The bits below the first task's are the second's.
    const { mantissas } = blockFloat(b, { bits: 10 });
    const noisy = split(fused, 0, { dither: 'noise' }).data;
    for (const [i, value] of noisy.entries())
      expect(Math.abs(value)).toBe(Math.abs(exact[i]!) + mantissas[i]! * 2 ** -15);
    const seeded = (seed: number) => split(fused, 0, { dither: 'random', seed }).data;
    expect(seeded(1)).toEqual(seeded(1));
    expect(seeded(1)).not.toEqual(seeded(2));
  });
});

test.each(['noise', 'random'] as const)('%s makes the largest floats infinite', (dither) => {
  const most = new Tensor('f32', new Float32Array(64).fill(-MOST_FLOAT), [64]);
  const fused = fuse([most, most], { method: 'bfp', bits: [8, 24] });
  for (const value of split(fused, 0, { dither }).data)
    expect(value / -MOST_FLOAT).toBeCloseTo(1, 2);
});

describe('fields of IEEE 754', () => {
  test('masked weights are not the sliced ones', () => {
    for (const a of Object.values(CASES))
      for (let p = 1; p <= 23; p++)
        for (let q = 1; q <= p; q += 2) {
          const fused = fuse([a, CASES.weights!], { method: 'ieee754', bits: [p, q] });
          const read = (task: number) => bits(split(fused, task, { dither: 'mask' }));
          expect(read(0)).toEqual(bits(sliceMantissa(a, 23 - p)));
          expect(read(1)).toEqual(bits(sliceMantissa(CASES.weights!, q)));
        }
  });

  test('the first task does not read the word of the paper', () => {
    const [a, b] = [weights(13), weights(14)];
    const fused = fuse([a, b], { method: 'ieee754', bits: [13, 9] });
    const [wa, wb] = [floatBits(a.data), floatBits(b.data)];
    const paper = Array.from(wa, (word, i) => {
      const upper = (wb[i]! & 0x7fffff) >>> (23 - 9);
      return ((word & ~0x1fff) | (upper << (13 - 9))) >>> 0;
    });
    expect(bits(split(fused, 0))).toEqual(paper);
    expect(fused.words.length).toBe(Math.ceil((42 * 19) / 8));
  });

  test('a zero becomes a number, or loses its sign, where the low bits are masked', () => {
    const zeros = new Tensor('f32', Float32Array.of(0, -0, 1), [3]);
    const ones = new Tensor('f32', Float32Array.of(1.99, 1.99, 1.99), [3]);
    const fused = fuse([zeros, ones], { method: 'ieee754', bits: [10, 10] });
    expect([...split(fused, 0, { dither: 'mask' }).data]).toEqual([0, -0, 1]);
    expect(split(fused, 0).data[0]).toBeGreaterThan(0);
  });
});

describe('more than two networks', () => {
  test('a third task is another tensor than its own', () => {
    const all = [weights(1), weights(2), weights(3), CASES['zeros alone']!];
    const widths = [9, 8, 7, 8];
    const fused = fuse(all, { method: 'bfp', bits: widths });
    for (const [task, w] of all.entries())
      expect(bits(split(fused, task))).toEqual(bits(blockFloat(w, { bits: widths[task]! }).values));
    const fields = fuse(all, { method: 'ieee754', bits: [18, 7, 6, 5] });
    for (const [task, kept] of [5, 7, 6, 5].entries())
      expect(bits(split(fields, task, { dither: 'mask' }))).toEqual(
        bits(sliceMantissa(all[task]!, kept)),
      );
  });
});

test.each<[string, Partial<FuseOptions> & { bits: readonly number[] }]>([
  ['bits of task 1 from 1 to 24 but received 0', { bits: [0, 4] }],
  ['bits of task 2 from 1 to 24 but received 25', { bits: [4, 25] }],
  ['at most 32 bits together but received 20 + 13 = 33', { bits: [20, 13] }],
  ['bits of two tasks or more', { bits: [4] }],
  ['a tensor for each of 3 widths but received 2', { bits: [4, 4, 4] }],
  ['bits of task 2 from 1 to 23 but received 0', { method: 'ieee754', bits: [8, 0] }],
  ['at most the 8 bits that the first task gives up', { method: 'ieee754', bits: [8, 9] }],
  [
    'granularity and rounding for bfp alone',
    { method: 'ieee754', bits: [8, 8], rounding: 'nearest' },
  ],
  ['method to be bfp or ieee754', { method: 'int8' as never, bits: [8, 8] }],
])('a bad fusion is made: %s', (sentence, options) => {
  const call = () => fuse([weights(1), weights(2)], { method: 'bfp', name: 'conv1', ...options });
  expect(call).toThrow(`fuse "conv1": expected ${sentence}`);
});

test('tensors that do not fit, or are not finite, are fused', () => {
  const infinite = new Tensor('f32', Float32Array.of(1, Infinity), [2]);
  const one = new Tensor('f32', Float32Array.of(1, 2), [2]);
  const options = { method: 'bfp', bits: [4, 4], name: 'conv1' } as const;
  expect(() => fuse([one, infinite], options)).toThrow(
    'fuse "conv1": expected finite numbers but received Infinity as element 1',
  );
  expect(() => fuse([one, weights(1)], options)).toThrow(
    'fuse "conv1": expected tensors of shape [2] but received [3, 2, 7]',
  );
  const fused = fuse([one, one], options);
  expect(() => split(fused, 2)).toThrow('split: expected a task from 0 to 1 but received 2');
  expect(() => split(fused, 0, { dither: 'blue' as never })).toThrow('dither');
});
