/**
 * The grid of block floats as ops is that of numbers, its gradients are those of LSQ by hand, and a
 * network tuned on it is on it. Not here: the format (./tensors.test.ts).
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import { decodeStore, encodeStore } from '../../src/formats/store/store.js';
import { fineTune } from '../../src/fusion/fine-tune.js';
import { fuseNetworks } from '../../src/fusion/fuse-networks.js';
import { type GridOptions, gridExponents, gridValues, gridWeights } from '../../src/fusion/grid.js';
import { taskGraph } from '../../src/fusion/store-file.js';
import type { Value } from '../../src/graph/value.js';
import { constantsOf } from '../../src/nn/state.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { channelsLast } from '../../src/passes/index.js';
import { blockFloat } from '../../src/quant/formats/block-float.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder } from '../data/fixtures.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { random } from '../random.js';
import { network, preprocess, sets } from './tiny.js';

const SHAPE = [6, 5, 3];
function weights(seed: number, scale = 1): Tensor<'f32'> {
  const draw = random(seed);
  const data = Float32Array.from({ length: 90 }, (_, i) =>
    i < 15 ? 0 : scale * (draw() - 0.5) * 2 ** -Math.floor(4 * draw()),
  );
  return new Tensor('f32', data, SHAPE);
}

function inOps(w: Tensor<'f32'>, exponents: Tensor<'f32'>, options: GridOptions) {
  const g = new GraphBuilder();
  const [a, e] = [g.input('w', 'f32', w.shape), g.input('e', 'f32', exponents.shape)];
  const y = gridWeights(g, 'grid', a, e, options);
  // A slope of its own for each number.
  const slope = Float32Array.from({ length: w.size }, (_, i) => Math.cos(i));
  const upstream = g.constant(new Tensor('f32', slope, w.shape)) as Value<'f32'>;
  const loss = g.reduce(g.mul(y, upstream), 'sum', [0, 1, 2]);
  const [dw, de] = gradients(g, loss, [a, e]);
  const results = evaluateGraph(g.graph([a, e], { y, dw: dw!, de: de! }), { w, e: exponents });
  return { ...results, slope } as Record<'y' | 'dw' | 'de', Tensor<'f32'>> & {
    slope: Float32Array;
  };
}

describe.each<GridOptions>([
  { bits: 1 },
  { bits: 4 },
  { bits: 24 },
  { bits: 3, granularity: 'channel' },
])('%o', (options) => {
  test.each([1, 1e-30, 3e37])('numbers of size %d are others than blockFloat has', (scale) => {
    const w = weights(1, scale);
    const exponents = gridExponents(w, options);
    const { values } = blockFloat(w, options);
    expect(gridValues(w, exponents, options)).toEqual(values);
    expect([...inOps(w, exponents, options).y.data]).toEqual([...values.data]);
  });

  test('gradients are not the straight-through ones', () => {
    const w = weights(2);
    const own = gridExponents(w, options);
    // Off the whole numbers, and low, so that numbers are clipped.
    const exponents = new Tensor(
      'f32',
      own.data.map((e) => e - 0.8),
      own.shape,
    );
    const { dw, de, slope, y } = inOps(w, exponents, options);
    const { bits } = options;
    const most = 2 ** bits - 1;
    const sums = new Float64Array(own.size);
    for (let i = 0; i < w.size; i++) {
      const group = own.size === 1 ? 0 : Math.floor(i / 15);
      const unit = 2 ** (Math.round(exponents.data[group]!) - bits + 1);
      const v = w.data[i]! / unit;
      const isInside = Math.abs(v) <= most;
      expect(dw.data[i]).toBeCloseTo(isInside ? slope[i]! : 0, 6);
      const part = isInside ? y.data[i]! / unit - v : Math.sign(v) * most;
      sums[group]! += (slope[i]! * part * unit * Math.LN2) / Math.sqrt(w.size * most);
    }
    for (const [group, sum] of sums.entries()) expect(de.data[group]).toBeCloseTo(sum, 4);
  });
});

test('bad options', () => {
  expect(() => gridExponents(weights(1), { bits: 25 })).toThrow('bits from 1 to 24');
  const block = { bits: 3, granularity: { block: 2 } as never };
  expect(() => gridValues(weights(1), weights(1), block)).toThrow('a tensor or a channel');
});

describe('a tuned network', () => {
  const options = { bits: 3, pictures: sets(1, 4), preprocess, batchSize: 8, threads: 1 };

  test.each(['frozen', 'learned'] as const)(
    'exponents %s: it is off its grid',
    async (exponents) => {
      const float = network(1, 4);
      const { graph, history } = await fineTune(float, {
        ...options,
        ...{ exponents, epochs: 8, distill: true, granularity: 'channel' as const },
      });
      expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
      const own = constantsOf(graph);
      for (const name of ['a.w', 'b.w']) {
        const w = own[name] as Tensor<'f32'>;
        const rounded = blockFloat(w, { bits: 3, granularity: 'channel' }).values;
        expect(w.data.map((value) => value + 0)).toEqual(rounded.data.map((value) => value + 0));
        expect(w.data).not.toEqual(constantsOf(channelsLast(float))[name]!.data);
      }
      // What fuse makes of it is the network itself.
      const { store } = fuseNetworks(
        [
          ['a', graph],
          ['b', graph],
        ],
        { method: 'bfp', bits: [3, 3], granularity: 'channel' },
      );
      const task = taskGraph(decodeStore(encodeStore(store)), 'b');
      const x = new Tensor('f32', new Float32Array(108).map(Math.sin as never), [1, 3, 6, 6]);
      const answers = [graph, task].map((one) => [...evaluateGraph(one, { x }).y!.data]);
      for (const [i, answer] of answers[1]!.entries())
        expect(answer).toBeCloseTo(answers[0]![i]!, 5);
    },
  );

  test('going on gives other bits than going through', async () => {
    const epochs = 3;
    const whole = await fineTune(network(1, 4), { ...options, epochs });
    const checkpoint = join(temporaryFolder(), 'tuned');
    const stopped = new AbortController();
    const halfway = fineTune(network(1, 4), {
      ...{ ...options, epochs, checkpoint, signal: stopped.signal },
      onEpoch: ({ epoch }) => epoch === 2 && stopped.abort(),
    });
    await expect(halfway).rejects.toThrow('aborted');
    const on = { ...options, epochs, checkpoint, resume: true };
    const resumed = await fineTune(network(1, 4), on);
    expect(constantsOf(resumed.graph)).toEqual(constantsOf(whole.graph));
    await expect(fineTune(network(1, 4), { ...on, bits: 4 })).rejects.toThrow('bits 3');
  });
});
