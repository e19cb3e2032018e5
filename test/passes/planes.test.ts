import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from './evaluate.js';
import { expectSame, Numbers, nodesOf, opsOf } from './fixtures.js';

const n = new Numbers(71);
const C = 18;
const LEAST = 2 ** -149;
type Float = Value<'f32'>;

/**
 * Optimizes a network over x [N,6,6,C] whose numbers meet its thresholds from both sides, and
 * checks every bit of the result.
 */
function optimized(build: (g: GraphBuilder, x: Float) => Value): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, C]);
  const before = g.graph([x], { y: build(g, x) });
  const after = optimize(before);
  const feed = n.fill([2, 6, 6, C], () =>
    n.pick(
      0,
      -0,
      LEAST,
      -LEAST,
      1,
      -1,
      0.5,
      -0.5,
      3e38,
      -3e38,
      Infinity,
      -Infinity,
      n.int(-9, 9) / 4,
    ),
  );
  expectSame(before, after, { x: feed });
  return after;
}

/** Thresholds that differ within a row, so that no two planes are the same. */
const levels = (g: GraphBuilder, x: Float, count: number, rows = C, scale = 1) => {
  let at = 0;
  const thresholds = n.fill([rows, count], () => (n.int(-2, 2) + 5 * (at++ % count) - 8) / 4);
  return g.multiThreshold(x, g.constant(thresholds), { scale, bias: (-scale * count) / 2 });
};
const weights = (g: GraphBuilder, shape: readonly number[]) =>
  g.cast(g.sign(g.constant(n.floats(shape))), 'f32');
const count = (graph: Graph, op: string, dtype: string) =>
  nodesOf(graph).filter((value) => value.op === op && value.dtype === dtype).length;

describe('the product of a value of a few levels is a sum of binary products', () => {
  test('ONNX Sign, at zero, -0 and the smallest numbers beside them', () => {
    const after = optimized((g, x) => g.conv2d(g.signum(x), weights(g, [4, 3, 3, C])));
    expect(opsOf(after)).toEqual([
      'add',
      'cast',
      'cast',
      'conv2d',
      'conv2d',
      'mul',
      'sign',
      'sign',
      'sub',
    ]);
    expect(count(after, 'conv2d', 'i32')).toBe(2);
  });

  test('two, three and four thresholds, also one row for all channels, and at equality', () => {
    for (const planes of [2, 3, 4]) {
      for (const rows of [1, C]) {
        const after = optimized((g, x) =>
          g.conv2d(levels(g, x, planes, rows, 0.5), weights(g, [4, 2, 2, C]), { strides: [2, 1] }),
        );
        expect(count(after, 'conv2d', 'i32')).toBe(planes);
      }
    }
  });

  test('a border of zeros stays one', () => {
    const after = optimized((g, x) =>
      g.conv2d(g.pad(g.signum(x), [0, 1, 0, 0, 0, 0, 1, 0], 0), weights(g, [4, 3, 3, C]), {
        pads: [1, 1, 0, 1],
      }),
    );
    expect(count(after, 'conv2d', 'i32')).toBe(2);
    expect(opsOf(after)).not.toContain('pad');
  });

  test('max pooling and reshapes act on each plane', () => {
    const pooled = optimized((g, x) =>
      g.conv2d(
        g.maxPool2d(levels(g, x, 3), [2, 2], { pads: [1, 0, 1, 0] }),
        weights(g, [4, 2, 2, C]),
      ),
    );
    expect(count(pooled, 'maxPool2d', 'b1')).toBe(3);
    const reshaped = optimized((g, x) =>
      g.dense(g.reshape(g.signum(x), ['N', 36, C]), weights(g, [5, C])),
    );
    expect(count(reshaped, 'dense', 'i32')).toBe(2);
  });

  test('scales of the weights, of either sign, and groups', () => {
    const scale = n.fill([4, 1, 1, 1], () => n.pick(0.5, -0.5, 2, -1));
    const scaled = optimized((g, x) =>
      g.conv2d(g.signum(x), g.mul(weights(g, [4, 3, 3, C]), g.constant(scale))),
    );
    expect(count(scaled, 'conv2d', 'i32')).toBe(2);
  });

  test('two layers share the planes they read', () => {
    const after = optimized((g, x) => {
      const t = g.signum(x);
      return g.add(g.dense(t, weights(g, [5, C])), g.dense(t, weights(g, [5, C])));
    });
    expect(count(after, 'sign', 'b1')).toBe(2);
    expect(count(after, 'dense', 'i32')).toBe(4);
  });
});

describe('no planes', () => {
  const unchanged: Record<string, (g: GraphBuilder, x: Float) => Value> = {
    'levels off the centre': (g, x) =>
      g.dense(
        g.multiThreshold(x, g.constant(n.thresholds([C, 2])), { scale: 1, bias: 0 }),
        weights(g, [5, C]),
      ),
    'many levels': (g, x) => g.dense(levels(g, x, 6), weights(g, [5, C])),
    'levels that fall': (g, x) => g.dense(levels(g, x, 2, C, -1), weights(g, [5, C])),
    'few channels': (g, x) =>
      g.dense(g.signum(g.slice(x, [0, 0, 0, 0], ['N', 6, 6, 5])), weights(g, [5, 5])),
    'a reshape that splits channels': (g, x) =>
      g.dense(g.reshape(g.signum(x), ['N', 6, 3, 36]), weights(g, [5, 36])),
    'weights that are no bits': (g, x) => g.dense(g.signum(x), g.constant(n.integers([5, C]))),
  };
  for (const [name, build] of Object.entries(unchanged)) {
    test(name, () => {
      const after = optimized(build);
      const products = nodesOf(after).filter(({ op }) => op === 'dense');
      expect(products.map(({ inputs: [x] }) => x!.dtype)).not.toContain('b1');
    });
  }
});

test('NaN counts as +1 in every plane', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, C]);
  const graph = g.graph([x], {
    y: g.dense(g.signum(x), g.constant(new Tensor('b1', new Uint8Array(3), [1, C]))),
  });
  const feed = (value: number) => ({
    x: new Tensor('f32', new Float32Array(C).fill(value), [1, C]),
  });
  expect(evaluateGraph(optimize(graph), feed(Number.NaN)).y!.data).toEqual(
    evaluateGraph(graph, feed(2)).y!.data,
  );
});
