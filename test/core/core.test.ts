import { describe, expect, test } from 'vitest';
import { byteLength } from '../../src/core/dtype.js';
import { BitplaneError, expected } from '../../src/core/errors.js';
import { elementCount, isSize, sameShape, showShape } from '../../src/core/shape.js';
import { failure } from '../ops/nodes.js';

test('byteLength rounds bits up to bytes', () => {
  expect([0, 1, 8, 9].map((count) => byteLength('b1', count))).toEqual([0, 1, 1, 2]);
  expect(byteLength('f32', 3)).toBe(12);
  expect(byteLength('i8', 3)).toBe(3);
});

describe('BitplaneError', () => {
  test('has one sentence form, and its fields', () => {
    const cause = new Error('disk');
    const error = new BitplaneError('ERR_IO', 'cannot read', { op: 'conv2d', node: 'a', cause });
    expect(error).toMatchObject({
      name: 'BitplaneError',
      code: 'ERR_IO',
      op: 'conv2d',
      node: 'a',
      cause,
    });
    expect(error.message).toBe('conv2d "a": cannot read');
    expect(new BitplaneError('ERR_IO', 'cannot read', { node: 'a' }).message).toBe(
      '"a": cannot read',
    );
    expect(new BitplaneError('ERR_IO', 'cannot read').message).toBe('cannot read');
    expect(error).toBeInstanceOf(Error);
  });

  test('shows the received value, however odd, and cuts it', () => {
    const shown = (value: unknown) =>
      expected('ERR_ARGUMENT', 'x', value).message.slice('expected x but received '.length);
    expect(shown('text')).toBe('"text"');
    expect(shown('a'.repeat(100))).toBe(`"${'a'.repeat(77)}..."`);
    expect(shown([1, 'a', [2]])).toBe('[1, "a", [2]]');
    expect(shown(new Array(1000).fill(0))).toBe('[0, 0, 0, 0, 0, 0, 0, 0, ...]');
    expect(shown(new Float32Array(3))).toBe('a Float32Array of 12 bytes');
    expect(shown({})).toBe('an object');
    expect(shown(new Map())).toBe('a Map');
    expect(shown(Object.create(null))).toBe('a value');
    expect(shown(() => 1)).toBe('a function');
    expect([shown(null), shown(undefined), shown(Number.NaN), shown(-0), shown(1n)]).toEqual([
      'null',
      'undefined',
      'NaN',
      '0',
      '1',
    ]);
    expect(shown(Symbol('s'))).toBe('Symbol(s)');
  });

  test('shows a value from a file without its depth, its length or its constructor', () => {
    const shown = (value: unknown) =>
      expected('ERR_ARGUMENT', 'x', value).message.slice('expected x but received '.length);
    const nested = (depth: number) =>
      JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown;
    expect(shown(nested(100_000))).toBe('[[[...]]]');
    expect(shown({ constructor: { name: nested(100_000) } })).toBe('an object');
    expect(new BitplaneError('ERR_IO', 'x', { node: 'n'.repeat(10_000) }).message).toBe(
      `"${'n'.repeat(197)}...": x`,
    );
    expect(new BitplaneError('ERR_IO', 'x'.repeat(1_000_000)).message.length).toBe(8000);
    expect(showShape(new Array(100).fill('s'.repeat(1000))).length).toBeLessThan(3000);
  });
});

describe('shapes', () => {
  test('counts elements where every size is known', () => {
    expect([elementCount([]), elementCount([2, 3]), elementCount([4, 0])]).toEqual([1, 6, 0]);
    expect(failure(() => elementCount(['N', 3]))).toBe(
      'ERR_SHAPE expected a shape without symbols but received [N, 3]',
    );
  });

  test('symbols equal themselves', () => {
    expect(sameShape(['N', 3], ['N', 3])).toBe(true);
    expect(sameShape(['N', 3], ['M', 3])).toBe(false);
    expect(sameShape([3], [3, 1])).toBe(false);
  });

  test('a size is a whole number', () => {
    expect([0, 5, -1, 1.5, 2 ** 53, Number.NaN, '1', null].map(isSize)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
