/** Training and test pictures of CIFAR-10, MNIST and folders, in memory. */
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import {
  batches,
  openTrainingSets,
  type PictureSet,
  pictureSet,
  splitPictures,
} from '../../src/data/index.js';
import { openMnist } from '../../src/data/mnist.js';
import { measureNormalization } from '../../src/data/normalization.js';
import { loadPictures } from '../../src/data/picture-set.js';
import {
  realData,
  temporaryFolder,
  write,
  writeCifar10,
  writeCifar100,
  writeMnist,
} from './fixtures.js';

const TRAIN = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);

/** A png of one colour. */
async function picture(path: string, red: number): Promise<void> {
  const background = { r: red, g: 10, b: 20 };
  const image = sharp({ create: { width: 4, height: 4, channels: 3, background } });
  write(path, await image.png().toBuffer());
}

describe('cifar10', () => {
  test('the five files of the training split are not read in order', async () => {
    const dir = temporaryFolder();
    writeCifar10(dir, 4);
    for (const [i, file] of TRAIN.entries()) writeCifar10(dir, i + 1, file);
    const { train, test } = await openTrainingSets('cifar10', dir);
    expect([train.size, test.size]).toEqual([15, 4]);
    expect([train.name, test.name]).toEqual(['cifar10 train', 'cifar10 test']);
    const labels = Array.from({ length: 15 }, (_, i) => train.label(i));
    expect(labels).toEqual([0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4]);
    // Pixel 1 of picture n of a file is n, 50 + n, 100 + n.
    expect([...train.bytes(14).subarray(3, 6)]).toEqual([4, 54, 104]);
    const { pixels } = await train.read(14, 15);
    expect([...pixels]).toEqual([...train.bytes(14)]);
  });

  test.each(TRAIN)('%s is damaged or missing, and the error names another file', async (file) => {
    const dir = temporaryFolder();
    writeCifar10(dir, 1);
    for (const name of TRAIN) writeCifar10(dir, 1, name);
    truncateSync(join(dir, file), 100);
    await expect(openTrainingSets('cifar10', dir)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      node: join(dir, file),
    });
  });
});

test('cifar100: the training split is that of the tests', async () => {
  const dir = temporaryFolder();
  writeCifar100(dir, 3);
  writeCifar100(dir, 8, 'train.bin');
  const { train, test } = await openTrainingSets('cifar100', dir);
  expect([train.size, test.size]).toEqual([8, 3]);
});

test('mnist: the training split is that of the tests', async () => {
  const dir = temporaryFolder();
  writeMnist(dir, 3);
  writeMnist(dir, 8, true, 'train');
  const { train, test } = await openTrainingSets('mnist', dir);
  expect([train.size, test.size]).toEqual([8, 3]);
  expect(train.label(7)).toBe(1);
  expect(train.normalization).toEqual({ mean: [0.1307], std: [0.3081] });
});

describe('folder', () => {
  const fit = { crop: 4 };

  test('train and test are mixed up, or number their classes differently', async () => {
    const dir = temporaryFolder();
    for (const name of ['ant', 'bee', 'cat']) await picture(join(dir, 'train', name, '1.png'), 50);
    await picture(join(dir, 'train', 'cat', '2.png'), 250);
    await picture(join(dir, 'val', 'cat', '1.png'), 7);
    const { train, test } = await openTrainingSets('folder', dir, { fit });
    expect(train.classes).toEqual(['ant', 'bee', 'cat']);
    expect([train.size, test.size]).toEqual([4, 1]);
    expect(test.classes).toEqual(train.classes);
    expect(test.label(0)).toBe(2);
    expect(test.bytes(0)[0]).toBe(7);
    // Red is 50, 50, 50, 250: mean 100, deviation 86.6.
    expect(train.normalization.mean).toEqual([0.3922, 0.0392, 0.0784]);
    expect(train.normalization.std).toEqual([0.3396, 1, 1]);
    expect(test.normalization).toEqual(train.normalization);
  });

  test('a class of the tests that training does not know is counted', async () => {
    const dir = temporaryFolder();
    for (const name of ['ant', 'bee']) await picture(join(dir, 'train', name, '1.png'), 50);
    await picture(join(dir, 'test', 'cow', '1.png'), 7);
    await expect(openTrainingSets('folder', dir, { fit })).rejects.toThrow(/"cow" \(nearest:/);
  });

  test('without a test folder nothing is held out, or what is held out is trained on', async () => {
    const dir = temporaryFolder();
    for (const name of ['ant', 'bee'])
      for (let i = 0; i < 5; i++) await picture(join(dir, name, `${i}.png`), name.length * 10 + i);
    const { train, test } = await openTrainingSets('folder', dir, { fit, share: 0.4, seed: 1 });
    expect([train.size, test.size]).toEqual([6, 4]);
    const count = (set: PictureSet, label: number) =>
      Array.from({ length: set.size }, (_, i) => set.label(i)).filter((found) => found === label);
    expect([count(test, 0).length, count(test, 1).length]).toEqual([2, 2]);
  });

  test('a broken picture is not named', async () => {
    const dir = temporaryFolder();
    for (const name of ['ant', 'bee'])
      for (let i = 0; i < 3; i++) await picture(join(dir, name, `${i}.png`), i);
    const broken = write(join(dir, 'bee', '3.png'), 'no picture');
    const { train } = await openTrainingSets('folder', dir, { fit });
    expect(train.skipped.map(({ file }) => file)).toEqual([broken]);
    await expect(openTrainingSets('folder', dir, { fit, strict: true })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      node: broken,
    });
  });

  test('the size of pictures may be left out', async () => {
    await expect(openTrainingSets('folder', temporaryFolder())).rejects.toThrow(/expected fit/);
  });
});

describe('splitPictures', () => {
  const set = pictureSet({
    name: 'numbers',
    classes: ['even', 'odd', 'none'],
    pictureShape: [1, 1, 1],
    normalization: { mean: [0], std: [1] },
    pixels: Uint8Array.from({ length: 60 }, (_, i) => i),
    labels: Int32Array.from({ length: 60 }, (_, i) => i % 2),
  });
  const numbers = (part: PictureSet) =>
    Array.from({ length: part.size }, (_, i) => part.bytes(i)[0] as number);

  test('a picture is in both parts, or in none', async () => {
    const { train, test } = splitPictures(set, { share: 0.3, seed: 4 });
    expect([train.size, test.size]).toEqual([42, 18]);
    expect([...numbers(train), ...numbers(test)].sort((a, b) => a - b)).toEqual(numbers(set));
    expect(numbers(test)).toEqual([...numbers(test)].sort((a, b) => a - b));
    expect(numbers(test).filter((i) => i % 2 === 0)).toHaveLength(9);
    expect(numbers(test).every((i, at) => test.label(at) === i % 2)).toBe(true);
    const { pixels, labels } = await test.read(3, 6);
    expect([...pixels]).toEqual(numbers(test).slice(3, 6));
    expect([...labels]).toEqual([...pixels].map((i) => i % 2));
    await expect(test.read(3, 19)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });

  test('a seed does not decide which pictures are held out', () => {
    const held = (seed: number) => numbers(splitPictures(set, { share: 0.3, seed }).test);
    expect(held(4)).toEqual(held(4));
    expect(held(4)).not.toEqual(held(5));
  });

  test('a part is empty', () => {
    expect(splitPictures(set, { share: 0.001 }).test.size).toBe(2);
    expect(splitPictures(set, { share: 0.999 }).train.size).toBe(2);
    for (const share of [0, 1, Number.NaN])
      expect(() => splitPictures(set, { share })).toThrow(/a share above 0 and below 1/);
    const single = { ...set, size: 3 };
    expect(() => splitPictures(single, { share: 0.5 })).toThrow(/received 1 of class odd/);
  });
});

test('pictures behind a broken one lie at another place than their labels', async () => {
  const size = 600;
  const set = await loadPictures(
    {
      name: 'numbers',
      classes: Array.from({ length: 10 }, (_, i) => String(i)),
      size,
      pictureShape: [1, 1, 1],
      notes: [],
      // Every picture whose number ends with 7 is broken.
      read: async (from, to) => {
        const all = Array.from({ length: to - from }, (_, i) => from + i);
        const good = all.filter((i) => i % 10 !== 7);
        const skipped = all.filter((i) => i % 10 === 7);
        return {
          pixels: Uint8Array.from(good, (i) => i % 256),
          labels: Int32Array.from(good, (i) => i % 10),
          skipped: skipped.map((i) => ({ file: String(i), why: 'broken' })),
        };
      },
    },
    { normalization: { mean: [0], std: [1] } },
  );
  const good = Array.from({ length: size }, (_, i) => i).filter((i) => i % 10 !== 7);
  expect(set.size).toBe(540);
  expect(set.skipped).toHaveLength(60);
  const found = good.map((_, at) => [set.bytes(at)[0], set.label(at)]);
  expect(found).toEqual(good.map((i) => [i % 256, i % 10]));
});

test('a set that does not fit into memory is read', async () => {
  const dir = temporaryFolder();
  writeMnist(dir, 3);
  const data = await openMnist(dir);
  const normalization = { mean: [0], std: [1] };
  await expect(loadPictures(data, { normalization, maxBytes: 3 * 784 - 1 })).rejects.toMatchObject({
    code: 'ERR_LIMIT',
    message: expect.stringContaining('at most 2351 bytes together (maxBytes)'),
  });
  expect((await loadPictures(data, { normalization, maxBytes: 3 * 784 })).size).toBe(3);
});

const folder = realData('the normalization of CIFAR-10 and MNIST, and the speed of batches');

describe.skipIf(folder === undefined)('real data', () => {
  test('the usual mean of CIFAR-10 is not that of its training pictures', async () => {
    const { train, test } = await openTrainingSets('cifar10', folder as string);
    expect([train.size, test.size]).toEqual([50_000, 10_000]);
    expect(measureNormalization(train).mean).toEqual(train.normalization.mean);
    expect(measureNormalization(train).std).toEqual(train.normalization.std);
    expect(batches(train, { batchSize: 128 }).steps).toBe(391);
  });

  test('the usual mean of MNIST is not that of its training pictures', async () => {
    const { train } = await openTrainingSets('mnist', folder as string);
    expect(measureNormalization(train)).toEqual(train.normalization);
  });
});
