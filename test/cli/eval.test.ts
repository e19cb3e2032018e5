/** eval: the three kinds of data sets, recipes, damaged data. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/formats/safetensors/model.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder, write, writeCifar10, writeMnist } from '../data/fixtures.js';
import { cli, denseScores, writeColourModel, writeDenseModel } from './cli.js';

let dir: string;
let model: string;
beforeEach(async () => {
  dir = temporaryFolder();
  model = await writeDenseModel(dir, 'N');
});

const picture = (background: string) =>
  sharp({
    create: {
      width: 20,
      height: 11,
      channels: 3,
      background: background === 'green' ? '#00ff00' : background,
    },
  })
    .png()
    .toBuffer();

/** The lines of its percentages. */
const accuracyOf = ({ stdout }: { readonly stdout: string }) => stdout.match(/^top-.*$/gm);

describe('eval', () => {
  test('mnist with a preprocessing file gives the accuracy of the definitions', async () => {
    writeMnist(join(dir, 'mnist'), 40);
    const recipe = write(
      join(dir, 'p.json'),
      JSON.stringify({ layout: 'flat', color: 'gray', scale: 1 / 255 }),
    );
    const argv = [
      'eval',
      model,
      '--dataset',
      'mnist',
      '--data',
      dir,
      '--preprocess',
      recipe,
      '--limit',
      '30',
      '--batch',
      '8',
    ];
    const { code, stdout, stderr } = await cli(...argv, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ dataset: 'mnist test', n: 30, preprocess: recipe });

    // The same from the definitions: pixel i is 7 i mod 256, label i is 3 i mod 10, the first of
    // equal scores wins.
    const pixels = Float32Array.from({ length: 30 * 784 }, (_, i) => ((i * 7) & 255) / 255);
    const scores = denseScores(pixels);
    const right = Array.from({ length: 30 }, (_, i) => {
      const row = scores.subarray(i * 10, i * 10 + 10);
      return row.indexOf(Math.max(...row)) === (i * 3) % 10;
    });
    expect(document.top1).toBeCloseTo((100 * right.filter(Boolean).length) / 30, 4);
    expect(document.top5).toBeGreaterThanOrEqual(document.top1);
    expect(document.imagesPerSecond).toBeGreaterThan(0);

    const people = await cli(...argv);
    expect(people.stdout).toMatch(/top-1 +\d+\.\d\d %/);
    expect(people.stdout).toMatch(/images +30\n/);
  });

  test('takes the recipe beside the model, a batch fixed to 1, and BITPLANE_DATA', async () => {
    writeMnist(dir, 10);
    const fixed = await writeDenseModel(dir, 1, 'fixed');
    write(
      join(dir, 'fixed.json'),
      JSON.stringify({ preprocess: { layout: 'flat', color: 'gray', scale: 1 / 255 } }),
    );
    const { code, stdout } = await cli(
      'eval',
      fixed,
      '--dataset',
      'mnist',
      '--data',
      dir,
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ n: 10, preprocess: join(dir, 'fixed.json') });
    expect(await cli('eval', fixed, '--dataset', 'mnist')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('BITPLANE_DATA'),
    });
  });

  test('a folder of pictures is scored by labels, or else by sorted order', async () => {
    const colours = {
      red: { r: 255, g: 0, b: 0 },
      green: { r: 0, g: 255, b: 0 },
      blue: { r: 0, g: 0, b: 255 },
    };
    for (const [name, background] of Object.entries(colours)) {
      const png = await sharp({ create: { width: 20, height: 11, channels: 3, background } })
        .png()
        .toBuffer();
      write(join(dir, 'photos', name, 'a.png'), png);
    }
    const argv = ['--dataset', 'folder', '--data', join(dir, 'photos')];
    const labelled = await cli(
      'eval',
      await writeColourModel(dir, ['red', 'green', 'blue']),
      ...argv,
      '--json',
    );
    expect(JSON.parse(labelled.stdout)).toMatchObject({ top1: 100, top5: 100, n: 3, notes: [] });
    // Sorted order calls blue 0 and red 2; the network answers red 0 and blue 2.
    const sorted = await cli('eval', await writeColourModel(dir), ...argv);
    expect(sorted.stdout).toMatch(/^classes by sorted folder order: 0 blue, 1 green, 2 red\n/);
    expect(sorted.stdout).toMatch(/top-1 +33\.33 %/);
  });

  test('a missing data set and a damaged one are errors that name the file', async () => {
    const argv = ['eval', model, '--dataset', 'mnist', '--data', dir];
    expect(await cli(...argv)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('t10k-images-idx3-ubyte'),
    });
    writeMnist(dir, 3);
    writeFileSync(join(dir, 't10k-images-idx3-ubyte'), 'damaged');
    expect(await cli(...argv)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^bitplane: .*idx3-ubyte.*IDX header/),
    });
  });

  test('without a recipe the first line and JSON say which default was taken', async () => {
    writeMnist(dir, 10);
    const argv = ['eval', model, '--dataset', 'mnist', '--data', dir];
    const said =
      'no preprocessing is known for ' +
      `${model}: the default for input shape [N, 784]: pixel / 255, flat, gray`;
    expect((await cli(...argv)).stdout.split('\n')[0]).toBe(said);
    const document = JSON.parse((await cli(...argv, '--json')).stdout);
    expect(document).toMatchObject({
      notes: [said],
      recipe: { default: true, preprocess: { layout: 'flat', color: 'gray', scale: 1 / 255 } },
    });
    // With a recipe there is no default to report.
    write(
      join(dir, 'dense.json'),
      JSON.stringify({ layout: 'flat', color: 'gray', scale: 1 / 255 }),
    );
    expect(JSON.parse((await cli(...argv, '--json')).stdout)).toMatchObject({
      notes: [],
      recipe: { default: false },
    });
    expect((await cli(...argv)).stdout).toMatch(/^model /);
  });

  test('colour pictures are turned gray for one channel, or an error says how', async () => {
    writeCifar10(join(dir, 'cifar-10-batches-bin'), 4);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 1, 32, 32]);
    const flat = g.reshape(x, ['N', 1024]);
    const gray = join(dir, 'gray.safetensors');
    await saveModel(
      g.graph([x], {
        y: g.dense(flat, g.constant(new Tensor('f32', new Float32Array(10240), [10, 1024]))),
      }),
      gray,
    );
    const argv = ['eval', gray, '--dataset', 'cifar10', '--data', dir];
    const { stdout } = await cli(...argv);
    expect(stdout).toMatch(/^no preprocessing is known .*NCHW, gray\n/);
    expect(stdout).toMatch(
      /\ncolour pictures are turned gray, .*: the network takes one channel\n/,
    );
    const recipe = write(join(dir, 'rgb.json'), JSON.stringify({ layout: 'NCHW', color: 'rgb' }));
    const outcome = await cli(...argv, '--preprocess', recipe);
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toContain(
      'eval "x": expected [N, 1, 32, 32] (--preprocess FILE.json with ' +
        '"layout":"NCHW","color":"gray","resize":32,"crop":32 gives it) ' +
        'but received [N, 3, 32, 32], pictures of cifar10 test prepared by ',
    );
    expect(outcome.stderr).toMatch(/prepared by .*rgb\.json/);
  });

  test('pictures of another size than the input, where the recipe says none', async () => {
    writeCifar10(join(dir, 'cifar-10-batches-bin'), 2);
    writeMnist(join(dir, 'mnist'), 4);
    const argv = ['eval', model, '--dataset', 'cifar10', '--data', dir];
    const outcome = await cli(...argv);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toMatch(
      /\npictures are cut to 28x28, .*: the input has that size and the default .* says no other\n/,
    );
    const recipe = (size: object) =>
      write(join(dir, 'small.json'), JSON.stringify({ layout: 'flat', color: 'gray', ...size }));
    const sized = await cli(...argv, '--preprocess', recipe({ resize: 28, crop: 28 }));
    expect(sized.stdout).not.toContain('are cut to');
    expect(accuracyOf(sized)).toEqual(accuracyOf(await cli(...argv, '--preprocess', recipe({}))));
    const other = await cli(...argv, '--preprocess', recipe({ resize: 20, crop: 20 }));
    expect(other.code).toBe(1);
    expect(other.stderr).toContain(
      'expected [N, 784] (--preprocess FILE.json with ' +
        '"layout":"flat","resize":28,"crop":28 gives it)',
    );
    // Pictures that have the size are not spoken of.
    const same = await cli('eval', model, '--dataset', 'mnist', '--data', dir);
    expect(same).toMatchObject({ code: 0, stdout: expect.not.stringContaining('are cut to') });
  });

  test('folders that mean no label of the network are an error, not 0.00 %', async () => {
    for (const name of ['cat', 'dog'])
      write(join(dir, 'photos', name, 'a.png'), await picture('red'));
    const labels = ['tabby, tabby cat', 'Eskimo dog, husky', 'warplane'];
    const outcome = await cli(
      'eval',
      await writeColourModel(dir, labels),
      '--dataset',
      'folder',
      '--data',
      join(dir, 'photos'),
    );
    expect(outcome).toMatchObject({ code: 1, stdout: '' });
    expect(outcome.stderr).toMatch(
      /"cat" \(nearest: "tabby, tabby cat", .*"dog" \(nearest: "Eskimo dog, husky"/,
    );
    const unlabelled = await cli(
      'eval',
      await writeColourModel(dir),
      '--dataset',
      'folder',
      '--data',
      join(dir, 'photos'),
    );
    expect(unlabelled).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('a class folder for each of 3 outputs'),
    });
  });

  test('a broken picture is counted, named and skipped; --strict stops', async () => {
    for (const colour of ['red', 'green', 'blue'])
      write(join(dir, 'photos', colour, 'a.png'), await picture(colour));
    const broken = write(join(dir, 'photos', 'green', 'b.jpg'), 'damaged');
    for (const batch of ['N', 2]) {
      const argv = [
        'eval',
        await writeColourModel(dir, ['red', 'green', 'blue'], batch),
        '--dataset',
        'folder',
        '--data',
        join(dir, 'photos'),
      ];
      const document = JSON.parse((await cli(...argv, '--json')).stdout);
      expect(document).toMatchObject({
        top1: 100,
        n: 3,
        skipped: [{ file: broken, why: expect.stringContaining(broken) }],
      });
      const { stdout } = await cli(...argv);
      expect(stdout).toMatch(/images +3\nskipped +1, which cannot be read\n/);
      expect(stdout).toMatch(/\nskipped ".*b\.jpg": expected a JPEG, PNG/);
      expect(await cli(...argv, '--strict')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining(broken),
      });
    }
  });

  test('a model of other classes than the data set gives 0 % without a word', async () => {
    writeCifar10(join(dir, 'cifar-10-batches-bin'), 10);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 32, 32, 3]);
    const w = g.constant(new Tensor('f32', new Float32Array(100 * 3072), [100, 3072]));
    await saveModel(
      g.graph([x], { y: g.dense(g.reshape(x, ['N', 3072]), w) }),
      join(dir, 'm.safetensors'),
    );
    const argv = ['eval', join(dir, 'm.safetensors'), '--dataset', 'cifar10', '--data', dir];
    expect(await cli(...argv)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /--dataset: expected a model of 10 scores, .* of cifar10.*, but received one of 100/,
      ),
    });
  });

  test('pictures that are all broken are an error, not NaN %', async () => {
    write(join(dir, 'photos', 'red', 'a.png'), 'damaged');
    const outcome = await cli(
      'eval',
      await writeColourModel(dir, ['red', 'green', 'blue']),
      '--dataset',
      'folder',
      '--data',
      join(dir, 'photos'),
    );
    expect(outcome).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/all 1 are broken, such as .*a\.png/),
    });
  });
});
