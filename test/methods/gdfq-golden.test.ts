/** GDFQ's generator and losses against arrays that the released code computed. */
import { expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import { batchNormLoss, studentLoss } from '../../src/methods/gdfq/losses.js';
import { generator } from '../../src/methods/generator.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { channelsLast, floats, type GoldenArray, goldenNumbers } from '../quant/golden-numbers.js';
import { generatorState } from './golden-generator.js';

const arrays = goldenNumbers('gdfq');

function expectNear(got: ArrayLike<number>, want: readonly number[], name: string) {
  expect(got.length, name).toBe(want.length);
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i]! - value), `${name}[${i}]: ${got[i]} ${value}`).toBeLessThanOrEqual(
      1e-5 + 1e-4 * Math.abs(value),
    );
}

async function run(graph: Parameters<typeof GraphSession.fromGraph>[0], feeds: object = {}) {
  const session = GraphSession.fromGraph(graph);
  const results = await session.run(feeds as never);
  await session.release();
  return results as unknown as Readonly<Record<string, Tensor<'f32'>>>;
}

test('a picture that is asked for by its class differs from the release', async () => {
  const model = generator({ size: 8, latent: 6, classes: 5, epsilon: 0.8 });
  const state = generatorState(model, arrays);
  const g = new GraphBuilder();
  const noise = g.input('noise', 'f32', [4, 11]);
  const { output } = model.build(g, noise, {
    training: true,
    leaf: ({ name }) => g.constant(state[name]!, { name }) as never,
  });
  const data = Float32Array.from({ length: 44 }, (_, i) => {
    const [row, at] = [Math.floor(i / 11), i % 11];
    if (at < 6) return arrays.gen_z!.values[row * 6 + at]!;
    return Number(arrays.gen_labels!.values[row] === at - 6);
  });
  const { pictures } = await run(g.graph([noise], { pictures: output }), { noise: data });
  const want = channelsLast(arrays.gen_img_train as GoldenArray);
  expect(pictures!.shape).toEqual(want.shape);
  expectNear(pictures!.data, want.values, 'pictures');
});

test('the loss of a student, or its gradient, differs from the release', async () => {
  const g = new GraphBuilder();
  const logits = g.constant(floats(arrays.kd_out!)) as never;
  const teacher = g.constant(floats(arrays.kd_teacher!)) as never;
  const classes = Float32Array.from({ length: 20 }, (_, i) =>
    Number(arrays.kd_labels!.values[Math.floor(i / 5)] === i % 5),
  );
  const targets = g.constant(new Tensor('f32', classes, [4, 5])) as never;
  const loss = studentLoss(g, logits, teacher, targets, 'release');
  const [slope] = gradients(g, loss, [logits]);
  const paper = studentLoss(g, logits, teacher, targets);
  const plain = studentLoss(g, logits, logits, targets);
  const got = await run(g.graph([], { loss, slope: slope!, paper, plain }));
  expectNear(got.loss!.data, arrays.kd_loss!.values, 'loss');
  expectNear(got.slope!.data, arrays.kd_grad!.values, 'gradient');
  // The paper's divergence is a sum over the five classes; that of a student of itself is none.
  const [ours, theirs, none] = [got.paper!.data[0]!, got.loss!.data[0]!, got.plain!.data[0]!];
  expect(ours - none).toBeCloseTo(5 * (theirs - none), 3);
});

test('the loss of statistics, or its gradient, differs from the release', async () => {
  const g = new GraphBuilder();
  const maps = [0, 1].map((i) => g.constant(floats(channelsLast(arrays[`bns_x${i}`]!))) as never);
  const norms = [0, 1].map((i) => ({
    mean: floats(arrays[`bns_mean${i}`]!).data as Float32Array,
    variance: floats(arrays[`bns_var${i}`]!).data as Float32Array,
  }));
  const loss = batchNormLoss(g, norms, maps);
  const [first, second] = gradients(g, loss, maps);
  const moments = maps.map((map) => g.moments(map));
  const got = await run(
    g.graph([], {
      loss,
      grad0: first!,
      grad1: second!,
      moments0: moments[0]!,
      moments1: moments[1]!,
    }),
  );
  expectNear(got.loss!.data, arrays.bns_loss!.values, 'loss');
  for (const i of [0, 1]) {
    const [mean, variance] = [arrays[`bns_bmean${i}`]!.values, arrays[`bns_bvar${i}`]!.values];
    expectNear(got[`moments${i}`]!.data, [...mean, ...variance], 'moments');
    expectNear(got[`grad${i}`]!.data, channelsLast(arrays[`bns_grad${i}`]!).values, 'gradient');
  }
});
