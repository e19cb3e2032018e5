/** The demo without data, and with data that is damaged. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli/program.js';
import { temporaryFolder, write, writeCifar10, writeMnist } from '../data/fixtures.js';
import { cli, fakeIo, writeDenseModel } from './cli.js';

test('without data: a seeded network on a generated picture, packed and float agree', {
  timeout: 60_000,
}, async () => {
  const { code, stdout } = await cli('demo', '--data', temporaryFolder());
  expect(code).toBe(0);
  expect(stdout).toMatch(/^a seeded, untrained binary network, on a picture of a generated disc\n/);
  // A network that was never trained has no answers: outputs are numbered, not named.
  expect(stdout).toMatch(
    /the network was never trained: .*\n\npicture +highest\n-+ +-+\n +0 +output \d\n\n/,
  );
  expect(stdout).toMatch(
    /largest difference between the packed and the float network's outputs: 0\n/,
  );
  for (const line of [
    /^time an image, packed +[\d.,]+ (us|ms)$/m,
    /^time an image, float +[\d.,]+ (us|ms) \([\d.,]+ times as long\)$/m,
    /^size on disk, packed +[\d.,]+ KiB$/m,
    /^size on disk, float +[\d.,]+ MiB \([\d.,]+ times as large\)$/m,
  ])
    expect(stdout).toMatch(line);
});

test('with CIFAR-10 but no network for it, the seeded network runs on a real picture', {
  timeout: 60_000,
}, async () => {
  const dir = temporaryFolder();
  writeCifar10(join(dir, 'cifar-10-batches-bin'), 3);
  const { code, stdout } = await cli('demo', '--data', dir);
  expect(code).toBe(0);
  expect(stdout).toMatch(/on a picture of cifar10 test\n/);
  expect(stdout).not.toMatch(/class\d/);
});

test('with MNIST but no network for it, the seeded network runs on a digit', {
  timeout: 60_000,
}, async () => {
  const dir = temporaryFolder();
  writeMnist(join(dir, 'mnist'), 3);
  expect(await cli('demo', '--data', dir)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/on a picture of mnist test\n/),
  });
});

test('a damaged data set is an error, not another picture', async () => {
  const dir = temporaryFolder();
  write(join(dir, 'test_batch.bin'), 'damaged');
  expect(await cli('demo', '--data', dir)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('test_batch.bin'),
  });
});

test('a folder that does not exist is an error, named by --data or by BITPLANE_DATA', async () => {
  const none = join(temporaryFolder(), 'none');
  expect(await cli('demo', '--data', none)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining(none),
  });
  const io = fakeIo({ BITPLANE_DATA: none });
  expect(await main(['demo'], io)).toBe(1);
  expect(io.err()).toContain(none);
});

describe('a network in the folder itself', () => {
  /** Ten scores for MNIST's pictures, and the recipe beside it. */
  const network = async (dir: string, recipe: object) => {
    writeMnist(join(dir, 'mnist'), 20);
    const path = await writeDenseModel(dir, 'N', 'mine');
    write(join(dir, 'mine.json'), JSON.stringify(recipe));
    return path;
  };
  const preprocess = { layout: 'flat', color: 'gray', scale: 1 / 255 };

  test('with its recipe it is shown on the pictures it fits', { timeout: 60_000 }, async () => {
    const dir = temporaryFolder();
    await network(dir, { preprocess, labels: [...'0123456789'] });
    const { code, stdout } = await cli('demo', '--data', dir);
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe(`mine, on mnist test pictures from ${dir}`);
    expect(stdout).toMatch(/picture +answer +truth\n[- ]+\n +0 +\d +0\n +1 +\d +3\n/);
    expect(stdout).toMatch(/accuracy on all 20 pictures/);
  });

  test('one that fits no pictures, or has no recipe, is named with the reason', {
    timeout: 60_000,
  }, async () => {
    const dir = temporaryFolder();
    const path = await network(dir, { preprocess, labels: [...'abcdefghij'] });
    const { stdout } = await cli('demo', '--data', dir);
    expect(stdout).toMatch(/^a seeded, untrained binary network/);
    expect(stdout).toContain(
      `\n${path} is not shown: its labels are not the classes of mnist test\n`,
    );
    rmSync(join(dir, 'mine.json'));
    expect((await cli('demo', '--data', dir)).stdout).toContain(`${path} is not shown: no recipe`);
  });
});
