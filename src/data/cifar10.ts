/**
 * CIFAR-10, the "binary version" of its authors: files of records, each a label byte followed by
 * 3072 pixel bytes, planar: 1024 red, 1024 green, 1024 blue, each 32x32 row by row. Not here: the
 * Python and Matlab versions.
 */
import { dirname, join } from 'node:path';
import { readingAsync } from '../core/border.js';
import { expected } from '../core/errors.js';
import { checkRange, type Dataset, type Split } from './dataset.js';
import { findFile, readBytes } from './files.js';

const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD = 1 + 3 * PLANE;
const CLASSES = 10;
const CHILDREN = ['cifar-10-batches-bin'];
const FILES: Record<Split, readonly string[]> = {
  test: ['test_batch.bin'],
  train: [
    'data_batch_1.bin',
    'data_batch_2.bin',
    'data_batch_3.bin',
    'data_batch_4.bin',
    'data_batch_5.bin',
  ],
};

/**
 * Opens a split of CIFAR-10. `dir` is `cifar-10-batches-bin` or its parent. Pictures are [32, 32,
 * 3], rgb.
 * @throws BitplaneError ERR_IO where a file is missing, ERR_FORMAT where one is damaged
 */
export function openCifar10(dir: string, split: Split = 'test'): Promise<Dataset> {
  return readingAsync({ node: dir }, () => open(dir, split));
}

async function open(dir: string, split: Split): Promise<Dataset> {
  const [first = '', ...rest] = FILES[split];
  const firstPath = findFile(dir, CHILDREN, [first]);
  const folder = dirname(firstPath);
  const files: Buffer[] = [];
  for (const path of [firstPath, ...rest.map((file) => findFile(folder, [], [file]))])
    files.push(checkRecords(await readBytes(path), path));
  const classes = await readClasses(join(folder, 'batches.meta.txt'));

  const records = Buffer.concat(files);
  const size = records.length / RECORD;
  const name = `cifar10 ${split}`;
  return {
    name,
    classes,
    size,
    pictureShape: [SIDE, SIDE, 3],
    notes: [],
    async read(from, to) {
      checkRange(name, size, from, to);
      const pixels = new Uint8Array((to - from) * 3 * PLANE);
      const labels = new Int32Array(to - from);
      for (let i = from; i < to; i++) {
        labels[i - from] = records[i * RECORD] as number;
        interleave(
          records.subarray(i * RECORD + 1, (i + 1) * RECORD),
          pixels.subarray((i - from) * 3 * PLANE),
        );
      }
      return { pixels, labels };
    },
  };
}

function checkRecords(bytes: Buffer, path: string): Buffer {
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw expected('ERR_FORMAT', `whole records of ${RECORD} bytes`, `${bytes.length} bytes`, {
      node: path,
    });
  }
  for (let at = 0; at < bytes.length; at += RECORD) {
    const label = bytes[at] as number;
    if (label >= CLASSES)
      throw expected('ERR_FORMAT', `labels below ${CLASSES}`, `${label} in record ${at / RECORD}`, {
        node: path,
      });
  }
  return bytes;
}

/** [3, H*W] to [H*W, 3]. */
function interleave(planar: Uint8Array, out: Uint8Array): void {
  for (let i = 0; i < PLANE; i++) {
    out[3 * i] = planar[i] as number;
    out[3 * i + 1] = planar[PLANE + i] as number;
    out[3 * i + 2] = planar[2 * PLANE + i] as number;
  }
}

async function readClasses(path: string): Promise<string[]> {
  const classes = (await readBytes(path, 1 << 16))
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (classes.length !== CLASSES)
    throw expected('ERR_FORMAT', `${CLASSES} class names, one a line`, classes.length, {
      node: path,
    });
  return classes;
}
