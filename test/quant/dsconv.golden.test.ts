/** DSConv's block formats against arrays that the authors' code computed. */
import { describe, expect, test } from 'vitest';
import { dsconvActivations, dsconvWeights } from '../../src/quant/formats/dsconv.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { channelsLast, floats, goldenNumbers } from './golden-numbers.js';

const arrays = goldenNumbers('dsconv');

describe('weights', () => {
  test.each(['w0', 'w1', 'w2'])('%s: integers, scales and values differ from theirs', (name) => {
    const [bits, block] = arrays[`${name}_cfg`]!.values as [number, number];
    const got = dsconvWeights(floats(channelsLast(arrays[`${name}_w`]!)), bits, block);
    expect(Array.from(got.integers)).toEqual(
      channelsLast(arrays[`${name}_int`]!).values.map((value) => value + 0),
    );
    for (const [key, part] of [
      ['alpha', got.alpha],
      ['new', got.values],
    ] as const) {
      const want = channelsLast(arrays[`${name}_${key}`]!).values;
      expect(part.length).toBe(want.length);
      for (const [i, value] of want.entries())
        expect(Math.abs(part[i]! - value)).toBeLessThanOrEqual(1e-5 + 1e-4 * Math.abs(value));
    }
  });

  test('a block of zeros divides by zero', () => {
    const got = dsconvWeights(new Tensor('f32', new Float32Array(4), [1, 1, 1, 4]), 4, 2);
    expect(Array.from(got.values)).toEqual([0, 0, 0, 0]);
    expect(Array.from(got.alpha)).toEqual([0, 0]);
  });
});

describe('activations', () => {
  test.each(['act0', 'act1', 'act2'])('%s: a number differs from theirs', (name) => {
    const [exponentBits, mantissaBits, block] = arrays[`${name}_cfg`]!.values as [
      number,
      number,
      number,
    ];
    const x = floats(channelsLast(arrays[`${name}_x`]!));
    const got = dsconvActivations(x, { exponentBits, mantissaBits, block });
    const want = channelsLast(arrays[`${name}_y`]!).values;
    expect(Array.from(got.data, (value) => value + 0)).toEqual(want.map((value) => value + 0));
  });

  test('a block of zeros becomes NaN, as in the release', () => {
    const x = new Tensor('f32', Float32Array.of(0, 0, 1, 3), [1, 4]);
    const got = dsconvActivations(x, { exponentBits: 8, mantissaBits: 3, block: 2 });
    expect(Array.from(got.data)).toEqual([0, 0, 1, 3]);
  });

  test('NaN takes the scale of its block with it', () => {
    const x = new Tensor('f32', Float32Array.of(Number.NaN, 1), [1, 2]);
    expect(() => dsconvActivations(x, { exponentBits: 8, mantissaBits: 3, block: 2 })).toThrow(
      'dsconv: expected activations of finite numbers but received NaN',
    );
  });
});
