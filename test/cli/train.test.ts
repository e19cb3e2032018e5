/** `bitplane train`: its files, its page, its lines. The numbers of training: test/train. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, write, writeMnist } from '../data/fixtures.js';
import { cli } from './cli.js';

/** Two classes of 8x8 pictures, dark and bright. */
async function pictures(): Promise<string> {
  const dir = temporaryFolder();
  for (const split of ['train', 'test'])
    for (const [name, level] of Object.entries({ dark: 20, bright: 200 }))
      for (let i = 0; i < 8; i++) {
        const background = { r: level + 3 * i, g: level, b: level + i };
        const image = sharp({ create: { width: 8, height: 8, channels: 3, background } });
        write(join(dir, split, name, `${i}.png`), await image.png().toBuffer());
      }
  return dir;
}

const folder = (data: string, out: string, ...more: string[]) =>
  cli(
    ...['train', 'float', '--dataset', 'folder', '--size', '8', '--data', data, '--out', out],
    ...['--epochs', '2', '--width', '4', '--batch', '4', '--threads', '1', ...more],
  );

test('the page, the log or the table says something else than the training', async () => {
  const data = await pictures();
  write(join(data, 'train', 'dark', 'broken.png'), 'no picture');
  const out = join(temporaryFolder(), 'run');
  const { code, stdout, stderr } = await folder(data, out);
  expect(stderr).toMatch(/1 pictures are left out, such as .*broken\.png/);
  const lines = stderr.trim().split('\n').slice(-2);
  expect(lines[0]).toMatch(
    /^epoch 1\/2( \w+)?: loss .*, train .* %, test .* %, .* images\/s, .* left$/,
  );
  expect(lines[1]).toMatch(/^epoch 2\/2.* images\/s$/);
  expect(code).toBe(0);
  expect(stdout).toContain('page.html');
  const top1 = Number(/top-1 +([\d.]+) %/.exec(stdout)?.[1]);
  const log = readFileSync(join(out, 'log.jsonl'), 'utf8').trim().split('\n');
  expect(log).toHaveLength(2);
  const page = readFileSync(join(out, 'page.html'), 'utf8');
  expect(page).toContain(`${top1.toFixed(2)} % of 16 test pictures`);
  expect(page).toMatch(/0 of 16 pictures answered differently/);
  expect(page).toMatch(/1 pictures are left out/);
  expect(page.match(/<polyline/g)?.length).toBeGreaterThanOrEqual(4);

  const again = await folder(data, out, '--json', '--resume');
  expect(again.stderr).not.toContain('begins anew');
  const document = JSON.parse(again.stdout);
  expect(document.history).toHaveLength(2);
  expect(document.top1).toBeCloseTo(top1, 2);
});

test('--resume without a checkpoint begins anew without a word', async () => {
  const out = join(temporaryFolder(), 'nothing');
  const { code, stderr } = await folder(await pictures(), out, '--resume');
  expect({
    code,
    told: stderr.includes(`${out} holds no checkpoint: the training begins anew`),
  }).toEqual({
    code: 0,
    told: true,
  });
});

test('a teacher is the folder of a float training, or its file', async () => {
  const data = await pictures();
  const [float, out] = [join(temporaryFolder(), 'float'), join(temporaryFolder(), 'out')];
  expect((await folder(data, float)).code).toBe(0);
  const histories = [];
  for (const teacher of [float, join(float, 'model.safetensors')]) {
    const { code, stdout, stderr } = await cli(
      ...['train', 'real-to-binary', '--dataset', 'folder', '--size', '8', '--data', data],
      ...['--out', out, '--epochs', '3', '--width', '8', '--batch', '4', '--threads', '1'],
      ...['--teacher', teacher, '--json'],
    );
    expect(code, stderr).toBe(0);
    histories.push(JSON.parse(stdout).history.map(({ loss }: { loss: number }) => loss));
  }
  expect(histories[0]).toHaveLength(3);
  expect(histories[1]).toEqual(histories[0]);
  const wanted = await cli(
    ...['train', 'bwn', '--dataset', 'folder', '--size', '8', '--data', data, '--out', out],
    ...['--teacher', float],
  );
  expect(wanted.stderr).toContain('the recipe bwn has no teacher');
});

test('training.json says how it was trained; the folder of a training is a model', async () => {
  const data = await pictures();
  const out = join(temporaryFolder(), 'run');
  await folder(data, out, '--calibrate', '2', '--seed', '3');
  const summary = JSON.parse(readFileSync(join(out, 'training.json'), 'utf8'));
  expect(summary).toMatchObject({
    command:
      'bitplane train float --dataset folder --size 8 --epochs 2 --width 4 --batch 4 ' +
      '--threads 1 --calibrate 2 --seed 3',
    ...{ recipe: 'float', model: 'resnet-20', dataset: 'folder', epochs: 2, differing: 0 },
    bytes: statSync(join(out, 'model.safetensors')).size,
  });
  const evaluated = await cli(
    ...['eval', out, '--dataset', 'folder', '--data', join(data, 'test'), '--json'],
  );
  expect(evaluated.code, evaluated.stdout).toBe(0);
  expect(JSON.parse(evaluated.stdout).top1).toBe(summary.top1);
  expect((await cli('inspect', out)).stdout).toContain('conv2d');
});

describe('bad input', () => {
  test('a folder without a size of its pictures is read first', async () => {
    const { code, stderr } = await cli(
      ...['train', 'float', '--dataset', 'folder', '--data', 'nowhere', '--out', 'nowhere'],
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain('train: expected --size N, for the pictures of a folder');
  });

  test('a damaged data set leaves files behind', async () => {
    const [data, out] = [temporaryFolder(), join(temporaryFolder(), 'run')];
    writeMnist(data, 4);
    writeMnist(data, 4, false, 'train');
    write(join(data, 'train-images-idx3-ubyte'), 'damaged');
    const argv = ['train', 'float', '--dataset', 'mnist', '--data', data, '--out', out];
    const { code, stderr } = await cli(...argv);
    expect(code).not.toBe(0);
    expect(stderr).toContain('train-images-idx3-ubyte');
    expect(existsSync(out)).toBe(false);
  });
});

test('LFC trained as XNOR-Net answers otherwise packed than in floats', async () => {
  const [data, out] = [temporaryFolder(), temporaryFolder()];
  writeMnist(data, 40, false, 'train');
  writeMnist(data, 20);
  const { code, stdout, stderr } = await cli(
    ...['train', 'xnor', '--dataset', 'mnist', '--model', 'lfc', '--data', data, '--out', out],
    ...['--epochs', '1', '--batch', '20', '--json'],
  );
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ model: 'lfc', differing: 0 });
});
