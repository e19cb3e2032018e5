/**
 * Ops that a random graph draws seldom or never, written as ONNX: the same bits when read back, the
 * same numbers in onnxruntime. Not here: graphs of many ops (./onnx-export.test.ts).
 */
import { expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { INTEGER_KINDS } from '../../src/ops/integer-binary.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';
import { expectOnnxruntime, expectSameBits, opsOf } from './onnx-round-trip.js';

const next = random(5);
const floats = (shape: readonly number[]) =>
  new Tensor(
    'f32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (next() - 0.5) * 8),
    shape,
  );
const ints = (shape: readonly number[], least: number, most: number) =>
  new Tensor(
    'i32',
    Int32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      Math.floor(least + next() * (most + 1 - least)),
    ),
    shape,
  );

async function expectWritten(graph: Graph, feeds: Readonly<Record<string, Tensor>>) {
  const file = expectSameBits(graph, feeds, 'onnx');
  expectSameBits(graph, feeds, 'qonnx');
  await expectOnnxruntime(file, graph, feeds);
}

/** A graph over one input of floats. */
const over = (
  shape: readonly number[],
  build: (g: GraphBuilder, x: Value<'f32'>) => Value,
): [Graph, { x: Tensor }] => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [...shape]);
  return [g.graph([x], { y: build(g, x) }), { x: floats(shape) }];
};

test.each(INTEGER_KINDS)('integers: %s', async (kind) => {
  const g = new GraphBuilder();
  const [a, b] = [g.input('a', 'i32', [3, 5]), g.input('b', 'i32', [5])];
  const graph = g.graph([a, b], { y: g.integerBinary(kind, a, b) });
  // No division by 0, which ONNX leaves open; powers that int32 holds.
  const feeds = { a: ints([3, 5], -9, 9), b: ints([5], 1, 8) };
  await expectWritten(graph, feeds);
});

test('integers are summed, joined and sliced as integers', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'i32', [2, 3, 4]);
  const sum = g.reduce(x, 'sum', [2]);
  const lines = g.concat([g.cumsum(x, 1), g.slice(x, [0, 1, 0], [2, 3, 4])], 1);
  const graph = g.graph([x], { sum, most: g.reduce(lines, 'max', [1]), lines });
  await expectWritten(graph, { x: ints([2, 3, 4], -99, 99) });
});

test('sums of bits, which are floats in a file, meet integers', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [2, 16]);
  const i = g.input('i', 'i32', [2, 4]);
  const w = g.constant(new Tensor('b1', Uint8Array.of(1, 7, 30, 99, 5, 6, 7, 8), [4, 16]));
  const dots = g.dense(g.sign(x), w);
  const graph = g.graph([x, i], {
    joined: g.concat([dots, i], 1),
    sum: g.integerBinary('add', dots, i),
  });
  await expectWritten(graph, { x: floats([2, 16]), i: ints([2, 4], -9, 9) });
});

test.each([
  [{ count: 1, largest: true, last: false }],
  [{ count: 1, largest: false, last: true }],
  [{ count: 3, largest: true, last: false }],
  [{ count: 2, largest: false, last: false }],
])('places of the largest: %o', async (options) => {
  await expectWritten(...over([2, 5, 3], (g, x) => g.order(x, 1, options)));
});

test('places of the largest need no bounds, others have them once', async () => {
  const [graph, feeds] = over([2, 5, 3], (g, x) => g.takeAlong(x, g.order(x, 1, { count: 2 }), 1));
  expect(opsOf(graph)).toEqual(['TopK', 'Cast', 'GatherElements']);
  await expectWritten(graph, feeds);

  const g = new GraphBuilder();
  const [x, at] = [g.input('x', 'f32', [4, 3]), g.input('at', 'i32', [2, 2])];
  const one = g.graph([x, at], { y: g.take(x, at, 0) });
  expect(opsOf(one)).toEqual(['Max', 'Min', 'Gather']);
  await expectWritten(one, {
    x: floats([4, 3]),
    at: new Tensor('i32', Int32Array.of(-9, -1, 2, 9), [2, 2]),
  });
});

test.each([
  [{ strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1, height: 7, width: 9 }],
  [{ strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1, height: 10, width: 14 }],
  [{ strides: [2, 1], pads: [1, 0, 0, 2], dilations: [1, 2], groups: 2, height: 10, width: 9 }],
])('a transposed convolution: %o', async (options) => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [2, 5, 7, 4]);
  const w = g.constant(floats([4, 3, 3, 6 / options.groups]));
  await expectWritten(g.graph([x], { y: g.conv2dInputGradient(x, w, options as never) }), {
    x: floats([2, 5, 7, 4]),
  });
});

test.each([
  [-1, 2],
  [-Infinity, 1],
  [0.5, Infinity],
  [-Infinity, Infinity],
])('a gate from %d to %d', async (min, max) => {
  const [graph, feeds] = over([2, 6], (g, x) => g.gate(g.mul(x, 3), x, { min, max }));
  await expectWritten(graph, feeds);
});

test('logSoftmax, a batch norm of one axis, and a slope larger than x', async () => {
  const [first, feeds] = over([2, 5, 3], (g, x) => g.logSoftmax(x, { axis: 1 }));
  expect(opsOf(first)).toEqual(['LogSoftmax']);
  await expectWritten(first, feeds);
  const channels = (g: GraphBuilder) =>
    g.constant(new Tensor('f32', Float32Array.of(1, 2, 3), [3]));
  const norm = (g: GraphBuilder, x: Value<'f32'>) =>
    g.batchNorm(x, channels(g), channels(g), channels(g), channels(g), { epsilon: 1e-5 });
  await expectWritten(...over([3], norm));
  await expectWritten(...over([2, 1], (g, x) => g.prelu(x, channels(g))));
});

test.each([[[6]], [[2, 3, 4]]])(
  'thresholds are counted in a file of ONNX alone: %o',
  async (shape) => {
    const channels = shape.at(-1) as number;
    const limits = new Tensor(
      'f32',
      Float32Array.from({ length: channels * 3 }, (_, i) => (i % 3) - 1 + i / 9),
      [channels, 3],
    );
    const [graph, feeds] = over(shape, (g, x) =>
      g.multiThreshold(x, g.constant(limits), { scale: 0.5, bias: -1 }),
    );
    await expectWritten(graph, feeds);
  },
);

test('expand to sizes of an input that a run decides reads them there', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4, 5]);
  const t = g.input('t', 'f32', [2, 'W']);
  const pixels = g.expand(g.constant(floats([4, 1])), ['N', 4, 1]);
  const rows = g.expand(g.reduce(t, 'sum', [0], { keepDims: true }), ['N', 3, 'W']);
  const graph = g.graph([x, t], { y: g.mul(x, pixels), rows });
  for (const [n, w] of [
    [1, 2],
    [3, 5],
  ] as const)
    await expectWritten(graph, { x: floats([n, 4, 5]), t: floats([2, w]) });
});
