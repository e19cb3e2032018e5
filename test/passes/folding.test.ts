/**
 * The budget of constant folding: nodes beyond it stay nodes, and their values are right.
 */
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';

const matrix = (rows: number, columns: number) =>
  new Tensor(
    'f32',
    Float32Array.from({ length: rows * columns }, (_, i) => (i % 7) - 3),
    [rows, columns],
  );
const ops = (graph: Graph) => topological(graph).map(({ op }) => op);

describe('a product of constants', () => {
  const product = (rows: number, side: number) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [rows, side]);
    return g.graph([x], {
      y: g.add(x, g.matmul(g.constant(matrix(rows, side)), g.constant(matrix(side, side)))),
    });
  };

  test('is computed at once where it is small', () => {
    expect(ops(optimize(product(4, 16)))).not.toContain('dense');
  });

  test('stays for the kernels where it is large, with the same result', async () => {
    const [rows, side] = [64, 512];
    const graph = product(rows, side);
    const [a, b] = [matrix(rows, side).data, matrix(side, side).data];
    expect(ops(optimize(graph))).toContain('dense');
    const session = Session.fromGraph(graph, { threads: 1 });
    const { y } = await session.run({ x: new Float32Array(rows * side) });
    await session.release();
    for (const [row, column] of [
      [0, 0],
      [0, 1],
      [17, 300],
      [63, 511],
    ] as const) {
      let sum = 0;
      for (let k = 0; k < side; k++) sum += a[row * side + k]! * b[k * side + column]!;
      expect(y.data[row * side + column]).toBe(sum);
    }
  });
});

test('constants that double from node to node are folded up to the budget', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1]);
  let c: Value<'f32'> = g.constant(matrix(1, 1024));
  for (let i = 0; i < 16; i++) c = g.concat([c, c], 0);
  const left = ops(
    optimize(g.graph([x], { y: g.add(x, g.reduce(c, 'max', [0, 1], { keepDims: false })) })),
  );
  expect(left).toContain('concat');
});

test('many nodes over one constant share the budget, so copies do not fill memory', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 32, 32, 64]);
  const c = g.constant(
    new Tensor(
      'f32',
      Float32Array.from({ length: 64 * 32 * 32 }, (_, i) => i),
      [64, 32, 32],
    ),
  );
  let y = g.transpose(x, [0, 3, 1, 2]);
  for (let i = 0; i < 400; i++) y = g.tanh(g.add(y, c));
  const made = new Set(
    topological(optimize(g.graph([x], { y }))).flatMap(({ data }) =>
      data === undefined ? [] : [data.data.buffer],
    ),
  );
  expect([...made].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(2 ** 26);
});

describe('weights that are integers', () => {
  /** As a file of QuantizeLinear, Clip and DequantizeLinear has them, channels first. */
  const clipped = (least: number, most: number) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 6, 6, 4]);
    const codes = Int8Array.from({ length: 5 * 4 * 9 }, (_, i) => ((i * 37) % 256) - 128);
    const q = g.constant(new Tensor('i8', codes, [5, 4, 3, 3]));
    const again = g.cast(g.clip(g.cast(q, 'f32'), least, most), 'i8');
    const w = g.mul(g.cast(again, 'f32'), g.constant(new Tensor('f32', Float32Array.of(0.5), [])));
    return g.graph([x], { y: g.conv2d(x, g.transpose(w, [0, 2, 3, 1])) });
  };

  test.each([
    [-127, 127],
    [-128, 127],
    [-7, 7],
  ])('are folded where they are clipped to %i and %i, cast and moved', async (least, most) => {
    const graph = clipped(least, most);
    // The weights rest as integers and a scale.
    expect(ops(optimize(graph)).sort()).toEqual([
      'cast',
      'constant',
      'constant',
      'conv2d',
      'input',
      'mul',
    ]);
    const feed = { x: Float32Array.from({ length: 144 }, (_, i) => (i % 5) - 2) };
    const results = [];
    for (const optimized of [true, false]) {
      const session = Session.fromGraph(graph, { threads: 1, optimize: optimized });
      results.push((await session.run(feed)).y.data);
      await session.release();
    }
    expect(results[0]).toEqual(results[1]);
  });
});
