/**
 * Batch norm with the statistics of the batch in a session, against the oracles of its ops: any
 * rank, any number of channels, batches known only at a run.
 */
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { run64 } from '../autodiff/float64.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { random } from '../random.js';

const SHAPES = [[5], [1, 3], [40, 1], [7, 17], [2, 9, 9, 16], [3, 5, 64], [2, 3, 3, 513]];

/**
 * How far from the oracle a number may be, by its size. Of means near 3 the last place is 2^-22,
 * and a batch norm takes them times its scale; what is summed is above 0, so that sums are wrong by
 * a share of themselves (native/kernels/statistics/statistics.h).
 */
const bounds = (scale: number) => ({
  moments: (size: number) => 2 ** -22 * Math.max(1, size),
  y: (size: number) => 2 ** -22 * scale + 2 ** -21 * (size + 4),
  sums: (size: number) => 68 * 2 ** -24 * Math.max(1, size),
});

function tensor(shape: readonly number[], next: () => number, spread = 2): Tensor<'f32'> {
  const size = shape.reduce((a, b) => a * b, 1);
  return new Tensor(
    'f32',
    Float32Array.from({ length: size }, () => 3 + (next() - 0.5) * spread),
    shape,
  );
}

/** moments, normalize and normalizeSums of x [N, ...shape]. */
function statistics(shape: readonly number[]) {
  const g = new GraphBuilder();
  const dims = shape.length === 1 ? shape : ['N', ...shape.slice(1)];
  const channels = [shape.at(-1) as number];
  const x = g.input('x', 'f32', dims);
  const dy = g.input('dy', 'f32', dims);
  const gamma = g.input('gamma', 'f32', channels);
  const beta = g.input('beta', 'f32', channels);
  const mean = g.input('mean', 'f32', channels);
  return g.graph([x, dy, gamma, beta, mean], {
    moments: g.moments(x),
    y: g.normalize(x, gamma, beta),
    sums: g.normalizeSums(dy, x, mean),
  });
}

describe.each(SHAPES.map((shape) => ({ shape })))('x of $shape', ({ shape }) => {
  test.each([1, 2, 3])('%i threads give what the oracles give', async (threads) => {
    const graph = statistics(shape);
    const next = random(shape.length);
    const c = shape.at(-1) as number;
    const feeds = {
      ...{ x: tensor(shape, next), dy: tensor(shape, next, 5) },
      ...{ gamma: tensor([c], next), beta: tensor([c], next), mean: tensor([c], next, 0.1) },
    };
    const expected = evaluateGraph(graph, feeds);
    const session = GraphSession.fromGraph(graph, { threads });
    const results = await session.run(feeds);
    await session.release();
    for (const [name, { data }] of Object.entries(expected)) {
      const found = results[name as keyof typeof results].data as Float32Array;
      expect(found).toHaveLength(data.length);
      data.forEach((value, i) => {
        const scale =
          feeds.gamma.data[i % c]! / Math.sqrt(expected.moments!.data[c + (i % c)]! + 1e-5);
        expect(Math.abs(found[i]! - (value as number))).toBeLessThanOrEqual(
          bounds(scale)[name as 'moments' | 'y' | 'sums'](Math.abs(value as number)),
        );
      });
    }
  });
});

describe.each(
  [
    [6, 9, 16],
    [40, 17],
    [30, 2, 3],
    [5, 4, 130],
  ].map((shape) => ({ shape })),
)('the gradient of a batch norm and an activation over $shape', ({ shape }) => {
  const g = new GraphBuilder();
  const channels = [shape.at(-1) as number];
  const x = g.input('x', 'f32', shape);
  const dy = g.input('dy', 'f32', shape);
  const gamma = g.input('gamma', 'f32', channels);
  const beta = g.input('beta', 'f32', channels);
  const y = g.relu(g.normalize(x, gamma, g.neg(beta)));
  const [dx, dgamma, dbeta] = gradients(g, y, [x, gamma, beta], { upstream: dy });
  const graph = g.graph([x, dy, gamma, beta], { y, dx: dx!, dgamma: dgamma!, dbeta: dbeta! });

  test.each([1, 3])('is that of doubles: %i threads', async (threads) => {
    const next = random(shape.length);
    const feeds = {
      ...{ x: tensor(shape, next), dy: tensor(shape, next, 9) },
      ...{ gamma: tensor(channels, next), beta: tensor(channels, next, 8) },
    };
    const doubles = Object.fromEntries(
      Object.entries(feeds).map(([name, { data }]) => [name, Float64Array.from(data)]),
    );
    const expected = run64(graph, doubles);
    const session = GraphSession.fromGraph(graph, { threads });
    const results = await session.run(feeds);
    await session.release();
    for (const [name, { data }] of Object.entries(expected)) {
      const found = results[name as keyof typeof results].data;
      const most = data.reduce((size, value) => Math.max(size, Math.abs(value)), 1);
      data.forEach((value, i) => {
        expect(Math.abs(found[i]! - value), `${name}[${i}]`).toBeLessThanOrEqual(4e-6 * most);
      });
    }
  });
});

test('moments beside a batch norm of the same map are the same node', () => {
  const graph = optimize(statistics([2, 4, 4, 16]));
  const seen = new Set<Value>();
  const visit = (value: Value): number => {
    if (seen.has(value)) return 0;
    seen.add(value);
    return value.inputs.reduce(
      (count, input) => count + visit(input),
      Number(value.op === 'moments'),
    );
  };
  expect(Object.values(graph.outputs).reduce((count, value) => count + visit(value), 0)).toBe(1);
});
