import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { expectSame, inside, Numbers, nodesOf, opsOf } from './fixtures.js';

const n = new Numbers(21);
const f32 = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new Tensor('f32', Float32Array.from(values), shape);

type Float = Value<'f32'>;

/** A graph from x [N,5,5,C] to y, optimized; and that the values did not change by a bit. */
function optimized(
  build: (g: GraphBuilder, x: Float) => Value,
  channels = 6,
  tolerance = 0,
): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 5, 5, channels]);
  const before = g.graph([x], { y: build(g, x) });
  const after = optimize(before);
  expectSame(before, after, { x: n.floats([2, 5, 5, channels]) }, tolerance);
  return after;
}

const bipolar = (g: GraphBuilder, x: Float) => g.cast(g.sign(x), 'f32');
const weights = (g: GraphBuilder, shape: readonly number[]) =>
  g.cast(g.sign(g.constant(n.floats(shape))), 'f32');
const only = (graph: Graph, op: string) => {
  const found = nodesOf(graph).filter((value) => value.op === op);
  expect(found).toHaveLength(1);
  return found[0]!;
};

describe('products of bipolar values are counted in bits', () => {
  test('a convolution, of any stride, dilation and groups', () => {
    for (const options of [
      {},
      { strides: [2, 1] },
      { dilations: [1, 2] },
      { groups: 2 },
      { pads: [1, 0, 2, 1] },
    ] as const) {
      const depth = 'groups' in options ? 3 : 6;
      const after = optimized((g, x) =>
        g.conv2d(bipolar(g, x), weights(g, [4, 3, 3, depth]), options),
      );
      expect(opsOf(after)).toEqual(['cast', 'conv2d', 'sign']);
      const conv = only(after, 'conv2d');
      expect(conv.dtype).toBe('i32');
      expect(conv.inputs.map((input) => input.dtype)).toEqual(['b1', 'b1']);
      expect(conv.attrs).toMatchObject(options);
      expect(conv.attrs.padValue).toBe(0);
    }
  });

  test('a dense layer', () => {
    const after = optimized((g, x) => g.dense(bipolar(g, x), weights(g, [4, 6])));
    expect(opsOf(after)).toEqual(['cast', 'dense', 'sign']);
  });

  test('weights in floats of one magnitude', () => {
    const w = n.floats([4, 3, 3, 6]).data.map((value) => (value < 0 ? -1 : 1));
    const after = optimized((g, x) =>
      g.conv2d(bipolar(g, x), g.constant(new Tensor('f32', w, [4, 3, 3, 6]))),
    );
    expect(opsOf(after)).toEqual(['cast', 'conv2d', 'sign']);
  });

  test('weights that are a comparison, as PyTorch exports one', () => {
    const shape = [4, 3, 3, 6];
    const truths = (g: GraphBuilder, w: Tensor<'f32'>) =>
      g.op('gate', [g.constant(f32([1], [])), g.constant(w)], { min: 0, max: Infinity });
    for (const write of [
      (g: GraphBuilder, t: Float) => g.sub(g.mul(t, 2), 1),
      (g: GraphBuilder, t: Float) => g.sub(1, g.mul(t, 2)),
      (g: GraphBuilder, t: Float) => g.mul(g.sub(t, 0.5), 0.25),
    ]) {
      const graph = optimized((g, x) =>
        g.conv2d(bipolar(g, x), write(g, truths(g, n.floats(shape)) as Float), {
          pads: [1, 1, 1, 1],
        }),
      );
      expect(only(graph, 'conv2d').inputs.map(({ dtype }) => dtype)).toEqual(['b1', 'b1']);
    }
    // Two numbers of other magnitudes are no bits.
    const graph = optimized((g, x) =>
      g.conv2d(bipolar(g, x), g.sub(g.mul(truths(g, n.floats(shape)) as Float, 3), 1)),
    );
    expect(nodesOf(graph).find(({ op }) => op === 'conv2d')?.inputs[1]?.dtype).not.toBe('b1');
  });

  test('but not ternary weights, nor the few of a depthwise scale', () => {
    const ternary = f32([1, -1, 0, 1, 1, -1, 1, 1, 1, -1, 1, 1], [2, 6]);
    const product = only(
      optimized((g, x) => g.dense(bipolar(g, x), g.constant(ternary))),
      'dense',
    );
    expect(product.inputs.map(({ dtype }) => dtype)).toEqual(['i2', 'i2']);
    const scale = f32([2, -3, 0.5, 1, 1, -1], [6, 1, 1, 1]);
    expect(
      only(
        optimized((g, x) => g.conv2d(x, g.constant(scale), { groups: 6 })),
        'conv2d',
      ).inputs[1]!.dtype,
    ).toBe('f32');
  });

  test('one scale for all, or one an output, of either sign and of any spelling', () => {
    for (const scale of [f32([0.5], []), f32([-0.25], [1]), n.scales([4, 1, 1, 1])]) {
      const after = optimized(
        (g, x) => g.conv2d(bipolar(g, x), g.mul(g.constant(scale), weights(g, [4, 3, 3, 6]))),
        6,
        1e-6,
      );
      expect(opsOf(after)).toEqual(['cast', 'conv2d', 'mul', 'sign']);
      expect(only(after, 'conv2d').dtype).toBe('i32');
    }
  });

  // As many outputs as inputs, so that only the place of the vector tells the two apart.
  test.each([
    ['a vector along the inputs', [6], false],
    ['the same with an axis before it', [1, 6], false],
    ['a number an output', [6, 1], true],
  ] as const)(
    'of a dense layer, %s is a scale of an output only if it is one',
    (_, shape, binary) => {
      const scale = f32([1, 2, 3, 4, 5, 6], shape);
      const after = optimized(
        (g, x) => g.dense(bipolar(g, x), g.mul(weights(g, [6, 6]), g.constant(scale))),
        6,
        1e-6,
      );
      expect(only(after, 'dense').dtype).toBe(binary ? 'i32' : 'f32');
    },
  );
  test.each([
    ['along the inputs', [6], false],
    ['along the columns of the kernel', [6, 1], false],
    ['along the rows of the kernel', [6, 1, 1], false],
    ['along the outputs', [6, 1, 1, 1], true],
  ] as const)(
    'of a convolution, a vector %s is no scale of an output unless it runs along them',
    (_, shape, binary) => {
      const scale = f32([1, 2, 3, 4, 5, 6], shape);
      const pads = [3, 3, 3, 3] as const;
      const after = optimized(
        (g, x) =>
          g.conv2d(bipolar(g, x), g.mul(weights(g, [6, 6, 6, 6]), g.constant(scale)), { pads }),
        6,
        1e-6,
      );
      expect(only(after, 'conv2d').dtype).toBe(binary ? 'i32' : 'f32');
    },
  );

  test('magnitudes an output, found in float weights', () => {
    const magnitudes = [0.5, 2, 0.125, 3];
    const w = n
      .floats([4, 3, 3, 6])
      .data.map((value, i) => (value < 0 ? -1 : 1) * magnitudes[Math.floor(i / 54)]!);
    const after = optimized((g, x) =>
      g.conv2d(bipolar(g, x), g.constant(new Tensor('f32', w, [4, 3, 3, 6]))),
    );
    const mul = only(after, 'mul');
    expect([...(mul.inputs[1]!.data!.data as Float32Array)]).toEqual(magnitudes);
  });

  test('a scale of the activations joins the scale of the weights', () => {
    const after = optimized((g, x) =>
      g.dense(g.mul(bipolar(g, x), -0.5), g.mul(weights(g, [4, 6]), 0.25)),
    );
    expect([...(only(after, 'mul').inputs[1]!.data!.data as Float32Array)]).toEqual([0.125]);
  });

  test('a scale a channel stays with the activations, and the weights still become bits', () => {
    const after = optimized((g, x) =>
      g.dense(g.mul(bipolar(g, x), g.constant(f32([1, 2, 4, 8, 16, 32]))), weights(g, [4, 6])),
    );
    const dense = only(after, 'dense');
    expect([dense.dtype, ...dense.inputs.map((input) => input.dtype)]).toEqual([
      'f32',
      'f32',
      'b1',
    ]);
  });

  test('binary weights of float activations, the scale behind the product', () => {
    const after = optimized(
      (g, x) => g.conv2d(x, g.mul(weights(g, [4, 3, 3, 6]), g.constant(n.scales([4, 1, 1, 1])))),
      6,
      1e-5,
    );
    expect(opsOf(after)).toEqual(['conv2d', 'mul']);
    expect(only(after, 'conv2d').inputs[1]!.dtype).toBe('b1');
  });
});

describe('casts sink through what bits can do', () => {
  const conv = (g: GraphBuilder, x: Float) => g.conv2d(x, weights(g, [4, 2, 2, 6]));

  test('max pooling, for positive scales', () => {
    const after = optimized((g, x) =>
      conv(g, g.maxPool2d(g.mul(bipolar(g, x), 0.5), [2, 2], { pads: [1, 1, 0, 0] })),
    );
    expect(only(after, 'maxPool2d').dtype).toBe('b1');
    expect(only(after, 'conv2d').dtype).toBe('i32');
  });

  test('not for negative scales, whose least bit is the greatest number', () => {
    const after = optimized((g, x) => conv(g, g.maxPool2d(g.mul(bipolar(g, x), -0.5), [2, 2])));
    expect(only(after, 'maxPool2d').dtype).toBe('f32');
  });

  test('borders of +-1 become the padding of the convolution, the scale counted in', () => {
    for (const [scale, border, padValue] of [
      [1, 1, 1],
      [1, -1, -1],
      [0.5, -0.5, -1],
      [-2, 2, -1],
    ] as const) {
      const after = optimized((g, x) =>
        conv(g, g.pad(g.mul(bipolar(g, x), scale), [0, 1, 0, 0, 0, 2, 1, 0], border)),
      );
      const made = only(after, 'conv2d');
      expect(made.attrs).toMatchObject({ pads: [1, 0, 2, 1], padValue });
      expect(opsOf(after)).not.toContain('pad');
    }
  });

  test('borders of 0 become the padding of float and binary convolutions', () => {
    for (const activate of [(_: GraphBuilder, x: Float) => x, bipolar]) {
      const after = optimized(
        (g, x) => conv(g, g.pad(activate(g, x), [0, 1, 1, 0, 0, 0, 0, 0], 0)),
        6,
        1e-6,
      );
      expect(only(after, 'conv2d').attrs).toMatchObject({ pads: [1, 1, 0, 0], padValue: 0 });
    }
  });

  test('a border that is no bit stays a border', () => {
    const after = optimized((g, x) => conv(g, g.pad(bipolar(g, x), [0, 1, 1, 0, 0, 0, 0, 0], 2)));
    expect(opsOf(after)).toContain('pad');
  });

  test('a border around a border of another value stays', () => {
    const after = optimized((g, x) =>
      g.conv2d(g.pad(bipolar(g, x), [0, 1, 1, 0, 0, 1, 1, 0], 1), weights(g, [4, 2, 2, 6]), {
        pads: [1, 1, 1, 1],
      }),
    );
    expect(opsOf(after)).toContain('pad');
    expect(only(after, 'conv2d').attrs.padValue).toBe(0);
  });

  test('a border that others read too still becomes padding', () => {
    const after = optimized((g, x) => {
      const padded = g.pad(bipolar(g, x), [0, 1, 1, 0, 0, 1, 1, 0], 1);
      return g.add(conv(g, padded), g.reduce(padded, 'sum', [1, 2, 3], { keepDims: true }));
    });
    expect(only(after, 'conv2d').attrs.padValue).toBe(1);
  });

  test('a reshape that keeps the words of channels', () => {
    const after = optimized((g, x) =>
      g.dense(g.reshape(bipolar(g, x), ['N', 25, 6]), weights(g, [4, 6])),
    );
    expect(only(after, 'reshape').dtype).toBe('b1');
    expect(only(after, 'dense').dtype).toBe('i32');
  });

  test('a flattened map whose channels do not fill words: a convolution of the whole map', () => {
    const after = optimized((g, x) =>
      g.dense(g.reshape(bipolar(g, x), ['N', 150]), weights(g, [4, 150])),
    );
    expect(only(after, 'conv2d').inputs[1]!.shape).toEqual([4, 5, 5, 6]);
    expect(only(after, 'conv2d').dtype).toBe('i32');
  });

  test('the same for a map of NCHW: nothing moves between the bits', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 3, 5, 5]);
    const map = bipolar(
      g,
      inside(g, x, (v) => g.conv2d(v, g.constant(n.integers([4, 3, 3, 3])))),
    );
    const before = g.graph([x], { y: g.dense(g.reshape(map, ['N', 36]), weights(g, [7, 36])) });
    const after = optimize(before);
    expectSame(before, after, { x: n.integers([2, 3, 5, 5]) });
    expect(opsOf(after)).toEqual(['cast', 'conv2d', 'conv2d', 'reshape', 'sign', 'transpose']);
  });
});

describe('signs', () => {
  test('of a bipolar value are its bits', () => {
    const after = optimized((g, x) => g.cast(g.sign(g.mul(bipolar(g, x), 3)), 'f32'));
    expect(opsOf(after)).toEqual(['cast', 'sign']);
  });

  test('of a bipolar value times a negative number are none of them', () => {
    expect(opsOf(optimized((g, x) => g.sign(g.mul(bipolar(g, x), -3))))).toEqual([
      'cast',
      'mul',
      'sign',
      'sign',
    ]);
  });

  test('do not tell -0 from 0, so x + 0 is removed', () => {
    expect(opsOf(optimized((g, x) => g.sign(g.add(x, 0))))).toEqual(['sign']);
  });

  test('of a value clipped around 0 are its own; a clip on one side of 0 stays', () => {
    expect(opsOf(optimized((g, x) => g.sign(g.clip(x, -1, 0))))).toEqual(['sign']);
    for (const [min, max] of [
      [0, 1],
      [0.25, 1],
      [-1, -0.25],
    ] as const) {
      expect(opsOf(optimized((g, x) => g.sign(g.clip(x, min, max))))).toEqual(['clip', 'sign']);
    }
  });

  test('one threshold a channel with results -b and b is a sign, equality included', () => {
    for (const bias of [-1, -0.5, 2]) {
      const t = f32([0, 0.25, -0.5, 1, -0, 3], [6, 1]);
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', ['N', 6]);
      const before = g.graph([x], {
        y: g.multiThreshold(x, g.constant(t), { scale: -2 * bias, bias }),
      });
      const after = optimize(before);
      expect(opsOf(after)).toContain('sign');
      const feed = f32(
        [
          0, 0.25, -0.5, 1, 0, 3, -0, 0.24999999, -0.50000006, 0.99999994, -1e-45, 2.9999998, 1e-45,
          9, -0, 2, 1e-45, 3.0000002,
        ],
        [3, 6],
      );
      expectSame(before, after, { x: feed });
    }
  });

  test('several thresholds, or other results, are none', () => {
    const build = (g: GraphBuilder, x: Float) =>
      g.add(
        g.multiThreshold(x, g.constant(n.thresholds([6, 2])), { scale: 2, bias: -1 }),
        g.multiThreshold(x, g.constant(n.floats([1, 1])), { scale: 1, bias: -1 }),
      );
    expect(opsOf(optimized(build))).toEqual(['add', 'multiThreshold', 'multiThreshold']);
  });

  test('ONNX Sign stays ternary, and binarizes if the user says so', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 8]);
    const graph = g.graph([x], { y: g.dense(g.signum(x), weights(g, [4, 8])) });
    const exact = optimize(graph);
    expect(opsOf(exact)).toEqual(['cast', 'cast', 'dense', 'signum']);
    expect(only(exact, 'dense').inputs.map(({ dtype }) => dtype)).toEqual(['i2', 'b1']);
    expectSame(graph, exact, { x: f32([0, -0, 1, -1, 2, -2, 0, 3], [1, 8]) });
    expect(opsOf(optimize(graph, { signZero: 'plus' }))).toEqual(['cast', 'dense', 'sign']);
  });
});

test('optimizing twice gives the same graph as once', () => {
  const after = optimized((g, x) => {
    const a = g.conv2d(bipolar(g, x), g.mul(weights(g, [6, 3, 3, 6]), 0.5), { pads: [1, 1, 1, 1] });
    const b = g.add(g.mul(a, g.constant(n.scales([6]))), g.constant(n.floats([6])));
    return g.conv2d(g.maxPool2d(bipolar(g, b), [2, 2]), weights(g, [3, 2, 2, 6]));
  });
  const again = optimize(after);
  expect(nodesOf(again).map(({ op, name, dtype, shape }) => ({ op, name, dtype, shape }))).toEqual(
    nodesOf(after).map(({ op, name, dtype, shape }) => ({ op, name, dtype, shape })),
  );
});
