/** Observers: ranges of known distributions, and histograms that no order of batches changes. */
import { describe, expect, test } from 'vitest';
import { dequantizeNumbers, paramsOfRanges, quantizeNumbers } from '../../src/quant/affine.js';
import { groupsOf } from '../../src/quant/groups.js';
import { Histogram } from '../../src/quant/observers/histogram.js';
import { decibels, squaredNoise } from '../../src/quant/observers/noise.js';
import { type ObserverName, observerOf, rangeOf } from '../../src/quant/observers/range-of.js';
import { parseQuantSpec } from '../../src/quant/parse-spec.js';
import { random } from '../random.js';

function normal(count: number, seed: number): Float32Array {
  const draw = random(seed);
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw()),
  );
}

function histogram(...batches: readonly Float32Array[]): Histogram {
  const seen = new Histogram();
  for (const batch of batches) expect(seen.add(batch)).toBeUndefined();
  return seen;
}

const range = (name: ObserverName, seen: Histogram, form: string, percentile?: number) =>
  rangeOf(
    seen,
    parseQuantSpec(form),
    observerOf(percentile === undefined ? name : { name, percentile }),
  );

describe('Histogram', () => {
  test('another order of batches gives other counts', () => {
    const x = normal(5000, 1).map((value, i) => value * 10 ** ((i % 9) - 4));
    const whole = histogram(x);
    const parts = [4, 2, 0, 3, 1].map((k) => x.slice(k * 1000, (k + 1) * 1000));
    const other = histogram(...parts);
    const { power, ...exact } = whole;
    expect(other).toMatchObject(exact);
    expect(other.power).toBeCloseTo(power, 3);
  });

  test('a number is lost, or counted twice, as the range grows', () => {
    const x = Float32Array.of(1, -1, 0, -0, 0.3, 1e-6, 5000, -123456, 1e-30);
    const seen = histogram(...Array.from(x, (value) => Float32Array.of(value)));
    const sum = (bins: Float64Array) => bins.reduce((a, b) => a + b, 0);
    expect([sum(seen.above), sum(seen.below), seen.zeros, seen.count]).toEqual([5, 2, 2, 9]);
    expect(seen.width).toBe(2 ** 17 / 2048);
    expect(seen.above[Math.floor(5000 / 64)]).toBe(1);
    expect(seen.below[Math.floor(123456 / 64)]).toBe(1);
    expect([seen.min, seen.max]).toEqual([-123456, 5000]);
  });

  test.each([Number.NaN, Infinity, -Infinity])('%s is counted', (bad) => {
    const seen = histogram(Float32Array.of(1, 2));
    expect(seen.add(Float32Array.of(3, bad, 4))).toBe(bad);
    expect([seen.count, seen.max]).toEqual([2, 2]);
  });
});

describe('ranges', () => {
  const bell = histogram(normal(200_000, 5));
  const half = histogram(normal(200_000, 5).map(Math.abs));

  test('minmax is not what was seen', () => {
    expect(range('minmax', bell, 'int8')).toEqual({ lo: bell.min, hi: bell.max });
  });

  test('percentile is not a quantile of the normal distribution', () => {
    // 98 % of the numbers lie within 2.326, of magnitudes too.
    const both = range('percentile', bell, 'int8', 98);
    expect(both.hi).toBeCloseTo(2.326, 1);
    expect(both.lo).toBeCloseTo(-2.326, 1);
    const one = range('percentile', half, 'uint8', 98);
    expect(one.lo).toBe(0);
    expect(one.hi).toBeCloseTo(2.326, 1);
    expect(range('percentile', bell, 'int8', 100)).toEqual({ lo: bell.min, hi: bell.max });
  });

  // Max, "Quantizing for minimum distortion", IRE Trans. 1960, table II: the least error of 2^bits
  // evenly spaced levels for a normal distribution. One of our levels is 0, so one more is on one
  // side than on the other, and the error is a little above.
  test.each([
    ['int3', 0.03744],
    ['int4', 0.01154],
    ['int5', 0.00349],
  ])('mse for %s errs far more than the best evenly spaced levels', (form, least) => {
    const spec = parseQuantSpec(form);
    const chosen = paramsOfRanges(spec, [range('mse', bell, form)]);
    const error = squaredNoise(bell, spec, chosen) / bell.count;
    expect(error / least).toBeGreaterThan(0.97);
    expect(error / least).toBeLessThan(1.12);
  });

  test('a range errs less in squares than the one that mse chose', () => {
    for (const form of ['int4', 'uint4-asymmetric', 'uint8-asymmetric']) {
      const spec = parseQuantSpec(form);
      const noise = (name: ObserverName) =>
        squaredNoise(bell, spec, paramsOfRanges(spec, [range(name, bell, form)]), 1);
      for (const other of ['minmax', 'percentile', 'entropy'] as const)
        expect(noise('mse')).toBeLessThanOrEqual(noise(other) * 1.001);
    }
  });

  test('entropy keeps a lone outlier, or cuts into the numbers', () => {
    const x = normal(100_000, 9);
    x[17] = 100;
    const { lo, hi } = range('entropy', histogram(x), 'int8');
    expect(hi).toBeLessThan(50);
    expect(hi).toBeGreaterThan(2);
    expect(-lo).toBeLessThanOrEqual(hi);
  });

  test('entropy drops numbers that are spread evenly', () => {
    const even = Float32Array.from({ length: 20_000 }, (_, i) => (i + 1) / 20_000);
    expect(range('entropy', histogram(even), 'uint8').hi).toBeGreaterThan(0.99);
  });

  test('a range of nothing but zeros is not that', () => {
    const zeros = histogram(new Float32Array(10));
    for (const name of ['minmax', 'percentile', 'mse', 'entropy'] as const)
      expect(range(name, zeros, 'uint8')).toEqual({ lo: 0, hi: 0 });
  });

  test('an asymmetric range is searched at one end alone', () => {
    const x = normal(50_000, 2).map((value) => (value < 0 ? value / 10 : value));
    x[3] = -20;
    const { lo, hi } = range('mse', histogram(x), 'uint4-asymmetric');
    expect(lo).toBeGreaterThan(-4);
    expect(hi).toBeGreaterThan(1.5);
  });
});

test('noise by the histogram is far from that of the numbers', () => {
  const x = normal(50_000, 4);
  const seen = histogram(x);
  for (const form of ['int4', 'uint8-asymmetric', 'int8']) {
    const spec = parseQuantSpec(form);
    const params = paramsOfRanges(spec, [{ lo: -2.5, hi: 2.5 }]);
    const groups = groupsOf('tensor', [x.length]);
    const y = dequantizeNumbers(quantizeNumbers(x, spec, params, groups), params, groups);
    const exact = x.reduce((sum, value, i) => sum + (value - y[i]!) ** 2, 0);
    const estimate = squaredNoise(seen, spec, params);
    expect(Math.abs(decibels(seen.power, exact) - decibels(seen.power, estimate))).toBeLessThan(
      0.1,
    );
  }
});

test('an observer that does not exist is taken', () => {
  expect(() => observerOf('mean' as ObserverName)).toThrow(
    'observer: expected an observer of minmax, percentile, mse, entropy but received "mean"',
  );
  expect(() => observerOf({ name: 'percentile', percentile: 0 })).toThrow('percentile above 0');
});
