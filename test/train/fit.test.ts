import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { flip, randomCrop } from '../../src/data/augment/index.js';
import { pickPictures, pictureSet } from '../../src/data/picture-set.js';
import { Session } from '../../src/formats/session.js';
import * as nn from '../../src/nn/index.js';
import * as quant from '../../src/quant/index.js';
import { evaluate } from '../../src/train/evaluate.js';
import { fit } from '../../src/train/fit.js';
import type { FitOptions } from '../../src/train/fit-options.js';
import { crossEntropy } from '../../src/train/losses.js';
import { adam, sgd } from '../../src/train/optimizer.js';
import { constant } from '../../src/train/schedules.js';
import { random } from '../random.js';

/** Bright left halves against bright right halves, noisy: 6 x 6 x 1. */
function halves(count: number, seed: number) {
  const next = random(seed);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  const pixels = new Uint8Array(count * 36);
  for (let i = 0; i < pixels.length; i++) {
    const [column, picture] = [i % 6, Math.floor(i / 36)];
    const bright = column < 3 === (labels[picture] === 0);
    pixels[i] = 60 + (bright ? 110 : 0) + Math.floor(next() * 60);
  }
  return pictureSet({
    name: 'halves',
    classes: ['left', 'right'],
    pictureShape: [6, 6, 1],
    normalization: { mean: [0.5], std: [0.25] },
    pixels,
    labels,
  });
}

const train = halves(96, 1);
const held = halves(40, 2);

const binaryNet = () =>
  nn.model(
    { input: { name: 'image', shape: ['N', 6, 6, 1] } },
    nn.sequential([
      nn.conv2d({ filters: 4, kernel: 3, pads: 1, name: 'stem' }),
      nn.batchNorm({ name: 'bn1' }),
      nn.conv2d({
        filters: 4,
        kernel: 3,
        pads: 1,
        weights: quant.scaledSign(),
        inputs: quant.signActivation(),
        name: 'binary',
      }),
      nn.batchNorm({ name: 'bn2' }),
      nn.relu(),
      nn.flatten(),
      nn.dense({ units: 2, name: 'fc' }),
    ]),
  ) as nn.Model;

const settings: FitOptions = {
  epochs: 4,
  batchSize: 16,
  optimizer: adam({ rate: 0.01 }),
  seed: 3,
  threads: 1,
  augment: [randomCrop({ padding: 1, mode: 'zero' })],
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bitplane-fit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('fit', () => {
  test('learns, and the packed network answers every picture as the evaluated one', async () => {
    const model = binaryNet();
    const { state, history } = await fit(model, { train, test: held }, settings);
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
    expect(history.at(-1)!.testAccuracy).toBeGreaterThan(95);
    const answers: Int32Array[] = [];
    for (const optimize of [true, false]) {
      const session = Session.fromGraph(model.graph(state), { optimize });
      const { normalization } = train;
      const found = await evaluate(session as never, held, { normalization });
      answers.push(found.predictions);
      expect(found.accuracy * 100).toBeCloseTo(history.at(-1)!.testAccuracy!, 9);
      expect(found.loss).toBeCloseTo(history.at(-1)!.testLoss!, 5);
      await session.release();
    }
    expect(answers[0]).toEqual(answers[1]);
  });

  test('the same seed and threads give the same bits, another seed others', async () => {
    const run = async (seed: number) =>
      (await fit(binaryNet(), { train }, { ...settings, epochs: 2, seed })).state;
    const [first, again, other] = [await run(3), await run(3), await run(4)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test("a callback's 'stop' ends the training after its epoch, with what it has", async () => {
    const same = { ...settings, schedule: constant() };
    const stopped = await fit(
      binaryNet(),
      { train },
      { ...same, callbacks: { onEpoch: ({ epoch }) => (epoch === 2 ? 'stop' : undefined) } },
    );
    const short = await fit(binaryNet(), { train }, { ...same, epochs: 2 });
    expect(stopped.history).toHaveLength(2);
    expect(stopped.state).toEqual(short.state);
  });

  test('goes on from a checkpoint to the result of an uninterrupted training', async () => {
    const whole = await fit(binaryNet(), { train, test: held }, settings);
    const checkpoint = join(folder, 'checkpoint.safetensors');
    const controller = new AbortController();
    const aborted = fit(
      binaryNet(),
      { train, test: held },
      {
        ...settings,
        checkpoint,
        signal: controller.signal,
        callbacks: { onEpoch: ({ epoch }) => (epoch === 2 ? controller.abort() : undefined) },
      },
    );
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const resumed = await fit(
      binaryNet(),
      { train, test: held },
      { ...settings, checkpoint, resume: true },
    );
    expect(resumed.state).toEqual(whole.state);
    expect(resumed.history.map(({ loss }) => loss)).toEqual(whole.history.map(({ loss }) => loss));
  });

  test('keeps the old checkpoint whole where a new one cannot be written', async () => {
    const checkpoint = join(folder, 'gone', 'checkpoint.safetensors');
    await expect(fit(binaryNet(), { train }, { ...settings, checkpoint })).rejects.toMatchObject({
      code: 'ERR_IO',
    });
  });

  test('refuses a checkpoint that is damaged or of another training, by name', async () => {
    const checkpoint = join(folder, 'checkpoint.safetensors');
    const resume = (more: Partial<FitOptions> = {}) =>
      fit(binaryNet(), { train }, { ...settings, epochs: 1, checkpoint, resume: true, ...more });
    await resume();
    await expect(resume({ seed: 9 })).rejects.toThrow(
      /checkpoint.*expected the settings that the checkpoint was trained with, seed 3.*seed 9/,
    );
    const bytes = readFileSync(checkpoint);
    for (const at of [100, bytes.length - 7]) {
      const altered = Buffer.from(bytes);
      altered[at] = (altered[at] as number) ^ 1;
      writeFileSync(checkpoint, altered);
      await expect(resume()).rejects.toMatchObject({ code: 'ERR_FORMAT', node: checkpoint });
    }
    writeFileSync(checkpoint, bytes.subarray(0, bytes.length - 7));
    await expect(resume()).rejects.toMatchObject({ code: 'ERR_FORMAT', node: checkpoint });
    writeFileSync(checkpoint, 'nothing');
    await expect(resume()).rejects.toMatchObject({ code: 'ERR_FORMAT', node: checkpoint });
  });

  test('stops at a loss that is not finite, naming epoch, step and the first op', async () => {
    const wild = fit(
      binaryNet(),
      { train },
      {
        ...settings,
        optimizer: sgd({ rate: 1e30 }),
        schedule: constant(),
      },
    );
    await expect(wild).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    await expect(wild).rejects.toThrow(
      new RegExp(
        '^\\w+ "[^"]+": expected a finite loss but received (NaN|-?Infinity) in epoch 1, ' +
          'step \\d+; the first numbers that are not finite are those of this op$',
      ),
    );
  });

  const wrong: readonly [string, Partial<FitOptions>, RegExp][] = [
    ['a batch larger than the set', { batchSize: 500 }, /batchSize of at most 96/],
    ['more batches a step than an epoch has', { accumulate: 7 }, /accumulate of at most 6/],
    ['half a batch a step', { accumulate: 0.5 }, /accumulate to be a whole number of 1 or more/],
    ['no epochs', { epochs: 0 }, /epochs to be a whole number of 1 or more/],
    ['an option that does not exist', { epoch: 3 } as never, /epoch/],
    [
      'a parameter that the loss does not depend on',
      { loss: ({ g, targets }) => crossEntropy(g, g.surrogate(targets), targets) },
      /a value that the loss .* depends on/,
    ],
  ];
  test.each(wrong)('refuses %s before the first step', async (_what, more, message) => {
    await expect(fit(binaryNet(), { train }, { ...settings, ...more })).rejects.toThrow(message);
  });

  test('refuses pictures and classes that the model does not have', async () => {
    const wide = nn.model(
      { input: { name: 'image', shape: ['N', 8, 8, 1] } },
      nn.sequential([nn.flatten(), nn.dense({ units: 2 })]),
    ) as nn.Model;
    await expect(fit(wide, { train }, settings)).rejects.toThrow(/pictures of shape \[8, 8, 1\]/);
    const three = nn.model(
      { input: { name: 'image', shape: ['N', 6, 6, 1] } },
      nn.sequential([nn.flatten(), nn.dense({ units: 3 })]),
    ) as nn.Model;
    await expect(fit(three, { train }, settings)).rejects.toThrow(/output of 2 numbers/);
    const none = pickPictures(train, 'none', new Uint32Array(0));
    await expect(fit(binaryNet(), { train: none }, settings)).rejects.toThrow(
      /at least one picture/,
    );
  });

  test('frozen parameters stay, a constraint holds, and mirrored pictures are fed', async () => {
    const model = binaryNet();
    const state = model.init(3);
    const { state: after } = await fit(
      model,
      { train },
      {
        ...settings,
        epochs: 1,
        state,
        augment: [flip({ probability: 1 })],
        frozen: ({ name }) => name.startsWith('stem/'),
        constraint: ({ name }) =>
          name === 'fc/weight' ? (g, w) => g.clip(w, -0.01, 0.01) : undefined,
        clipNorm: 1,
      },
    );
    expect(after['stem/weight']).toEqual(state['stem/weight']);
    expect(Math.max(...after['fc/weight']!.data.map(Math.abs))).toBeLessThanOrEqual(
      Math.fround(0.01),
    );
    expect(after['binary/weight']).not.toEqual(state['binary/weight']);
  });

  test('several batches make one step, without batch norm that of one batch', async () => {
    const plain = nn.model(
      { input: { name: 'image', shape: ['N', 6, 6, 1] } },
      nn.sequential([
        nn.conv2d({ filters: 3, kernel: 3 }),
        nn.relu(),
        nn.flatten(),
        nn.dense({ units: 2 }),
      ]),
    ) as nn.Model;
    const run = (batchSize: number, accumulate: number) =>
      fit(
        plain,
        { train },
        { ...settings, augment: [], epochs: 2, batchSize, accumulate, clipNorm: 0.5 },
      );
    const [whole, parts] = [await run(24, 1), await run(8, 3)];
    for (const [name, { data }] of Object.entries(whole.state))
      for (const [i, value] of data.entries())
        expect(parts.state[name]!.data[i]).toBeCloseTo(value, 5);
    expect(parts.history.at(-1)!.loss).toBeCloseTo(whole.history.at(-1)!.loss, 5);
    expect(parts.state['conv2d/weight']).not.toEqual(plain.init(3)['conv2d/weight']);
  });

  test('steps are counted and rates follow by steps of several batches', async () => {
    const seen: number[] = [];
    const rates: number[] = [];
    await fit(
      binaryNet(),
      { train },
      {
        ...settings,
        epochs: 1,
        batchSize: 8,
        accumulate: 5, // 12 batches: 2 steps, and 2 batches that are left out
        schedule: ({ step, steps }) => {
          rates.push(step / steps);
          return 1;
        },
        callbacks: { onStep: ({ step, steps }) => seen.push(step, steps) },
      },
    );
    expect(seen.filter((_, i) => i % 2 === 0)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 1, 2]);
    expect(new Set(seen.filter((_, i) => i % 2 === 1))).toEqual(new Set([2]));
    expect(new Set(rates)).toEqual(new Set([0, 0.5]));
  });

  test('goes on from a checkpoint between steps of several batches', async () => {
    const more = { ...settings, batchSize: 8, accumulate: 2, epochs: 2 };
    const whole = await fit(binaryNet(), { train }, more);
    const checkpoint = join(folder, 'checkpoint.safetensors');
    const callbacks = {
      onEpoch: ({ epoch }: { epoch: number }) => (epoch === 1 ? 'stop' : undefined),
    };
    await fit(binaryNet(), { train }, { ...more, checkpoint, callbacks: callbacks as never });
    const resumed = await fit(binaryNet(), { train }, { ...more, checkpoint, resume: true });
    expect(resumed.state).toEqual(whole.state);
  });
});
