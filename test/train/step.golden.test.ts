/**
 * Two steps of training by PyTorch (test/golden/make-training-steps.py): loss, every gradient,
 * every parameter and running statistic.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { readTensors } from '../../src/formats/tensors.js';
import type * as nn from '../../src/nn/index.js';
import { StateStore } from '../../src/runtime/state-store.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { crossEntropy } from '../../src/train/losses.js';
import { adam, sgd } from '../../src/train/optimizer.js';
import { type ParameterGroup, trainingStep } from '../../src/train/step.js';
import { biReal20 } from '../../src/zoo/bi-real-net.js';
import { resnet20 } from '../../src/zoo/resnet.js';

type Arrays = Readonly<Record<string, Tensor<'f32'>>>;

const FOLDER = process.env.BITPLANE_GOLDEN ?? fileURLToPath(new URL('../golden', import.meta.url));

let golden: Arrays;
beforeAll(async () => {
  golden = await readTensors(readFileSync(join(FOLDER, 'training-steps.safetensors')));
});

const decayed = (decay: number) => sgd({ rate: 0.2, momentum: 0.9, nesterov: true, decay });
const NETWORKS: Readonly<
  Record<string, readonly [() => nn.Model, readonly ParameterGroup[] | ReturnType<typeof adam>]>
> = {
  resnet: [
    () => resnet20({ width: 2, inputSize: 8 }) as nn.Model,
    [
      { takes: ({ role }) => role === 'weight', optimizer: decayed(5e-4) },
      { takes: () => true, optimizer: decayed(0) },
    ],
  ],
  bireal: [() => biReal20({ width: 2, inputSize: 8 }) as nn.Model, adam({ rate: 2.5e-3 })],
};

/**
 * Adam's first steps go by the sign of a gradient: where that is lost in rounding, so is the step,
 * and what follows it.
 */
function isClear(slopes: readonly (Tensor<'f32'> | undefined)[]): (i: number) => boolean {
  return (i) => slopes.every((slope) => slope === undefined || Math.abs(slope.data[i]!) > 1e-5);
}

function trainedCount(model: nn.Model): number {
  return model.parameters.filter(({ role }) => role !== 'mean' && role !== 'variance').length;
}

/** The greatest |a - b| / max(1, |b|) of the elements that count. */
function distance(
  a: Tensor<'f32'>,
  b: Tensor<'f32'>,
  counts: (i: number) => boolean = () => true,
): number {
  expect(a.shape).toEqual(b.shape);
  return a.data.reduce((most, value, i) => {
    const off = Math.abs(value - b.data[i]!) / Math.max(1, Math.abs(b.data[i]!));
    return counts(i) ? Math.max(most, off) : most;
  }, 0);
}

function batch(step: number) {
  const { images, labels } = golden as { images: Tensor<'f32'>; labels: Tensor<'f32'> };
  const [, count, ...picture] = images.shape as number[];
  const each = images.size / 2;
  const targets = new Float32Array(count! * 10);
  for (let i = 0; i < count!; i++) targets[i * 10 + labels.data[step * count! + i]!] = 1;
  return {
    image: new Tensor('f32', images.data.slice(step * each, (step + 1) * each), [
      count!,
      ...picture,
    ]),
    targets: new Tensor('f32', targets, [count!, 10]),
  };
}

describe.each(Object.entries(NETWORKS))('%s', (kind, [build, optimizer]) => {
  test.each([true, false])('two steps are those of PyTorch, optimize: %s', async (optimize) => {
    const model = build();
    const state = Object.fromEntries(
      model.parameters.map(({ name }) => [name, golden[`${kind}.before.${name}`]!]),
    );
    const step = trainingStep(model, state, {
      batchSize: 6,
      optimizer,
      loss: ({ g, output, targets }) => crossEntropy(g, output, targets),
    });
    const store = new StateStore(step.graph);
    const session = Session.fromGraph(step.graph, { states: store, threads: 2, optimize });
    try {
      for (const number of [0, 1]) {
        const results = await session.run({ ...batch(number), ...step.numbers(1, number + 1) });
        const loss = results['loss'] as unknown as Tensor<'f32'>;
        const wanted = golden[`${kind}.${number}.loss`]!.data[0]!;
        expect(Math.abs(loss.data[0]! - wanted)).toBeLessThan(1e-4);
        const far = model.parameters
          .map(({ name }) => {
            const now = store.get(name) as Tensor<'f32'>;
            const slopes = [0, 1].map((step) => golden[`${kind}.${step}.gradient.${name}`]);
            const counts = isClear(slopes.slice(0, number + 1));
            return { name, off: distance(now, golden[`${kind}.${number}.after.${name}`]!, counts) };
          })
          .filter(({ off }) => !(off < 1e-4));
        expect(far).toEqual([]);
        if (number > 0) continue;
        // What the first step leaves in the first moment is the gradient, times a number.
        const first = store.names.filter((name) => /\.(velocity|mean)$/.test(name));
        expect(first.length).toBe(trainedCount(model));
        const wrong = first.filter((name) => {
          const parameter = name.replace(/\.\w+$/, '');
          const { data, shape } = store.get(name) as Tensor<'f32'>;
          const decay = kind === 'resnet' && parameter.endsWith('weight') ? 5e-4 : 0;
          const before = golden[`${kind}.before.${parameter}`]!.data;
          const scale = kind === 'resnet' ? 1 : 10;
          const gradient = data.map((value, i) => value * scale - before[i]! * decay);
          const found = new Tensor('f32', gradient, shape);
          return !(distance(found, golden[`${kind}.0.gradient.${parameter}`]!) < 1e-4);
        });
        expect(wrong).toEqual([]);
      }
    } finally {
      await session.release();
      store.release();
    }
  });
});
