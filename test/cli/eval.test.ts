/** eval: the three kinds of data sets, recipes, damaged data. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder, write, writeMnist } from '../data/fixtures.js';
import { cli, denseScores, writeColourModel, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

describe('eval', () => {
  test('mnist with a preprocessing file; JSON fields', async () => {
    writeMnist(join(dir, 'mnist'), 40);
    const recipe = write(join(dir, 'p.json'), JSON.stringify({ layout: 'flat', color: 'gray', scale: 1 / 255 }));
    const argv = ['eval', model, '--dataset', 'mnist', '--data', dir, '--preprocess', recipe, '--limit', '30', '--batch', '8'];
    const { code, stdout, stderr } = await cli(...argv, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ dataset: 'mnist test', n: 30, preprocess: recipe });

    // The same from the definitions: pixel i is 7 i mod 256, label i is 3 i mod 10, the first of equal scores wins.
    const pixels = Float32Array.from({ length: 30 * 784 }, (_, i) => ((i * 7) & 255) / 255);
    const scores = denseScores(pixels);
    const right = Array.from({ length: 30 }, (_, i) => {
      const row = scores.subarray(i * 10, i * 10 + 10);
      return row.indexOf(Math.max(...row)) === (i * 3) % 10;
    });
    expect(document.top1).toBeCloseTo((100 * right.filter(Boolean).length) / 30, 10);
    expect(document.top5).toBeGreaterThanOrEqual(document.top1);
    expect(document.imagesPerSecond).toBeGreaterThan(0);

    const people = await cli(...argv);
    expect(people.stdout).toMatch(/top-1 +\d+\.\d\d %/);
    expect(people.stdout).toMatch(/images +30\n/);
  });

  test('the recipe beside the model, a batch fixed to 1, BITPLANE_DATA', async () => {
    writeMnist(dir, 10);
    const fixed = await writeDenseModel(dir, 1, 'fixed');
    write(join(dir, 'fixed.json'), JSON.stringify({ preprocess: { layout: 'flat', color: 'gray', scale: 1 / 255 } }));
    const { code, stdout } = await cli('eval', fixed, '--dataset', 'mnist', '--data', dir, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ n: 10, preprocess: join(dir, 'fixed.json') });
    expect(await cli('eval', fixed, '--dataset', 'mnist')).toMatchObject({ code: 1, stderr: expect.stringContaining('BITPLANE_DATA') });
  });

  test('a folder of pictures, through labels and by sorted order', async () => {
    const colours = { red: { r: 255, g: 0, b: 0 }, green: { r: 0, g: 255, b: 0 }, blue: { r: 0, g: 0, b: 255 } };
    for (const [name, background] of Object.entries(colours)) {
      const png = await sharp({ create: { width: 20, height: 11, channels: 3, background } })
        .png()
        .toBuffer();
      write(join(dir, 'photos', name, 'a.png'), png);
    }
    const argv = ['--dataset', 'folder', '--data', join(dir, 'photos')];
    const labelled = await cli('eval', await writeColourModel(dir, ['red', 'green', 'blue']), ...argv, '--json');
    expect(JSON.parse(labelled.stdout)).toMatchObject({ top1: 100, top5: 100, n: 3, notes: [] });
    // Sorted order calls blue 0 and red 2; the network answers red 0 and blue 2.
    const sorted = await cli('eval', await writeColourModel(dir), ...argv);
    expect(sorted.stdout).toMatch(/^classes by sorted folder order: 0 blue, 1 green, 2 red\n/);
    expect(sorted.stdout).toMatch(/top-1 +33\.33 %/);
  });

  test('a missing and a damaged data set', async () => {
    const argv = ['eval', model, '--dataset', 'mnist', '--data', dir, '--json'];
    expect(await cli(...argv)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('t10k-images-idx3-ubyte') });
    writeMnist(dir, 3);
    writeFileSync(join(dir, 't10k-images-idx3-ubyte'), 'damaged');
    expect(await cli(...argv)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^bitplane: .*idx3-ubyte.*IDX header/) });
  });
});
