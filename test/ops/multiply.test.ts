import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OPS } from '../../src/ops/index.js';
import { input, make } from '../../src/ops/make.js';
import { valuesOf } from '../../src/tensor/values.js';
import { b1, CONV, compute, f32, failure, inferred, values } from './nodes.js';

const signs = (n: number) => fc.array(fc.constantFrom(-1, 1), { minLength: n, maxLength: n });

describe('the dtypes that multiply', () => {
  test.each([
    ['conv2d', ['N', 4, 4, 8], [3, 1, 1, 8], 'N,4,4,3', CONV],
    ['dense', ['N', 8], [3, 8], 'N,3', {}],
  ] as const)('%s', (op, x, w, shape, attrs) => {
    expect(inferred(op, [`f32[${x}]`, `f32[${w}]`], attrs)).toBe(`f32[${shape}]`);
    expect(inferred(op, [`f32[${x}]`, `b1[${w}]`], attrs)).toBe(`f32[${shape}]`);
    expect(inferred(op, [`b1[${x}]`, `b1[${w}]`], attrs)).toBe(`i32[${shape}]`);
    expect(failure(() => inferred(op, [`b1[${x}]`, `f32[${w}]`], attrs))).toMatch(
      /^ERR_DTYPE .*w of a dtype that b1 is multiplied with/,
    );
    expect(failure(() => inferred(op, [`i32[${x}]`, `f32[${w}]`], attrs))).toMatch(
      /^ERR_DTYPE .*expected x of f32, b1 or integers of at most 8 bits/,
    );
    expect(inferred(op, [`u8[${x}]`, `i4[${w}]`], attrs)).toBe(`i32[${shape}]`);
    expect(inferred(op, [`i3[${x}]`, `b1[${w}]`], attrs)).toBe(`i32[${shape}]`);
    expect(inferred(op, [`u8[${x}]`, `i4[${w}]`], { ...attrs, zeroPoint: 255 })).toBe(
      `i32[${shape}]`,
    );
    expect(failure(() => inferred(op, [`u8[${x}]`, `f32[${w}]`], attrs))).toMatch(/^ERR_DTYPE/);
    expect(failure(() => inferred(op, [`f32[${x}]`, `i8[${w}]`], attrs))).toMatch(/^ERR_DTYPE/);
    const at = (dtype: string, zeroPoint: unknown) =>
      failure(() => inferred(op, [`${dtype}[${x}]`, `i4[${w}]`], { ...attrs, zeroPoint }));
    expect(at('u4', 16)).toMatch(/a zeroPoint from 0 to 15 but received 16/);
    expect(at('i4', -9)).toMatch(/a zeroPoint from -8 to 7 but received -9/);
    for (const bad of [0.5, Number.NaN, 256, '1', null])
      expect(at('u8', bad)).toMatch(/^ERR_ARGUMENT .*zeroPoint/);
    expect(
      failure(() => inferred(op, [`f32[${x}]`, `f32[${w}]`], { ...attrs, zeroPoint: 1 })),
    ).toMatch(/integers of at most 8 bits for a zero point/);
    const less = (dtype: string, weightZeros: unknown) =>
      failure(() => inferred(op, [`u8[${x}]`, `${dtype}[${w}]`], { ...attrs, weightZeros }));
    expect(inferred(op, [`u8[${x}]`, `u8[${w}]`], { ...attrs, weightZeros: [0, 9, 255] })).toBe(
      `i32[${shape}]`,
    );
    expect(less('u8', [-1])).toMatch(/weightZeros from 0 to 255 but received -1/);
    expect(less('i4', [128])).toMatch(/weightZeros from -128 to 127 but received 128/);
    expect(less('i8', [1, 2])).toMatch(/weightZeros of 1 or 3 numbers but received 2/);
    expect(less('b1', [0])).toMatch(/w of integers of at most 8 bits for weightZeros/);
    for (const bad of [[0.5], [Number.NaN], [256], 1, 'x', null])
      expect(less('i8', bad)).toMatch(/^ERR_ARGUMENT .*weightZeros/);
  });

  test('sums that could leave 32 bits are refused', () => {
    const most = Math.floor((2 ** 31 - 1) / (255 * 128));
    expect(inferred('dense', [`u8[1,${most}]`, `i8[2,${most}]`])).toBe('i32[1,2]');
    expect(failure(() => inferred('dense', [`u8[1,${most + 1}]`, `i8[2,${most + 1}]`]))).toMatch(
      /^ERR_UNSUPPORTED dense .*sums of u8 times i8 that fit 32 bits/,
    );
    const half = [`u8[1,${most}]`, `i8[2,${most}]`];
    expect(failure(() => inferred('dense', half, { weightZeros: [0, 1] }))).toMatch(/fit 32 bits/);
  });

  test('work is counted by kind', () => {
    const conv = (dtype: 'f32' | 'b1') =>
      make('conv2d', 'c', [input('x', dtype, [2, 5, 5, 6]), input('w', 'b1', [4, 3, 3, 3])], {
        ...CONV,
        groups: 2,
        pads: [1, 1, 1, 1],
      });
    const count = 2 * 5 * 5 * 4 * 27;
    expect(OPS.conv2d.macs?.(conv('b1'))).toEqual({ binary: count, integer: 0, float: 0 });
    expect(OPS.conv2d.macs?.(conv('f32'))).toEqual({ binary: 0, integer: 0, float: count });
    const product = make('matmul', 'm', [input('a', 'f32', [2, 3, 5]), input('b', 'f32', [5, 7])]);
    expect(OPS.matmul.macs?.(product)).toEqual({ binary: 0, integer: 0, float: 2 * 3 * 5 * 7 });
  });
});

describe('conv2d', () => {
  test('has the output sizes of its formula', () => {
    const size = (x: readonly (string | number)[], w: readonly number[], attrs: object) =>
      inferred('conv2d', [`f32[${x}]`, `f32[${w}]`], { ...CONV, ...attrs });
    expect(size(['N', 224, 224, 3], [64, 7, 7, 3], { strides: [2, 2], pads: [3, 3, 3, 3] })).toBe(
      'f32[N,112,112,64]',
    );
    expect(size([1, 9, 8, 4], [4, 3, 2, 1], { groups: 4, dilations: [2, 3] })).toBe('f32[1,5,5,4]');
    expect(size([1, 5, 5, 1], [1, 3, 3, 1], { pads: [0, 1, 2, 3] })).toBe('f32[1,5,7,1]');
    expect(size([1, 5, 5, 1], [1, 2, 2, 1], { strides: [2, 3] })).toBe('f32[1,2,2,1]');
  });

  test('a symbolic size passes where it does not change', () => {
    const size = (w: readonly number[], attrs: object) =>
      inferred('conv2d', ['f32[N,H,8,2]', `f32[${w}]`], { ...CONV, ...attrs });
    expect(size([2, 1, 3, 2], {})).toBe('f32[N,H,6,2]');
    expect(size([2, 3, 3, 2], { pads: [1, 1, 1, 1] })).toBe('f32[N,H,8,2]');
    expect(size([2, 3, 3, 2], { pads: [4, 1, 0, 1], dilations: [2, 1] })).toBe('f32[N,H,8,2]');
    expect(failure(() => size([2, 3, 3, 2], {}))).toMatch(
      /a height that is a number, as this op changes it but received "H"/,
    );
    expect(failure(() => size([2, 1, 1, 2], { strides: [2, 1] }))).toMatch(/^ERR_SHAPE/);
  });

  test('refuses operands that do not fit', () => {
    const act = (x: readonly (string | number)[], w: readonly (string | number)[], attrs = {}) =>
      failure(() => inferred('conv2d', [`f32[${x}]`, `f32[${w}]`], { ...CONV, ...attrs }));
    expect(act([1, 4, 4, 3], [2, 3, 3, 4])).toBe(
      'ERR_SHAPE conv2d "node": expected w of 3 channels divided by 1 groups but received 4',
    );
    expect(act([1, 4, 4, 4], [3, 1, 1, 2], { groups: 2 })).toMatch(
      /outputs divisible by 2 groups but received 3/,
    );
    expect(act([1, 2, 4, 1], [1, 3, 3, 1])).toMatch(
      /a height of at least 3 for this window but received 2/,
    );
    expect(act([1, 4, 4], [1, 3, 3, 1])).toMatch(/expected x of rank 4/);
    expect(act([1, 4, 4, 1], [1, 0, 3, 1])).toMatch(/a kernel of at least 1 x 1/);
    expect(act([1, 4, 4, 1], ['O', 1, 1, 1])).toMatch(/every size of w to be a number/);
    expect(act([1, 4, 4, 1], [1, 1, 1, 1], { padValue: 1 })).toMatch(
      /^ERR_DTYPE .*x of dtype b1 for padValue 1/,
    );
    expect(act([1, 4, 4, 1], [1, 1, 1, 1], { padValue: 2 })).toMatch(
      /^ERR_ARGUMENT .*one of 0, 1, -1/,
    );
    expect(act([1, 4, 4, 1], [1, 1, 1, 1], { strides: [0, 1] })).toMatch(/^ERR_ARGUMENT/);
    expect(act([1, 4, 4, 1], [1, 1, 1, 1], { groups: 0 })).toMatch(/^ERR_ARGUMENT/);
  });

  test('gives the numbers of a case by hand: asymmetric padding, stride, dilation', () => {
    // x is 1..6 as 2 x 3; w takes the element 2 columns on, times 10, plus the element itself.
    const x = f32([1, 2, 3, 4, 5, 6], [1, 2, 3, 1]);
    const w = f32([1, 10], [1, 1, 2, 1]);
    const attrs = { ...CONV, dilations: [1, 2], pads: [0, 1, 0, 1], strides: [1, 2] };
    expect(compute('conv2d', [x, w], attrs).shape).toEqual([1, 2, 2, 1]);
    expect(values('conv2d', [x, w], attrs)).toEqual([20, 2, 50, 5]);
    // The same down the columns of 1..6 as 3 x 2, with padding on top only.
    const tall = f32([1, 2, 3, 4, 5, 6], [1, 3, 2, 1]);
    const down = { ...CONV, dilations: [2, 1], pads: [1, 0, 0, 0] };
    expect(values('conv2d', [tall, f32([1, 10], [1, 2, 1, 1])], down)).toEqual([30, 40, 51, 62]);
  });

  const cases = fc.record({
    height: fc.integer({ min: 3, max: 6 }),
    width: fc.integer({ min: 3, max: 6 }),
    depth: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    pad: fc.integer({ min: 0, max: 2 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    padValue: fc.constantFrom(0, 1, -1),
  });

  test('padding is a pad before it, groups are convolutions side by side, bits are numbers', () => {
    fc.assert(
      fc.property(
        cases.chain((c) =>
          fc.tuple(
            fc.constant(c),
            signs(2 * c.height * c.width * c.depth * c.groups),
            signs(2 * c.groups * c.kernel ** 2 * c.depth),
          ),
        ),
        ([c, elements, weights]) => {
          const shape = [2, c.height, c.width, c.depth * c.groups];
          const wshape = [2 * c.groups, c.kernel, c.kernel, c.depth];
          const attrs = { ...CONV, strides: [c.stride, c.stride], groups: c.groups };
          const pads = [c.pad, c.pad, c.pad, c.pad];
          const [bits, numbers] = [b1(elements, shape), f32(elements, shape)];
          const whole = compute('conv2d', [bits, b1(weights, wshape)], {
            ...attrs,
            pads,
            padValue: c.padValue,
          });
          expect(whole.dtype).toBe('i32');

          const padded = compute('pad', [numbers], {
            pads: [0, c.pad, c.pad, 0, 0, c.pad, c.pad, 0],
            value: c.padValue,
          });
          expect(values('conv2d', [padded, b1(weights, wshape)], attrs)).toEqual([...whole.data]);

          const parts = Array.from({ length: c.groups }, (_, g) => {
            const part = compute('slice', [padded], {
              starts: [0, 0, 0, g * c.depth],
              ends: [...padded.shape.slice(0, 3), (g + 1) * c.depth],
              steps: [1, 1, 1, 1],
            });
            const w = f32(
              weights.slice(g * 2 * c.kernel ** 2 * c.depth, (g + 1) * 2 * c.kernel ** 2 * c.depth),
              [2, ...wshape.slice(1)],
            );
            return compute('conv2d', [part, w], { ...attrs, groups: 1 });
          });
          expect(values('concat', parts, { axis: 3 })).toEqual([...whole.data]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('over the whole map is a dense layer', () => {
    fc.assert(
      fc.property(signs(2 * 12), signs(3 * 12), (x, w) => {
        const conv = compute('conv2d', [b1(x, [2, 2, 2, 3]), b1(w, [3, 2, 2, 3])], CONV);
        expect([...conv.data]).toEqual(values('dense', [b1(x, [2, 12]), b1(w, [3, 12])]));
      }),
    );
  });
});

describe('dense and matmul', () => {
  test('mean the same with weights transposed', () => {
    const x = f32([1, 2, 3, 4, 5, 6], [2, 1, 3]);
    const w = f32([1, 0, -1, 2, 2, 2], [2, 3]);
    expect(compute('dense', [x, w]).shape).toEqual([2, 1, 2]);
    expect(values('dense', [x, w])).toEqual([-2, 12, -2, 30]);
    expect(values('matmul', [x, compute('transpose', [w], { perm: [1, 0] })])).toEqual([
      -2, 12, -2, 30,
    ]);
    expect(values('matmul', [f32([1, 2], [2]), f32([1, 2, 3, 4], [2, 2])])).toEqual([7, 10]);
  });

  test('accumulate in double and round once', () => {
    expect(values('dense', [f32([2 ** 24, 1, 1], [1, 3]), f32([1, 1, 1], [1, 3])])).toEqual([
      2 ** 24 + 2,
    ]);
  });

  test('a binary dot product is K - 2 popcount(x xor w)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }).chain((k) => fc.tuple(signs(k), signs(k))),
        ([x, w]) => {
          const [a, b] = [b1(x, [1, x.length]), b1(w, [1, w.length])];
          let popcount = 0;
          a.data.forEach((byte, i) => {
            for (let bits = byte ^ b.data[i]!; bits > 0; bits >>= 1) popcount += bits & 1;
          });
          expect([...valuesOf(compute('dense', [a, b]))]).toEqual([x.length - 2 * popcount]);
        },
      ),
    );
  });

  test('refuse operands that do not fit', () => {
    expect(failure(() => inferred('dense', ['f32[N,3]', 'f32[2,4]']))).toMatch(
      /expected w of shape \[O, 3\] but received \[2, 4\]/,
    );
    expect(failure(() => inferred('dense', ['f32[N,K]', 'f32[2,4]']))).toMatch(
      /the last size of x to be a number/,
    );
    expect(failure(() => inferred('matmul', ['f32[2,3]', 'f32[4,3]']))).toMatch(
      /expected b of shape \[3, N\]/,
    );
    expect(failure(() => inferred('matmul', ['f32[2,3]', 'f32[1,3,2]']))).toMatch(
      /expected b of rank 2/,
    );
    expect(failure(() => inferred('matmul', ['b1[2,3]', 'b1[3,2]']))).toMatch(/^ERR_DTYPE/);
  });
});
