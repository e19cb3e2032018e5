/** Folders of pictures: how names give classes, and which names are errors. */
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
    const png = await sharp({
      create: { width: 5, height: 7, channels: 3, background: { r: i, g: 0, b: 0 } },
    })
      .png()
      .toBuffer();
    write(join(dir, path), png);
  }
  return dir;
}

async function labelsOf(dir: string, labels?: readonly string[]): Promise<number[]> {
  const data = await openFolder(dir, FIT, { labels });
  return [...(await data.read(0, data.size)).labels];
}

describe('folder', () => {
  test('file names give the class by their WordNet id, or as a whole label', async () => {
    const dir = await pictures('n01443537_b.PNG', 'n01440764_a.png', 'Red_wolf.png');
    expect(await labelsOf(dir, LABELS)).toEqual([2, 0, 1]);
  });

  test('folder names give the class, and pictures are read in sorted order', async () => {
    const dir = await pictures(
      'n01443537/1.png',
      'red wolf/x.png',
      'n01440764-tench/2.png',
      'n01440764-tench/1.png',
    );
    write(join(dir, 'n01443537', 'notes.txt'), 'no picture');
    const data = await openFolder(dir, FIT, { labels: LABELS });
    expect(data).toMatchObject({ size: 4, classes: LABELS, pictureShape: [4, 4, 3] });
    expect(data.notes).toEqual([
      `left out, no JPEG, PNG, WebP, AVIF or TIFF: 1 file, ${join('n01443537', 'notes.txt')}`,
    ]);
    const { labels, pixels } = await data.read(0, 4);
    expect([...labels]).toEqual([0, 0, 1, 2]);
    expect([0, 1, 2, 3].map((i) => pixels[i * 48])).toEqual([3, 2, 0, 1]);
  });

  test('a synonym of a label gives the class, whatever its case, _ and -', async () => {
    const dir = await pictures('tinca_TINCA/1.png', 'Red-Wolf/1.png');
    expect(await labelsOf(dir, LABELS)).toEqual([2, 0]);
  });

  test('without labels the sorted folders number the classes, and a note says so', async () => {
    const dir = await pictures('zebra/1.png', 'ant/1.png', 'bee/1.png');
    const data = await openFolder(dir, FIT, { outputs: 3 });
    expect(data.classes).toEqual(['ant', 'bee', 'zebra']);
    expect(data.notes).toEqual(['classes by sorted folder order: 0 ant, 1 bee, 2 zebra']);
    expect(await labelsOf(dir)).toEqual([0, 1, 2]);
  });

  test('without labels, two folders for a network of 1000 outputs are an error', async () => {
    const dir = await pictures('cat/1.png', 'dog/1.png');
    await expect(openFolder(dir, FIT, { outputs: 1000 })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringMatching(
        /a class folder for each of 1000 outputs, or labels .* but received 2 folders: cat, dog/,
      ),
    });
  });

  test('names that mean no label are an error that lists the nearest labels', async () => {
    const dir = await pictures('cat/1.png', 'wlof/1.png');
    const labels = [
      'n02085936 Maltese dog',
      'n02123045 tabby, tabby cat',
      'n02114367 wolf',
      'n02123159 tiger cat',
    ];
    const cats = '"n02123045 tabby, tabby cat", "n02123159 tiger cat"';
    await expect(openFolder(dir, FIT, { labels, outputs: 4 })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringMatching(
        new RegExp(
          `one of the 4 labels but received "cat" \\(nearest: ${cats}, ` +
            '.*"wlof" \\(nearest: "n02114367 wolf"',
        ),
      ),
    });
  });

  test('a name that means several labels is an error that lists them; an id is clear', async () => {
    const labels = ['n02012849 crane', 'n03126707 crane', 'n04552348 warplane'];
    const unclear = openFolder(await pictures('crane/1.png', 'warplane/1.png'), FIT, { labels });
    await expect(unclear).rejects.toThrow(
      /"crane" means several: "n02012849 crane", "n03126707 crane"/,
    );
    expect(
      await labelsOf(await pictures('n03126707_crane/1.png', 'warplane/1.png'), labels),
    ).toEqual([1, 2]);
    // An id that no label has means no label, even if the word behind it matches one.
    const other = openFolder(await pictures('n00000000_warplane/1.png', 'warplane/1.png'), FIT, {
      labels,
    });
    await expect(other).rejects.toThrow(/received "n00000000_warplane"/);
  });

  test('the parent of the folder is taken where its other folders hold no pictures', async () => {
    const dir = await pictures('photos/n01440764.png', 'photos/n01443537.png');
    mkdirSync(join(dir, 'mnist'));
    expect(await labelsOf(dir, LABELS)).toEqual([0, 1]);
    const nested = await pictures('all/cat/1.png', 'all/dog/1.png');
    expect(await labelsOf(nested)).toEqual([0, 1]);
  });

  test('one name that fits no label is an error among names that do', async () => {
    const dir = await pictures('n01440764/1.png', 'cat/1.png');
    await expect(openFolder(dir, FIT, { labels: LABELS })).rejects.toThrow(
      /expected names that mean one of the 3 labels but received "cat"/,
    );
    const loose = await pictures('a.png', 'b.png');
    await expect(openFolder(loose, FIT, { labels: LABELS })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
    });
    await expect(openFolder(loose, FIT)).rejects.toThrow(
      /class folders, or labels .* but received pictures outside folders, such as a/,
    );
  });

  test('a single folder that no label means is an error, not taken for the parent', async () => {
    await expect(openFolder(await pictures('cat/1.png'), FIT, { labels: LABELS })).rejects.toThrow(
      /received "cat"/,
    );
  });

  test('a folder without pictures and a missing folder are errors', async () => {
    await expect(openFolder(temporaryFolder(), FIT)).rejects.toThrow(
      /expected JPEG, PNG, WebP, AVIF or TIFF pictures/,
    );
    await expect(openFolder(join(temporaryFolder(), 'none'), FIT)).rejects.toMatchObject({
      code: 'ERR_IO',
    });
  });

  test(
    'a damaged picture is skipped and named, and labels stay with their pictures; strict ' +
      'stops',
    async () => {
      const dir = await pictures('a/1.png', 'b/1.png', 'c/1.png');
      const broken = write(join(dir, 'b', '0.jpg'), 'damaged');
      const data = await openFolder(dir, FIT);
      expect(data.size).toBe(4);
      const { labels, pixels, skipped } = await data.read(0, 4);
      expect([...labels]).toEqual([0, 1, 2]);
      expect([0, 1, 2].map((i) => pixels[i * 48])).toEqual([0, 1, 2]);
      expect(skipped).toEqual([
        {
          file: broken,
          why: expect.stringContaining('expected a JPEG, PNG, WebP, AVIF or TIFF file'),
        },
      ]);
      const strict = await openFolder(dir, FIT, { strict: true });
      await expect(strict.read(0, 4)).rejects.toMatchObject({ code: 'ERR_FORMAT', node: broken });
    },
  );
});
