/** GDFQ as a whole on a small network: what is deployed is what was trained, and resuming. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import type { Graph } from '../../src/graph/value.js';
import { type GdfqOptions, gdfq } from '../../src/methods/gdfq/gdfq.js';
import { studentStep } from '../../src/methods/gdfq/steps.js';
import { generator } from '../../src/methods/generator.js';
import { observed } from '../../src/methods/norms.js';
import { numbersOf, scalar } from '../../src/methods/optimized.js';
import { channelSpec } from '../../src/methods/zeroq/sensitivity.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { settingsOf } from '../../src/quant/network/options.js';
import { GraphSession } from '../../src/runtime/session.js';
import { StateStore } from '../../src/runtime/state-store.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { readCheckpoint } from '../../src/train/checkpoint.js';
import { sgd } from '../../src/train/optimizer.js';
import { temporaryFolder } from '../data/fixtures.js';
import { smallNetwork } from './small-network.js';

const SMALL: GdfqOptions = {
  weights: 4,
  activations: 4,
  ends: 'same',
  epochs: 3,
  steps: 4,
  batchSize: 6,
  latent: 5,
  widths: [8, 8, 4],
};

async function run(graph: Graph, feeds: object, states?: StateStore) {
  const session = GraphSession.fromGraph(graph, states === undefined ? {} : { states });
  const results = await session.run(feeds as never);
  await session.release();
  return results as unknown as Readonly<Record<string, Tensor<'f32'>>>;
}

test.each([false, true])(
  'a network is not what its student was (channels first: %s)',
  async (first) => {
    const graph = smallNetwork({ size: 8, first });
    const checkpoint = join(temporaryFolder(), 'gdfq.safetensors');
    const { graph: few, pictures, history, layers } = await gdfq(graph, { ...SMALL, checkpoint });
    expect(history.map(({ phase }) => phase)).toEqual(['warm-up', 'train', 'train']);
    expect(layers.map(({ weights, activations }) => [weights!.spec, activations!.bits])).toEqual(
      Array(4).fill(['int4-asymmetric-channel', 4]),
    );
    const shape = [6, ...(first ? [3, 8, 8] : [8, 8, 3])];
    const some = new Tensor('f32', pictures.data.slice(0, 6 * 192), shape);
    const { y } = await run(few, { x: some });

    const network = observed(graph, {});
    const settings = settingsOf({ weights: channelSpec(4), activations: 4, ends: 'same' });
    const optimizer = sgd({ rate: 0 });
    const student = studentStep({ network, classes: 3, shape, settings, as: 'paper' }, optimizer);
    const store = new StateStore(student);
    const { states } = await readCheckpoint(checkpoint);
    let moved = 0;
    for (const name of store.names) {
      if (/^trained\/[^.]*$/.test(name) && states.get(name)!.shape.length === 4)
        moved += Number(states.get(name)!.data.some((w, i) => w !== store.get(name).data[i]));
      store.set(name, states.get(name)!);
    }
    expect(moved).toBe(3);
    const { logits } = await run(
      student,
      {
        pictures: some,
        targets: new Tensor('f32', new Float32Array(18), [6, 3]),
        teacher: new Tensor('f32', new Float32Array(18), [6, 3]),
        correction: scalar(1 - 0.9 ** 4),
        ...numbersOf(optimizer, 0, 1),
      },
      store,
    );
    store.release();
    for (const [i, own] of y!.data.entries()) expect(own).toBeCloseTo(logits!.data[i]!, 4);
  },
);

test('a training that was interrupted ends otherwise than one that was not', async () => {
  const graph = smallNetwork({ size: 8 });
  const whole = await gdfq(graph, SMALL);
  const checkpoint = join(temporaryFolder(), 'gdfq.safetensors');
  const stop = new AbortController();
  const options = { ...SMALL, checkpoint, resume: true };
  await expect(
    gdfq(graph, {
      ...options,
      signal: stop.signal,
      onEpoch: ({ epoch }) => epoch === 2 && stop.abort(),
    }),
  ).rejects.toThrow(/aborted/);
  expect(existsSync(checkpoint)).toBe(true);
  const resumed = await gdfq(graph, options);
  expect(resumed.history.map(({ loss }) => loss)).toEqual(whole.history.map(({ loss }) => loss));
  expect([...resumed.pictures.data]).toEqual([...whole.pictures.data]);
  await expect(gdfq(graph, { ...options, activations: 5 })).rejects.toThrow(/activations 4/);
  const other = smallNetwork({ size: 8, softmax: true });
  await expect(gdfq(other, options)).rejects.toThrow(/checkpoint.*network "/);
});

test('the released ranges are those of the paper', async () => {
  const graph = smallNetwork({ size: 8 });
  const ranges = async (more: Partial<GdfqOptions>) =>
    (await gdfq(graph, { ...SMALL, epochs: 2, steps: 3, ...more })).layers.map(
      ({ activations }) => activations!.range.hi,
    );
  const paper = await ranges({});
  const release = await ranges({ as: 'release' });
  // What was corrected is corrected again: 1 / (0.19 * 0.271) times too wide after three moves.
  for (const [i, hi] of paper.entries()) expect(release[i]! / hi).toBeGreaterThan(5);
});

test('classes change nothing in the generator for large pictures', async () => {
  const model = generator({ size: 8, latent: 4, classes: 2, conditioning: 'norms' });
  const names = model.parameters.map(({ name }) => name);
  expect(names.filter((name) => name.endsWith('gamma'))).toEqual([
    'norm1/gamma',
    'norm2/gamma',
    'norm3/gamma',
  ]);
  const state: Record<string, Tensor<'f32'>> = { ...model.init(3) };
  // The second class has other shifts behind the last convolution but one.
  const shifts = state['norm3/beta']!;
  const moved = shifts.data.map((_, i) => (i % 2 === 0 ? 0 : Math.sin(i)));
  state['norm3/beta'] = new Tensor('f32', moved, shifts.shape);
  const g = new GraphBuilder();
  const noise = g.input('noise', 'f32', [2, 6]);
  const { output } = model.build(g, noise, {
    leaf: ({ name }) => g.constant(state[name]!, { name }) as never,
  });
  const graph = g.graph([noise], { y: output });
  const z = [0.3, -1, 0.5, 2];
  const same = await run(graph, { noise: Float32Array.of(...z, 1, 0, ...z, 1, 0) });
  const both = await run(graph, { noise: Float32Array.of(...z, 1, 0, ...z, 0, 1) });
  const half = same.y!.data.length / 2;
  expect([...same.y!.data.slice(half)]).toEqual([...same.y!.data.slice(0, half)]);
  expect([...both.y!.data.slice(0, half)]).toEqual([...same.y!.data.slice(0, half)]);
  expect([...both.y!.data.slice(half)]).not.toEqual([...same.y!.data.slice(0, half)]);
  const large: GdfqOptions = { ...SMALL, epochs: 2, steps: 1, warmUp: 1, pictures: 'large' };
  expect((await gdfq(smallNetwork({ size: 8 }), large)).history).toHaveLength(2);
});

test('a picture of the generator has another mean or deviation than 0 and 1', async () => {
  const model = generator({ size: 8, latent: 4, widths: [4, 4, 4] });
  const state = model.init(3);
  const g = new GraphBuilder();
  const noise = g.input('noise', 'f32', [16, 4]);
  const { output } = model.build(g, noise, {
    training: true,
    leaf: ({ name }) => g.constant(state[name]!, { name }) as never,
  });
  const data = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i));
  const { moments } = await run(g.graph([noise], { moments: g.moments(output) }), { noise: data });
  for (const [i, value] of moments!.data.entries()) expect(value).toBeCloseTo(i < 3 ? 0 : 1, 2);
});

const flat = () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4]);
  const one = (n: number) => g.constant(new Tensor('f32', new Float32Array(n).fill(1), [n]));
  const w = g.constant(new Tensor('f32', new Float32Array(12).fill(1), [3, 4]));
  return g.graph([x], { y: g.batchNorm(g.dense(x, w), one(3), one(3), one(3), one(3)) });
};
test.each<[string, Graph, Partial<GdfqOptions>, RegExp]>([
  ['no batch norms', smallNetwork({ size: 8, norms: false }), {}, /expected batch norms/],
  ['flat pictures', flat(), {}, /input "x".*square pictures/],
  ['a side of 6', smallNetwork(), {}, /input "x".*multiple of 4/],
  ['one class', smallNetwork({ size: 8, classes: 1 }), {}, /output "y".*how many classes/],
  [
    'a spec',
    smallNetwork({ size: 8 }),
    { weights: 'int4' as never },
    /weights as a number of bits/,
  ],
  ['one bit', smallNetwork({ size: 8 }), { activations: 1 }, /activations as a number of bits/],
  ['one epoch', smallNetwork({ size: 8 }), { epochs: 1 }, /epochs to be a whole number of 2/],
  ['warm-up alone', smallNetwork({ size: 8 }), { warmUp: 3 }, /warmUp from 1 to 2/],
  ['an option', smallNetwork({ size: 8 }), { warmup: 1 } as never, /warmUp/],
])('%s is no error before any work', async (_, graph, options, sentence) => {
  const error = await gdfq(graph, { ...SMALL, ...options }).catch((thrown: Error) => thrown);
  expect(error).toBeInstanceOf(BitplaneError);
  expect((error as Error).message).toMatch(sentence);
});
