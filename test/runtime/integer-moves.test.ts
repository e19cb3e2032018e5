/**
 * Between quantized layers: concatenations and averages read stored integers, and give the bits of
 * the float graph. Products (./integers.test.ts) are not tested here.
 */
import { describe, expect, test } from 'vitest';
import { type ByteInteger, integerBounds } from '../../src/core/dtype.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import { fuse } from '../../src/schedule/fuse.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { testedIsas } from '../native/harness.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

type Float = Value<'f32'>;
type Feeds = Readonly<Record<string, Tensor>>;

function quantized(g: GraphBuilder, x: Float, to: ByteInteger, scale: number, zero: number): Float {
  const { lo, hi } = integerBounds(to);
  const q = g.cast(g.clip(g.add(g.round(g.div(x, scale)), zero), lo, hi), to);
  return g.mul(g.sub(g.cast(q, 'f32'), zero), scale);
}

function conv(g: GraphBuilder, n: Numbers, x: Float, shape: readonly number[]): Float {
  const q = g.constant(tensorOf('i8', n.integers(shape, -127, 127).data, shape));
  const pad = (shape[1]! - 1) / 2;
  return g.conv2d(x, g.mul(g.cast(q, 'f32'), 2 ** -9), { pads: [pad, pad, pad, pad] });
}

/** What a session gives and the kernels that it ran, on each instruction set. */
async function eachRun(
  graph: Graph,
  feeds: Feeds,
  check: (results: Readonly<Record<string, Tensor>>, kernels: string) => void,
): Promise<void> {
  for (const isa of testedIsas() as Isa[]) {
    for (const threads of [1, 3]) {
      const session = GraphSession.fromGraph(graph, { isa, threads });
      const results = await session.run(feeds);
      const layers = await session.profile(1, feeds);
      check(results, layers.map(({ kernel }) => kernel).join(' '));
      await session.release();
    }
  }
}

/** Maps of floats that the schedule leaves in memory, but for results. */
function floatMaps(graph: Graph, feeds: Feeds): string[] {
  const N = Object.values(feeds)[0]!.shape[0]!;
  const bound = bind(optimize(graph), { N });
  const results = new Set(Object.values(bound.outputs));
  return fuse(bound)
    .flatMap(({ stores }) => stores)
    .filter((value) => value.dtype === 'f32' && !results.has(value) && value.shape.length === 4)
    .filter(({ shape }) => shape[1] !== 1)
    .map(({ name }) => name);
}

/** Steps that round to integers. */
function rounds(graph: Graph): number {
  const steps = fuse(bind(optimize(graph), { N: 2 })).flatMap(({ epilogue }) => epilogue);
  return steps.filter((step) => step.kind === 'op' && step.form.op === 'round').length;
}

/** Two branches that are quantized to `scales`, joined along an axis and convolved. */
function branches(to: ByteInteger, scales: readonly [number, number], axis: number) {
  const n = new Numbers(7);
  const g = new GraphBuilder();
  const zero = to === 'u8' ? 3 : -2;
  const x = g.input('x', 'f32', ['N', 6, 6, 8]);
  const start = quantized(g, x, to, 0.25, zero);
  const parts = scales.map((scale) =>
    quantized(g, conv(g, n, start, [16, 3, 3, 8]), to, scale, zero),
  );
  const joined = g.concat(parts, axis);
  const y = conv(g, n, joined, [5, 1, 1, axis === 3 ? 32 : 16]);
  return {
    graph: g.graph([x], { y }),
    requantized: g.graph([x], {
      y: conv(g, n, quantized(g, joined, to, 0.5, zero), [5, 3, 3, axis === 3 ? 32 : 16]),
    }),
    feeds: { x: n.fill([2, 6, 6, 8], () => n.int(-300, 300) / 16) },
  };
}

describe.each(['u8', 'i8'] as const)('parts of %s', (to) => {
  test.each([1, 2, 3])(
    'of one scale stay integers when they are joined along axis %i',
    async (axis) => {
      const { graph, feeds } = branches(to, [0.5, 0.5], axis);
      const concat = fuse(bind(optimize(graph), { N: 2 })).flatMap(({ stores }) => stores);
      expect(concat.filter(({ op }) => op === 'concat').map(({ dtype }) => dtype)).toContain(to);
      expect(floatMaps(graph, feeds)).toEqual([]);
      const want = evaluateGraph(graph, feeds);
      await eachRun(graph, feeds, ({ y }, kernels) => {
        expect(y).toEqual(want['y']);
        expect(kernels.match(/qconv/g)).toHaveLength(3);
        expect(kernels.replaceAll('qconv', '')).not.toContain('conv');
      });
    },
  );

  test('of two scales are no integers of one', async () => {
    const { graph, feeds } = branches(to, [0.5, 0.25], 3);
    const want = evaluateGraph(graph, feeds);
    await eachRun(graph, feeds, ({ y }, kernels) => {
      expect(y).toEqual(want['y']);
      expect(kernels).toContain('conv_f32');
    });
  });

  test('of two scales that are quantized once joined are integers before', async () => {
    const { requantized, feeds } = branches(to, [0.5, 0.25], 3);
    expect(floatMaps(requantized, feeds)).toEqual([]);
    // The input, two branches, and the part that had another scale.
    expect(rounds(requantized)).toBe(4);
    const want = evaluateGraph(requantized, feeds);
    await eachRun(requantized, feeds, ({ y }, kernels) => {
      expect(y).toEqual(want['y']);
      expect(kernels.match(/qconv/g)).toHaveLength(3);
    });
  });

  test('of one scale that are quantized to it once joined are only moved', () => {
    const { requantized } = branches(to, [0.5, 0.5], 2);
    expect(rounds(requantized)).toBe(3);
  });

  test('averages between quantized layers read integers', async () => {
    const n = new Numbers(11);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 9, 8, 3]);
    const zero = to === 'u8' ? 5 : -7;
    const first = conv(g, n, quantized(g, x, to, 0.25, zero), [24, 3, 3, 3]);
    const pooled = g.avgPool2d(quantized(g, g.relu(first), to, 0.5, zero), [3, 3], {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
    });
    const second = conv(g, n, quantized(g, pooled, to, 0.25, zero), [33, 1, 1, 24]);
    const mean = g.reduce(quantized(g, second, to, 0.5, zero), 'mean', [1, 2]);
    const graph = g.graph([x], { mean });
    const feeds = { x: n.fill([2, 9, 8, 3], () => n.int(-300, 300) / 16) };
    expect(floatMaps(graph, feeds)).toEqual([]);
    const want = evaluateGraph(graph, feeds);
    await eachRun(graph, feeds, (results, kernels) => {
      expect(results.mean).toEqual(want['mean']);
      expect(kernels).toMatch(new RegExp(`pool_${to}_`));
      expect(kernels).toMatch(new RegExp(`reduce_${to}_`));
    });
  });

  test.each([
    ['avgPool2d', (g: GraphBuilder, x: Float) => g.avgPool2d(x, [3, 2], { strides: [2, 1] })],
    ['mean', (g: GraphBuilder, x: Float) => g.reduce(x, 'mean', [1, 2])],
    ['sum', (g: GraphBuilder, x: Float) => g.reduce(x, 'sum', [3])],
    ['max', (g: GraphBuilder, x: Float) => g.reduce(x, 'max', [1, 2])],
  ] as const)('%s of integers has the bits of that of their floats', async (_op, op) => {
    const shape = [2, 7, 9, 19];
    const scale = Math.fround(0.0371);
    const zero = to === 'u8' ? 100 : -3;
    const n = new Numbers(3);
    const { lo, hi } = integerBounds(to);
    const q = tensorOf(to, n.integers(shape, lo, hi).data, shape);
    const floats = Float32Array.from(q.data, (v) => Math.fround((Number(v) - zero) * scale));
    const ofIntegers = new GraphBuilder();
    const x = ofIntegers.input('x', to, shape);
    const held = ofIntegers.mul(ofIntegers.sub(ofIntegers.cast(x, 'f32'), zero), scale);
    const graph = ofIntegers.graph([x], { y: op(ofIntegers, held) });
    const plain = new GraphBuilder();
    const p = plain.input('x', 'f32', shape);
    const floatGraph = plain.graph([p], { y: op(plain, p) });
    const want: Tensor[] = [];
    await eachRun(floatGraph, { x: new Tensor('f32', floats, shape) }, ({ y }, kernels) => {
      want.push(y!);
      expect(kernels).toMatch(/(pool|reduce)_f32_/);
    });
    await eachRun(graph, { x: q }, ({ y }, kernels) => {
      expect(y).toEqual(want.shift());
      expect(kernels).toMatch(new RegExp(`(pool|reduce)_${to}_`));
      expect(kernels).not.toMatch(/map|epilogue/);
    });
  });

  test('integers that somebody else reads as floats are built as floats once', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', to, [1, 4, 4, 8]);
    const held = g.mul(g.cast(x, 'f32'), Math.fround(0.1));
    const mean = g.reduce(held, 'mean', [1, 2]);
    const graph = g.graph([x], { mean, other: g.sqrt(g.abs(held)) });
    const n = new Numbers(5);
    const feeds = { x: tensorOf(to, n.integers([1, 4, 4, 8], 0, 100).data, [1, 4, 4, 8]) };
    await eachRun(graph, feeds, (results, kernels) => {
      expect(results.other).toEqual(evaluateGraph(graph, feeds)['other']);
      expect(kernels).toMatch(/reduce_f32_/);
    });
  });
});

describe('joins of joins', () => {
  const dequantized = (g: GraphBuilder, q: Value<ByteInteger>, scale: number): Float =>
    g.mul(g.cast(q, 'f32'), scale);
  const codes = (g: GraphBuilder, x: Float, scale: number, to: ByteInteger) => {
    const { lo, hi } = integerBounds(to);
    return g.cast(g.clip(g.round(g.mul(x, 1 / scale)), lo, hi), to);
  };
  const READERS: Readonly<Record<string, (g: GraphBuilder, x: Float) => Float>> = {
    mean: (g, x) => g.reduce(x, 'mean', [1, 2]),
    avgPool: (g, x) => g.avgPool2d(x, [2, 2]),
    maxPool: (g, x) => g.maxPool2d(x, [2, 2]),
    max: (g, x) => g.reduce(x, 'max', [1, 2]),
  };

  test.each(Object.keys(READERS))(
    '%s waits for every part that is written in place',
    async (of) => {
      const g = new GraphBuilder();
      const x = g.input('x', 'u6', ['N', 2, 2, 16]);
      const held = dequantized(g, x, 0.5);
      const left = dequantized(g, codes(g, g.concat([held, held], 3), 0.5, 'u6'), 0.5);
      const ones = g.constant(new Tensor('f32', new Float32Array(16).fill(1), [16]));
      const right = dequantized(g, codes(g, g.relu(g.add(held, ones)), 4, 'i8'), 4);
      const y = codes(g, g.concat([left, right], 3), 0.5, 'u6');
      const graph = g.graph([x], { read: READERS[of]!(g, dequantized(g, y, 0.5)), y });
      const feeds = {
        x: new Tensor(
          'u6',
          Uint8Array.from({ length: 64 }, (_, i) => i),
          [1, 2, 2, 16],
        ),
      };
      const want = evaluateGraph(graph, feeds);
      await eachRun(graph, feeds, ({ read }) => expect(read).toEqual(want['read']));
    },
  );
});

test('an input of integers that is quantized as it was is itself', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'u8', ['N', 4]);
  const held = g.mul(g.cast(x, 'f32'), 0.25);
  const y = g.cast(g.clip(g.round(g.div(held, 0.25)), 0, 255), 'u8');
  const feeds = { x: new Tensor('u8', Uint8Array.of(0, 1, 128, 255), [1, 4]) };
  const session = GraphSession.fromGraph(g.graph([x], { y }));
  expect((await session.run(feeds)).y.data).toEqual(feeds.x.data);
  await session.release();
});
