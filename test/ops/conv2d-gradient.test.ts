/**
 * conv2dInputGradient and conv2dWeightGradient by their definitions: differences of conv2d, numbers
 * of PyTorch, shapes. Not here: the kernels (test/native/gradients.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { b1, CONV, compute, f32, failure, inferred, values } from './nodes.js';

const { padValue: _, ...PLAIN } = CONV;
const whole = (count: number, next: () => number) =>
  Float32Array.from({ length: count }, () => Math.round((next() - 0.5) * 8));
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

const CASES = [
  { x: [2, 5, 4, 3], w: [2, 3, 3, 3], pads: [1, 1, 1, 1] },
  { x: [1, 7, 6, 4], w: [4, 3, 2, 2], strides: [3, 2], groups: 2, pads: [0, 1, 2, 0] },
  { x: [1, 6, 7, 3], w: [3, 2, 3, 1], dilations: [2, 3], groups: 3, pads: [1, 2, 0, 1] },
  { x: [5, 4, 4, 2], w: [3, 5, 5, 2], strides: [2, 1], pads: [2, 2, 2, 2] },
] as const;

describe.each(CASES)('$x with $w', ({ x, w, ...options }) => {
  const attrs = { ...PLAIN, ...options };
  const next = random(7);
  const [xs, ws] = [whole(product(x), next), whole(product(w), next)];
  const y = compute('conv2d', [f32(xs, x), f32(ws, w)], { ...attrs, padValue: 0 });
  const dys = whole(y.size, next);
  const dy = f32(dys, y.shape);
  const [height, width] = [x[1], x[2]];
  const kernel = [w[1], w[2]];
  /** The loss whose gradient with respect to y is dy, at weights and inputs that are integers. */
  const loss = (data: Float32Array, weights: Float32Array) =>
    dot(values('conv2d', [f32(data, x), f32(weights, w)], { ...attrs, padValue: 0 }), dys);
  const moved = (at: Float32Array, i: number) =>
    at.map((value, j) => (i === j ? value + 1 : value));

  // The loss is linear in each, so that a difference is the derivative, and exact.
  test('the input gradient is off the differences of the loss', () => {
    const dx = values('conv2dInputGradient', [dy, f32(ws, w)], { ...attrs, height, width });
    expect(dx).toEqual(Array.from(xs, (_, i) => loss(moved(xs, i), ws) - loss(xs, ws)));
  });
  test('the weight gradient is off the differences of the loss', () => {
    const dw = values('conv2dWeightGradient', [dy, f32(xs, x)], { ...attrs, kernel });
    expect(dw).toEqual(Array.from(ws, (_, i) => loss(xs, moved(ws, i)) - loss(xs, ws)));
  });
  test('bits are not -1 and 1', () => {
    const signs = (from: Float32Array) => from.map((value) => (value < 0 ? -1 : 1));
    expect(values('conv2dInputGradient', [dy, b1(ws, w)], { ...attrs, height, width })).toEqual(
      values('conv2dInputGradient', [dy, f32(signs(ws), w)], { ...attrs, height, width }),
    );
    expect(values('conv2dWeightGradient', [dy, b1(xs, x)], { ...attrs, kernel })).toEqual(
      values('conv2dWeightGradient', [dy, f32(signs(xs), x)], { ...attrs, kernel }),
    );
  });
});

/** ((7 i) mod 11 - 5) / 4 in the order N, C, H, W, as a tensor [N, H, W, C]. */
function pattern(n: number, c: number, h: number, w: number) {
  const at = (b: number, k: number, i: number, j: number) => ((b * c + k) * h + i) * w + j;
  const elements: number[] = [];
  for (let b = 0; b < n; b++)
    for (let i = 0; i < h; i++)
      for (let j = 0; j < w; j++)
        for (let k = 0; k < c; k++) elements.push((((at(b, k, i, j) * 7) % 11) - 5) / 4);
  return f32(elements, [n, h, w, c]);
}

// Of F.conv2d(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2).
test('numbers are off those of PyTorch', () => {
  const attrs = { ...PLAIN, strides: [2, 1], pads: [1, 2, 1, 2], dilations: [1, 2], groups: 2 };
  const [x, w, dy] = [pattern(1, 4, 5, 4), pattern(6, 2, 3, 2), pattern(1, 6, 3, 6)];
  // Sums of products of quarters: exact.
  expect(values('conv2dInputGradient', [dy, w], { ...attrs, height: 5, width: 4 })).toEqual([
    -1.5, -1.25, -1.125, -2.5, -0.5, -1.375, -1.375, 2.3125, -1.5625, -0.8125, -0.9375, -1.125, 1.5,
    1.125, -1.1875, -2.5, 3.1875, 1.0625, 1.25, -2.0625, -2.375, -1.9375, 0.75, 0.0, 1.0, 1.9375,
    -1.125, -2.0625, -0.4375, -4.5, 1.125, -2.0625, 1.0625, 1.4375, 1.5, -1.125, -0.6875, -1.4375,
    1.25, 3.6875, 1.0, 1.875, -1.0625, -2.5, 1.3125, 1.0625, 1.4375, -1.125, -4.0625, -1.125, 1.0,
    2.75, 0.0, 0.6875, -0.875, 2.0625, 3.375, 1.8125, 0.6875, -1.375, -1.5, 0.875, 1.5625, 2.0625,
    -0.5, -1.375, -1.375, 2.3125, -1.5625, -0.8125, -0.9375, -1.125, 1.5, 1.125, -1.1875, -2.5,
    -0.9375, -1.0625, 1.3125, 3.6875,
  ]);
  expect(values('conv2dWeightGradient', [dy, x], { ...attrs, kernel: [3, 2] })).toEqual([
    -1.25, 0.8125, 1.375, -0.3125, 1.6875, 0.125, 0.8125, 2.5625, -2.3125, 2.25, -1.75, -0.9375,
    2.625, 1.3125, -2.3125, 2.25, -1.4375, 0.1875, 3.875, -4.25, 0.875, 0.0, 0.75, -1.8125, -1.75,
    -0.9375, 0.875, 0.0, -1.125, 1.625, -2.0, 4.0625, -2.125, 1.1875, -1.5625, -2.0, 1.125, -2.125,
    0.375, -1.125, 2.125, -2.9375, -0.375, 0.625, -1.8125, -1.875, 1.5625, -2.25, -1.0625, 4.6875,
    -1.8125, -1.875, -2.1875, 0.75, 2.1875, -0.5, -1.9375, 1.5, -1.3125, 1.8125, 1.5625, -2.25,
    -1.9375, 1.5, 1.75, -2.4375, -2.125, 3.1875, -1.375, -2.0, 3.375, -3.0625,
  ]);
});

describe('shapes', () => {
  const input = (dy: string, w: string, attrs = {}) =>
    inferred('conv2dInputGradient', [dy, w], { ...PLAIN, height: 8, width: 9, ...attrs });
  const weight = (dy: string, x: string, attrs = {}) =>
    inferred('conv2dWeightGradient', [dy, x], { ...PLAIN, kernel: [3, 3], ...attrs });

  test('the batch may be a symbol, the size hidden by a stride is the attribute', () => {
    expect(input('f32[N,6,7,4]', 'f32[4,3,3,2]')).toBe('f32[N,8,9,2]');
    expect(input('f32[N,3,4,4]', 'b1[4,3,3,2]', { strides: [2, 2], groups: 2 })).toBe(
      'f32[N,8,9,4]',
    );
    expect(weight('f32[N,6,7,4]', 'f32[N,8,9,6]', { groups: 2 })).toBe('f32[4,3,3,3]');
    expect(weight('f32[N,H,7,4]', 'b1[N,H,9,6]', { pads: [1, 0, 1, 0] })).toBe('f32[4,3,3,6]');
  });

  test('a dy that is not the shape of the convolution is refused, with the shape wanted', () => {
    expect(failure(() => input('f32[N,6,6,4]', 'f32[4,3,3,2]'))).toBe(
      'ERR_SHAPE conv2dInputGradient "node": expected dy of shape [N, 6, 7, 4] but received ' +
        '[N, 6, 6, 4]',
    );
    expect(failure(() => input('f32[N,6,7,5]', 'f32[4,3,3,2]'))).toMatch(/^ERR_SHAPE/);
    expect(failure(() => weight('f32[M,6,7,4]', 'f32[N,8,9,6]'))).toMatch(
      /^ERR_SHAPE conv2dWeightGradient "node": expected dy of shape \[N, 6, 7, 4\]/,
    );
    expect(failure(() => weight('f32[N,6,7,4]', 'f32[N,8,9,6]', { groups: 4 }))).toMatch(
      /channels divisible by 4 groups/,
    );
    expect(failure(() => weight('f32[N,6,7,4]', 'f32[N,8,9,6]', { groups: 3 }))).toMatch(
      /outputs divisible by 3 groups/,
    );
    expect(failure(() => weight('f32[N,6,7,4]', 'f32[N,2,9,6]'))).toMatch(/a height of at least 3/);
    expect(failure(() => weight('f32[N,6,7,4]', 'f32[N,8,9,0]'))).toMatch(/at least one row/);
  });

  test('dtypes: dy is f32, what it meets f32 or b1', () => {
    expect(failure(() => input('b1[N,6,7,4]', 'f32[4,3,3,2]'))).toMatch(/^ERR_DTYPE .*dy of dtype/);
    expect(failure(() => input('f32[N,6,7,4]', 'u8[4,3,3,2]'))).toMatch(/^ERR_DTYPE .*w of dtype/);
    expect(failure(() => weight('f32[N,6,7,4]', 'i32[N,8,9,6]'))).toMatch(
      /^ERR_DTYPE .*x of dtype/,
    );
  });
});
