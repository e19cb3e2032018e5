/** The demo without data, and with data that is damaged. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder, write, writeCifar10, writeMnist } from '../data/fixtures.js';
import { cli } from './cli.js';

test('without data: a seeded network on a generated picture, packed and float agree', { timeout: 60_000 }, async () => {
  const { code, stdout } = await cli('demo', '--data', temporaryFolder());
  expect(code).toBe(0);
  expect(stdout).toMatch(/^a seeded, untrained binary network, on a picture of a generated disc\n/);
  expect(stdout).toMatch(/largest difference between the packed and the float network's outputs: 0\n/);
  expect(stdout).toMatch(/time an image, packed +[\d.,]+ (us|ms)\ntime an image, float +[\d.,]+ (us|ms) \([\d.,]+ times as long\)/);
  expect(stdout).toMatch(/size on disk, packed +[\d.,]+ KiB\nsize on disk, float +[\d.,]+ MiB \([\d.,]+ times as large\)/);
});

test('with CIFAR-10 but no network for it: a real picture', { timeout: 60_000 }, async () => {
  const dir = temporaryFolder();
  writeCifar10(join(dir, 'cifar-10-batches-bin'), 3);
  const { code, stdout } = await cli('demo', '--data', dir);
  expect(code).toBe(0);
  expect(stdout).toMatch(/on a picture of cifar10 test\n/);
});

test('with MNIST but no network for it', { timeout: 60_000 }, async () => {
  const dir = temporaryFolder();
  writeMnist(join(dir, 'mnist'), 3);
  expect(await cli('demo', '--data', dir)).toMatchObject({ code: 0, stdout: expect.stringMatching(/on a picture of mnist test\n/) });
});

test('a damaged data set is an error, not another picture', async () => {
  const dir = temporaryFolder();
  write(join(dir, 'test_batch.bin'), 'damaged');
  expect(await cli('demo', '--data', dir)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('test_batch.bin') });
});
