/** ZAQ's formulas by hand, and as a whole on a small network. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import type { Graph } from '../../src/graph/value.js';
import { affineCodes } from '../../src/methods/affine-codes.js';
import { layersOf } from '../../src/methods/layers.js';
import { observed } from '../../src/methods/norms.js';
import { type Coder, rangeName, studentOver, withParameters } from '../../src/methods/student.js';
import { type UniformForm, uniform, uniformQuantization } from '../../src/methods/zaq/coder.js';
import type { ZaqOptions } from '../../src/methods/zaq/options.js';
import { channelRelations, relationDistance } from '../../src/methods/zaq/relations.js';
import { uniformWeights } from '../../src/methods/zaq/weights.js';
import { layerWeights, zaq } from '../../src/methods/zaq/zaq.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { constant } from '../../src/ops/make.js';
import { absorbBatchNorms, channelsLast } from '../../src/passes/index.js';
import { rewrite } from '../../src/passes/rewrite.js';
import { settingsOf } from '../../src/quant/network/options.js';
import { planOf } from '../../src/quant/network/plan.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { readCheckpoint } from '../../src/train/checkpoint.js';
import { temporaryFolder } from '../data/fixtures.js';
import { smallNetwork } from './small-network.js';

const SMALL: ZaqOptions = {
  ...{ weights: 4, activations: 4, epochs: 2, steps: 2, batchSize: 5, latent: 4 },
  ...{ widths: [4, 4, 4], transfers: 2 },
};

async function run(graph: Graph, feeds: object = {}) {
  const session = GraphSession.fromGraph(graph);
  const results = await session.run(feeds as never);
  await session.release();
  return results as unknown as Readonly<Record<string, Tensor<'f32'>>>;
}

test('relations of channels are not their cosines over all pixels of the batch', async () => {
  const g = new GraphBuilder();
  // Two pictures of one row of two pixels, three channels, the last of which is nothing.
  const map = (numbers: number[]) =>
    g.constant(new Tensor('f32', Float32Array.from(numbers), [2, 1, 2, 3])) as never;
  const student = map([3, 1, 0, 0, 1, 0, 4, 1, 0, 0, 1, 0]);
  const teacher = map([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0]);
  const got = await run(
    g.graph([], {
      relations: channelRelations(g, student),
      distance: relationDistance(g, student, teacher),
    }),
  );
  // |f_0| = 5, |f_1| = 2, <f_0, f_1> = 7: 0.7 in place of 1.
  const want = [1, 0.7, 0, 0.7, 1, 0, 0, 0, 0];
  for (const [i, value] of want.entries()) expect(got.relations!.data[i]).toBeCloseTo(value, 6);
  expect(got.distance!.data[0]).toBeCloseTo(0.6 / 9, 6);
});

test('weights of layers are no moving softmax', () => {
  const [a, b] = layerWeights([0.5, 0.5], [Math.log(3), 0], 0.9);
  expect(a).toBeCloseTo(0.9 * 0.5 + 0.1 * 0.75, 12);
  expect(b).toBeCloseTo(0.9 * 0.5 + 0.1 * 0.25, 12);
});

/** The network whose weights went through the quantizer, before batch norms are folded. */
function through(
  trained: Graph,
  bits: readonly number[],
  form: UniformForm,
  perChannel: boolean,
): Graph {
  const coded = new Map(
    layersOf(trained).map(({ product, weights }, i) => {
      const w = product.inputs[1]!;
      const each = perChannel ? weights.size / weights.shape[0]! : weights.size;
      const values = new Float32Array(weights.size);
      for (let at = 0; at < values.length; at += each)
        values.set(
          uniformQuantization(weights.data.subarray(at, at + each), bits[i]!, form).values,
          at,
        );
      return [w.name, new Tensor('f32', values, w.shape as number[])] as const;
    }),
  );
  return rewrite(trained, ({ name }, { original }) => {
    const own = original.op === 'constant' ? coded.get(name) : undefined;
    return own && constant(name, own);
  });
}

test.each([
  ['symmetric', false],
  ['symmetric', true],
  ['asymmetric', false],
  ['asymmetric', true],
] as const)('%s codes (by channel: %s) change with batch norms', (form, perChannel) => {
  const plain = channelsLast(smallNetwork({ size: 8 }));
  // Every other channel is turned around by its batch norm.
  const graph = rewrite(plain, (value, { original }) => {
    if (original.op !== 'constant' || original.shape.length !== 1) return undefined;
    const data = (original.data!.data as Float32Array).map((x, c) => (x > 0.5 && c % 2 ? -x : x));
    return constant(value.name, new Tensor('f32', data, original.shape as number[]));
  });
  const want = new Map(
    layersOf(absorbBatchNorms(through(graph, [3, 3, 8, 3], form, perChannel))).map((one) => [
      one.name,
      one,
    ]),
  );
  const settings = settingsOf({
    weights: { bits: 3 },
    layers: { c2: { weights: 8 } },
    ends: 'same',
  });
  const raw = new Map(layersOf(graph).map(({ name, weights }) => [name, weights]));
  const { layers } = planOf(absorbBatchNorms(graph), settings);
  expect(layers).toHaveLength(4);
  for (const layer of layers) {
    const { name } = layer.product;
    const coded = uniformWeights(layer, raw.get(name)!, form, perChannel)!;
    const own = want.get(name)!.weights.data;
    for (const [i, value] of coded.values.entries()) expect(value).toBeCloseTo(own[i]!, 5);
  }
});

test.each([
  ['paper', true],
  ['release', false],
] as const)('%s: a network is not what was trained', async (as, perChannel) => {
  const graph = smallNetwork({ size: 8 });
  const checkpoint = join(temporaryFolder(), 'zaq.safetensors');
  const options = { ...SMALL, as, perChannel, checkpoint, steps: 10, transfers: 5, activations: 8 };
  const { graph: few, layers, history, pictures, taps } = await zaq(graph, options);
  expect(history).toHaveLength(2);
  expect(taps).toHaveLength(1);
  expect(layers.map(({ weights }) => weights!.bits)).toEqual([8, 4, 4, 8]);
  const { states } = await readCheckpoint(checkpoint);
  const form = as === 'paper' ? 'symmetric' : 'asymmetric';
  const network = observed(withParameters(observed(graph, {}), states), {});
  const g = new GraphBuilder();
  const input = g.input('x', 'f32', [4, 8, 8, 3]);
  const end = (name: string, which: 'min' | 'max') =>
    g.constant(states.get(rangeName(name, which))!) as never;
  const coder: Coder = {
    updates: [],
    weights: (w, { bits }) => {
      const axes = [...w.shape.keys()].slice(perChannel ? 1 : 0);
      const [lo, hi] = (['min', 'max'] as const).map((kind) =>
        g.reduce(w, kind, axes, { keepDims: perChannel }),
      );
      return uniform(g, w, { lo: lo!, hi: hi! }, bits, form);
    },
    map: (name, value, { bits }) =>
      affineCodes(g, value, { lo: end(name, 'min'), hi: end(name, 'max') }, bits),
  };
  const settings = settingsOf({ weights: { bits: 4 }, activations: 8 });
  const student = studentOver(g, network, input, { settings, coder });
  const x = new Tensor('f32', pictures.data.slice(0, 4 * 192), [4, 8, 8, 3]);
  const [y, want] = [
    (await run(few, { x })).y!,
    (await run(g.graph([input], { y: student.output }), { x })).y!,
  ];
  const size = want.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [i, value] of want.data.entries())
    expect(Math.abs(y.data[i]! - value)).toBeLessThan(1e-4 * size);
});

test('a training that was interrupted ends otherwise than one that was not', async () => {
  const graph = smallNetwork({ size: 8 });
  const whole = await zaq(graph, SMALL);
  const checkpoint = join(temporaryFolder(), 'zaq.safetensors');
  const stop = new AbortController();
  const options = { ...SMALL, checkpoint, resume: true };
  const onEpoch = () => stop.abort();
  await expect(zaq(graph, { ...options, signal: stop.signal, onEpoch })).rejects.toThrow(/aborted/);
  const resumed = await zaq(graph, options);
  expect(resumed.history.map(({ loss }) => loss)).toEqual(whole.history.map(({ loss }) => loss));
  expect([...resumed.pictures.data]).toEqual([...whole.pictures.data]);
  const other = smallNetwork({ size: 8, softmax: true });
  await expect(zaq(other, options)).rejects.toThrow(/checkpoint.*network "/);
  const { states } = await readCheckpoint(checkpoint);
  const { data } = states.get('layers/weights')!;
  expect(data.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 5);
});

test.each<[string, Graph, Partial<ZaqOptions>, RegExp]>([
  ['a side of 6', smallNetwork(), {}, /input "x".*multiple of 4/],
  ['one bit', smallNetwork({ size: 8 }), { weights: 1 }, /weights as a number of bits/],
  ['a tap', smallNetwork({ size: 8 }), { taps: ['c9'] }, /maps of .*"c9"/],
  ['alpha', smallNetwork({ size: 8 }), { alpha: -1 }, /alpha to be a number of at least 0/],
  ['kept', smallNetwork({ size: 8 }), { kept: 2 }, /kept of at most 1/],
  ['no step', smallNetwork({ size: 8 }), { transfers: 0 }, /transfers to be 1 or more/],
])('%s is no error before any work', async (_, graph, options, sentence) => {
  const error = await zaq(graph, { ...SMALL, ...options }).catch((thrown: Error) => thrown);
  expect(error).toBeInstanceOf(BitplaneError);
  expect((error as Error).message).toMatch(sentence);
});

test('a short run leaves ranges near the 0 that their means began at', async () => {
  const most = async (steps: number) => {
    const run = { ...SMALL, epochs: 1, steps, transfers: 1, rate: 1e-9, norms: 'kept' } as const;
    const { layers } = await zaq(smallNetwork({ size: 8 }), run);
    return layers.map(({ activations }) => activations!.range.hi);
  };
  const [short, long] = [await most(1), await most(8)];
  for (const [i, hi] of short.entries()) {
    expect(hi / long[i]!).toBeGreaterThan(0.6);
    expect(hi / long[i]!).toBeLessThan(1.6);
  }
  await expect(zaq(smallNetwork({ size: 8 }), { ...SMALL, rate: 0 })).rejects.toThrow(
    /rate to be a number/,
  );
});
