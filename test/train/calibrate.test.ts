import { describe, expect, test } from 'vitest';
import { batches } from '../../src/data/batches.js';
import { pictureSet } from '../../src/data/picture-set.js';
import * as nn from '../../src/nn/index.js';
import * as quant from '../../src/quant/index.js';
import { type CalibrateOptions, calibrate } from '../../src/train/calibrate.js';
import { random } from '../random.js';

function noise(count: number) {
  const next = random(5);
  return pictureSet({
    name: 'noise',
    classes: ['a', 'b'],
    pictureShape: [4, 4, 3],
    normalization: { mean: [0.4, 0.6, 0.5], std: [0.2, 0.3, 0.4] },
    pixels: Uint8Array.from({ length: count * 48 }, () => Math.floor(next() * 256)),
    labels: Int32Array.from({ length: count }, (_, i) => i % 2),
  });
}

const set = noise(50);

/** Its first batch norm sees the pictures themselves. */
const model = nn.model(
  { input: { name: 'image', shape: ['N', 4, 4, 3] } },
  nn.sequential([
    nn.batchNorm({ name: 'first', momentum: 0.3 }),
    nn.conv2d({
      filters: 3,
      kernel: 3,
      weights: quant.scaledSign(),
      inputs: quant.signActivation(),
      name: 'binary',
    }),
    nn.batchNorm({ name: 'second' }),
    nn.flatten(),
    nn.dense({ units: 2 }),
  ]),
) as nn.Model;

const state = model.init(1);

describe('calibrate', () => {
  test('means of the statistics of batches, whatever they were before', async () => {
    const wrong: nn.State = { ...state, 'first/mean': state['first/variance']! };
    const order = { batchSize: 10, seed: 7 };
    const counted = await calibrate(model, wrong, set, { ...order, batches: 3 });
    const means = [0, 0, 0];
    const variances = [0, 0, 0];
    for (const { step, x } of batches(set, { ...order, shuffle: true })) {
      if (step === 3) break;
      for (const channel of [0, 1, 2]) {
        const values = [...x].filter((_, i) => i % 3 === channel);
        const mean = values.reduce((a, b) => a + b) / values.length;
        const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
        means[channel]! += mean / 3;
        variances[channel]! += squares / (values.length - 1) / 3;
      }
    }
    for (const channel of [0, 1, 2]) {
      expect(counted['first/mean']!.data[channel]).toBeCloseTo(means[channel]!, 5);
      expect(counted['first/variance']!.data[channel]).toBeCloseTo(variances[channel]!, 5);
    }
    expect(counted['second/mean']).not.toEqual(state['second/mean']);
    for (const { name, role } of model.parameters)
      if (role !== 'mean' && role !== 'variance') expect(counted[name]).toBe(wrong[name]);
  });

  test('a network without batch norms stays as it is', async () => {
    const plain = nn.model(
      { input: { name: 'image', shape: ['N', 4, 4, 3] } },
      nn.sequential([nn.flatten(), nn.dense({ units: 2 })]),
    ) as nn.Model;
    const begun = plain.init(1);
    expect(await calibrate(plain, begun, set, { batchSize: 5 })).toEqual(begun);
  });

  const wrong: readonly [string, CalibrateOptions, RegExp][] = [
    ['more batches than there are', { batchSize: 20, batches: 3 }, /batches to be 1 to 2/],
    ['a batch larger than the set', { batchSize: 51 }, /batchSize of at most 50/],
    ['an option that does not exist', { batch: 3 } as never, /did you mean "batches"/],
  ];
  test.each(wrong)('refuses %s', async (_what, options, message) => {
    await expect(calibrate(model, state, set, options)).rejects.toThrow(message);
  });

  test('can be aborted', async () => {
    const options = { batchSize: 10, signal: AbortSignal.abort() };
    await expect(calibrate(model, state, set, options)).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });
});
