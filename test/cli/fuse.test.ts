/**
 * `bitplane fuse`: widths that it chooses on one half of the pictures and confirms on the other,
 * and going on where an earlier call was stopped. Not here: single options (./options.test.ts).
 */
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { isWithin } from '../../src/cli/fuse-accuracy.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write, writeMnist } from '../data/fixtures.js';
import { random } from '../random.js';
import { cli, type Outcome } from './cli.js';

let dir: string;
const at = (name: string) => join(dir, name);
beforeEach(async () => {
  dir = temporaryFolder();
  writeMnist(at('mnist'), 40);
  for (const [i, name] of ['one', 'two'].entries()) {
    const draw = random(i);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 784]);
    const weights = (o: number, k: number) =>
      g.constant(
        new Tensor(
          'f32',
          Float32Array.from({ length: o * k }, () => draw() - 0.5),
          [o, k],
        ),
      );
    const h = g.relu(g.dense(x, weights(16, 784), { name: 'a' }));
    await saveModel(
      g.graph([x], { y: g.dense(h, weights(10, 16), { name: 'b' }) }),
      at(`${name}.safetensors`),
    );
    write(at(`${name}.json`), JSON.stringify({ layout: 'flat', color: 'gray', scale: 1 / 255 }));
  }
});

const fuse = (...more: string[]) =>
  cli(
    ...['fuse', at('one.safetensors'), at('two.safetensors'), '-o', at('store.safetensors')],
    ...['--task', 'one=mnist', '--task', 'two=mnist', '--data', dir, '--json', ...more],
  );
const json = ({ code, stdout, stderr }: Outcome) => {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

test.each([
  ['bfp', 1, 24],
  ['ieee754', 0, 23],
])('auto is not the fewest bits, or confirms on the same half: %s', async (method, least, most) => {
  const got = json(await fuse('--method', method, '--bits', 'auto', '--tolerance', '0'));
  for (const [i, { choice, float, fused, name }] of got.tasks.entries()) {
    const { bits, tried } = choice;
    expect([float.n, fused.n, choice.float.n, tried[0].n]).toEqual([20, 20, 20, 20]);
    expect(bits).toBeGreaterThanOrEqual(least);
    expect(bits).toBeLessThanOrEqual(most);
    expect(got.bits[i]).toBe(method === 'ieee754' && i === 0 ? 23 - bits : bits);
    for (const { bits: width, top1 } of tried) {
      if (width < bits) expect(top1).toBeLessThan(choice.float.top1);
      if (width === bits) expect(top1).toBeGreaterThanOrEqual(choice.float.top1);
    }
    // What the store computes is what the confirmation says.
    const whole = json(
      await cli(
        'eval',
        at('store.safetensors'),
        '--task',
        name,
        '--dataset',
        'mnist',
        '--data',
        dir,
        '--json',
      ),
    );
    expect(whole.n).toBe(40);
  }
});

test('a second call measures again what the first has measured', async () => {
  const auto = ['--method', 'bfp', '--bits', 'auto'];
  const first = json(await fuse(...auto));
  const kept = at('store.safetensors.auto.json');
  const before = readFileSync(kept, 'utf8');
  expect(Object.keys(JSON.parse(before).accuracies).length).toBeGreaterThan(8);
  // Answers that no measurement gives show where they come from.
  const { format, accuracies } = JSON.parse(before);
  const changed = Object.fromEntries(
    Object.entries(accuracies as Record<string, object>).map(([k, v]) => [k, { ...v, top1: 50 }]),
  );
  write(kept, JSON.stringify({ format, accuracies: changed }));
  const second = json(await fuse(...auto));
  expect(second.tasks.map((task: { float: { top1: number } }) => task.float.top1)).toEqual([
    50, 50,
  ]);
  expect(second.bits).toEqual([1, 1]);
  expect(first.bits).not.toEqual([1, 1]);
  write(kept, 'no json');
  expect((await fuse(...auto)).stdout).toContain('accuracies that an earlier call measured');
});

test('0.2 points of 94.8 are more than 0.2 points', () => {
  const float = { top1: 94.8, n: 500 };
  expect(isWithin(float, { top1: 94.6, n: 500 }, 0.2)).toBe(true);
  expect(isWithin(float, { top1: 94.59, n: 500 }, 0.2)).toBe(false);
});

test('a task whose bits lose more on the other half is not told', async () => {
  const auto = ['--method', 'bfp', '--bits', 'auto', '--tolerance', '100'];
  expect(json(await fuse(...auto)).notes).toEqual([]);
  expect(existsSync(at('store.safetensors'))).toBe(true);
});

test('auto without a data set, or a store over a model, is begun', async () => {
  const models = ['fuse', at('one.safetensors'), at('two.safetensors')];
  const more = ['--method', 'bfp', '--bits', 'auto', '-o'];
  expect((await cli(...models, ...more, at('store.safetensors'))).stderr).toContain(
    '--task: expected --task one=DATASET for --bits auto but received no data set',
  );
  const fixed = ['--method', 'bfp', '--bits', '4,4', '-o'];
  expect((await cli(...models, ...fixed, at('one.safetensors'))).stderr).toContain(
    '--out: expected another file than a model that is read',
  );
  symlinkSync(at('one.safetensors'), at('link.safetensors'));
  for (const same of [`${dir}/./one.safetensors`, at('link.safetensors')])
    expect((await cli(...models, ...fixed, same)).stderr).toContain(
      'another file than a model that is read',
    );
  expect((await cli(...models, ...fixed, at('store.onnx'))).stderr).toContain(
    'ends in .safetensors',
  );
  expect((await cli(...models, ...fixed, at('s.safetensors'), '--limit', '3')).stderr).toContain(
    '--limit: is not taken here',
  );
});

test('people read other columns than documents have', async () => {
  const { code, stdout } = await cli(
    ...['fuse', at('one.safetensors'), at('two.safetensors'), '-o', at('store.safetensors')],
    ...['--method', 'bfp', '--bits', '12,11'],
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/mantissas +35.2 KiB +23\n/);
  expect(stdout).toContain('alpha + 2s = 34 of 64 bits, 53.13 %; here 25, 39.06 %');
  const shown = await cli('inspect', at('store.safetensors'));
  expect(shown.stdout).toContain('store.safetensors, a store: bfp, low bits read as mask');
  expect(shown.stdout).toMatch(/resident +.* of weights with all tasks in use/);
});

test('quantize writes a model of one task, or its activations are no codes', async () => {
  writeMnist(at('mnist'), 30, false, 'train');
  const [store, few, both] = ['store', 'few', 'both'].map((name) => at(`${name}.safetensors`));
  json(await fuse('--method', 'bfp', '--bits', '7,4'));
  const quantize = (from: string, to: string, ...more: string[]) =>
    cli(
      ...['quantize', from, to, '--weights', 'shared', '--dataset', 'mnist', '--data', dir],
      ...['--json', ...more],
    );
  const one = json(await quantize(store!, few!, '--task', 'one', '--calibrate', '20'));
  expect(one.layers.map((layer: { activations: object | null }) => layer.activations)).toEqual([
    expect.objectContaining({ spec: 'uint8-asymmetric' }),
    null,
  ]);
  expect([one.calibration.pictures, one.accuracy.after.n]).toEqual([20, 40]);
  expect(one.notes.join()).toContain('those of the store');
  json(await quantize(few!, both!, '--task', 'two'));
  for (const task of ['one', 'two']) {
    const shown = await cli('inspect', both!, '--task', task);
    expect(shown.stdout).toContain('qconv');
    expect((await cli('inspect', few!, '--task', 'two')).stdout).not.toContain('qconv');
  }
  for (const [more, sentence] of [
    [['--task', 'one', '--per-channel'], '--per-channel: is not taken here: shared weights stay'],
    [['--task', 'one', '--method', 'dfq'], '--method: is not taken here: shared weights stay'],
    [['--task', 'one', '--activations', 'float'], 'nothing else is left to quantize'],
    [['--task', 'none'], 'one of one, two'],
    [['--task', 'one'], 'it was quantized before'],
  ] as const)
    expect((await quantize(few!, both!, ...more)).stdout).toContain(sentence);
  const model = await quantize(at('one.safetensors'), both!);
  expect(model.stdout).toContain('--task NAME of a store for --weights shared');
});
