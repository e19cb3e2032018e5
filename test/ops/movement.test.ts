import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf, valuesOf } from '../../src/tensor/values.js';
import { b1, compute, f32, failure, inferred, values } from './nodes.js';

const range = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
const cube = f32(range(24), [2, 3, 4]);

/** Small tensors of rank 1 to 4, f32 or bits (odd sizes too, so that bits end within a byte). */
const tensors = fc
  .tuple(
    fc.constantFrom('f32', 'b1'),
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
  )
  .chain(([dtype, shape]) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const data = fc.array(fc.constantFrom(-1, 1), { minLength: size, maxLength: size });
    return data.map((elements) => tensorOf(dtype as 'f32' | 'b1', elements, shape) as Tensor);
  });

const at = (x: Tensor, index: readonly number[]) =>
  valuesOf(x)[index.reduce((sum, i, axis) => sum * x.shape[axis]! + i, 0)];

describe('reshape', () => {
  test('resolves -1, symbols included', () => {
    expect(inferred('reshape', ['b1[N,4,6]'], { shape: [-1, 24] })).toBe('b1[N,24]');
    expect(inferred('reshape', ['f32[N,4,6]'], { shape: ['N', -1] })).toBe('f32[N,24]');
    expect(inferred('reshape', ['f32[N,4,6]'], { shape: [2, 'N', 12] })).toBe('f32[2,N,12]');
    expect(inferred('reshape', ['i32[2,3]'], { shape: [-1] })).toBe('i32[6]');
    expect(inferred('reshape', ['f32[1]'], { shape: [] })).toBe('f32[]');
    expect(inferred('reshape', ['f32[0,3]'], { shape: [3, 0] })).toBe('f32[3,0]');
    expect(inferred('reshape', ['f32[N,N]'], { shape: [-1, 'N'] })).toBe('f32[N,N]');
  });

  test('refuses shapes of another count', () => {
    expect(failure(() => inferred('reshape', ['f32[2,3]'], { shape: [4, -1] }))).toBe(
      'ERR_SHAPE reshape "node": expected a shape of as many elements as [2, 3] but ' +
        'received [4, -1]',
    );
    for (const shape of [['N', 5], ['N', 8], ['M', -1], [4], [-1, 3], ['N', 'N', -1]]) {
      expect(
        failure(() => inferred('reshape', ['f32[N,4]'], { shape })),
        String(shape),
      ).toMatch(/^ERR_SHAPE/);
    }
    expect(failure(() => inferred('reshape', ['f32[6]'], { shape: [-1, -1] }))).toMatch(
      /^ERR_ARGUMENT/,
    );
    expect(failure(() => inferred('reshape', ['f32[6]'], { shape: [0, -1] }))).toMatch(
      /^ERR_SHAPE/,
    );
  });

  test('keeps the elements', () => {
    expect(values('reshape', [b1([-1, 1, 1, -1, -1, 1], [2, 3])], { shape: [3, 2] })).toEqual([
      -1, 1, 1, -1, -1, 1,
    ]);
  });
});

describe('transpose', () => {
  test('permutes sizes and elements', () => {
    expect(inferred('transpose', ['b1[N,3,8,9]'], { perm: [0, 2, 3, 1] })).toBe('b1[N,8,9,3]');
    expect(values('transpose', [f32(range(6), [2, 3])], { perm: [1, 0] })).toEqual([
      1, 4, 2, 5, 3, 6,
    ]);
    for (const perm of [[0], [0, 0], [0, 2]]) {
      expect(failure(() => inferred('transpose', ['f32[2,3]'], { perm }))).toMatch(
        /^ERR_SHAPE transpose "node": expected perm/,
      );
    }
  });

  test('is undone by the inverse permutation', () => {
    fc.assert(
      fc.property(tensors, fc.infiniteStream(fc.nat()), (x, keys) => {
        const perm = x.shape
          .map((_, axis) => axis)
          .sort(() => ((keys.next().value as number) % 2 === 0 ? 1 : -1));
        const turned = compute('transpose', [x], { perm });
        expect(turned.shape).toEqual(perm.map((axis) => x.shape[axis]));
        expect(
          compute('transpose', [turned], { perm: perm.map((_, axis) => perm.indexOf(axis)) }),
        ).toEqual(x);
      }),
    );
  });
});

describe('slice', () => {
  const whole = { starts: [0, 0, 0], ends: [2, 3, 4], steps: [1, 1, 1] };

  test('takes every step-th element of a range', () => {
    const attrs = { starts: [1, 0, 1], ends: [2, 3, 4], steps: [1, 2, 2] };
    const part = compute('slice', [cube], attrs);
    expect(part.shape).toEqual([1, 2, 2]);
    expect([...part.data]).toEqual(
      [
        [1, 0, 1],
        [1, 0, 3],
        [1, 2, 1],
        [1, 2, 3],
      ].map((index) => at(cube, index)),
    );
    expect(inferred('slice', ['f32[5]'], { starts: [2], ends: [2], steps: [3] })).toBe('f32[0]');
  });

  test('takes a symbolic axis whole or not at all', () => {
    expect(inferred('slice', ['b1[N,4]'], { starts: [0, 2], ends: ['N', 4], steps: [1, 1] })).toBe(
      'b1[N,2]',
    );
    for (const [start, end, step] of [
      [1, 'N', 1],
      [0, 2, 1],
      [0, 'N', 2],
      [0, 'M', 1],
    ] as const) {
      const act = () =>
        inferred('slice', ['b1[N,4]'], {
          starts: [start, 0],
          ends: [end, 4],
          steps: [step, 1],
        });
      expect(failure(act)).toMatch(
        /^ERR_SHAPE slice "node": expected axis 0 of size N taken whole/,
      );
    }
  });

  test('refuses ranges that are not canonical', () => {
    expect(failure(() => compute('slice', [cube], { ...whole, ends: [2, 3, 5] }))).toMatch(
      /^ERR_SHAPE .* <= 4 on axis 2/,
    );
    expect(
      failure(() => compute('slice', [cube], { ...whole, starts: [2, 0, 0], ends: [1, 3, 4] })),
    ).toMatch(/0 <= start <= end <= 2 on axis 0/);
    expect(failure(() => compute('slice', [cube], { ...whole, steps: [1, 1] }))).toMatch(
      /expected 3 steps, one an axis but received 2/,
    );
    expect(failure(() => compute('slice', [cube], { ...whole, steps: [1, 0, 1] }))).toMatch(
      /^ERR_ARGUMENT/,
    );
    expect(failure(() => compute('slice', [cube], { ...whole, starts: [0, -1, 0] }))).toMatch(
      /^ERR_ARGUMENT/,
    );
  });
});

describe('pad', () => {
  test('puts a border of the value around', () => {
    expect(values('pad', [f32([1, 2], [1, 2])], { pads: [1, 0, 0, 1], value: 9 })).toEqual([
      9, 9, 9, 1, 2, 9,
    ]);
    expect(values('pad', [b1([-1, 1], [2])], { pads: [1, 2], value: -1 })).toEqual([
      -1, -1, 1, -1, -1,
    ]);
    expect(values('pad', [b1([-1, 1], [2])], { pads: [1, 0], value: 1 })).toEqual([1, -1, 1]);
  });

  test('is undone by a slice', () => {
    fc.assert(
      fc.property(tensors, fc.infiniteStream(fc.nat(3)), (x, sizes) => {
        const pads = [...x.shape, ...x.shape].map(() => sizes.next().value as number);
        const padded = compute('pad', [x], { pads, value: 1 });
        const ends = x.shape.map((dim, axis) => dim + pads[axis]!);
        expect(
          compute('slice', [padded], {
            starts: pads.slice(0, x.shape.length),
            ends,
            steps: x.shape.map(() => 1),
          }),
        ).toEqual(x);
        const outside =
          [...valuesOf(padded)].reduce((sum, v) => sum + v, 0) -
          [...valuesOf(x)].reduce((sum, v) => sum + v, 0);
        expect(outside).toBe(padded.size - x.size);
      }),
    );
  });

  test('keeps symbols on axes without padding', () => {
    expect(inferred('pad', ['f32[N,4]'], { pads: [0, 1, 0, 1], value: 0 })).toBe('f32[N,6]');
    expect(failure(() => inferred('pad', ['f32[N,4]'], { pads: [1, 0, 0, 0], value: 0 }))).toMatch(
      /no pads on axis 0 of size N/,
    );
    expect(failure(() => inferred('pad', ['b1[4]'], { pads: [1, 0], value: 0 }))).toMatch(
      /value -1 or 1 where x is b1/,
    );
    expect(failure(() => inferred('pad', ['f32[4]'], { pads: [1], value: 0 }))).toMatch(
      /expected 2 pads, two an axis/,
    );
    expect(inferred('pad', ['u4[4]'], { pads: [1, 1], value: 15 })).toBe('u4[6]');
    expect(failure(() => inferred('pad', ['u4[4]'], { pads: [1, 1], value: 16 }))).toMatch(
      /^ERR_DTYPE .*a value that u4 holds but received 16/,
    );
  });
});

describe('concat', () => {
  test('joins along one axis', () => {
    expect(inferred('concat', ['b1[N,2]', 'b1[N,3]'], { axis: 1 })).toBe('b1[N,5]');
    expect(values('concat', [f32([1, 2, 3, 4], [2, 2]), f32([8, 9], [2, 1])], { axis: 1 })).toEqual(
      [1, 2, 8, 3, 4, 9],
    );
  });

  test('is undone by slices', () => {
    fc.assert(
      fc.property(tensors, fc.nat(), (x, key) => {
        const axis = key % x.shape.length;
        const cut = key % (x.shape[axis]! + 1);
        const range = (start: number, end: number) => ({
          starts: x.shape.map((_, i) => (i === axis ? start : 0)),
          ends: x.shape.map((dim, i) => (i === axis ? end : dim)),
          steps: x.shape.map(() => 1),
        });
        const parts = [
          compute('slice', [x], range(0, cut)),
          compute('slice', [x], range(cut, x.shape[axis]!)),
        ];
        expect(compute('concat', parts, { axis })).toEqual(x);
      }),
    );
  });

  test('refuses other dtypes, other shapes, symbols', () => {
    expect(failure(() => inferred('concat', ['b1[2]', 'f32[2]'], { axis: 0 }))).toMatch(
      /every operand of dtype b1/,
    );
    expect(failure(() => inferred('concat', ['b1[2,1]', 'b1[3,1]'], { axis: 1 }))).toMatch(
      /differ from \[2, 1\] on axis 1 only/,
    );
    expect(failure(() => inferred('concat', ['b1[N]', 'b1[N]'], { axis: 0 }))).toMatch(
      /^ERR_SHAPE/,
    );
    expect(failure(() => inferred('concat', ['b1[2]'], { axis: 1 }))).toMatch(
      /an axis below the rank, 1/,
    );
  });
});

describe('expand', () => {
  test('repeats by broadcasting', () => {
    expect(values('expand', [f32([1, 2], [2, 1])], { shape: [2, 2, 3] })).toEqual([
      1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
    ]);
    expect(values('expand', [b1([-1, 1], [2])], { shape: [2, 2] })).toEqual([-1, 1, -1, 1]);
    expect(inferred('expand', ['f32[1,3]'], { shape: ['N', 3] })).toBe('f32[N,3]');
  });

  test('gives exactly the shape asked for', () => {
    expect(failure(() => inferred('expand', ['f32[3]'], { shape: [1] }))).toMatch(
      /^ERR_SHAPE expand "node": expected a shape that \[3\]/,
    );
    expect(failure(() => inferred('expand', ['f32[2,3]'], { shape: [3] }))).toMatch(/^ERR_SHAPE/);
    expect(failure(() => inferred('expand', ['f32[2]'], { shape: [3] }))).toMatch(/^ERR_SHAPE/);
  });
});
