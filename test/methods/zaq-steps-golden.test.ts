/** Whole steps of ZAQ against those of PyTorch (test/golden/make-zaq-steps.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { readTensors } from '../../src/formats/tensors.js';
import { topological, type Value } from '../../src/graph/value.js';
import { generator } from '../../src/methods/generator.js';
import { observed, pictureForm } from '../../src/methods/norms.js';
import { numbersOf } from '../../src/methods/optimized.js';
import { rangeName, trainedName } from '../../src/methods/student.js';
import { estimationStep, statesOfAll, transferStep } from '../../src/methods/zaq/steps.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { settingsOf } from '../../src/quant/network/options.js';
import { GraphSession } from '../../src/runtime/session.js';
import { StateStore } from '../../src/runtime/state-store.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { adam, sgd } from '../../src/train/optimizer.js';

type Arrays = Readonly<Record<string, Tensor<'f32'>>>;
type Float = Value<'f32'>;

const FOLDER = process.env.BITPLANE_GOLDEN ?? fileURLToPath(new URL('../golden', import.meta.url));
let golden: Arrays;
beforeAll(async () => {
  golden = await readTensors(readFileSync(join(FOLDER, 'zaq-steps.safetensors')));
});

/** Three convolutions with batch norms, around the last two of which a sum goes, a dense layer. */
function network(start: (name: string) => Tensor<'f32'>) {
  const g = new GraphBuilder();
  const own = (name: string) => g.constant(start(name), { name }) as Float;
  const x = g.input('x', 'f32', ['N', 8, 8, 3]);
  const layer = (map: Float, i: number) => {
    const y = g.conv2d(map, own(`c${i}/weight`), { pads: [1, 1, 1, 1] });
    const [gamma, beta, mean, variance] = ['gamma', 'beta', 'mean', 'variance'].map((name) =>
      own(`n${i}/${name}`),
    ) as [Float, Float, Float, Float];
    return g.batchNorm(y, gamma, beta, mean, variance);
  };
  const a = g.relu(layer(x, 0), { name: 'a' });
  const b = g.relu(layer(a, 1), { name: 'b' });
  const c = g.relu(g.add(layer(b, 2), a), { name: 'c' });
  const pool = g.reduce(c, 'mean', [1, 2], { name: 'pool' });
  return g.graph([x], { y: g.add(g.dense(pool, own('fc/weight')), own('fc/bias')) });
}

/** The greatest |a - b| beside the greatest |b|. */
function expectNear(got: Tensor<'f32'>, want: Tensor<'f32'>, name: string) {
  expect(got.data.length, name).toBe(want.data.length);
  const size = want.data.reduce((most, number) => Math.max(most, Math.abs(number)), 1e-5);
  for (const [i, number] of want.data.entries())
    expect(Math.abs(got.data[i]! - number) / size, `${name}[${i}]`).toBeLessThan(1e-4);
}

test.each([
  ['paper', 'symmetric', 0.1, 0.05],
  ['release', 'asymmetric', 1, 0.1],
] as const)(
  '%s: a step of the network or of the generator differs',
  async (form, codes, alpha, beta) => {
    const want = (name: string) => golden[`${form}.${name}`]!;
    const model = generator({ size: 8, latent: 4, widths: [4, 4, 4] });
    const graph = observed(
      network((name) => want(`before.${name}`)),
      {},
    );
    const maps = new Map(topological(graph.graph).map((value) => [value.name, value]));
    const parts = {
      ...{ network: graph, form: pictureForm(graph), model, batchSize: 5, perChannel: false },
      state: Object.fromEntries(
        Object.keys(model.init(0)).map((name) => [name, want(`before.generator/${name}`)]),
      ),
      settings: settingsOf({ weights: { bits: 4 }, activations: 4, weightRange: 'minmax' }),
      taps: ['a', 'b', 'c'].map((name) => maps.get(name)!),
      ...({ codes, norms: 'batch', relations: form, alpha, beta } as const),
    };
    const [learning, painting] = [sgd({ momentum: 0.9, decay: 5e-4 }), adam()];
    const graphs = [transferStep(parts, learning), estimationStep(parts, painting)] as const;
    const states = new StateStore(statesOfAll(graphs));
    const sessions = graphs.map((step) => GraphSession.fromGraph(step, { threads: 1, states }));
    const state = (name: string) => states.get(name) as Tensor<'f32'>;
    for (const step of [0, 1, 2]) {
      const [session, numbers] =
        step < 2
          ? [sessions[0]!, numbersOf(learning, 0.05, step + 1)]
          : [sessions[1]!, numbersOf(painting, 1e-3, 1)];
      const results = await session.run({ noise: want(`${step}.noise`), ...numbers } as never);
      const { loss } = results as unknown as Arrays;
      expectNear(loss!, want(`${step}.loss`), `loss of step ${step}`);
      const after = `${form}.${step}.after.`;
      for (const name of Object.keys(golden).filter((key) => key.startsWith(after)))
        expectNear(state(trainedName(name.slice(after.length))), golden[name]!, name);
      for (const [name, map] of Object.entries({ input: 'x', a: 'a', b: 'b', pool: 'pool' }))
        for (const [i, end] of (['min', 'max'] as const).entries()) {
          const got = state(rangeName(map, end)).data[0]!;
          expect(got, `${end} of ${name}`).toBeCloseTo(want(`${step}.range.${name}`).data[i]!, 4);
        }
    }
    // The first step of Adam goes by the sign of a gradient alone; its mean is a tenth of it. The
    // gradient of a bias before a batch norm is 0 and its rounding.
    const slopes = `${form}.gradient.`;
    for (const name of Object.keys(golden).filter((key) => key.startsWith(slopes))) {
      if (/conv[12].bias/.test(name)) continue;
      const mean = state(`generator/${name.slice(slopes.length)}.mean`);
      const slope = { ...mean, data: mean.data.map((number) => 10 * number) } as Tensor<'f32'>;
      expectNear(slope, golden[name]!, name);
    }
    for (const name of ['norm1', 'norm4'].flatMap((norm) => [`${norm}/mean`, `${norm}/variance`]))
      expectNear(state(`generator/${name}`), want(`after.generator/${name}`), name);
    for (const session of sessions) await session.release();
    states.release();
  },
);
