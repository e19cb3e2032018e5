/**
 * Whole graphs of quantized layers against the float graph that they come from, on every
 * instruction set: each width of activations with each of weights. Scales are powers of two, so
 * that the floats round nothing either, and every result must be equal to the bit.
 */
import { describe, expect, test } from 'vitest';
import { type ByteInteger, DTYPES, INTEGERS, integerBounds } from '../../src/core/dtype.js';
import { elementCount } from '../../src/core/shape.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { isEmulated, testedIsas } from '../native/harness.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

type Float = Value<'f32'>;
type Held = ByteInteger | 'b1';

const ACTIVATIONS = INTEGERS.filter((dtype): dtype is ByteInteger => dtype !== 'i32');
const WEIGHTS: readonly Held[] = ['b1', ...ACTIVATIONS];

/** A zero point that is not in the middle, or none. */
function zeroOf(n: Numbers, dtype: ByteInteger): number {
  const { lo, hi } = integerBounds(dtype);
  return n.pick(0, lo, hi, n.int(lo, hi));
}

function quantized(g: GraphBuilder, x: Float, to: ByteInteger, scale: number, zero: number): Float {
  const { lo, hi } = integerBounds(to);
  const q = g.cast(g.clip(g.add(g.round(g.div(x, scale)), zero), lo, hi), to);
  return g.mul(g.sub(g.cast(q, 'f32'), zero), scale);
}

function weights(g: GraphBuilder, n: Numbers, dtype: Held, shape: readonly number[]): Float {
  const { lo, hi } = dtype === 'b1' ? { lo: -1, hi: 1 } : integerBounds(dtype);
  const values = n.integers(shape, lo, hi);
  const q = g.constant(tensorOf(dtype, values.data, shape));
  const scale = n.pick(0.5, 1, 2);
  return g.mul(g.cast(q, 'f32'), scale);
}

/** Two layers with a requantization, a pooling and an addition between and behind them. */
function network(seed: number, a: ByteInteger, w: Held) {
  const n = new Numbers(seed);
  const g = new GraphBuilder();
  const groups = n.pick(1, 1, 2, 3);
  const c = groups * n.int(1, 7);
  const depthwise = n.int(0, 4) === 0;
  const o = depthwise ? c : groups * n.int(1, 11);
  const x = g.input('x', 'f32', ['N', 6, 7, c]);
  const first = g.conv2d(
    quantized(g, x, a, 0.25, zeroOf(n, a)),
    weights(g, n, w, [o, n.int(1, 3), n.int(1, 3), depthwise ? 1 : c / groups]),
    {
      groups: depthwise ? c : groups,
      strides: [n.int(1, 2), n.int(1, 2)],
      pads: [n.int(0, 1), n.int(0, 2), n.int(0, 1), n.int(0, 2)],
      dilations: [n.int(1, 2), n.int(1, 2)],
    },
  );
  const bias = g.constant(n.fill([o], () => n.int(-8, 8) / 4));
  let y: Float = quantized(g, g.relu(g.add(first, bias)), a, 2, zeroOf(n, a));
  const [, rows, columns] = y.shape as number[];
  if (rows! > 1 && columns! > 1 && n.int(0, 1) === 1)
    y = g.maxPool2d(y, [2, 2], { strides: [1, 1] });
  const [, height, width] = y.shape as number[];
  const flat = g.reshape(y, ['N', height! * width! * o]);
  const dense = g.dense(flat, weights(g, n, w, [5, height! * width! * o]));
  const graph = g.graph([x], { y, dense });
  const feeds = { x: n.fill([3, 6, 7, c], () => n.int(-300, 300) / 16) };
  return { graph, feeds };
}

/** Twelve pairs where an emulator runs the tests, all elsewhere. */
const NAMED = 'u8/i8 u4/i4 u2/i2 u1/i2 i8/i8 i4/i4 u8/b1 u2/b1 u3/i5 i7/u7 i2/u1 u8/u3'.split(' ');

describe.each(testedIsas() as Isa[])('%s', (isa) => {
  test.each(ACTIVATIONS)('activations of %s, weights of every width', async (a) => {
    for (const [k, w] of WEIGHTS.entries()) {
      if (isEmulated && !NAMED.includes(`${a}/${w}`)) continue;
      const { graph, feeds } = network(100 * ACTIVATIONS.indexOf(a) + k, a, w);
      const want = evaluateGraph(graph, feeds);
      for (const threads of [1, 3]) {
        const session = GraphSession.fromGraph(graph, { isa, threads });
        const results = await session.run(feeds);
        for (const name of ['y', 'dense'] as const)
          expect([`${a} x ${w} ${name}`, ...results[name].data]).toEqual([
            `${a} x ${w} ${name}`,
            ...want[name]!.data,
          ]);
        const layers = await session.profile(1, feeds);
        const kernels = layers.map(({ kernel }) => kernel).join(' ');
        await session.release();
        expect(kernels).toMatch(/q(dw)?conv/);
        expect(kernels.replaceAll(/q(dw)?conv/g, '')).not.toMatch(/conv/);
      }
    }
  });
});

test('weights rest in n bits each', async () => {
  for (const dtype of WEIGHTS) {
    const n = new Numbers(1);
    const g = new GraphBuilder();
    const x = g.input('x', 'u8', ['N', 8, 8, 64]);
    const w = g.constant(
      tensorOf(dtype, n.integers([64, 3, 3, 64], ...boundsOf(dtype)).data, [64, 3, 3, 64]),
    );
    const graph = g.graph([x], { y: g.conv2d(x, w as Value<'i8'>) });
    const session = GraphSession.fromGraph(graph);
    await session.run({ x: new Tensor('u8', new Uint8Array(8 * 8 * 64), [1, 8, 8, 64]) });
    const { packedBytes, isa } = session.info;
    const least = (64 * 9 * 64 * DTYPES[dtype].bits) / 8;
    expect(packedBytes).toBeGreaterThanOrEqual(least);
    // A start value a channel, a zero point of UINT8, and little more. Panels are filled up to
    // units of 256 weights: those of a few channels, where vectors are narrow, to an eighth more.
    const filling = isa.startsWith('avx') ? 0 : least / 8;
    expect(packedBytes).toBeLessThanOrEqual(least + filling + 64 * 5 + 256);
    await session.release();
  }
});

/** Shapes of weights and of x, and groups. */
const KINDS = {
  dense: [[64, 256], ['N', 256], 1],
  grouped: [[64, 3, 3, 32], ['N', 5, 4, 64], 2],
  depthwise: [[64, 3, 3, 1], ['N', 5, 4, 64], 64],
} as const;

/** A layer by weights with zero points, and another that reads its integers. */
function asymmetric(w: ByteInteger, perOutput: boolean, kind: keyof typeof KINDS) {
  const { lo, hi } = integerBounds(w);
  const n = new Numbers(10 * DTYPES[w].bits + 2 * Number(perOutput) + kind.length);
  const g = new GraphBuilder();
  const [shape, from, groups] = KINDS[kind];
  const x = g.input('x', 'f32', from as unknown as ['N', number]);
  const lead = perOutput ? shape.map((dim, i) => (i === 0 ? dim : 1)) : [];
  // The ends, where the differences take a bit more.
  const zero = n.fill(lead, () => n.pick(lo, hi, hi - 1));
  const q = g.constant(tensorOf(w, n.integers(shape, lo, hi).data, shape));
  const real = g.mul(
    g.sub(g.cast(q, 'f32'), g.constant(zero)),
    g.constant(n.fill(lead, () => 0.5)),
  );
  const from8 = quantized(g, x as Float, 'u8', 0.25, 131);
  const layer =
    kind === 'dense' ? g.dense(from8, real) : g.conv2d(from8, real, { groups, pads: [1, 0, 1, 2] });
  const y = quantized(g, layer as Float, 'i8', 64, 3);
  const [, ...rows] = from as readonly [string, ...number[]];
  return { graph: g.graph([x], { y }), rows, n, count: elementCount(shape) };
}

describe.each(['u2', 'u4', 'u7', 'i4', 'u8', 'i8'] as const)(
  'weights of %s with zero points',
  (dtype) => {
    test.each([
      [true, 'dense'],
      [true, 'grouped'],
      [true, 'depthwise'],
      [false, 'dense'],
    ] as const)(
      'an output %s, %s: n bits each, and the float graph to the bit',
      async (perOutput, kind) => {
        const { graph, rows, n, count } = asymmetric(dtype, perOutput, kind);
        for (const isa of testedIsas() as Isa[])
          for (const [batch, threads] of [
            [1, 1],
            [7, 3],
          ] as const) {
            const session = GraphSession.fromGraph(graph, { isa, threads });
            const feeds = { x: n.fill([batch, ...rows], () => n.int(-600, 600) / 16) };
            const { y } = await session.run(feeds);
            expect([isa, ...y!.data]).toEqual([isa, ...evaluateGraph(graph, feeds)['y']!.data]);
            const kernels = (await session.profile(1, feeds)).map(({ kernel }) => kernel).join(' ');
            expect(kernels).toMatch(kind === 'depthwise' ? /qdwconv_/ : /qconv_/);
            expect(kernels.replaceAll(/qd?w?conv/g, '')).not.toMatch(/conv|lookup/);
            const least = (count * DTYPES[dtype].bits) / 8;
            // The units of 256 weights of a depthwise one, of pairs of taps, fill up a third.
            const filling =
              kind === 'depthwise' ? least / 3 : isa.startsWith('avx') ? 0 : least / 8;
            expect(session.info.packedBytes).toBeGreaterThanOrEqual(least);
            // A start, a scale and a zero point an output.
            expect(session.info.packedBytes).toBeLessThanOrEqual(least + filling + 64 * 9 + 768);
            await session.release();
          }
      },
    );
  },
);

test('a graph in integers: zero points, pooling, joins, and feeds that do not fit', async () => {
  const n = new Numbers(3);
  const g = new GraphBuilder();
  const x = g.input('x', 'u4', ['N', 6, 6, 5]);
  const w = g.constant(tensorOf('i3', n.integers([4, 3, 3, 5], -4, 3).data, [4, 3, 3, 5]));
  const flat = g.constant(tensorOf('i7', n.integers([3, 5], -64, 63).data, [3, 5]));
  const graph = g.graph([x], {
    conv: g.conv2d(x, w, { zeroPoint: 3, pads: [1, 0, 1, 2] }),
    none: g.conv2d(x, w, { zeroPoint: 0 }),
    dense: g.dense(x, flat, { zeroPoint: 15 }),
    pool: g.maxPool2d(x, [2, 2]),
    join: g.concat([x, g.transpose(x, [0, 2, 1, 3])], 3),
    edge: g.pad(x, [0, 1, 0, 0, 0, 0, 2, 0], 7),
    part: g.slice(x, [0, 1, 1, 1], ['N', 6, 5, 4]),
    narrow: g.cast(g.cast(x, 'f32'), 'i2'),
    wide: g.cast(x, 'i32'),
  });
  const feed = tensorOf('u4', n.integers([2, 6, 6, 5], 0, 15).data, [2, 6, 6, 5]);
  const want = evaluateGraph(graph, { x: feed });
  for (const isa of testedIsas() as Isa[]) {
    for (const optimize of [true, false]) {
      const session = GraphSession.fromGraph(graph, { isa, optimize });
      const results = await session.run({ x: feed });
      for (const [name, tensor] of Object.entries(want))
        expect([isa, name, results[name as 'conv']]).toEqual([isa, name, tensor]);
      await expect(session.run({ x: new Uint8Array(180).fill(16) })).rejects.toThrow(
        'elements from 0 to 15',
      );
      await session.release();
    }
  }
});

test('constants of u8 as weights of integers, and those that a run computes', async () => {
  const n = new Numbers(17);
  const g = new GraphBuilder();
  const x = g.input('x', 'u8', ['N', 5, 6, 6]);
  const y = g.input('y', 'i8', ['N', 9]);
  const u8 = (shape: number[]) => g.constant(tensorOf('u8', n.integers(shape, 0, 255).data, shape));
  const most = (shape: number[], all: number) =>
    g.constant(new Tensor('u8', new Uint8Array(shape[0]! * shape[1]!).fill(all), shape));
  const computed = g.input('w', 'u8', [4, 9]);
  const graph = g.graph([x, y, computed], {
    conv: g.conv2d(x, u8([4, 3, 3, 6]), { zeroPoint: 100, pads: [1, 0, 2, 1], strides: [2, 1] }),
    groups: g.conv2d(x, u8([4, 2, 3, 3]), { groups: 2, zeroPoint: 7, dilations: [2, 1] }),
    depthwise: g.conv2d(x, u8([6, 3, 3, 1]), { groups: 6, zeroPoint: 255, pads: [1, 1, 1, 1] }),
    dense: g.dense(y, u8([5, 9]), { zeroPoint: -3 }),
    least: g.dense(y, most([3, 9], 255), { zeroPoint: 127 }),
    some: g.dense(y, most([3, 9], 254)),
    few: g.dense(y, most([3, 9], 127)),
    computed: g.dense(y, computed),
  });
  const feeds = {
    x: tensorOf('u8', n.integers([3, 5, 6, 6], 0, 255).data, [3, 5, 6, 6]),
    y: tensorOf('i8', n.integers([3, 9], -128, 127).data, [3, 9]),
    w: tensorOf('u8', [...n.integers([4, 8], 0, 255).data, 0, 127, 254, 255], [4, 9]),
  };
  const want = evaluateGraph(graph, feeds);
  for (const isa of testedIsas() as Isa[]) {
    for (const optimize of [true, false]) {
      const session = GraphSession.fromGraph(graph, { isa, optimize });
      const results = await session.run(feeds);
      for (const [name, tensor] of Object.entries(want))
        expect([isa, name, results[name as 'conv']]).toEqual([isa, name, tensor]);
      await session.release();
    }
  }
});

test('quantized weights of 9 bits without their zero points are integers', async () => {
  const n = new Numbers(18);
  for (const channels of [300, 30]) {
    const g = new GraphBuilder();
    const x = g.input('x', 'u8', ['N', 4, 4, channels]);
    const q = g.constant(
      tensorOf('u8', n.integers([5, 2, 2, channels], 200, 255).data, [5, 2, 2, channels]),
    );
    const zeros = g.constant(n.fill([5, 1, 1, 1], () => n.int(0, 9)));
    const w = g.mul(g.sub(g.cast(q, 'f32'), zeros), 0.5);
    const a = g.mul(g.sub(g.cast(x, 'f32'), 7), 0.25);
    const graph = g.graph([x], { y: g.conv2d(a, w, { pads: [1, 0, 1, 1] }) });
    const feed = tensorOf('u8', n.integers([2, 4, 4, channels], 150, 255).data, [
      2,
      4,
      4,
      channels,
    ]);
    const want = evaluateGraph(graph, { x: feed }).y!;
    // Doubles, rounded once, as the sums of integers are.
    for (const isa of testedIsas() as Isa[]) {
      const session = GraphSession.fromGraph(graph, { isa });
      const { y } = await session.run({ x: feed });
      expect([isa, ...y.data]).toEqual([isa, ...want.data]);
      const kernels = (await session.profile(1, { x: feed })).map((layer) => layer.kernel);
      expect(kernels.join(' ')).toContain('qconv');
      await session.release();
    }
  }
});

test('sums beyond 2^24 that are integers again are exact', async () => {
  const depth = 1041;
  const all = (rows: number) => new Int8Array(rows * depth).fill(127);
  const g = new GraphBuilder();
  const x = g.input('x', 'i8', ['N', depth]);
  const w = g.cast(g.constant(new Tensor('i8', all(3), [3, depth])), 'f32');
  const y = g.cast(g.dense(g.cast(x, 'f32'), w), 'i32');
  const session = GraphSession.fromGraph(g.graph([x], { y }));
  const { y: sums } = await session.run({ x: new Tensor('i8', all(1), [1, depth]) });
  expect([...sums.data]).toEqual([16790289, 16790289, 16790289]);
  await session.release();
});

function boundsOf(dtype: Held): [number, number] {
  if (dtype === 'b1') return [-1, 1];
  const { lo, hi } = integerBounds(dtype);
  return [lo, hi];
}
