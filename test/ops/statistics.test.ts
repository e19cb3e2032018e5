/** Statistics of channels: shapes, and what they are of small numbers. */
import { describe, expect, test } from 'vitest';
import { compute, f32, failure, inferred, values } from './nodes.js';

describe('shapes', () => {
  test('one result a channel, over all axes but the last', () => {
    expect(inferred('moments', ['f32[N,4,4,8]'])).toBe('f32[2,8]');
    expect(inferred('moments', ['f32[3]'])).toBe('f32[2,3]');
    expect(inferred('normalize', ['f32[N,8]', 'f32[8]', 'f32[8]'], { epsilon: 1e-5 })).toBe(
      'f32[N,8]',
    );
    expect(inferred('normalizeSums', ['f32[N,4,8]', 'f32[N,4,8]', 'f32[8]'])).toBe('f32[4,8]');
  });

  test('of no rows there are none', () => {
    const none = /^ERR_SHAPE \w+ "node": expected at least one row but received \[0, 4, 8\]/;
    expect(failure(() => inferred('moments', ['f32[0,4,8]']))).toMatch(none);
    expect(
      failure(() => inferred('normalizeSums', ['f32[0,4,8]', 'f32[0,4,8]', 'f32[8]'])),
    ).toMatch(none);
    expect(failure(() => inferred('moments', ['f32[]']))).toMatch(/expected x of rank 1 or more/);
  });

  test('operands that do not belong to x are refused by name', () => {
    const epsilon = 1e-5;
    expect(
      failure(() => inferred('normalize', ['f32[2,8]', 'f32[8]', 'f32[1]'], { epsilon })),
    ).toMatch(/expected beta of shape \[8\]/);
    expect(failure(() => inferred('normalizeSums', ['f32[2,1]', 'f32[2,8]', 'f32[8]']))).toMatch(
      /expected dy of shape \[2, 8\] but received \[2, 1\]/,
    );
    expect(failure(() => inferred('normalizeSums', ['f32[2,8]', 'f32[2,8]', 'f32[2]']))).toMatch(
      /expected mean of shape \[8\]/,
    );
  });
});

test('the mean and the biased variance of each channel', () => {
  const x = f32([1, 10, 3, 10, 5, 40], [3, 2]);
  expect(values('moments', [x])).toEqual([3, 20, Math.fround(8 / 3), 200]);
});

test('batch norm with the statistics of x itself', () => {
  const x = f32([-1, 4, 1, 8], [2, 2]);
  const [gamma, beta] = [f32([3, 1], [2]), f32([0.5, -1], [2])];
  expect(values('normalize', [x, gamma, beta], { epsilon: 3 })).toEqual(
    [...[-1, Math.fround(-2 / Math.sqrt(7)) - 1, 2, Math.fround(2 / Math.sqrt(7)) - 1]].map(
      (value, i) => (i % 2 === 0 ? value : Math.fround(value)),
    ),
  );
});

test('sums of upstream gradients, alone and times the centred map, then both by the rows', () => {
  const dy = f32([1, 2, 3, 5], [2, 2]);
  const sums = compute('normalizeSums', [dy, f32([4, 0, 6, 1], [2, 2]), f32([5, 1], [2])]);
  expect(Array.from(sums.data)).toEqual([4, 7, 2, -2, 2, 3.5, 1, -1]);
});
