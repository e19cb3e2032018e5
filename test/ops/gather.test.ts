/**
 * Large constants that are moved are no copies: their elements are moved when someone asks, and are
 * those of a copy, whatever part is asked for. Not here: the shape rules (movement.test.ts).
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DTYPES, type DType } from '../../src/core/dtype.js';
import { gather } from '../../src/ops/gather.js';
import { rowMajor, strided } from '../../src/ops/strides.js';
import {
  LEAST_STORED_BYTES,
  partOf,
  partsOf,
  sameSource,
  sourceOf,
  storedTensor,
} from '../../src/tensor/stored.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf, valuesOf } from '../../src/tensor/values.js';
import { random } from '../random.js';

/** x in a file that is read in parts. */
function elsewhere(x: Tensor): Tensor {
  const { buffer, byteOffset, byteLength } = x.data;
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  return storedTensor(x.dtype, x.shape, {
    read: (target, from) => target.set(bytes.subarray(from, from + target.length)),
  });
}

function numbers(dtype: DType, shape: readonly number[], seed: number): Tensor {
  const next = random(seed);
  const count = shape.reduce((a, b) => a * b, 1);
  return tensorOf(
    dtype,
    Array.from({ length: count }, () => Math.floor(next() * 200) - 100),
    shape,
  );
}

/** The definition. */
function moved(x: Tensor, shape: readonly number[], strides: readonly number[], offset = 0) {
  const at = strided(shape, strides, offset);
  const from = valuesOf(x);
  const count = shape.reduce((a, b) => a * b, 1);
  return tensorOf(
    x.dtype,
    Array.from({ length: count }, (_, i) => from[at(i)]!),
    shape,
  );
}

const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function expectSame(got: Tensor, wanted: Tensor): void {
  expect(bytesOf(got).equals(bytesOf(wanted))).toBe(true);
  expect(got.shape).toEqual(wanted.shape);
}

const KINDS = [
  ['f32', [40, 9, 31]],
  ['i8', [50, 27, 33]],
  ['b1', [66, 71, 57]],
] as const;

describe.each(KINDS)('%s of a large tensor', (dtype, shape) => {
  const x = numbers(dtype, shape, 7);
  const perms = [
    [0, 2, 1],
    [1, 2, 0],
    [2, 0, 1],
  ];

  test.each(perms.flatMap((perm) => [[perm, x] as const, [perm, elsewhere(x)] as const]))(
    'in the order %j is moved as a copy would be, whole and in parts',
    (perm, from) => {
      const own = rowMajor(shape);
      const to = perm.map((axis) => shape[axis]!);
      const strides = perm.map((axis) => own[axis]!);
      const wanted = moved(x, to, strides);
      const got = gather(from, to, strides);
      // What is read from elsewhere must lie together there: the outermost axis stays.
      const isCopy = from !== x && perm[0] !== 0;
      expect(sourceOf(got) === undefined).toBe(isCopy);
      expectSame(got, wanted);
      const entries = wanted.data.length;
      const ranges = fc.tuple(fc.nat(entries - 1), fc.nat(3000));
      fc.assert(
        fc.property(ranges, ([first, most]) => {
          const count = Math.min(most, entries - first);
          const part = partOf(got, first, count);
          expect([...part]).toEqual([...wanted.data.subarray(first, first + count)]);
        }),
        { numRuns: 20 },
      );
      const whole: number[] = [];
      for (const part of partsOf(got)) for (const entry of part) whole.push(entry);
      expect(whole).toEqual([...wanted.data]);
    },
  );

  test('any bytes of it can be read, those of half an element too', () => {
    const own = rowMajor(shape);
    const to = [shape[0], shape[2], shape[1]];
    const strides = [own[0]!, own[2]!, own[1]!];
    const wanted = bytesOf(moved(x, to, strides));
    const source = sourceOf(gather(x, to, strides))!;
    fc.assert(
      fc.property(fc.nat(wanted.length - 1), fc.nat(99), fc.nat(9), (from, most, skew) => {
        const length = Math.min(most, wanted.length - from);
        const target = new Uint8Array(skew + length).subarray(skew);
        source.read(target, from);
        expect(Buffer.from(target).equals(wanted.subarray(from, from + length))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('a slice backwards of what lies elsewhere', () => {
    const own = rowMajor(shape);
    const to = [shape[0], shape[1], shape[2] - 1];
    const [strides, offset] = [[own[0]!, own[1]!, -1], shape[2] - 1];
    expectSame(gather(elsewhere(x), to, strides, offset), moved(x, to, strides, offset));
  });

  test('moved again and again it is a copy at last, of the same elements', () => {
    let [got, wanted] = [x as Tensor, x as Tensor];
    for (let i = 0; i < 7; i++) {
      const own = rowMajor(got.shape);
      const [a, b, c] = got.shape as [number, number, number];
      const strides = [own[1]!, own[2]!, own[0]!];
      wanted = moved(wanted, [b, c, a], strides);
      got = gather(got, [b, c, a], strides);
    }
    expectSame(got, wanted);
  });
});

test('what is small, or a small part of what is in memory, is a copy', () => {
  const x = numbers('f32', [200, 200], 3);
  const small = numbers('f32', [20, 30], 3);
  expect(sourceOf(gather(small, [30, 20], [1, 30]))).toBeUndefined();
  expect(LEAST_STORED_BYTES).toBeLessThanOrEqual(100 * 200 * DTYPES.f32.bits);
  expect(sourceOf(gather(x, [100, 200], [200, 1]))).toBeUndefined();
  expect(sourceOf(gather(elsewhere(x), [100, 200], [200, 1]))).toBeDefined();
});

test('the same move of the same elements has the same source, another has not', () => {
  const x = numbers('f32', [100, 150], 5);
  const y = numbers('f32', [100, 150], 5);
  const source = (of: Tensor, strides: number[], shape = [150, 100]) =>
    sourceOf(gather(of, shape, strides))!;
  expect(sameSource(source(x, [1, 150]), source(x, [1, 150]))).toBe(true);
  expect(sameSource(source(x, [1, 150]), source(y, [1, 150]))).toBe(false);
  expect(sameSource(source(x, [1, 150]), source(x, [100, 1]))).toBe(false);
});
