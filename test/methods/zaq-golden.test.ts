/** ZAQ's generator, quantizer and losses against arrays that the released code computed. */
import { expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { generator } from '../../src/methods/generator.js';
import { uniform, uniformQuantization } from '../../src/methods/zaq/coder.js';
import {
  channelAttention,
  releasedDistance,
  spatialAttention,
  unitPixels,
} from '../../src/methods/zaq/relations.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import { StateStore } from '../../src/runtime/state-store.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { meanAbsoluteError } from '../../src/train/losses.js';
import { channelsLast, floats, goldenNumbers } from '../quant/golden-numbers.js';
import { generatorState } from './golden-generator.js';

const arrays = goldenNumbers('zaq');

function expectNear(got: ArrayLike<number>, want: readonly number[], name: string) {
  expect(got.length, name).toBe(want.length);
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i]! - value), `${name}[${i}]: ${got[i]} ${value}`).toBeLessThanOrEqual(
      1e-5 + 1e-4 * Math.abs(value),
    );
}

async function run(graph: Graph, feeds: object = {}, states?: StateStore) {
  const session = GraphSession.fromGraph(graph, states === undefined ? {} : { states });
  const results = await session.run(feeds as never);
  await session.release();
  return results as unknown as Readonly<Record<string, Tensor<'f32'>>>;
}

const last = (name: string) => channelsLast(arrays[name]!).values;

test('what the release compares of maps, or its gradient, differs', async () => {
  const g = new GraphBuilder();
  const map = (name: string) => g.constant(floats(channelsLast(arrays[name]!))) as Value<'f32'>;
  const [students, teachers] = [['fs0', 'fs1'].map(map), ['ft0', 'ft1'].map(map)];
  const units = students.map((student) => unitPixels(g, student));
  const losses = students.map((student, i) => releasedDistance(g, student, teachers[i]!));
  const total = g.add(losses[0]!, losses[1]!);
  const slopes = gradients(g, total, students);
  const outputs = Object.fromEntries(
    [0, 1].flatMap((i) => [
      [`spatial${i}`, spatialAttention(g, units[i]!)],
      [`channel${i}`, channelAttention(g, units[i]!)],
      [`gfs${i}`, slopes[i]!],
      [`loss${i}`, losses[i]!],
    ]),
  );
  const got = await run(g.graph([], { ...outputs, total }));
  for (const i of [0, 1]) {
    for (const name of [`spatial${i}`, `channel${i}`, `gfs${i}`])
      expectNear(got[name]!.data, last(name), name);
    expectNear(got[`loss${i}`]!.data, arrays[`loss${i}`]!.values, 'loss');
  }
  expectNear(got.total!.data, arrays.loss_total!.values, 'total');
});

test.each([2, 4, 6, 8])('numbers in %i bits differ from the release', async (bits) => {
  const x = arrays[`uq_x${bits}`]!;
  const g = new GraphBuilder();
  const value = g.constant(floats(x)) as Value<'f32'>;
  const range = { lo: g.reduce(value, 'min', [0, 1]), hi: g.reduce(value, 'max', [0, 1]) };
  const got = await run(
    g.graph([], {
      asymmetric: uniform(g, value, range, bits, 'asymmetric'),
      symmetric: uniform(g, value, range, bits, 'symmetric'),
    }),
  );
  for (const [form, theirs] of [
    ['asymmetric', 'uq'],
    ['symmetric', 'uqs'],
  ] as const) {
    const want = arrays[`${theirs}_y${bits}`]!.values;
    expectNear(uniformQuantization(x.values, bits, form).values, want, form);
    expectNear(got[form]!.data, want, `${form} in a graph`);
  }
});

test('a generated picture differs from the release, in training or after it', async () => {
  const model = generator({ size: 16, latent: 8, widths: [8, 8, 4] });
  const state = generatorState(model, arrays);
  const build = (training: boolean) => {
    const g = new GraphBuilder();
    const noise = g.input('noise', 'f32', [4, 8]);
    const { output, updates } = model.build(g, noise, {
      training,
      leaf: ({ name }) => g.state(state[name]!, { name }) as never,
    });
    const changes = updates.map(([{ name }, next]) => [name, next] as const);
    return g.graph([noise], { y: output }, { updates: Object.fromEntries(changes) });
  };
  const graph = build(true);
  const store = new StateStore(graph);
  const noise = Float32Array.from(arrays.gen_z!.values);
  const trained = await run(graph, { noise }, store);
  expectNear(trained.y!.data, last('gen_train_out'), 'in training');
  for (const name of store.names) (state as Record<string, unknown>)[name] = store.get(name);
  store.release();
  const evaluated = await run(build(false), { noise });
  expectNear(evaluated.y!.data, last('gen_eval_out_after'), 'after training');
});

test('the discrepancy of answers, or its gradient, differs from the release', async () => {
  const g = new GraphBuilder();
  const [p, q] = ['Do_p', 'Do_q'].map((name) => g.constant(floats(arrays[name]!)) as Value<'f32'>);
  const loss = meanAbsoluteError(g, q!, p!);
  const [slope] = gradients(g, loss, [q!]);
  const got = await run(g.graph([], { loss, slope: slope! }));
  expectNear(got.loss!.data, arrays.Do_loss!.values, 'loss');
  expectNear(got.slope!.data, arrays.Do_gq!.values, 'gradient');
});
