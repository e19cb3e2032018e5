/**
 * CIFAR-10 and CIFAR-100, the "binary version" of their authors: files of records, each one or two
 * label bytes followed by 3072 pixel bytes, planar: 1024 red, 1024 green, 1024 blue, each 32x32 row
 * by row. Not here: the files of each (./cifar10.ts, ./cifar100.ts); the Python and Matlab
 * versions.
 */
import { dirname, join } from 'node:path';
import { readingAsync } from '../core/border.js';
import { expected } from '../core/errors.js';
import { checkRange, type Dataset, type Split } from './dataset.js';
import { findFile, readBytes } from './files.js';

/** Of its authors: the archives of the "binary version". */
const PAGE = 'https://www.cs.toronto.edu/~kriz/cifar.html';
const SIDE = 32;
const PLANE = SIDE * SIDE;

/** The files of a data set, and where labels stand. */
export interface CifarFiles {
  readonly name: string;
  /** The folder that the authors' archive makes. */
  readonly folder: string;
  readonly files: Readonly<Record<Split, readonly string[]>>;
  /** The file with the names of the classes, one a line. */
  readonly names: string;
  readonly classes: number;
  /** Bytes before the pixels of a record; the last is the label. */
  readonly labelBytes: number;
}

/**
 * Opens a split. `dir` is the folder of the archive or its parent. Pictures are [32, 32, 3], rgb.
 * @throws BitplaneError ERR_IO where a file is missing, ERR_FORMAT where one is damaged
 */
export function openCifar(set: CifarFiles, dir: string, split: Split): Promise<Dataset> {
  return readingAsync({ node: dir }, () => open(set, dir, split));
}

async function open(set: CifarFiles, dir: string, split: Split): Promise<Dataset> {
  const [first = '', ...rest] = set.files[split];
  const firstPath = findFile(dir, [set.folder], [first], PAGE);
  const folder = dirname(firstPath);
  const files: Buffer[] = [];
  for (const path of [firstPath, ...rest.map((file) => findFile(folder, [], [file], PAGE))])
    files.push(checkRecords(set, await readBytes(path), path));
  const classes = await readClasses(set, join(folder, set.names));

  const records = Buffer.concat(files);
  const { labelBytes } = set;
  const record = labelBytes + 3 * PLANE;
  const size = records.length / record;
  const name = `${set.name} ${split}`;
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
        labels[i - from] = records[i * record + labelBytes - 1] as number;
        interleave(
          records.subarray(i * record + labelBytes, (i + 1) * record),
          pixels.subarray((i - from) * 3 * PLANE),
        );
      }
      return { pixels, labels };
    },
  };
}

function checkRecords({ labelBytes, classes }: CifarFiles, bytes: Buffer, path: string): Buffer {
  const record = labelBytes + 3 * PLANE;
  if (bytes.length === 0 || bytes.length % record !== 0) {
    throw expected('ERR_FORMAT', `whole records of ${record} bytes`, `${bytes.length} bytes`, {
      node: path,
    });
  }
  for (let at = 0; at < bytes.length; at += record) {
    const label = bytes[at + labelBytes - 1] as number;
    if (label >= classes)
      throw expected('ERR_FORMAT', `labels below ${classes}`, `${label} in record ${at / record}`, {
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

async function readClasses(set: CifarFiles, path: string): Promise<string[]> {
  const classes = (await readBytes(path, 1 << 16))
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (classes.length !== set.classes)
    throw expected('ERR_FORMAT', `${set.classes} class names, one a line`, classes.length, {
      node: path,
    });
  return classes;
}
