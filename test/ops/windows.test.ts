import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { b1, CONV, compute, f32, failure, inferred, POOL, values } from './nodes.js';

const AVERAGE = { ...POOL, countPad: false };
const range = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe('pooling sizes', () => {
  const size = (h: number | string, attrs: object) =>
    inferred('maxPool2d', [`f32[N,${h},8,3]`], { ...POOL, ...attrs });

  test('round down, or up where a window starts on x', () => {
    expect(size(8, {})).toBe('f32[N,4,4,3]');
    expect(size(7, {})).toBe('f32[N,3,4,3]');
    expect(size(7, { ceil: true })).toBe('f32[N,4,4,3]');
    expect(size(112, { kernel: [3, 3], pads: [1, 1, 1, 1] })).toBe('f32[N,56,4,3]');
    // Rounding up would start the last window in the padding behind x.
    expect(size(3, { kernel: [1, 2], strides: [3, 2], pads: [0, 0, 0, 0], ceil: true })).toBe(
      'f32[N,1,4,3]',
    );
    expect(size(4, { kernel: [2, 2], strides: [2, 2], pads: [1, 0, 1, 0], ceil: true })).toBe(
      'f32[N,3,4,3]',
    );
    expect(size(9, { dilations: [2, 1], strides: [1, 2] })).toBe('f32[N,7,4,3]');
  });

  test('a symbol passes where the size stays', () => {
    expect(size('H', { kernel: [3, 2], strides: [1, 2], pads: [1, 0, 1, 0] })).toBe('f32[N,H,4,3]');
    expect(failure(() => size('H', {}))).toMatch(/a height that is a number/);
    expect(
      failure(() =>
        size('H', { kernel: [2, 2], strides: [1, 2], pads: [2, 0, 0, 0], dilations: [2, 1] }),
      ),
    ).toMatch(/dilated window is padded/);
  });

  test('every window meets an element', () => {
    expect(failure(() => size(4, { pads: [2, 0, 0, 0] }))).toMatch(
      /^ERR_SHAPE .*leaves an element of x in every window along the height/,
    );
    expect(failure(() => size(4, { pads: [0, 0, 3, 0], strides: [1, 2] }))).toMatch(/^ERR_SHAPE/);
    // Taps at -1 and 1 of a single row.
    expect(
      failure(() => size(1, { pads: [1, 0, 1, 0], dilations: [2, 1], strides: [1, 2] })),
    ).toMatch(/^ERR_SHAPE/);
    expect(failure(() => size(1, {}))).toMatch(/a height of at least 2/);
  });
});

describe('sizes beyond all memory', () => {
  test('are decided at once, as one by one', () => {
    const reads = (
      size: number,
      {
        kernel: [taps],
        strides: [stride],
        dilations: [dilation],
        pads: [before, , after],
      }: Window1d,
      count: number,
    ) =>
      Array.from({ length: count }, (_, i) => i * stride - before).every((start) =>
        Array.from({ length: taps }, (_, k) => start + k * dilation).some(
          (at) => at >= 0 && at < size,
        ),
      ) && after >= 0;
    fc.assert(
      fc.property(
        fc.record({
          size: fc.nat(9),
          taps: fc.integer({ min: 1, max: 4 }),
          stride: fc.integer({ min: 1, max: 5 }),
        }),
        fc.record({
          dilation: fc.integer({ min: 1, max: 6 }),
          before: fc.nat(9),
          after: fc.nat(9),
        }),
        ({ size, taps, stride }, { dilation, before, after }) => {
          const attrs: Window1d = {
            kernel: [taps, 1],
            strides: [stride, 1],
            dilations: [dilation, 1],
            pads: [before, 0, after, 0],
          };
          const room = size + before + after - dilation * (taps - 1) - 1;
          const wanted = room >= 0 && reads(size, attrs, Math.floor(room / stride) + 1);
          const made = failure(() =>
            inferred('maxPool2d', [`f32[1,${size},1,1]`], { ...POOL, ...attrs }),
          );
          expect(made === 'no error', made).toBe(wanted);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('are decided quickly', () => {
    const big = 2 ** 50;
    expect(
      inferred('maxPool2d', [`f32[1,${big},1,1]`], {
        ...POOL,
        kernel: [1, 1],
        strides: [1, 1],
      }),
    ).toBe(`f32[1,${big},1,1]`);
    const stepping = {
      ...POOL,
      kernel: [3, 1],
      strides: [1, 1],
      dilations: [2 ** 40, 1],
      pads: [2 ** 40, 0, 2 ** 40, 0],
    };
    expect(failure(() => inferred('maxPool2d', [`f32[1,${2 ** 30},1,1]`], stepping))).toMatch(
      /^ERR_SHAPE/,
    );
  });
});

interface Window1d {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

describe('maxPool2d', () => {
  test('padding never wins', () => {
    expect(
      values('maxPool2d', [f32([-1, -2, -3, -4], [1, 2, 2, 1])], { ...POOL, pads: [1, 1, 1, 1] }),
    ).toEqual([-1, -2, -3, -4]);
    expect(
      values('maxPool2d', [b1([-1, -1, -1, 1], [1, 2, 2, 1])], { ...POOL, pads: [1, 1, 1, 1] }),
    ).toEqual([-1, -1, -1, 1]);
  });

  test('channels stay apart', () => {
    expect(values('maxPool2d', [f32([1, 8, 2, 7, 3, 6, 4, 5], [1, 2, 2, 2])], POOL)).toEqual([
      4, 8,
    ]);
  });

  test('takes signs as it takes numbers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true }), { minLength: 50, maxLength: 50 }),
        (elements) => {
          const x = f32(elements, [1, 5, 5, 2]);
          const attrs = { ...POOL, ceil: true };
          expect(compute('maxPool2d', [compute('sign', [x])], attrs)).toEqual(
            compute('sign', [compute('maxPool2d', [x], attrs)]),
          );
        },
      ),
    );
  });

  test('takes no integers', () => {
    expect(failure(() => inferred('maxPool2d', ['i32[1,2,2,1]'], POOL))).toMatch(/^ERR_DTYPE/);
    expect(failure(() => inferred('avgPool2d', ['b1[1,2,2,1]'], AVERAGE))).toMatch(/^ERR_DTYPE/);
  });
});

describe('avgPool2d', () => {
  test('counts padding if asked, and never positions beyond it', () => {
    const x = f32(range(9), [1, 3, 3, 1]);
    expect(values('avgPool2d', [x], AVERAGE)).toEqual([3]);
    expect(values('avgPool2d', [x], { ...AVERAGE, pads: [1, 1, 0, 0] })).toEqual([1, 2.5, 5.5, 7]);
    expect(values('avgPool2d', [x], { ...AVERAGE, pads: [1, 1, 0, 0], countPad: true })).toEqual([
      0.25, 1.25, 2.75, 7,
    ]);
    expect(values('avgPool2d', [x], { ...AVERAGE, ceil: true, countPad: true })).toEqual([
      3, 4.5, 7.5, 9,
    ]);
  });

  test('with padding counted it is a depthwise convolution', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -64, max: 64 }), { minLength: 60, maxLength: 60 }),
        (elements) => {
          const x = f32(elements, [1, 5, 6, 2]);
          const w = f32(new Array(8).fill(0.25), [2, 2, 2, 1]);
          const shared = { strides: [2, 1], pads: [1, 0, 1, 1] };
          expect(values('avgPool2d', [x], { ...AVERAGE, ...shared, countPad: true })).toEqual(
            values('conv2d', [x, w], { ...CONV, ...shared, groups: 2 }),
          );
        },
      ),
    );
  });
});

describe('reduce', () => {
  const x = f32([1, 2, 3, 4, 5, 7], [2, 3]);
  const act = (kind: string, axes: readonly number[], keepDims = false) =>
    compute('reduce', [x], { kind, axes, keepDims });

  test('kinds and axes', () => {
    expect([...act('sum', [1]).data]).toEqual([6, 16]);
    expect([...act('mean', [0]).data]).toEqual([2.5, 3.5, 5]);
    expect([...act('max', [1, 0]).data]).toEqual([7]);
    expect([...act('min', [1]).data]).toEqual([1, 4]);
    expect(
      values('reduce', [f32([], [0, 2])], { kind: 'sum', axes: [0], keepDims: false }),
    ).toEqual([0, 0]);
    expect([...act('sum', []).data]).toEqual([...x.data]);
    expect(act('sum', [0, 1]).shape).toEqual([]);
    expect(act('sum', [0], true).shape).toEqual([1, 3]);
  });

  test('shapes and what is refused', () => {
    expect(
      inferred('reduce', ['f32[N,7,7,512]'], {
        kind: 'mean',
        axes: [1, 2],
        keepDims: true,
      }),
    ).toBe('f32[N,1,1,512]');
    expect(inferred('reduce', ['f32[N,3]'], { kind: 'sum', axes: [0], keepDims: false })).toBe(
      'f32[3]',
    );
    expect(failure(() => act('sum', [2]))).toMatch(/an axis below the rank, 2/);
    expect(failure(() => act('sum', [1, 1]))).toMatch(/axes without repetition/);
    expect(failure(() => act('median', [1]))).toMatch(/^ERR_ARGUMENT/);
    expect(
      failure(() => inferred('reduce', ['f32[0,3]'], { kind: 'max', axes: [0], keepDims: false })),
    ).toMatch(/^ERR_SHAPE/);
  });
});

describe('softmax', () => {
  test('gives shares along its axis, unchanged by a constant added to all', () => {
    const x = f32([0, Math.log(3), 1000, 1000], [2, 2]);
    const [a, b, c, d] = values('softmax', [x], { axis: 1 });
    expect([a, b, c, d].map((value) => value!.toFixed(6))).toEqual([
      '0.250000',
      '0.750000',
      '0.500000',
      '0.500000',
    ]);
    expect(values('softmax', [x], { axis: 0 })).toEqual([0, 0, 1, 1]);
    expect(failure(() => inferred('softmax', ['f32[2]'], { axis: 1 }))).toMatch(
      /an axis below the rank/,
    );
  });
});

describe('gradients of pooling', () => {
  test('have the shape of the map that was pooled, and take what the pooling gave', () => {
    const window = { ...POOL, kernel: [3, 3], pads: [1, 1, 1, 1] };
    expect(inferred('maxPool2dGradient', ['f32[N,4,5,3]', 'f32[N,8,9,3]'], window)).toBe(
      'f32[N,8,9,3]',
    );
    const size = { height: 8, width: 9, countPad: true };
    expect(inferred('avgPool2dGradient', ['f32[N,4,5,3]'], { ...window, ...size })).toBe(
      'f32[N,8,9,3]',
    );
    expect(
      failure(() => inferred('maxPool2dGradient', ['f32[N,4,4,3]', 'f32[N,8,9,3]'], window)),
    ).toMatch(/^ERR_SHAPE .*expected dy of shape \[N, 4, 5, 3\] but received \[N, 4, 4, 3\]/);
    expect(
      failure(() => inferred('avgPool2dGradient', ['f32[N,4,3]'], { ...window, ...size })),
    ).toMatch(/^ERR_SHAPE .*expected dy of rank 4/);
    expect(
      failure(() => inferred('maxPool2dGradient', ['f32[N,4,4,3]', 'f32[8,9,3]'], window)),
    ).toMatch(/^ERR_SHAPE .*expected x of rank 4/);
  });

  test('of equal maxima the first takes all, and NaN takes nothing', () => {
    const window = { ...POOL, kernel: [1, 2], strides: [1, 2] };
    const gradient = (dy: number[], x: number[]) =>
      values(
        'maxPool2dGradient',
        [f32(dy, [1, 1, dy.length, 1]), f32(x, [1, 1, x.length, 1])],
        window,
      );
    expect(gradient([5, 7], [1, 1, 2, 3])).toEqual([5, 0, 0, 7]);
    expect(gradient([5, 7], [NaN, 1, NaN, NaN])).toEqual([0, 5, 0, 0]);
    expect(gradient([5, 7], [-Infinity, -Infinity, 0, -0])).toEqual([5, 0, 7, 0]);
  });
});
