/**
 * DFQ beyond what its release computes: channels that do not vary, bounded factors, correction over
 * pictures. Its numbers: dfq-golden.test.ts.
 */
import { expect, test } from 'vitest';
import { type Graph, outputsOf } from '../../src/graph/value.js';
import { correctBiasByPictures } from '../../src/methods/dfq/correct-by-pictures.js';
import { dfq } from '../../src/methods/dfq/dfq.js';
import { equalize } from '../../src/methods/dfq/equalize.js';
import { keepKernelSums } from '../../src/methods/dfq/kernel-sums.js';
import { settleStillChannels } from '../../src/methods/dfq/still-channels.js';
import { foldBatchNorms } from '../../src/methods/folded.js';
import { layersOf } from '../../src/methods/layers.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { quantizeGraph } from '../../src/quant/network/quantize-graph.js';
import { quantSpec } from '../../src/quant/spec.js';
import { quantizeWeights } from '../../src/quant/weights.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';
import { smallNetwork } from './small-network.js';

const drawn = (seed: number, shape: readonly number[], lo = -1, hi = 1) => {
  const draw = random(seed);
  const size = shape.reduce((a, b) => a * b, 1);
  return new Tensor(
    'f32',
    Float32Array.from({ length: size }, () => lo + (hi - lo) * draw()),
    shape,
  );
};
const vector = (...numbers: number[]) =>
  new Tensor('f32', Float32Array.from(numbers), [numbers.length]);

/** Channel 1 of the first layer saw no variance, and is -2 whatever comes in. */
function withStillChannel() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, 2]);
  const w = drawn(1, [3, 3, 3, 2]);
  w.data.fill(1e-20, 18, 36);
  const norm = (y: typeof x, beta: Tensor<'f32'>, variance: Tensor<'f32'>) => {
    const ones = g.constant(vector(...beta.data.map(() => 1)));
    const mean = g.constant(vector(...beta.data.map(() => 0)));
    return g.batchNorm(y as never, ones, g.constant(beta), mean, g.constant(variance));
  };
  const first = norm(
    g.conv2d(x, g.constant(w), { pads: [1, 1, 1, 1], name: 'c1' }) as never,
    vector(0.5, -2, 0.1),
    vector(1, 0, 1),
  );
  const second = g.conv2d(g.relu(first as never), g.constant(drawn(2, [2, 3, 3, 3])), {
    pads: [1, 1, 1, 1],
    name: 'c2',
  });
  return g.graph([x], { y: norm(second as never, vector(0, 0), vector(1, 1)) });
}

async function output(graph: Graph, x: Tensor<'f32'>): Promise<Float32Array> {
  const session = GraphSession.fromGraph(graph, { threads: 1 });
  const results = (await session.run({ x } as never)) as unknown as Record<string, Tensor<'f32'>>;
  await session.release();
  return results[outputsOf(graph)[0]![0]]!.data;
}

test('a channel that does not vary keeps weights that a scale would follow', async () => {
  const graph = withStillChannel();
  const folded = foldBatchNorms(graph);
  expect([...folded.statistics.get('c1')!.std]).toEqual([
    expect.closeTo(1, 4),
    0,
    expect.closeTo(1, 4),
  ]);
  const settled = settleStillChannels(folded);
  expect([...settled.still]).toEqual([['c1', 1]]);
  const [first, second] = layersOf(settled.graph);
  expect(first!.weights.data.subarray(18, 36).every((w) => w === 0)).toBe(true);
  expect(first!.bias[1]).toBe(-2);
  // A ReLU makes it 0, so what reads it counts for nothing.
  expect(second!.weights.data.every((w, i) => (i % 3 === 1) === (w === 0))).toBe(true);
  const x = drawn(3, [2, 6, 6, 2]);
  const [was, is] = [await output(graph, x), await output(settled.graph, x)];
  for (const [i, value] of was.entries()) expect(is[i]).toBeCloseTo(value, 4);
  expect(equalize(settled).pairs[0]!.scale[1]).toBeCloseTo(1, 12);
});

test('factors widen a map beyond its bound, or change what the network computes', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4, 4, 2]);
  const w = drawn(4, [5, 1, 1, 2], 0.5, 1);
  w.data.fill(0.01, 0, 2);
  const map = g.conv2d(x, g.constant(w), { name: 'c1' });
  const second = g.constant(drawn(5, [3, 1, 1, 5], 0.5, 1));
  const graph = g.graph([x], { y: g.conv2d(g.relu(map), second, { name: 'c2' }) });
  const normals = { mean: new Float64Array(5), std: Float64Array.of(0.2, 1, 1, 1, 1) };
  const folded = { graph, statistics: new Map([['c1', normals]]) };
  const widths = (widest: number) => {
    const { std } = equalize(folded, { widest }).statistics.get('c1')!;
    return std[0]! / [...std].sort((a, b) => a - b)[2]!;
  };
  expect(widths(Infinity)).toBeGreaterThan(1.7);
  expect(widths(1.5)).toBeCloseTo(1.5, 6);
  const pictures = drawn(6, [1, 4, 4, 2]);
  const bounded = equalize(folded, { widest: 1.2 }).graph;
  const [was, is] = [await output(graph, pictures), await output(bounded, pictures)];
  for (const [i, value] of was.entries()) expect(is[i]).toBeCloseTo(value, 5);
  expect(() => equalize(folded, { widest: 0.5 })).toThrow(/widest of 1 or more/);
});

test('biases corrected over pictures leave layers with other means', async () => {
  const graph = smallNetwork();
  const folded = foldBatchNorms(graph);
  const pictures = drawn(8, [16, 6, 6, 3]);
  const feeds = [{ x: pictures }] as never;
  const few = async (of: Graph) =>
    (await quantizeGraph(of, { weights: 3, activations: 4, calibration: feeds })).graph;
  const means = async (of: Graph) => {
    const data = await output(of, pictures);
    return [0, 1, 2].map((c) => data.reduce((sum, y, i) => (i % 3 === c ? sum + y / 16 : sum), 0));
  };
  const seen: number[] = [];
  const done = await correctBiasByPictures(folded, few, pictures, {
    onLayer: (i) => seen.push(i),
  });
  expect(seen).toEqual([1, 2, 3, 4]);
  const [float, plain] = [await means(folded.graph), await means(await few(folded.graph))];
  // Ranges of maps move a little with the biases.
  const corrected = await means(await few(done.graph));
  const error = (of: number[]) => of.reduce((sum, m, c) => sum + Math.abs(m - float[c]!), 0);
  expect(error(plain)).toBeGreaterThan(0.02);
  expect(error(corrected)).toBeLessThan(error(plain) / 4);
});

test('the empirical correction takes no pictures, or other corrections take some', async () => {
  const graph = smallNetwork();
  const options = { weights: 4, activations: 4, inputs: { x: { lo: -1, hi: 1 } } } as const;
  const parts: string[] = [];
  const done = await dfq(graph, {
    ...options,
    correct: 'empirical',
    distill: { count: 4, steps: 3 },
    onProgress: (part) => parts.push(part),
  });
  expect(parts.join(' ')).toBe('distill distill distill correct correct correct correct');
  expect(done.corrected!.corrections.size).toBe(4);
  const pictures = drawn(9, [4, 6, 6, 3]);
  await expect(dfq(graph, { ...options, pictures })).rejects.toThrow(/'empirical' for pictures/);
});

test.each(['tensor', 'channel'] as const)('codes by %s do not keep sums of kernels', (by) => {
  const w = drawn(10, [8, 3, 3, 2]);
  const spec = quantSpec({ bits: 4, granularity: by });
  const plain = quantizeWeights(w, spec);
  const kept = keepKernelSums(w, plain);
  expect([...kept.scale]).toEqual([...plain.scale]);
  const worst = (values: Float32Array) => {
    let most = 0;
    for (let kernel = 0; kernel < 16; kernel++) {
      const [o, c] = [kernel >> 1, kernel & 1];
      const at = Array.from({ length: 9 }, (_, tap) => o * 18 + tap * 2 + c);
      const error = at.reduce((sum, i) => sum + values[i]! - w.data[i]!, 0);
      most = Math.max(most, Math.abs(error) / plain.scale[by === 'channel' ? o : 0]!);
    }
    return most;
  };
  expect(worst(plain.values)).toBeGreaterThan(0.9);
  expect(worst(kept.values)).toBeLessThan(0.501);
  for (const [i, value] of kept.values.entries())
    expect(Math.abs(value - w.data[i]!)).toBeLessThan(
      1.001 * plain.scale[by === 'channel' ? (i / 18) | 0 : 0]!,
    );
});
