/**
 * The gradients of pooling in a session and by their oracles, against PyTorch's: max_pool2d and
 * avg_pool2d of x[i] = 7 i mod 11 with the upstream gradient dy[i] = 5 i mod 7 - 3, rounded to six
 * places.
 */
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import type { Pair, Sides } from '../../src/ops/attributes.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';

const PYTORCH = [
  {
    kind: 'max',
    x: [2, 4, 5, 1],
    dy: [2, 2, 3, 1],
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    ceil: false,
    countPad: false,
    dx: [
      0.0, 0.0, 0.0, 2.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      -2.0, 0.0, 0.0, 0.0,
    ],
  },
  {
    kind: 'max',
    x: [1, 5, 4, 2],
    dy: [1, 3, 2, 2],
    kernel: [2, 2],
    strides: [2, 2],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    ceil: true,
    countPad: false,
    dx: [
      0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -3.0, 0.0, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 3.0, 0.0, -1.0, 0.0, 0.0, -3.0, 0.0, 0.0, 2.0, 0.0,
      -2.0, 0.0, 0.0, 3.0,
    ],
  },
  {
    kind: 'max',
    x: [1, 5, 6, 1],
    dy: [1, 5, 2, 1],
    kernel: [2, 3],
    strides: [1, 2],
    pads: [1, 1, 1, 1],
    dilations: [2, 2],
    ceil: false,
    countPad: false,
    dx: [
      0.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
      0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, -4.0, 0.0, 0.0, 0.0, 0.0,
    ],
  },
  {
    kind: 'avg',
    x: [1, 4, 5, 1],
    dy: [1, 2, 3, 1],
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    ceil: false,
    countPad: false,
    dx: [
      -0.75, -0.416667, 0.333333, 0.333333, 0.0, -1.083333, -0.416667, 0.666667, 0.833333, 0.166667,
      -0.333333, 0.0, 0.333333, 0.5, 0.166667, -0.333333, 0.0, 0.333333, 0.5, 0.166667,
    ],
  },
  {
    kind: 'avg',
    x: [1, 4, 5, 1],
    dy: [1, 3, 3, 1],
    kernel: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    ceil: true,
    countPad: true,
    dx: [
      -0.333333, -0.111111, 0.222222, 0.222222, 0.0, -0.555556, 0.0, 0.555556, 0.666667, 0.111111,
      -0.222222, 0.111111, 0.333333, 0.444444, 0.111111, -0.388889, -0.555556, -0.166667, 0.277778,
      0.444444,
    ],
  },
  {
    kind: 'avg',
    x: [1, 3, 6, 2],
    dy: [1, 4, 3, 2],
    kernel: [2, 3],
    strides: [1, 2],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    ceil: false,
    countPad: true,
    dx: [
      -0.666667, -0.166667, -0.333333, -0.5, 0.333333, -0.333333, 0.5, 0.333333, 0.166667, 0.666667,
      0.166667, 0.666667, 0.0, -0.666667, -0.166667, -0.333333, -0.166667, 0.333333, -0.5, 0.5,
      -0.333333, 0.166667, -0.333333, 0.166667, 0.666667, 0.0, 0.0, -0.166667, -0.666667, -0.166667,
      -0.333333, -0.5, 0.333333, -0.333333, 0.333333, -0.333333,
    ],
  },
];

const numbers = (shape: readonly number[], of: (i: number) => number) =>
  new Tensor(
    'f32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => of(i)),
    shape,
  );

describe.each(PYTORCH)(
  '$kind of $kernel, strides $strides, pads $pads, ceil $ceil, padding counted $countPad',
  (row) => {
    const { kind, kernel, countPad, strides, pads, dilations, ceil } = row;
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', ...row.x.slice(1)]);
    const dy = g.input('dy', 'f32', ['N', ...row.dy.slice(1)]);
    const options = {
      ...{ strides: strides as unknown as Pair, pads: pads as unknown as Sides },
      ...{ dilations: dilations as unknown as Pair, ceil },
    };
    const window = kernel as unknown as Pair;
    const y =
      kind === 'max'
        ? g.maxPool2d(x, window, options)
        : g.avgPool2d(x, window, { ...options, countPad });
    const [dx] = gradients(g, y, [x], { upstream: dy });
    const graph = g.graph([x, dy], { dx: dx! });
    const feeds = {
      x: numbers(row.x, (i) => (i * 7) % 11),
      dy: numbers(row.dy, (i) => ((i * 5) % 7) - 3),
    };

    test('the oracle is PyTorch', () => {
      const found = Array.from(evaluateGraph(graph, feeds).dx!.data, Number);
      expect(found).toHaveLength(row.dx.length);
      for (const [i, value] of row.dx.entries())
        expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(1e-6);
    });

    test.each([1, 2, 3])(
      'a session of %i threads gives the bits of the oracle',
      async (threads) => {
        const session = GraphSession.fromGraph(graph, { threads });
        const { dx: found } = await session.run(feeds);
        await session.release();
        expect(found.data).toEqual(evaluateGraph(graph, feeds).dx!.data);
      },
    );
  },
);

test('what an activation lets through is taken as the gradient is stored', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4, 4, 16]);
  const dy = g.input('dy', 'f32', ['N', 2, 2, 16]);
  const y = g.avgPool2d(g.relu(x), [2, 2]);
  const [dx] = gradients(g, y, [x], { upstream: dy });
  const session = GraphSession.fromGraph(g.graph([x, dy], { y, dx: dx! }));
  const layers = await session.profile(1);
  await session.release();
  expect(layers.map(({ op }) => op)).toEqual(['relu', 'avgPool2d', 'avgPool2dGradient']);
});
