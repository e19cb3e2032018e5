/** ZeroQ's steps where no recorded numbers exist: against brute force, and against themselves. */
import { describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { topological } from '../../src/graph/value.js';
import { asymmetricWeights } from '../../src/methods/asymmetric-weights.js';
import { allocateLayerBits, type LayerErrors } from '../../src/methods/zeroq/allocate-bits.js';
import { distill } from '../../src/methods/zeroq/distill.js';
import { plateau } from '../../src/methods/zeroq/plateau.js';
import { channelSpec, sensitivity } from '../../src/methods/zeroq/sensitivity.js';
import { zeroq } from '../../src/methods/zeroq/zeroq.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { absorbBatchNorms } from '../../src/passes/index.js';
import { quantizeWeights } from '../../src/quant/weights.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';

/** Three convolutions with batch norms and a dense layer of three classes. */
function network({ softmax = false, norms = true, classes = 3 } = {}) {
  const draw = random(7);
  const g = new GraphBuilder();
  const data = (shape: readonly number[], lo: number, hi: number) =>
    new Tensor(
      'f32',
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => lo + (hi - lo) * draw()),
      shape,
    );
  const numbers = (lo: number, hi: number, ...shape: number[]) => g.constant(data(shape, lo, hi));
  const x = g.input('x', 'f32', ['N', 6, 6, 3]);
  let y: Parameters<typeof g.relu>[0] = x;
  for (const [i, c] of [4, 6, 5].entries()) {
    const from = y.shape[3] as number;
    y = g.conv2d(y, numbers(-0.5, 0.5, c, 3, 3, from), { pads: [1, 1, 1, 1], name: `c${i}` });
    if (norms)
      y = g.batchNorm(
        y,
        numbers(0.5, 1.5, c),
        numbers(-0.5, 0.5, c),
        numbers(-0.5, 0.5, c),
        numbers(0.5, 2, c),
        { name: `n${i}` },
      );
    y = g.relu(y);
  }
  const scores = g.dense(g.reduce(y, 'mean', [1, 2]), numbers(-1, 1, classes, 5), { name: 'fc' });
  return g.graph([x], { y: softmax ? g.softmax(scores) : scores });
}

describe('allocateLayerBits', () => {
  const draw = random(2);
  const layers: LayerErrors[] = Array.from({ length: 6 }, (_, i) => ({
    name: `l${i}`,
    size: 1 + Math.floor(draw() * 40),
    errors: new Map([2, 3, 4, 8].map((bits) => [bits, draw() * 4 ** -bits])),
  }));
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  /** Size and error of every choice. */
  const all = layers.reduce<readonly (readonly [number, number])[]>(
    (points, { size, errors }) =>
      points.flatMap(([s, e]) => Array.from(errors, ([b, error]) => [s + b * size, e + error])),
    [[0, 0]],
  );

  test.each([2, 2.5, 3, 4.1, 6, 8])('at a mean of %d bits a better choice exists', (mean) => {
    const { bits, size, error } = allocateLayerBits(layers, mean * total);
    const fits = all.filter(([s]) => s <= mean * total);
    expect(error).toBeCloseTo(Math.min(...fits.map(([, e]) => e)), 12);
    const used = layers.map(({ name, size: count }) => bits.get(name)! * count);
    expect(used.reduce((a, b) => a + b)).toBe(size);
    expect(size).toBeLessThanOrEqual(mean * total);
    expect([...bits.keys()]).toEqual(layers.map(({ name }) => name));
  });

  test('the frontier holds a choice that another beats, or lacks one', () => {
    const { frontier } = allocateLayerBits(layers, 8 * total);
    const best = all.filter(
      ([s, e]) => !all.some(([s2, e2]) => (s2 < s && e2 <= e) || (s2 === s && e2 < e)),
    );
    const sizes = [...new Set(best.map(([s]) => s))].sort((a, b) => a - b);
    expect(frontier.map(({ size }) => size)).toEqual(sizes);
  });

  test('a size that nothing fits, or an error that is none, is taken', () => {
    expect(() => allocateLayerBits(layers, total)).toThrow(/a size of at least \d+ bits/);
    const bad = [{ ...layers[0]!, errors: new Map([[2, Number.NaN]]) }];
    expect(() => allocateLayerBits(bad, 99)).toThrow(/"l0".*finite error at 2 bits/);
  });
});

test('a plateau is not what torch makes of these losses', () => {
  const next = plateau(1, { patience: 2, least: 0.05 });
  // ReduceLROnPlateau(patience=2, min_lr=0.05), by hand: what is no better than 4, then 3, counts.
  const rates = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3].map((loss) => next(loss));
  expect(rates).toEqual([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05]);
});

test('distilling over a batch does not lower its loss, or depends on the time', async () => {
  const runs = await Promise.all(
    [1, 1, 2].map((seed) => distill(network(), { count: 8, steps: 60, seed })),
  );
  const [first, again, other] = runs as [(typeof runs)[0], (typeof runs)[0], (typeof runs)[0]];
  expect(first.losses.at(-1)!).toBeLessThan(0.5 * first.losses[0]!);
  expect(first.pictures.shape).toEqual([8, 6, 6, 3]);
  expect([...again.pictures.data]).toEqual([...first.pictures.data]);
  expect([...other.pictures.data]).not.toEqual([...first.pictures.data]);
});

test('a sensitivity is not the divergence of the answers', async () => {
  const graph = network({ softmax: true });
  const draw = random(5);
  const pictures = new Tensor(
    'f32',
    Float32Array.from({ length: 4 * 108 }, () => draw() * 2 - 1),
    [4, 6, 6, 3],
  );
  const found = await sensitivity(graph, pictures, { widths: [2, 4] });
  expect(found.map(({ name, size }) => [name, size])).toEqual([
    ['c0', 108],
    ['c1', 216],
    ['c2', 270],
    ['fc', 15],
  ]);
  // The dense layer again, from the probabilities themselves.
  const answers = async (of: ReturnType<typeof network>) => {
    const session = GraphSession.fromGraph(of);
    const { y } = await session.run({ x: pictures } as never);
    await session.release();
    return (y as unknown as Tensor<'f32'>).data;
  };
  const p = await answers(graph);
  const [scores] = graph.outputs.y!.inputs as [typeof graph.outputs.y];
  const [map, w] = scores!.inputs as never as [typeof scores, typeof scores];
  const { values } = quantizeWeights(w!.data as Tensor<'f32'>, channelSpec(2));
  const g = new GraphBuilder(graph as never);
  const other = g.dense(map as never, g.constant(new Tensor('f32', values, w!.shape as number[])));
  const q = await answers(g.graph(graph.inputs, { y: g.softmax(other) }) as never);
  const kl = p.reduce((sum, own, i) => sum + own * Math.log(own / q[i]!), 0) / 4;
  expect(found.at(-1)!.errors.get(2)).toBeCloseTo(kl, 5);
  expect(found.every(({ errors }) => errors.get(4)! < errors.get(2)!)).toBe(true);
});

test('widths by layer exceed the size, or a layer has others', async () => {
  const parts: string[] = [];
  const { layers, allocation, sensitivities, distilled } = await zeroq(network(), {
    weights: 4,
    activations: 8,
    mixed: { bits: 4 },
    count: 4,
    steps: 3,
    onProgress: (part) => parts.push(part),
  });
  expect(layers.map(({ weights }) => weights!.bits)).toEqual([...allocation!.bits.values()]);
  expect(allocation!.size).toBeLessThanOrEqual(4 * (108 + 216 + 270 + 15));
  expect(layers.every(({ activations }) => activations!.bits === 8)).toBe(true);
  expect(sensitivities).toHaveLength(4);
  expect(distilled.losses).toHaveLength(3);
  expect(parts).toEqual([...Array(3).fill('distill'), ...Array(4).fill('sensitivity')]);
});

test('weights with a zero point are other numbers, or run as floats', async () => {
  const graph = network();
  const { graph: few } = await zeroq(graph, {
    weights: 3,
    activations: 8,
    ends: 'same',
    count: 4,
    steps: 1,
  });
  const session = GraphSession.fromGraph(few);
  const kernels = await session.profile(1, { x: new Float32Array(108) } as never);
  await session.release();
  const products = kernels.filter(({ op }) => op === 'conv2d' || op === 'dense');
  expect(products).toHaveLength(8);
  expect(products.every(({ kernel }) => kernel?.startsWith('q'))).toBe(true);
  const w = topological(absorbBatchNorms(graph)).find(({ name }) => name === 'c1')!;
  const spec = channelSpec(3);
  const coded = asymmetricWeights(
    { product: w, specs: { weights: spec, activations: undefined } },
    'minmax',
  )!;
  const plain = quantizeWeights(w.inputs[1]!.data as Tensor<'f32'>, spec);
  for (const [i, value] of plain.values.entries()) expect(coded.values[i]).toBeCloseTo(value, 6);
});

test('weights of n bits are not asymmetric by channel', async () => {
  const { layers } = await zeroq(network(), { weights: 5, activations: 6, count: 4, steps: 1 });
  expect(layers.map(({ weights, activations }) => [weights!.spec, activations!.bits])).toEqual([
    ['int8-narrow-channel', 8],
    ['int5-asymmetric-channel', 6],
    ['int5-asymmetric-channel', 6],
    ['int8-narrow-channel', 8],
  ]);
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  [
    'no batch norms',
    () => zeroq(network({ norms: false }), { weights: 4 }),
    /expected batch norms/,
  ],
  ['steps', () => zeroq(network(), { weights: 4, steps: 0 }), /steps to be a whole number/],
  ['mixed', () => zeroq(network(), { weights: 4, mixed: {} as never }), /mixed as/],
  [
    'mixed below the least width',
    () => zeroq(network(), { weights: 4, mixed: { bits: 3 }, widths: [4, 8] }),
    /mixed to be at least 4 bits a weight.* but received 3 bits/,
  ],
  [
    'mixed in too few bytes',
    () => zeroq(network(), { weights: 4, mixed: { bytes: 1 } }),
    /mixed to be at least 2 bits a weight.* but received 1 bytes/,
  ],
  [
    'mixed as released',
    () => zeroq(network(), { weights: 4, mixed: { bits: 4 }, as: 'release' }),
    /which the release lacks/,
  ],
  ['widths alone', () => zeroq(network(), { weights: 4, widths: [2, 4] }), /mixed, which chooses/],
  [
    'a width of 1',
    () => zeroq(network(), { weights: 4, mixed: { bits: 4 }, widths: [1, 4] }),
    /widths from 2 to 8/,
  ],
  [
    'weights of a layer',
    () => zeroq(network(), { weights: 4, mixed: { bits: 4 }, layers: { c1: { weights: 8 } } }),
    /"c1".*beside mixed/,
  ],
  ['an option', () => distill(network(), { step: 1 } as never), /steps/],
  [
    'one pixel',
    async () => {
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', ['N', 4]);
      const one = (n: number) => g.constant(new Tensor('f32', new Float32Array(n).fill(1), [n]));
      const w = g.constant(new Tensor('f32', new Float32Array(12).fill(1), [3, 4]));
      const y = g.batchNorm(g.dense(x, w), one(3), one(3), one(3), one(3), { name: 'flat' });
      await distill(g.graph([x], { y }), { statistics: 'sample' });
    },
    /batchNorm "flat".*statistics: 'batch'/,
  ],
])('%s is no error before any work', async (_, call, sentence) => {
  const error = (await call().catch((thrown) => thrown)) as Error;
  expect(error).toBeInstanceOf(BitplaneError);
  expect(error.message).toMatch(sentence);
});
