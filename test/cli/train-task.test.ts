/**
 * `bitplane train classifier|packnet|piggyback|grid`: what the files answer is what is told, page
 * and table say the same, and options have their effect. Trainings themselves:
 * ../fusion/add-task.test.ts; options of packnet: ./options.test.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { loadModel } from '../../src/formats/model.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { constantsOf } from '../../src/nn/state.js';
import { blockFloat } from '../../src/quant/formats/block-float.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write, writeMnist } from '../data/fixtures.js';
import { network, preprocess } from '../fusion/tiny.js';
import { cli, type Outcome } from './cli.js';

let dir: string;
const at = (name: string) => join(dir, name);
beforeEach(async () => {
  dir = temporaryFolder();
  writeMnist(at('mnist'), 20);
  writeMnist(at('mnist'), 40, false, 'train');
  // It takes pictures [N, 3, 6, 6]; those of MNIST are gray and larger.
  await saveModel(network(1, 10), at('trunk.safetensors'));
  write(at('trunk.json'), JSON.stringify(preprocess));
});

const train = (training: string, out: string, ...more: string[]) =>
  cli(
    ...['train', training, '--trunk', at('trunk.safetensors'), '--dataset', 'mnist'],
    ...[
      '--data',
      dir,
      '--out',
      at(out),
      '--epochs',
      '2',
      '--batch',
      '20',
      '--threads',
      '1',
      ...more,
    ],
  );
const json = ({ code, stdout, stderr }: Outcome) => {
  expect({ code, stderr: stderr.includes('bitplane:') }).toEqual({ code: 0, stderr: false });
  return JSON.parse(stdout);
};
const evaluated = async (file: string, ...more: string[]) =>
  json(await cli('eval', at(file), ...['--dataset', 'mnist', '--data', dir, '--json'], ...more))
    .top1;

test('pictures of another size and colour are trained on as eval does not feed them', async () => {
  for (const training of ['classifier', 'piggyback']) {
    const html = at(`${training}.html`);
    const told = await train(training, `${training}.safetensors`, '--task', 'new', '--html', html);
    expect(told.stderr).toContain('pictures are made 6x6 in 3 channels');
    const top1 = Number(/top-1 +([\d.]+) % of 20 test pictures/.exec(told.stdout)?.[1]);
    expect(told.stdout).toMatch(/epochs +2\n/);
    expect(await evaluated(`${training}.safetensors`, '--task', 'new')).toBeCloseTo(top1, 2);
    const page = readFileSync(html, 'utf8');
    expect(page).toContain(`${top1.toFixed(2)} % of 20 test pictures`);
    expect(page.match(/<polyline/g)?.length).toBeGreaterThanOrEqual(4);
  }
  const store = json(await cli('inspect', at('piggyback.safetensors'), '--json'));
  expect(store.store.method).toBe('masks');
  expect(store.tasks.map(({ name }: { name: string }) => name)).toEqual(['trunk', 'new']);
});

test('--masks, or the name of the task, has no effect', async () => {
  const told = json(await train('piggyback', 'two.safetensors', '--masks', 'ternary', '--json'));
  expect(told).toMatchObject({ training: 'piggyback', task: 'mnist', n: 20, pictures: 40 });
  const store = json(await cli('inspect', at('two.safetensors'), '--json'));
  expect(store.store.method).toBe('ternary');
  const tuned = await train(
    'grid',
    'o.safetensors',
    '--trunk',
    at('two.safetensors'),
    '--bits',
    '3',
  );
  expect(tuned.stderr).toContain('--trunk: expected a network for train grid');
  expect(store.sizes.bytes.signs).toBe((2 * 792) / 8);
});

test('grid gives a model whose weights are on another grid', async () => {
  const losses: number[] = [];
  for (const more of [[], ['--distill']]) {
    const argv = ['--bits', '2', '--granularity', 'channel', '--json', ...more];
    const told = json(await train('grid', 'tuned.safetensors', ...argv));
    losses.push(told.history.at(-1).loss);
    expect(await evaluated('tuned.safetensors')).toBeCloseTo(told.top1, 6);
    const w = constantsOf(await loadModel(at('tuned.safetensors')))['b.w'] as Tensor<'f32'>;
    const { values } = blockFloat(w, { bits: 2, granularity: 'channel' });
    expect(w.data.map((value) => value + 0)).toEqual(values.data.map((value) => value + 0));
  }
  expect(losses[0]).not.toBe(losses[1]);
  const learned = ['--bits', '2', '--granularity', 'channel', '--distill'];
  const other = ['--exponents', 'learned', '--resume'];
  const again = await train('grid', 'tuned.safetensors', ...learned, ...other);
  expect(again.stderr).toContain('exponents "frozen", but received exponents "learned"');
});

test.each([
  ['grid', ['--task', 'a', '--bits', '4'], '--task: is not taken here: it is of train classifier'],
  ['grid', [], '--bits: expected --bits N for train grid'],
  ['grid', ['--bits', '4', '--granularity', 'block8'], 'expected tensor or channel'],
  ['classifier', ['--prune', '0.5'], '--prune: is not taken here: it is of train packnet'],
  ['piggyback', ['--norms'], '--norms: is not taken here: it is of train classifier'],
  ['classifier', ['--masks', 'binary'], '--masks: is not taken here: it is of train piggyback'],
  ['piggyback', ['--distill'], '--distill: is not taken here: it is of train packnet, grid'],
  ['piggyback', ['--exponents', 'learned'], '--exponents: is not taken here'],
  ['piggyback', ['--trunk-task', 'a=mnist'], 'piggyback does not train the trunk'],
  ['classifier', ['--task', 'a/b'], 'a name of the task of at most 64'],
  ['classifier', ['--trunk-task', 'mnist'], 'a name that no task of the trunk has'],
  ['packnet', ['--epochs', '2', '--trunk-task', 'a=mnist'], 'epochs of at least 3'],
])('a bad call of %s with %s begins', async (training, argv, sentence) => {
  const { code, stderr } = await train(training, 'out.safetensors', ...argv);
  expect(code).not.toBe(0);
  expect(stderr).toContain(sentence);
  expect(existsSync(at('out.safetensors'))).toBe(false);
});

test('a trunk that takes other colours is fed them wrongly', async () => {
  write(at('trunk.json'), JSON.stringify({ ...preprocess, color: 'bgr' }));
  expect((await train('classifier', 'out.safetensors')).stderr).toContain(
    'a trunk that takes rgb or gray pictures as they are but received "bgr"',
  );
});
