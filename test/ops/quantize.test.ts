import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchNormAffine } from '../../src/ops/batch-norm.js';
import { b1, compute, f32, failure, i32, inferred, values } from './nodes.js';

describe('sign', () => {
  test('0, -0 and NaN give +1', () => {
    expect(values('sign', [f32([1, 0, -0, Number.NaN, -1e-45, Number.NEGATIVE_INFINITY], [6])])).toEqual([1, 1, 1, 1, -1, -1]);
    expect(inferred('sign', [['f32', ['N', 3]]])).toBe('b1[N,3]');
    expect(failure(() => inferred('sign', [['i32', [3]]]))).toMatch(/^ERR_DTYPE sign/);
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
    expect(values('cast', [f32([1.9, -1.9, 3e9, -3e9, Number.NaN, -0.5], [6])], { to: 'i32' })).toEqual([
      1, -1, 2147483647, -2147483648, 0, 0,
    ]);
    expect(inferred('cast', [['f32', ['N']]], { to: 'f32' })).toBe('f32[N]');
    expect(failure(() => inferred('cast', [['b1', [2]]], { to: 'i32' }))).toMatch(/^ERR_DTYPE/);
    expect(failure(() => inferred('cast', [['u8', [2]]], { to: 'f32' }))).toMatch(/^ERR_DTYPE/);
  });
});

describe('threshold', () => {
  test('is -1 iff (x < t) xor flip, per channel', () => {
    const x = i32([4, 4, 5, 5, 6, 6], [3, 2]);
    expect(values('threshold', [x, i32([5, 5], [2]), i32([0, 1], [2])])).toEqual([-1, 1, 1, -1, 1, -1]);
    expect(
      failure(() =>
        inferred('threshold', [
          ['i32', [2, 3]],
          ['i32', [2]],
          ['i32', [3]],
        ]),
      ),
    ).toMatch(/expected t of shape \[3\] but received \[2\]/);
    expect(
      failure(() =>
        inferred('threshold', [
          ['f32', [2, 3]],
          ['i32', [3]],
          ['i32', [3]],
        ]),
      ),
    ).toMatch(/^ERR_DTYPE/);
    expect(
      failure(() =>
        inferred('threshold', [
          ['i32', []],
          ['i32', [1]],
          ['i32', [1]],
        ]),
      ),
    ).toMatch(/x of rank 1 or more/);
  });
});

describe('multiThreshold', () => {
  test('counts the thresholds that are reached', () => {
    const x = f32([-1, 0, 0.5, 1, 2, Number.NaN], [6, 1]);
    expect(values('multiThreshold', [x, f32([0, 1], [1, 2])], { scale: 1, bias: -1 })).toEqual([-1, 0, 0, 1, 1, -1]);
    const perChannel = f32([0, 1, 10, 20], [2, 2]);
    expect(values('multiThreshold', [f32([5, 5, 15, 15], [2, 2]), perChannel], { scale: 2, bias: 0 })).toEqual([4, 0, 4, 2]);
  });

  test('with one threshold at zero, scale 2 and bias -1 it is the sign as numbers', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (x) => {
        const step = values('multiThreshold', [f32([x], [1]), f32([0], [1, 1])], { scale: 2, bias: -1 });
        expect(step).toEqual(values('sign', [f32([x], [1])]));
      }),
    );
  });

  test('refuses what does not fit', () => {
    const attrs = { scale: 1, bias: 0 };
    expect(
      inferred(
        'multiThreshold',
        [
          ['f32', ['N', 4]],
          ['f32', [4, 255]],
        ],
        attrs,
      ),
    ).toBe('f32[N,4]');
    expect(
      failure(() =>
        inferred(
          'multiThreshold',
          [
            ['f32', ['N', 4]],
            ['f32', [3, 1]],
          ],
          attrs,
        ),
      ),
    ).toMatch(/thresholds of 1 or 4 rows but received 3/);
    expect(
      failure(() =>
        inferred(
          'multiThreshold',
          [
            ['f32', ['N', 4]],
            ['f32', [4]],
          ],
          attrs,
        ),
      ),
    ).toMatch(/thresholds of rank 2/);
  });
});

describe('batchNorm', () => {
  test('is its affine, one multiplication and one addition', () => {
    const [gamma, beta, mean, variance] = [f32([2, -0.1], [2]), f32([1, 0.3], [2]), f32([3, 0.7], [2]), f32([4, 0.01], [2])];
    const x = f32([3, 0.7, 5, 0.1], [2, 2]);
    const { scale, shift } = batchNormAffine(gamma.data, beta.data, mean.data, variance.data, 0);
    expect([scale[0], shift[0]]).toEqual([1, -2]);
    const expected = [...x.data].map((value, i) => Math.fround(Math.fround(value * scale[i % 2]!) + shift[i % 2]!));
    expect(values('batchNorm', [x, gamma, beta, mean, variance], { epsilon: 0 })).toEqual(expected);
    expect(expected[0]).toBe(1);
    expect(expected[1]).toBeCloseTo(0.3, 5);
    expect(expected[3]).toBeCloseTo(0.3 + (0.1 * 0.6) / 0.1, 5);
  });

  test('the shift is rounded once, from exact products', () => {
    const { shift } = batchNormAffine([1], [1e4], [1e4 / Math.fround(1 / 3)], [9], 0);
    expect(shift[0]).toBe(Math.fround(1e4 - (1e4 / Math.fround(1 / 3)) * (1 / 3)));
    expect(shift[0]).not.toBe(0);
  });

  test('takes one number a channel', () => {
    const c = ['f32', [4]] as const;
    expect(inferred('batchNorm', [['f32', ['N', 2, 2, 4]], c, c, c, c], { epsilon: 1e-5 })).toBe('f32[N,2,2,4]');
    expect(failure(() => inferred('batchNorm', [['f32', ['N', 3]], c, c, c, c], { epsilon: 0 }))).toMatch(/expected gamma of shape \[3\]/);
    expect(failure(() => inferred('batchNorm', [['f32', ['N', 4]], c, c, c, ['f32', [4, 1]]], { epsilon: 0 }))).toMatch(
      /expected var of shape \[4\]/,
    );
  });
});
