/** The best classes, and probabilities. */
import { describe, expect, test } from 'vitest';
import { softmax } from '../../src/data/softmax.js';
import { topK, topKRows } from '../../src/data/top-k.js';
import { Tensor } from '../../src/tensor/tensor.js';

const scores = (rows: number[][]) =>
  new Tensor('f32', Float32Array.from(rows.flat()), [rows.length, (rows[0] as number[]).length]);

describe('topK', () => {
  test('the best first, ties by index, NaN never', () => {
    expect(topK([1, 3, Number.NaN, 3], 3)).toEqual([
      { index: 1, label: '1', score: 3 },
      { index: 3, label: '3', score: 3 },
      { index: 0, label: '0', score: 1 },
    ]);
    expect(topK(Float64Array.of(1, 2), 5, ['cat', 'dog'])).toEqual([
      { index: 1, label: 'dog', score: 2 },
      { index: 0, label: 'cat', score: 1 },
    ]);
  });

  test('[1, C] and [1, C, 1, 1] are one picture; of more than one every row', () => {
    expect(topK(scores([[5, 7]]), 1)).toEqual([{ index: 1, label: '1', score: 7 }]);
    const map = new Tensor('i8', Int8Array.of(5, 7), [1, 2, 1, 1]);
    expect(topK(map, 1)).toEqual([{ index: 1, label: '1', score: 7 }]);
    const two = scores([
      [5, 7],
      [8, 1],
    ]);
    expect(() => topK(two)).toThrow(/one picture but received those of 2: topKRows/);
    expect(topKRows(two, 1, ['a', 'b']).map(([best]) => best?.label)).toEqual(['b', 'a']);
  });

  test('wrong scores, counts and labels are refused', () => {
    expect(() => topK([1, 2], 0)).toThrow(/k to be a whole number of 1 or more/);
    expect(() => topK([1, 2], 1, ['a'])).toThrow(/2 labels, one a score but received 1/);
    expect(() => topK([])).toThrow(/scores, a tensor or an array of numbers/);
    expect(() => topK(BigInt64Array.of(1n) as never)).toThrow(/an array of numbers/);
  });
});

describe('softmax', () => {
  test('rows of the last axis have the sum 1, whatever their size', () => {
    const { data, shape, dtype } = softmax(
      scores([
        [1, 2, 3],
        [1e30, 0, -1e30],
        [-500, -500, Number.NEGATIVE_INFINITY],
      ]),
    );
    expect([dtype, shape]).toEqual(['f32', [3, 3]]);
    const e = [1, 2, 3].map(Math.exp);
    const sum = (e[0] as number) + (e[1] as number) + (e[2] as number);
    const expected = [...e.map((x) => x / sum), 1, 0, 0, 0.5, 0.5, 0];
    for (const [i, x] of expected.entries()) expect(data[i]).toBeCloseTo(x, 6);
  });

  test('an array is one row; NaN is not hidden', () => {
    expect(Array.from(softmax([0, 0]))).toEqual([0.5, 0.5]);
    expect(Array.from(softmax([1, Number.NaN]))).toEqual([Number.NaN, Number.NaN]);
    expect(() => softmax('abc' as never)).toThrow(/an array of numbers/);
  });
});
