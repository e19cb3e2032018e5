/** Folders of pictures: how classes are told, and when they cannot be. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { openFolder } from '../../src/data/folder.js';
import { temporaryFolder, write } from './fixtures.js';

const LABELS = ['n01440764 tench, Tinca tinca', 'n01443537 goldfish', 'red wolf'];
const FIT = { resize: 4, crop: 4 };

async function pictures(...paths: string[]): Promise<string> {
  const dir = temporaryFolder();
  for (const [i, path] of paths.entries()) {
    const png = await sharp({ create: { width: 5, height: 7, channels: 3, background: { r: i, g: 0, b: 0 } } })
      .png()
      .toBuffer();
    write(join(dir, path), png);
  }
  return dir;
}

async function labelsOf(dir: string, labels?: readonly string[]): Promise<number[]> {
  const data = await openFolder(dir, FIT, labels);
  return [...(await data.read(0, data.size)).labels];
}

describe('folder', () => {
  test('WordNet ids in file names, and names that equal a label', async () => {
    const dir = await pictures('n01443537_b.PNG', 'n01440764_a.png', 'Red_wolf.png');
    expect(await labelsOf(dir, LABELS)).toEqual([2, 0, 1]);
  });

  test('WordNet ids and labels as folders; the pictures are read in sorted order', async () => {
    const dir = await pictures('n01443537/1.png', 'red wolf/x.png', 'n01440764-tench/2.png', 'n01440764-tench/1.png');
    write(join(dir, 'n01443537', 'notes.txt'), 'no picture');
    const data = await openFolder(dir, FIT, LABELS);
    expect(data).toMatchObject({ size: 4, classes: LABELS, pictureShape: [4, 4, 3], notes: [] });
    const { labels, pixels } = await data.read(0, 4);
    expect([...labels]).toEqual([0, 0, 1, 2]);
    expect([0, 1, 2, 3].map((i) => pixels[i * 48])).toEqual([3, 2, 0, 1]);
  });

  test('sorted folder order where nothing fits, and a note that says so', async () => {
    const dir = await pictures('zebra/1.png', 'ant/1.png', 'bee/1.png');
    const data = await openFolder(dir, FIT, LABELS);
    expect(data.classes).toEqual(['ant', 'bee', 'zebra']);
    expect(data.notes).toEqual(['classes by sorted folder order: 0 ant, 1 bee, 2 zebra']);
    expect(await labelsOf(dir)).toEqual([0, 1, 2]);
  });

  test('the parent of the folder, beside folders without pictures', async () => {
    const dir = await pictures('photos/n01440764.png', 'photos/n01443537.png');
    mkdirSync(join(dir, 'mnist'));
    expect(await labelsOf(dir, LABELS)).toEqual([0, 1]);
    const nested = await pictures('all/cat/1.png', 'all/dog/1.png');
    expect(await labelsOf(nested)).toEqual([0, 1]);
  });

  test('a name that fits no label among names that do', async () => {
    const dir = await pictures('n01440764/1.png', 'cat/1.png');
    await expect(openFolder(dir, FIT, LABELS)).rejects.toThrow(/a name that fits a label .* but received "cat"/);
    const loose = await pictures('a.png', 'b.png');
    await expect(openFolder(loose, FIT, LABELS)).rejects.toMatchObject({ code: 'ERR_FORMAT' });
    await expect(openFolder(loose, FIT)).rejects.toThrow(/no labels were given/);
  });

  test('no pictures, no folder, a damaged picture', async () => {
    await expect(openFolder(temporaryFolder(), FIT)).rejects.toThrow(/expected JPEG or PNG pictures/);
    await expect(openFolder(join(temporaryFolder(), 'none'), FIT)).rejects.toMatchObject({ code: 'ERR_IO' });
    const dir = await pictures('a/1.png', 'b/1.png');
    write(join(dir, 'b', '2.jpg'), 'damaged');
    const data = await openFolder(dir, FIT);
    await expect(data.read(0, 3)).rejects.toMatchObject({ code: 'ERR_FORMAT', node: join(dir, 'b', '2.jpg') });
  });
});
