import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchNormScale } from '../../src/ops/batch-norm.js';
import { b1, compute, f32, failure, i32, inferred, values } from './nodes.js';

describe('sign', () => {
  test('0, -0 and NaN give +1', () => {
    expect(
      values('sign', [f32([1, 0, -0, Number.NaN, -1e-45, Number.NEGATIVE_INFINITY], [6])]),
    ).toEqual([1, 1, 1, 1, -1, -1]);
    expect(inferred('sign', ['f32[N,3]'])).toBe('b1[N,3]');
    expect(failure(() => inferred('sign', ['i32[3]']))).toMatch(/^ERR_DTYPE sign/);
  });

  test('bits fill bytes from the lowest, the tail is zero', () => {
    const bits = compute('sign', [f32([-1, 1, -1, 1, 1, 1, 1, 1, 1, -1], [10])]);
    expect([...bits.data]).toEqual([0b101, 0b10]);
  });
});

describe('cast', () => {
  test('b1 gives -1 and +1; i32 truncates and saturates', () => {
    expect(values('cast', [b1([-1, 1], [2])], { to: 'f32' })).toEqual([-1, 1]);
    expect(values('cast', [i32([-7, 2 ** 24 + 1], [2])], { to: 'f32' })).toEqual([-7, 2 ** 24]);
    expect(
      values('cast', [f32([1.9, -1.9, 3e9, -3e9, Number.NaN, -0.5], [6])], { to: 'i32' }),
    ).toEqual([1, -1, 2147483647, -2147483648, 0, 0]);
    expect(inferred('cast', ['f32[N]'], { to: 'f32' })).toBe('f32[N]');
    expect(failure(() => inferred('cast', ['b1[2]'], { to: 'i32' }))).toMatch(/^ERR_DTYPE/);
    expect(failure(() => inferred('cast', ['f32[2]'], { to: 'b1' }))).toMatch(/^ERR_ARGUMENT/);
  });

  test('low-bit integers truncate and saturate, from floats and from integers', () => {
    const x = f32([1.9, -1.9, 300, -300, Number.NaN, Infinity], [6]);
    expect(values('cast', [x], { to: 'u8' })).toEqual([1, 0, 255, 0, 0, 255]);
    expect(values('cast', [x], { to: 'i8' })).toEqual([1, -1, 127, -128, 0, 127]);
    expect(values('cast', [x], { to: 'u3' })).toEqual([1, 0, 7, 0, 0, 7]);
    expect(values('cast', [x], { to: 'i2' })).toEqual([1, -1, 1, -2, 0, 1]);
    expect(values('cast', [i32([-7, 2 ** 24 + 1, 5], [3])], { to: 'i4' })).toEqual([-7, 7, 5]);
    expect(inferred('cast', ['u4[N,3]'], { to: 'f32' })).toBe('f32[N,3]');
    expect(inferred('cast', ['u4[3]'], { to: 'i32' })).toBe('i32[3]');
  });
});

describe('threshold', () => {
  test('is -1 iff (x < t) xor flip, per channel', () => {
    const x = i32([4, 4, 5, 5, 6, 6], [3, 2]);
    expect(values('threshold', [x, i32([5, 5], [2]), i32([0, 1], [2])])).toEqual([
      -1, 1, 1, -1, 1, -1,
    ]);
    expect(failure(() => inferred('threshold', ['i32[2,3]', 'i32[2]', 'i32[3]']))).toMatch(
      /expected t of shape \[3\] but received \[2\]/,
    );
    expect(failure(() => inferred('threshold', ['f32[2,3]', 'i32[3]', 'i32[3]']))).toMatch(
      /^ERR_DTYPE/,
    );
    expect(failure(() => inferred('threshold', ['i32[]', 'i32[1]', 'i32[1]']))).toMatch(
      /x of rank 1 or more/,
    );
  });
});

describe('multiThreshold', () => {
  test('counts the thresholds that are reached', () => {
    const x = f32([-1, 0, 0.5, 1, 2, Number.NaN], [6, 1]);
    expect(values('multiThreshold', [x, f32([0, 1], [1, 2])], { scale: 1, bias: -1 })).toEqual([
      -1, 0, 0, 1, 1, -1,
    ]);
    const perChannel = f32([0, 1, 10, 20], [2, 2]);
    expect(
      values('multiThreshold', [f32([5, 5, 15, 15], [2, 2]), perChannel], { scale: 2, bias: 0 }),
    ).toEqual([4, 0, 4, 2]);
  });

  test('with one threshold at zero, scale 2 and bias -1 it is the sign as numbers', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (x) => {
        const step = values('multiThreshold', [f32([x], [1]), f32([0], [1, 1])], {
          scale: 2,
          bias: -1,
        });
        expect(step).toEqual(values('sign', [f32([x], [1])]));
      }),
    );
  });

  test('refuses what does not fit', () => {
    const attrs = { scale: 1, bias: 0 };
    expect(inferred('multiThreshold', ['f32[N,4]', 'f32[4,255]'], attrs)).toBe('f32[N,4]');
    expect(failure(() => inferred('multiThreshold', ['f32[N,4]', 'f32[3,1]'], attrs))).toMatch(
      /thresholds of 1 or 4 rows but received 3/,
    );
    expect(failure(() => inferred('multiThreshold', ['f32[N,4]', 'f32[4]'], attrs))).toMatch(
      /thresholds of rank 2/,
    );
  });
});

describe('batchNorm', () => {
  test('is one subtraction, one multiplication and one addition, in this order', () => {
    const [gamma, beta, mean, variance] = [
      f32([2, -0.1], [2]),
      f32([1, 0.3], [2]),
      f32([3, 0.7], [2]),
      f32([4, 0.01], [2]),
    ];
    const x = f32([3, 0.7, 5, 0.1], [2, 2]);
    const scale = batchNormScale(gamma.data, variance.data, 0);
    expect(scale[0]).toBe(1);
    const expected = [...x.data].map((value, i) => {
      const c = i % 2;
      return Math.fround(
        Math.fround(Math.fround(value - mean.data[c]!) * scale[c]!) + beta.data[c]!,
      );
    });
    expect(values('batchNorm', [x, gamma, beta, mean, variance], { epsilon: 0 })).toEqual(expected);
    expect(expected[0]).toBe(1);
    expect(expected[1]).toBeCloseTo(0.3, 5);
    expect(expected[3]).toBeCloseTo(0.3 + (0.1 * 0.6) / 0.1, 5);
  });

  test('the scale is rounded once, from doubles', () => {
    const gamma = Float32Array.from({ length: 64 }, (_, i) => 1 + i / 7);
    const variance = Float32Array.from({ length: 64 }, (_, i) => 0.1 + i / 3);
    const scale = [...batchNormScale(gamma, variance, 1e-5)];
    expect(scale).toEqual(
      [...gamma].map((factor, c) => Math.fround(factor / Math.sqrt(variance[c]! + 1e-5))),
    );
    // In float32 the sum, the root and the quotient would round too.
    const inFloats = [...gamma].map((factor, c) =>
      Math.fround(factor / Math.fround(Math.sqrt(Math.fround(variance[c]! + Math.fround(1e-5))))),
    );
    expect(scale.filter((number, c) => number !== inFloats[c]).length).toBeGreaterThan(8);
  });

  test(
    'near the root the sign is right: x * scale + shift would give 0 there, and the other ' +
      'sign',
    () => {
      const [gamma, beta, mean, variance, x] = [
        1.0560027360916138, 2.9288535118103027, 606.1262817382812, 142.65274047851562, 573,
      ];
      const scale = gamma / Math.sqrt(variance + 1e-5);
      const exact = (x - mean) * scale + beta;
      expect(exact).toBeCloseTo(-6.1e-8, 9);
      expect(
        Math.fround(Math.fround(x * Math.fround(scale)) + Math.fround(beta - mean * scale)),
      ).toBe(0);
      const operands = [x, gamma, beta, mean, variance].map((item) => f32([item], [1]));
      expect(values('batchNorm', operands, { epsilon: 1e-5 })[0]).toBeLessThan(0);
    },
  );

  test('takes one number a channel', () => {
    const c = 'f32[4]';
    expect(inferred('batchNorm', ['f32[N,2,2,4]', c, c, c, c], { epsilon: 1e-5 })).toBe(
      'f32[N,2,2,4]',
    );
    expect(failure(() => inferred('batchNorm', ['f32[N,3]', c, c, c, c], { epsilon: 0 }))).toMatch(
      /expected gamma of shape \[3\]/,
    );
    expect(
      failure(() => inferred('batchNorm', ['f32[N,4]', c, c, c, 'f32[4,1]'], { epsilon: 0 })),
    ).toMatch(/expected var of shape \[4\]/);
  });
});
