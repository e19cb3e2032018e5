import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DTYPES, type DType } from '../../src/core/dtype.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf, valuesOf } from '../../src/tensor/values.js';
import { failure } from '../ops/nodes.js';

describe('Tensor', () => {
  test('is recognised by its mark, and a subclass by its own class', () => {
    class Named extends Tensor {}
    const plain = new Tensor('f32', new Float32Array(1), [1]);
    const named = new Named('f32', new Float32Array(1), [1]);
    const other = Object.create({ [Symbol.for('bitplane.Tensor/1')]: true });
    expect([plain, named, other].map((value) => value instanceof Tensor)).toEqual([
      true,
      true,
      true,
    ]);
    expect([plain, named, other].map((value) => value instanceof Named)).toEqual([
      false,
      true,
      false,
    ]);
    for (const value of [undefined, null, 1, 'f32', {}, [], Tensor, new Float32Array(1)])
      expect(value instanceof Tensor).toBe(false);
  });

  test('holds the array it is given', () => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const shape = [2, 3];
    const tensor = new Tensor('f32', data, shape);
    shape[0] = 9;
    expect(tensor).toMatchObject({ dtype: 'f32', shape: [2, 3], size: 6 });
    expect(tensor.data).toBe(data);
    expect(Object.isFrozen(tensor.shape)).toBe(true);
    expect(new Tensor('i32', new Int32Array(1), []).size).toBe(1);
    expect(new Tensor('u8', new Uint8Array(0), [0, 3]).size).toBe(0);
  });

  test('stores bits in whole bytes', () => {
    expect(new Tensor('b1', new Uint8Array(2), [3, 3]).size).toBe(9);
    expect(failure(() => new Tensor('b1', new Uint8Array(9), [3, 3]))).toBe(
      'ERR_SHAPE Tensor: expected 2 bytes for shape [3, 3] but received 9',
    );
  });

  test('refuses data that does not fit dtype and shape', () => {
    const make = (dtype: unknown, data: unknown, shape: unknown) =>
      failure(() => new Tensor(dtype as 'f32', data as Float32Array, shape as number[]));
    expect(make('f64', new Float64Array(1), [1])).toBe(
      'ERR_DTYPE Tensor: expected a dtype of f32, i32, i8, u8, b1, i2 to i7 and u1 to u7 ' +
        'but received "f64"',
    );
    expect(make('constructor', new Float32Array(1), [1])).toMatch(/^ERR_DTYPE/);
    expect(make('f32', [1], [1])).toBe(
      'ERR_DTYPE Tensor: expected a Float32Array for dtype f32 but received [1]',
    );
    expect(make('f32', new Int32Array(1), [1])).toMatch(/but received a Int32Array of 4 bytes$/);
    expect(make('f32', new Float32Array(2), [1])).toBe(
      'ERR_SHAPE Tensor: expected 1 elements for shape [1] but received 2',
    );
    for (const shape of [[-1], [1.5], [Number.NaN], ['N'], 1, undefined])
      expect(make('f32', new Float32Array(1), shape)).toMatch(/^ERR_SHAPE/);
    expect(make('f32', new Float32Array(0), [2 ** 53 - 1, 2 ** 53 - 1])).toMatch(/^ERR_SHAPE/);
  });
});

describe('values', () => {
  test('bits are -1 and +1, the lowest bit of a byte first', () => {
    const tensor = new Tensor('b1', Uint8Array.of(0b0000_0101, 0b1), [9]);
    expect([...valuesOf(tensor)]).toEqual([-1, 1, -1, 1, 1, 1, 1, 1, -1]);
  });

  test('become bits: numbers below zero -1, all others +1', () => {
    expect([...tensorOf('b1', [-0.5, -0, 0, Number.NaN, 7], [5]).data]).toEqual([1]);
  });

  test.each(Object.keys(DTYPES) as DType[])('%s comes back', (dtype) => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(-1, 1), { maxLength: 40 }), (signs) => {
        const elements = dtype.startsWith('u') ? signs.map((sign) => Math.max(sign, 0)) : signs;
        const tensor = tensorOf(dtype, elements, [elements.length]);
        expect(tensor.dtype).toBe(dtype);
        expect([...valuesOf(tensor)]).toEqual(elements);
      }),
    );
  });
});
