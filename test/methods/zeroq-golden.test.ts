/** ZeroQ's pieces against arrays that the released code computed. */
import { expect, test } from 'vitest';
import { observed } from '../../src/methods/norms.js';
import { numbersOf } from '../../src/methods/optimized.js';
import { distill, distillationStep } from '../../src/methods/zeroq/distill.js';
import { zeroqQuantization } from '../../src/methods/zeroq/released-quantization.js';
import { channelSpec } from '../../src/methods/zeroq/sensitivity.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { paramsOfRanges } from '../../src/quant/affine.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { adam } from '../../src/train/optimizer.js';
import { channelsLast, floats, type GoldenArray, goldenNumbers } from '../quant/golden-numbers.js';

const arrays = goldenNumbers('zeroq');

function expectNear(got: ArrayLike<number>, want: readonly number[], name: string) {
  expect(got.length, name).toBe(want.length);
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i]! - value), `${name}[${i}]: ${got[i]} ${value}`).toBeLessThanOrEqual(
      1e-5 + 1e-4 * Math.abs(value),
    );
}

test.each([2, 4, 8])('weights or maps in %i bits differ from the release', (bits) => {
  const { shape, values } = arrays[`w${bits}`] as GoldenArray;
  const each = values.length / shape[0]!;
  for (let o = 0; o < shape[0]!; o++) {
    const row = values.slice(o * each, (o + 1) * each);
    const { scale, zero, values: got } = zeroqQuantization(row, bits);
    expectNear([scale], [arrays[`w_scale${bits}`]!.values[o]!], 'scale');
    expect(zero).toBe(arrays[`w_zp${bits}`]!.values[o]);
    expectNear(got, arrays[`w_q${bits}`]!.values.slice(o * each, (o + 1) * each), `w${bits}`);
    // What networks run in is the same: its scale the inverse, its zero point the negative.
    const range = { lo: Math.min(...row), hi: Math.max(...row) };
    const params = paramsOfRanges(channelSpec(bits), [range]);
    expect(params.scale[0]).toBeCloseTo(1 / scale, 5);
    expect(params.zero[0]! + zero).toBe(0);
  }
  const x = zeroqQuantization(arrays[`x${bits}`]!.values, bits);
  expectNear([x.scale], arrays[`x_scale${bits}`]!.values, 'scale');
  expect([x.zero]).toEqual(arrays[`x_zp${bits}`]!.values);
  expectNear(x.values, arrays[`x_q${bits}`]!.values, `x${bits}`);
});

/** The recorded network: two convolutions with batch norms, a mean, a dense layer. */
function teacher() {
  const g = new GraphBuilder();
  const own = (name: string) => g.constant(floats(arrays[`net_${name}`]!));
  const kernel = (name: string) => g.constant(floats(channelsLast(arrays[`net_${name}`]!)));
  const norm = (y: never, i: number) =>
    g.batchNorm(
      y,
      own(`${i}.weight`),
      own(`${i}.bias`),
      own(`${i}.running_mean`),
      own(`${i}.running_var`),
    );
  const pads = [1, 1, 1, 1] as const;
  const x = g.input('x', 'f32', ['N', 8, 8, 3]);
  const a = g.add(g.conv2d(x, kernel('0.weight'), { pads }), own('0.bias'));
  const b = g.relu(norm(a as never, 1));
  const c = g.conv2d(b, kernel('3.weight'), { pads, strides: [2, 2] });
  const d = g.reduce(g.relu(norm(c as never, 4)), 'mean', [1, 2]);
  const y = g.add(g.dense(d, own('8.weight')), own('8.bias'));
  return g.graph([x], { y });
}

const recorded = (name: string) => floats(channelsLast(arrays[name]!));

test('a step of distilling differs from the release in loss, gradient or pictures', async () => {
  const network = observed(teacher(), {});
  const optimizer = adam({ rate: 0.5 });
  for (const step of [0, 1, 2, 3]) {
    // The first moment after one step is a tenth of the gradient.
    const start = recorded(`distil_x_step${step}`);
    const graph = distillationStep(network, start, { statistics: 'sample', optimizer });
    const session = GraphSession.fromGraph({
      ...graph,
      outputs: { ...graph.outputs, mean: graph.updates!['pictures.mean']! },
      outputNames: ['loss', 'terms', 'mean'],
    });
    const results = (await session.run(numbersOf(optimizer, 0.5, 1) as never)) as never as Record<
      string,
      Tensor<'f32'>
    >;
    await session.release();
    expectNear(results.loss!.data, [arrays.distil_total!.values[step]!], 'total');
    const terms = arrays.distil_terms!.values.slice(step * 6, step * 6 + 6);
    expectNear(results.terms!.data, terms, `terms ${step}`);
    const gradient = results.mean!.data.map((one) => one * 10);
    expectNear(gradient, [...recorded(`distil_grad_step${step}`).data], `gradient ${step}`);
  }
});

test('pictures after three steps are not those of the release', async () => {
  const { pictures, losses } = await distill(teacher(), {
    start: recorded('distil_x_step0'),
    count: 4,
    steps: 3,
    statistics: 'sample',
  });
  expectNear(losses, arrays.distil_total!.values.slice(0, 3), 'losses');
  expectNear(pictures.data, [...recorded('distil_x_step3').data], 'pictures');
});
