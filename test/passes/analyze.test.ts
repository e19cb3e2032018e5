import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { layers } from '../../src/passes/analyze.js';
import { canonicalize, optimize } from '../../src/passes/index.js';
import { Numbers } from './fixtures.js';

const n = new Numbers(61);

function network() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 8, 8, 16]);
  const w = g.constant(n.bits([32, 3, 3, 16]), { name: 'w' });
  const dot = g.conv2d(g.cast(g.sign(x, { name: 'sign' }), 'f32'), g.cast(w, 'f32'), {
    name: 'conv',
  });
  const pooled = g.reduce(dot, 'max', [1, 2]);
  return g.graph([x], {
    y: g.add(
      g.dense(pooled, g.constant(n.floats([10, 32]), { name: 'head' }), { name: 'fc' }),
      g.constant(n.floats([10])),
      {
        name: 'bias',
      },
    ),
  });
}

test('an optimized graph has the expected rows and totals for one image', () => {
  const { rows, totals } = layers(optimize(network()));
  const conv = rows.find((row) => row.op === 'conv2d')!;
  expect(conv).toMatchObject({
    inputDtype: 'b1',
    weightDtype: 'b1',
    dtype: 'i32',
    shape: ['N', 6, 6, 32],
  });
  expect(conv.macs).toEqual({ binary: 6 * 6 * 32 * 9 * 16, integer: 0, float: 0 });
  expect(conv.weightBytes).toBe((32 * 9 * 16) / 8);
  const fc = rows.find((row) => row.op === 'dense')!;
  expect(fc).toMatchObject({
    name: 'fc',
    weightDtype: 'f32',
    macs: { binary: 0, integer: 0, float: 320 },
    weightBytes: 1280,
  });
  expect(rows.find((row) => row.name === 'sign')).toMatchObject({
    weightDtype: null,
    weightBytes: 0,
  });
  expect(totals).toEqual({
    macs: { binary: 165888, integer: 0, float: 320 },
    weightBytes: 576 + 1280 + 40,
  });
});

test('the same network in floats counts float work', () => {
  const { rows, totals } = layers(canonicalize(network()));
  expect(rows.find((row) => row.name === 'conv')).toMatchObject({
    weightDtype: 'f32',
    dtype: 'f32',
    weightBytes: 32 * 9 * 16 * 4,
  });
  expect(totals.macs).toEqual({ binary: 0, integer: 0, float: 165888 + 320 });
});

test('a graph as written counts a binary weight behind its cast once', () => {
  const { rows, totals } = layers(network());
  expect(rows.map((row) => row.op)).toEqual(['sign', 'cast', 'conv2d', 'reduce', 'dense', 'add']);
  expect(rows[2]).toMatchObject({ weightDtype: 'b1', weightBytes: 576 });
  expect(totals.weightBytes).toBe(576 + 1280 + 40);
});

test('work that depends on a size of the picture is not counted', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 'H', 'W', 3]);
  const { rows } = layers(g.graph([x], { y: g.conv2d(x, g.constant(n.floats([4, 1, 1, 3]))) }));
  expect(rows).toMatchObject([
    { op: 'conv2d', shape: ['N', 'H', 'W', 4], macs: { binary: 0, integer: 0, float: 0 } },
  ]);
});
