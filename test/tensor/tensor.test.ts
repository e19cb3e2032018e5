import { inspect } from 'node:util';
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

describe('parts and texts of a tensor', () => {
  const counted = (dtype: DType, shape: readonly number[]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = Array.from({ length: count }, (_, i) => (dtype === 'b1' ? (i % 3) - 1 : i % 2));
    return tensorOf(dtype, values, shape);
  };
  const coded = (code: string) => expect.objectContaining({ code });
  /** The element at a place, from the definition of row-major order. */
  const at = (tensor: Tensor, place: readonly number[]) =>
    valuesOf(tensor)[place.reduce((sum, i, axis) => sum * (tensor.shape[axis] as number) + i, 0)];
  const places = (shape: readonly number[]): number[][] =>
    shape.reduce<number[][]>(
      (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
      [[]],
    );

  test('slice, argMax and toArray agree with the definition for every dtype and axis', () => {
    const size = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(DTYPES) as DType[])),
        fc.array(size, { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })),
        (dtype, shape, anyAxis, [from, to]) => {
          const tensor = counted(dtype, shape);
          const axis = anyAxis % shape.length;
          const length = shape[axis] as number;
          const indices = Array.from({ length }, (_, i) => i).slice(from, to);
          const part = tensor.slice(from, to, axis);
          expect([part.dtype, part.shape]).toEqual([
            dtype,
            shape.map((s, i) => (i === axis ? indices.length : s)),
          ]);
          for (const place of places(part.shape)) {
            const source = place.map((i, k) => (k === axis ? (indices[i] as number) : i));
            expect(at(part, place)).toBe(at(tensor, source));
          }
          expect(tensor.slice(from, to, axis - shape.length)).toEqual(part);

          const rest = shape.filter((_, i) => i !== axis);
          const greatest = tensor.argMax(axis);
          expect([greatest.dtype, greatest.shape]).toEqual(['i32', rest]);
          for (const place of places(rest)) {
            const along = Array.from({ length }, (_, i) =>
              at(tensor, [...place.slice(0, axis), i, ...place.slice(axis)]),
            ) as number[];
            expect(at(greatest, place)).toBe(along.indexOf(Math.max(...along)));
          }

          const nested = tensor.toArray();
          for (const place of places(shape))
            expect(place.reduce<unknown>((part, i) => (part as number[])[i], nested)).toBe(
              at(tensor, place),
            );
        },
      ),
      { seed: 5, numRuns: 200 },
    );
  });

  test('argMax without an axis is the class of one picture; NaN is never it', () => {
    const scores = (...values: number[]) =>
      new Tensor('f32', Float32Array.from(values), [1, values.length]);
    expect(scores(1, 5, 5).argMax()).toBe(1);
    expect(scores(Number.NaN, -3, Number.NaN, -2).argMax()).toBe(3);
    expect(scores(Number.NaN, Number.NEGATIVE_INFINITY).argMax()).toBe(1);
    expect(scores(Number.NaN).argMax()).toBe(0);
  });

  test('reshape shares the data and finds the size that is left', () => {
    const tensor = counted('f32', [2, 6]);
    const other = tensor.reshape([3, -1]);
    expect(other.shape).toEqual([3, 4]);
    expect(other.data).toBe(tensor.data);
    expect(counted('b1', [3, 4]).reshape([-1]).shape).toEqual([12]);
    expect(counted('u8', [0, 4]).reshape([0]).shape).toEqual([0]);
    expect(counted('f32', []).reshape([1, 1]).toArray()).toEqual([[0]]);
    const empty = new Tensor('f32', new Float32Array(), [2 ** 31, 0]);
    expect(() => empty.toArray()).toThrow(/at most 1048576 empty lists/);
    expect(empty.slice(0, 0, 1).shape).toEqual([2 ** 31, 0]);
    for (const shape of [[5], [-1, -1], [5, -1], [-2, 6], 'x', [0, -1]])
      expect(() => tensor.reshape(shape as never)).toThrow(coded('ERR_SHAPE'));
  });

  test('wrong axes and ranges, and tensors without elements, are refused', () => {
    const tensor = counted('f32', [2, 3]);
    for (const wrong of [
      () => tensor.slice(0, 1, 2),
      () => tensor.slice(0.5),
      () => tensor.slice(0, 'x' as never),
      () => tensor.argMax(-3),
      () => counted('f32', []).slice(),
    ])
      expect(wrong).toThrow(coded('ERR_ARGUMENT'));
    for (const wrong of [
      () => counted('f32', [0]).argMax(),
      () => counted('f32', [2, 0]).argMax(1),
    ])
      expect(wrong).toThrow(coded('ERR_SHAPE'));
  });

  test('texts show dtype, shape and the first elements', () => {
    const tensor = new Tensor('f32', Float32Array.of(0.1, -1, 1e-10), [1, 3]);
    expect(String(tensor)).toBe('f32[1, 3] [0.1, -1, 1e-10]');
    expect(inspect({ logits: tensor })).toBe('{ logits: Tensor f32[1, 3] [0.1, -1, 1e-10] }');
    expect(String(counted('i8', [3, 4]))).toBe('i8[3, 4] [0, 1, 0, 1, 0, 1, 0, 1, ... 4 more]');
    expect(String(counted('b1', [10]))).toBe('b1[10] [-1, 1, 1, -1, 1, 1, -1, 1, ... 2 more]');
    expect(String(counted('u4', []))).toBe('u4[] [0]');
    expect(String(counted('f32', [0, 2]))).toBe('f32[0, 2] []');
    expect(inspect(Tensor.prototype)).toContain('Tensor');
  });

  test('JSON has every element, and names of those that it lacks', () => {
    const tensor = new Tensor('f32', Float32Array.of(0.5, Number.NaN, -Infinity), [3]);
    expect(JSON.stringify(tensor)).toBe(
      '{"dtype":"f32","shape":[3],"data":[0.5,"NaN","-Infinity"]}',
    );
    expect(JSON.parse(JSON.stringify(counted('b1', [3])))).toEqual({
      dtype: 'b1',
      shape: [3],
      data: [-1, 1, 1],
    });
  });
});
