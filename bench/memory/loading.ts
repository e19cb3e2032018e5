/**
 * What opening a model adds to resident memory, beside the size of its file: each trained file of
 * 5 MB and more of the published networks, and a binary network of 5 MB as safetensors. A gzipped
 * file counts inflated, as it is opened.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { saveModel } from 'bitplane';
import { chainGraph } from '../chain/bitplane.js';
import { inChild } from '../child.js';
import type { Row } from '../report.js';
import type { Growth } from './load.js';

const LEAST_BYTES = 5e6;
/** Eight layers of so many channels are 5 MB of bits. */
const CHANNELS = 768;
const MIB = 2 ** 20;

export async function loadingRows(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-bench-'));
  try {
    const binary = join(folder, 'binary.safetensors');
    await saveModel(chainGraph({ channels: CHANNELS, size: 7 }), binary);
    const rows: Row[] = [];
    for (const file of [binary, ...publishedFiles(folder)]) rows.push(await rowOf(file));
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The files under BITPLANE_DATA/models, inflated into `folder` where they are gzipped. */
function publishedFiles(folder: string): string[] {
  const models = join(process.env['BITPLANE_DATA'] ?? '', 'models');
  if (process.env['BITPLANE_DATA'] === undefined || !existsSync(models)) return [];
  return readdirSync(models)
    .filter((name) => /\.onnx(\.gz)?$/.test(name))
    .map((name) => {
      const path = join(models, name);
      if (!name.endsWith('.gz')) return path;
      const inflated = join(folder, name.slice(0, -'.gz'.length));
      writeFileSync(inflated, gunzipSync(readFileSync(path)));
      return inflated;
    })
    .filter((path) => readFileSync(path).length >= LEAST_BYTES);
}

async function rowOf(file: string): Promise<Row> {
  const { length } = readFileSync(file);
  const module = new URL('./load.js', import.meta.url);
  const grown = await inChild<Growth>(module, ['--expose-gc'], [file]);
  const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
  return {
    what: `${file.split(/[\\/]/).at(-1)}: resident memory gained by opening / the file`,
    value: grown.settledBytes / length,
    unit: 'x',
    goal: { max: 2 },
    note:
      `file ${mib(length)}, packed weights ${mib(grown.packedBytes)}, ` +
      `gained ${mib(grown.settledBytes)}, ` +
      `${mib(grown.atOnceBytes)} before garbage is collected`,
  };
}
