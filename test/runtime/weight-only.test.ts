/**
 * Layers of floats by constant weights of few bits: each weight takes n bits in memory, and results
 * have the bits of the same layer by float weights. With activations of integers see
 * ./integers.test.ts.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ByteInteger, DTYPES, INTEGERS, integerBounds } from '../../src/core/dtype.js';
import { loadModel } from '../../src/formats/model.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import type { Graph, Input, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { canonicalize } from '../../src/passes/index.js';
import { quantizeGraph } from '../../src/quant/index.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Isa } from '../../src/runtime/session-types.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { testedIsas } from '../native/harness.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

type Float = Value<'f32'>;
type Held = ByteInteger | 'b1';
type Feeds = Readonly<Record<string, Tensor>>;

const HELD: readonly Held[] = [
  'b1',
  ...INTEGERS.filter((dtype): dtype is ByteInteger => dtype !== 'i32'),
];

/** What a session keeps for the weights and their scales: n bits, and what fills panels up. */
function expectPacked(bytes: number, weights: number, dtype: Held, numbers: number): void {
  const least = (weights * DTYPES[dtype].bits) / 8;
  expect(bytes).toBeGreaterThanOrEqual(least);
  expect(bytes).toBeLessThanOrEqual(least + numbers * 5 + 512);
}

async function eachIsa(
  graph: Graph,
  feeds: Feeds,
  check: (y: Tensor, kernels: string, packedBytes: number, isa: Isa, threads: number) => void,
): Promise<void> {
  for (const isa of testedIsas() as Isa[]) {
    for (const threads of [1, 3]) {
      const session = GraphSession.fromGraph(graph, { isa, threads });
      const { y } = await session.run(feeds);
      const layers = await session.profile(1, feeds);
      const kernels = layers.map(({ kernel }) => kernel).join(' ');
      check(y!, kernels, session.info.packedBytes, isa, threads);
      await session.release();
    }
  }
}

/** The same layer by the numbers of its weights. */
async function agreesWithFloats(
  feeds: Feeds,
  weights: (g: GraphBuilder) => Float,
  layer: (g: GraphBuilder, w: Float) => { readonly x: Input; readonly y: Float },
  dtype: Held,
  numbers: number,
): Promise<void> {
  const g = new GraphBuilder();
  const w = weights(g);
  const { x, y } = layer(g, w);
  const graph = g.graph([x], { y });
  const alone = new GraphBuilder();
  const dequantized = evaluateGraph(alone.graph([], { w: weights(alone) }), {})['w'];
  const plain = new GraphBuilder();
  const float = layer(plain, plain.constant(dequantized as Tensor<'f32'>));
  const want: Tensor[] = [];
  await eachIsa(plain.graph([float.x], { y: float.y }), feeds, (result) => want.push(result));
  await eachIsa(graph, feeds, (result, kernels, packed, isa, threads) => {
    expect([isa, threads, result]).toEqual([isa, threads, want.shift()]);
    expect(kernels).toContain('wconv_f32');
    expect(kernels.replaceAll('wconv', '')).not.toContain('conv');
    expectPacked(packed, (dequantized as Tensor).size, dtype, numbers);
  });
}

describe.each(HELD)('weights of %s', (dtype) => {
  const { lo, hi } = dtype === 'b1' ? { lo: -1, hi: 1 } : integerBounds(dtype);
  const n = new Numbers(HELD.indexOf(dtype) + 1);
  // Of bits the scale leaves the product; of a power of two no bit depends on where it stands.
  const scale = () => (dtype === 'b1' ? 2 ** -n.int(1, 3) : n.int(1, 999) / 7000);
  const integers = (shape: readonly number[]) =>
    tensorOf(dtype, n.integers(shape, lo, hi).data, shape);
  const few = (shape: readonly number[], scaleShape: readonly number[]) => {
    const [q, s] = [integers(shape), n.fill(scaleShape, scale)];
    return (g: GraphBuilder): Float => g.mul(g.cast(g.constant(q), 'f32'), g.constant(s));
  };
  const x = (shape: readonly number[]) => ({ x: n.floats(shape) });
  const dense = (c: number) => (g: GraphBuilder, w: Float) => {
    const x = g.input('x', 'f32', ['N', c]);
    return {
      x,
      y: g.relu(g.add(g.dense(x, w), g.constant(n.fill([w.shape[0] as number], () => 1)))),
    };
  };
  const conv =
    (c: number, options: Parameters<GraphBuilder['conv2d']>[2]) => (g: GraphBuilder, w: Float) => {
      const x = g.input('x', 'f32', ['N', 9, 8, c]);
      return { x, y: g.conv2d(x, w, options) };
    };

  test.each([1, 5])('dense of %i rows, a scale an output', (rows) =>
    agreesWithFloats(x([rows, 256]), few([96, 256], [96, 1]), dense(256), dtype, 96),
  );

  test('dense, one scale', () =>
    agreesWithFloats(x([3, 100]), few([64, 100], []), dense(100), dtype, 64));

  test('conv2d 3 x 3 and 1 x 1', async () => {
    const pads = { pads: [1, 1, 1, 1] } as const;
    await agreesWithFloats(
      x([2, 9, 8, 32]),
      few([48, 3, 3, 32], [48, 1, 1, 1]),
      conv(32, pads),
      dtype,
      48,
    );
    await agreesWithFloats(
      x([2, 9, 8, 64]),
      few([64, 1, 1, 64], [64, 1, 1, 1]),
      conv(64, {}),
      dtype,
      64,
    );
  });

  test('conv2d in groups', () =>
    agreesWithFloats(
      x([1, 9, 8, 64]),
      few([128, 3, 3, 32], [128, 1, 1, 1]),
      conv(64, { groups: 2, strides: [2, 2] }),
      dtype,
      128,
    ));

  test('a scale a block', async () => {
    if (dtype === 'b1') return;
    const blocks = few([64, 8, 32], [64, 8, 1]);
    const rows = (g: GraphBuilder) => g.reshape(blocks(g), [64, 256]) as Float;
    await agreesWithFloats(x([2, 256]), rows, dense(256), dtype, 64 * 8);
    const padded = (g: GraphBuilder) => g.slice(rows(g), [0, 0], [64, 230]) as Float;
    await agreesWithFloats(x([2, 230]), padded, dense(230), dtype, 64 * 8);
  });

  test('a zero point for all, or one an output, as rows or as columns', async () => {
    if (dtype === 'b1') return;
    // The ends and the middle of the range: without it, a weight would need a bit more, or not.
    for (const zero of [lo, hi, hi === 127 ? 0 : (lo + hi + 1) >> 1]) {
      const [q, s] = [integers([64, 96]), n.fill([64, 1], scale)];
      for (const z of [n.fill([], () => zero), n.fill([64, 1], () => n.pick(zero, lo))]) {
        const rows = (g: GraphBuilder) =>
          g.mul(g.sub(g.cast(g.constant(q), 'f32'), g.constant(z)), g.constant(s));
        await agreesWithFloats(x([2, 96]), rows, dense(96), dtype, 64 * 3);
      }
    }
    const [q, s, z] = [
      integers([96, 64]),
      n.fill([1, 64], scale),
      n.fill([1, 64], () => n.pick(hi, lo)),
    ];
    const columns = (g: GraphBuilder) =>
      g.mul(g.sub(g.cast(g.constant(q), 'f32'), g.constant(z)), g.constant(s));
    const turned = (g: GraphBuilder) => g.transpose(columns(g), [1, 0]) as Float;
    await agreesWithFloats(x([2, 96]), turned, dense(96), dtype, 64 * 3);
  });

  test('a zero point a block', async () => {
    if (dtype === 'b1') return;
    const [q, z] = [integers([64, 4, 32]), n.integers([64, 4, 1], lo, hi)];
    const s = n.fill([64, 4, 1], scale);
    const rows = (g: GraphBuilder) => {
      const centred = g.sub(g.cast(g.constant(q), 'f32'), g.constant(z));
      return g.reshape(g.mul(centred, g.constant(s)), [64, 128]) as Float;
    };
    await agreesWithFloats(x([2, 128]), rows, dense(128), dtype, 64 * 4 * 2);
  });
});

test.each(['int4-channel', 'int4-block32', 'int3-block16', 'int8', 'int2-narrow'] as const)(
  'quantizeGraph of weights alone, %s: they rest in its bits',
  async (spec) => {
    const n = new Numbers(9);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 8, 8, 48]);
    const conv = g.relu(g.conv2d(x, g.constant(n.floats([64, 3, 3, 48])), { pads: [1, 1, 1, 1] }));
    const flat = g.reduce(conv, 'mean', [1, 2]);
    const y = g.dense(flat, g.constant(n.floats([32, 64])));
    const options = { weights: spec, ends: 'same' } as const;
    const { graph } = await quantizeGraph(g.graph([x], { y }), options);
    const feeds = { x: n.floats([2, 8, 8, 48]) };
    const want = evaluateGraph(graph, feeds)['y'] as Tensor;
    const bits = Number(/\d/.exec(spec)![0]);
    await eachIsa(graph, feeds, (result, kernels, packed) => {
      for (const [i, value] of result.data.entries())
        expect(Math.abs(Number(value) - Number(want.data[i]))).toBeLessThanOrEqual(1e-4);
      expect(kernels.match(/wconv/g)).toHaveLength(2);
      const weights = 64 * 9 * 48 + 32 * 64;
      const scales = spec.includes('block') ? weights / 16 : 96;
      expectPacked(packed, weights, `i${bits}` as Held, scales);
    });
  },
);

describe.each([
  ['log3-channel', 3],
  ['log4', 4],
  ['log5-channel', 5],
  ['outlier4-channel', 4],
  ['outlier2', 2],
] as const)('quantizeGraph, %s', (spec, bits) => {
  const n = new Numbers(19);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 7, 8, 32]);
  const conv = g.relu(g.conv2d(x, g.constant(n.floats([64, 3, 3, 32])), { pads: [1, 1, 1, 1] }));
  const flat = g.reduce(conv, 'mean', [1, 2]);
  const y = g.dense(flat, g.constant(n.floats([32, 64])));
  const plain = g.graph([x], { y });
  const weights = 64 * 9 * 32 + 32 * 64;
  const feeds = { x: n.floats([2, 7, 8, 32]) };
  const options = { weights: spec, ends: 'same' } as const;

  test('the bits of float weights of the same numbers, at rest in n bits', async () => {
    const { graph } = await quantizeGraph(plain, options);
    const want: Tensor[] = [];
    await eachIsa(canonicalize(graph), feeds, (result, kernels) => {
      want.push(result);
      expect(kernels).not.toContain('wconv');
    });
    await eachIsa(graph, feeds, (result, kernels, packed, isa, threads) => {
      expect([isa, threads, result]).toEqual([isa, threads, want.shift()]);
      expect(kernels.match(/wconv/g)).toHaveLength(2);
      expectPacked(packed, weights, `i${bits}` as Held, 96);
    });
  });

  test('under integers, and through a file', async () => {
    const { graph } = await quantizeGraph(plain, {
      ...options,
      activations: 8,
      calibration: [feeds],
    });
    const want = evaluateGraph(graph, feeds)['y'] as Tensor;
    const folder = mkdtempSync(join(tmpdir(), 'bitplane-'));
    const file = join(folder, 'few.safetensors');
    await saveModel(graph, file);
    const bytes = readFileSync(file);
    // Behind the header, whose length it begins with.
    const size = bytes.length - 8 - Number(bytes.readBigUInt64LE(0));
    // No byte holds the powers of 5 bits.
    const isIntegers = spec !== 'log5-channel';
    for (const own of [graph, await loadModel(file)])
      await eachIsa(own, feeds, (result, kernels, packed, isa) => {
        for (const [i, value] of result.data.entries())
          expect(Math.abs(Number(value) - Number(want.data[i]))).toBeLessThanOrEqual(1e-3);
        expect(kernels.match(isIntegers ? /qconv/g : /wconv/g)).toHaveLength(2);
        // Narrow vectors leave more of the last units empty.
        const filling = isIntegers && !isa.startsWith('avx') ? weights / 40 : 0;
        expectPacked(packed, weights, `i${bits}` as Held, 96 + filling);
      });
    rmSync(folder, { recursive: true });
    // A place and a number of 16 bits for each outlier; scales beside.
    const few = spec.startsWith('outlier') ? (weights / 32) * 3 : 0;
    expect(size).toBeLessThanOrEqual((weights * bits) / 8 + few + 2000);
  });
});

test('weights that somebody else reads as floats are floats', async () => {
  const n = new Numbers(2);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 16]);
  const w = g.mul(
    g.cast(g.constant(tensorOf('i4', n.integers([16, 16]).data, [16, 16])), 'f32'),
    0.1,
  );
  const y = g.add(g.dense(x, w), g.reduce(w, 'sum', [1]));
  await eachIsa(g.graph([x], { y }), { x: n.floats([2, 16]) }, (_, kernels) => {
    expect(kernels).not.toContain('wconv');
  });
});

test('every batch size reads the same packed weights', async () => {
  const n = new Numbers(3);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, 48]);
  const y = g.conv2d(x, g.constant(n.floats([16, 3, 3, 48])));
  const options = { weights: 'int4-block32', ends: 'same' } as const;
  const { graph } = await quantizeGraph(g.graph([x], { y }), options);
  const session = GraphSession.fromGraph(graph, { threads: 1 });
  const packed = new Set<number>();
  for (const batch of [1, 2, 5, 7]) {
    await session.run({ x: n.floats([batch, 6, 6, 48]) });
    packed.add(session.info.packedBytes);
  }
  expect([...packed]).toHaveLength(1);
  await session.release();
});
