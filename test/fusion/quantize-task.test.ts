/**
 * Tasks of a store with activations of 8 bits: their products sum integers of the shared weights,
 * of 8 bits of mantissa too, and their results are those of floats. Not here: ranges of activations
 * (../quant/network), the weights as integers alone (../formats/store-few-bits.test.ts).
 */
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { decodeStore, encodeStore, type Store, taskGraph } from '../../src/formats/store/store.js';
import { fuseNetworks } from '../../src/fusion/fuse-networks.js';
import { quantizeTask } from '../../src/fusion/quantize-task.js';
import { saveStore } from '../../src/fusion/store-file.js';
import { storeSizes } from '../../src/fusion/store-sizes.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder } from '../data/fixtures.js';
import { random } from '../random.js';

const CHANNELS = 64;

/** A residual block behind a convolution, with batch norms, and a head. */
function network(seed: number): Graph {
  const draw = random(seed);
  const g = new GraphBuilder();
  // Sums of six draws: few lie far from 0, as in trained networks.
  const weights = (shape: readonly number[], name: string) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const one = () => [1, 2, 3, 4, 5, 6].reduce((sum) => sum + draw() - 0.5, 0);
    return g.constant(new Tensor('f32', Float32Array.from({ length: size }, one), shape), { name });
  };
  const perChannel = (from: number, to: number) =>
    Float32Array.from({ length: CHANNELS }, () => from + (to - from) * draw());
  const norm = (x: Value, name: string) => {
    const vector = (what: string, from: number, to: number) =>
      g.constant(new Tensor('f32', perChannel(from, to), [CHANNELS]), { name: `${name}.${what}` });
    const centred = g.sub(x as Value<'f32'>, vector('mean', -1, 1) as Value<'f32'>);
    const scaled = g.mul(centred, vector('scale', 0.02, 0.1) as Value<'f32'>);
    return g.add(scaled, vector('beta', -0.5, 0.5) as Value<'f32'>);
  };
  const same = { pads: [1, 1, 1, 1] } as const;
  const x = g.input('x', 'f32', ['N', 8, 8, 3]);
  const first = g.conv2d(x, weights([CHANNELS, 3, 3, 3], 'w1'), { name: 'first', ...same });
  const a = g.relu(norm(first, 'n1'));
  const inner = g.conv2d(a, weights([CHANNELS, 3, 3, CHANNELS], 'w2'), { name: 'inner', ...same });
  const b = g.relu(g.add(norm(inner, 'n2'), a));
  const last = g.conv2d(b, weights([CHANNELS, 3, 3, CHANNELS], 'w3'), { name: 'last', ...same });
  const h = g.reduce(g.relu(norm(last, 'n3')), 'mean', [1, 2]) as Value<'f32'>;
  return g.graph([x], { y: g.dense(h, weights([5, CHANNELS], 'w4'), { name: 'head' }) });
}

const pictures = (seed: number, count: number) => {
  const draw = random(seed);
  return new Tensor(
    'f32',
    Float32Array.from({ length: count * 192 }, () => 2 * draw() - 1),
    [count, 8, 8, 3],
  );
};
const calibration = [{ x: pictures(3, 4) }];
const fused = (bits: readonly number[], more = {}) =>
  fuseNetworks(
    [
      ['first', network(1)],
      ['second', network(2)],
    ],
    { method: 'bfp', bits, ...more },
  ).store;
async function quantized(store: Store): Promise<Store> {
  const first = await quantizeTask(store, 'first', { calibration });
  return (await quantizeTask(first.store, 'second', { calibration })).store;
}
async function run(graph: Graph) {
  const session = Session.fromGraph(graph, { threads: 1 });
  const { y } = await session.run({ x: pictures(9, 2) });
  const kernels = session.kernels().map(({ kernel }) => kernel);
  await session.release();
  return { y: [...(y!.data as Float32Array)], kernels };
}
const isProduct = (kernel: string) => /conv/.test(kernel);

// Of channels with an exponent each too many mantissas have 8 bits here.
describe.each([
  ['tensor', 8],
  ['channel', 7],
] as const)('an exponent a %s', (granularity, bits) => {
  test(`products of ${bits} and of 4 bits sum floats, or other integers`, async () => {
    const before = fused([bits, 4], { granularity });
    const store = decodeStore(encodeStore(await quantized(before)));
    expect(store.weights[1]).toEqual(before.weights[1]);
    for (const [number, task] of ['first', 'second'].entries()) {
      const got = await run(taskGraph(store, task));
      const want = await run(taskGraph(store, task, { floats: true }));
      const [head, ...products] = got.kernels.filter(isProduct).reverse();
      expect(products.map((kernel) => /^qconv/.test(kernel))).toEqual([true, true, true]);
      expect(head).not.toMatch(/^qconv/);
      expect(want.kernels.some((kernel) => /^qconv/.test(kernel))).toBe(false);
      const float = await run(taskGraph(before, task));
      const most = Math.max(...float.y.map(Math.abs));
      for (const [i, value] of got.y.entries()) {
        expect(Math.abs(value - want.y[i]!) / most).toBeLessThan(1e-2);
        expect(Math.abs(value - float.y[i]!) / most).toBeLessThan(0.05);
      }
      expect(number === 0 ? got.y : want.y).not.toEqual(float.y);
    }
  });
});

test('the store that runs takes more than its file, or a task changes with another', async () => {
  const before = fused([8, 4]);
  const { store } = await quantizeTask(before, 'second', { calibration });
  expect(await run(taskGraph(store, 'first'))).toEqual(await run(taskGraph(before, 'first')));
  const path = join(temporaryFolder(), 'store.safetensors');
  await saveStore(await quantized(before), path);
  utimesSync(path, 1e9, 1e9 + 0.5);
  const session = await Session.create(path, { task: 'first', threads: 1 });
  const { data } = pictures(9, 1);
  for (const task of ['second', 'first']) await session.run({ x: data }, { task });
  const { bytes } = storeSizes(before);
  const shared = bytes.mantissas + bytes.signs + bytes.exponents;
  // Heads fill vectors of channels, and rest in the file's form too.
  const own = 2 * (24 * CHANNELS * 4 + bytes.heads + bytes.others);
  expect(session.info.residentBytes).toBeLessThan(1.1 * shared + own);
  await session.release();
});

test('what no product of integers reads is quantized', async () => {
  const asked = { calibration };
  const store = fused([8, 4]);
  await expect(quantizeTask(store, 'third', asked)).rejects.toThrow('one of first, second');
  await expect(quantizeTask(store, 'first', {})).rejects.toThrow('calibration feeds');
  await expect(quantizeTask(store, 'first', { weights: 8 } as never)).rejects.toThrow('weights');
  const once = await quantizeTask(store, 'first', asked);
  await expect(quantizeTask(once.store, 'first', asked)).rejects.toThrow('quantized before');
  for (const other of [
    fused([9, 4]),
    fused([8, 4], { granularity: { block: 4 } }),
    fused([8, 4], { dither: 'noise' }),
    fuseNetworks([['first', network(1)] as const, ['second', network(1)] as const], {
      method: 'masks',
    }).store,
  ])
    await expect(quantizeTask(other, 'first', asked)).rejects.toThrow('of up to 8 bits');
});
