/**
 * Products of quantized values become products of integers: which graphs are recognised, what is
 * stored, and that no result changes by a bit where the floats before do not round (scales are
 * powers of two here).
 */
import { describe, expect, test } from 'vitest';
import type { Integer } from '../../src/core/dtype.js';
import { integerBounds } from '../../src/core/dtype.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { expectSame, Numbers, nodesOf } from './fixtures.js';

const n = new Numbers(99);
type Float = Value<'f32'>;
type Byte = Exclude<Integer, 'i32'>;

const vector = (g: GraphBuilder, values: readonly number[], shape = [values.length]) =>
  g.constant(new Tensor('f32', Float32Array.from(values), shape));

/** QuantizeLinear, then DequantizeLinear, as importers write them. */
function quantized(g: GraphBuilder, x: Float, scale: number, zero: number, to: Byte): Float {
  const { lo, hi } = integerBounds(to);
  let y = g.round(g.div(x, scale));
  if (zero !== 0) y = g.add(y, zero);
  const q = g.cast(g.clip(y, lo, hi), to);
  const held = g.cast(q, 'f32');
  return g.mul(zero === 0 ? held : g.sub(held, zero), scale);
}

/** Integer weights of a dtype times scales, one an output. */
function weights(g: GraphBuilder, dtype: Byte, shape: readonly number[], sign = 1): Float {
  const { lo, hi } = integerBounds(dtype);
  const values = n.integers(shape, lo, hi).data;
  const q = g.constant(tensorOf(dtype, values, shape));
  const scales = Array.from({ length: shape[0] as number }, (_, o) => sign * 2 ** -(o % 3));
  return g.mul(
    g.cast(q, 'f32'),
    vector(g, scales, [shape[0] as number, ...shape.slice(1).map(() => 1)]),
  );
}

function optimized(build: (g: GraphBuilder, x: Float) => Value, tolerance = 0, numbers = n): Graph {
  const channels = 6;
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 5, 5, channels]);
  const before = g.graph([x], { y: build(g, x) });
  const after = optimize(before);
  expectSame(
    before,
    after,
    { x: numbers.fill([2, 5, 5, channels], () => numbers.int(-300, 300) / 64) },
    tolerance,
  );
  return after;
}

/** The only product, which must be one of integers. */
function product(graph: Graph): Value {
  const products = nodesOf(graph).filter(({ op }) => op === 'conv2d' || op === 'dense');
  expect(products).toHaveLength(1);
  expect(products[0]!.dtype).toBe('i32');
  return products[0]!;
}

const dtypes = ({ inputs }: Value) => inputs.map(({ dtype }) => dtype);

describe('convolutions of stored integers', () => {
  test('signed and unsigned, with a zero point and without', () => {
    for (const [to, zero] of [
      ['u8', 0],
      ['u8', 128],
      ['u8', 255],
      ['i8', 0],
      ['i8', -7],
      ['u4', 3],
      ['i2', 0],
    ] as const) {
      const conv = product(
        optimized((g, x) =>
          g.conv2d(quantized(g, x, 1 / 32, zero, to), weights(g, 'i4', [4, 3, 3, 6]), {
            pads: [1, 0, 2, 1],
            strides: [2, 1],
          }),
        ),
      );
      expect(dtypes(conv)).toEqual([to, 'i4']);
      expect(conv.attrs.zeroPoint ?? 0).toBe(zero);
    }
  });

  test('weights keep their bits, from 2 to 8 and bipolar', () => {
    for (const dtype of ['i2', 'i3', 'i5', 'i8', 'u1', 'u4'] as const) {
      const conv = product(
        optimized((g, x) =>
          g.conv2d(quantized(g, x, 0.25, 0, 'u8'), weights(g, dtype, [9, 3, 3, 6])),
        ),
      );
      expect(dtypes(conv)).toEqual(['u8', dtype]);
    }
    const signs = product(
      optimized((g, x) =>
        g.conv2d(
          quantized(g, x, 0.25, 0, 'u8'),
          g.cast(g.sign(g.constant(n.floats([4, 3, 3, 6]))), 'f32'),
        ),
      ),
    );
    expect(dtypes(signs)).toEqual(['u8', 'b1']);
  });

  test('depthwise, grouped, dilated and dense ones', () => {
    const q = (g: GraphBuilder, x: Float) => quantized(g, x, 1 / 16, 7, 'u8');
    product(optimized((g, x) => g.conv2d(q(g, x), weights(g, 'i8', [6, 3, 3, 1]), { groups: 6 })));
    product(optimized((g, x) => g.conv2d(q(g, x), weights(g, 'i8', [4, 3, 3, 3]), { groups: 2 })));
    product(
      optimized((g, x) => g.conv2d(q(g, x), weights(g, 'i8', [4, 2, 2, 6]), { dilations: [2, 3] })),
    );
    const dense = product(optimized((g, x) => g.dense(q(g, x), weights(g, 'i8', [4, 6]))));
    expect(dense.attrs).toEqual({ zeroPoint: 7 });
  });

  test('weights with a zero point are integers without it', () => {
    const conv = product(
      optimized((g, x) => {
        const stored = g.constant(
          tensorOf('u8', n.integers([4, 3, 3, 6], 100, 160).data, [4, 3, 3, 6]),
        );
        const w = g.mul(g.sub(g.cast(stored, 'f32'), 128), 0.5);
        return g.conv2d(quantized(g, x, 1 / 16, 0, 'i8'), w);
      }),
    );
    expect(dtypes(conv)).toEqual(['i8', 'i7']);
  });

  test('weights that take more bits without their zero points keep them', () => {
    const conv = (dtype: Byte, zeros: readonly number[], sign = 1, groups = 1) =>
      product(
        optimized(
          (g, x) => {
            const { lo, hi } = integerBounds(dtype);
            const shape = [6, 3, 3, 6 / groups];
            const { data } = new Numbers(7).integers(shape, lo, hi);
            const stored = g.constant(tensorOf(dtype, data, shape));
            const zero = vector(g, zeros, zeros.length === 1 ? [] : [6, 1, 1, 1]);
            const w = g.mul(g.sub(g.cast(stored, 'f32'), zero), sign * 0.5);
            return g.conv2d(quantized(g, x, 1 / 16, 0, 'i8'), w, { groups });
          },
          0,
          new Numbers(8),
        ),
      );
    for (const groups of [1, 6]) {
      const byte = conv('u8', [3, 0, 255, 128, 127, 130], 1, groups);
      expect(dtypes(byte)).toEqual(['i8', 'i8']);
      expect(byte.attrs.weightZeros).toEqual([-125, -128, 127, 0, -1, 2]);
      const four = conv('u4', [15], 1, groups);
      expect(dtypes(four)).toEqual(['i8', 'u4']);
      expect(four.attrs.weightZeros).toEqual([15]);
    }
    // Negated ones are of 9 bits: again 8 and zero points.
    expect(dtypes(conv('u8', [3, 0, 255, 128, 127, 130], -1))).toEqual(['i8', 'i8']);
    expect(dtypes(conv('u8', [0]))).toEqual(['i8', 'i8']);
    // Zero points that such weights cannot have.
    expect(dtypes(conv('u4', [-100]))).toEqual(['i8', 'u7']);
    expect(dtypes(conv('i4', [200]))).toEqual(['i8', 'i8']);
  });

  test('negative scales negate weights, so that a sum of 0 stays 0', () => {
    const conv = product(
      optimized((g, x) =>
        g.conv2d(quantized(g, x, 0.5, 0, 'u2'), weights(g, 'i2', [4, 1, 1, 6], -1)),
      ),
    );
    expect(dtypes(conv)).toEqual(['u2', 'i3']);
  });
});

describe('floats that are integers', () => {
  test('QONNX Quant: clipped, then rounded, weights as constants', () => {
    const conv = product(
      optimized((g, x) => {
        const a = g.mul(g.round(g.clip(g.div(x, 0.25), 0, 15)), 0.25);
        const w = g.constant(n.integers([4, 3, 3, 6], -3, 3));
        return g.conv2d(a, g.mul(w, vector(g, [0.5])));
      }),
    );
    expect(dtypes(conv)).toEqual(['u4', 'i3']);
  });

  test('counts of thresholds, their levels a scale times integers', () => {
    const build = (scale: number, bias: number) => (g: GraphBuilder, x: Float) => {
      const steps = Array.from({ length: 15 }, (_, k) => k / 4 - 2);
      const t = g.constant(new Tensor('f32', Float32Array.from(steps), [1, 15]));
      return g.conv2d(g.multiThreshold(x, t, { scale, bias }), weights(g, 'i4', [4, 3, 3, 6]));
    };
    expect(dtypes(product(optimized(build(1, 0))))).toEqual(['u4', 'i4']);
    expect(dtypes(product(optimized(build(1, -8))))).toEqual(['i4', 'i4']);
    expect(dtypes(product(optimized(build(0.5, -4))))).toEqual(['i4', 'i4']);
    // No integer stands for a level of 0.3.
    const left = optimized(build(1, 0.5));
    expect(
      nodesOf(left).filter(({ op, dtype }) => op === 'conv2d' && dtype === 'f32'),
    ).toHaveLength(1);
  });

  test('through max pooling, reshapes and borders, which are done on integers', () => {
    const after = optimized((g, x) => {
      const a = quantized(g, x, 0.25, 5, 'u8');
      const pooled = g.maxPool2d(g.pad(a, [0, 1, 1, 0, 0, 1, 1, 0], 0), [2, 2]);
      return g.dense(g.reshape(pooled, ['N', 3 * 3 * 6]), weights(g, 'i8', [4, 54]));
    });
    product(after);
    const pool = nodesOf(after).find(({ op }) => op === 'maxPool2d')!;
    expect(pool.dtype).toBe('u8');
    expect(nodesOf(after).find(({ op }) => op === 'pad')!.attrs.value).toBe(5);
  });

  test('what is quantized again with the same scale is what it was', () => {
    const after = optimized((g, x) => {
      const pooled = g.maxPool2d(quantized(g, x, 0.3, 5, 'u8'), [2, 2]);
      return g.conv2d(quantized(g, pooled, 0.3, 5, 'u8'), weights(g, 'i8', [4, 1, 1, 6]));
    }, 1e-6);
    expect(nodesOf(after).filter(({ op }) => op === 'round')).toHaveLength(1);
  });

  test('an integer times a scale, divided by it and rounded, is the integer', () => {
    const f = Math.fround;
    const scales = n.fill(
      [3000],
      () => 2 ** n.int(-40, 40) * (1 + n.int(0, 2 ** 23 - 1) / 2 ** 23),
    );
    for (const scale of scales.data)
      for (let q = -255; q <= 255; q++)
        if (Math.round(f(f(q * scale) / scale)) !== q) throw new Error(`${q} times ${scale}`);
  });
});

describe('left in floats', () => {
  const left = (build: (g: GraphBuilder, x: Float) => Value) => {
    const after = optimized(build);
    const [product] = nodesOf(after).filter(({ op }) => op === 'conv2d');
    expect(product!.dtype).toBe('f32');
  };
  test('weights that are no integers', () => {
    left((g, x) =>
      g.conv2d(quantized(g, x, 0.25, 0, 'u8'), g.constant(n.integers([4, 1, 1, 6], 0, 300))),
    );
  });
  test('values of more than 8 bits', () => {
    left((g, x) => g.conv2d(g.round(x), weights(g, 'i4', [4, 1, 1, 6])));
    left((g, x) =>
      g.conv2d(g.clip(g.round(g.mul(x, 100)), 0, 256), weights(g, 'i4', [4, 1, 1, 6])),
    );
  });
  test('a scale a channel of x', () => {
    left((g, x) =>
      g.conv2d(
        g.mul(g.cast(g.cast(g.clip(g.round(x), 0, 3), 'u2'), 'f32'), vector(g, [1, 2, 4, 8, 1, 1])),
        weights(g, 'i4', [4, 1, 1, 6]),
      ),
    );
  });
});

describe('bits', () => {
  test('times weights that are integers of two bits or more are integers', () => {
    for (const dtype of ['i2', 'u2', 'i4', 'i8'] as const)
      for (const pads of [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
      ] as const) {
        const after = optimized((g, x) => {
          const signs = g.cast(g.sign(x), 'f32');
          return g.conv2d(signs, weights(g, dtype, [8, 3, 3, 6]), { pads });
        });
        expect(product(after).inputs.map((input) => input.dtype)).toEqual(['i2', dtype]);
      }
  });
});
