/**
 * Whole networks of real files here and in onnxruntime: float ones, and binary ones against
 * onnxruntime's fp32 of the same network in standard ops. Needs BITPLANE_DATA to name a folder with
 * models/. Pictures are those beside each model.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { encodeOnnx, loadModel, readNpy, Session, Tensor } from 'bitplane';
import ort from 'onnxruntime-node';
import { onnxruntimeFile } from '../chain/onnxruntime.js';
import { race } from '../measure.js';
import { type Row, Skip } from '../report.js';
import { productOf } from './layer-file.js';

interface Case {
  readonly model: string;
  readonly batch: number;
  readonly threads: number;
  readonly min: number;
  /** What onnxruntime runs: this file instead, or what is exported of the model. */
  readonly theirs?: string | 'exported';
}

const both = (model: string): Case[] =>
  [1, 16].flatMap((batch) => [1, 2].map((threads) => ({ model, batch, threads, min: 1 })));

const CASES: readonly Case[] = [
  ...both('resnet20-cifar10'),
  ...both('mobilenetv2-035'),
  { model: 'resnet18-cifar10', batch: 1, threads: 1, min: 1 },
  { model: 'cnv-w1a1', batch: 1, threads: 1, min: 6, theirs: 'cnv-w1a1-std' },
  { model: 'resnet18-w1a1-imagenet', batch: 1, threads: 1, min: 3.2, theirs: 'exported' },
];
const ROUNDS = 8;
/** Both keep threads spinning for a while after a run, each on the core that the other wants. */
const [MS, REST_MS] = [120, 20];

/** @throws Skip where the models are not there */
export async function wholeNetworks(): Promise<Row[]> {
  const folder = join(process.env.BITPLANE_DATA ?? '', 'models');
  if (process.env.BITPLANE_DATA === undefined || !existsSync(folder))
    throw new Skip('BITPLANE_DATA names no folder with models/');
  const rows: Row[] = [];
  for (const one of CASES) rows.push(await measure(one, folder));
  return rows;
}

async function measure({ model, batch, threads, min, theirs }: Case, folder: string): Promise<Row> {
  const own = fileOf(folder, model);
  const pictures = readNpy(readFileSync(join(folder, `${model}.input.npy`)));
  const x = batchOf(pictures as Tensor<'f32'>, batch);
  const session = await Session.create(own, { threads });
  const [name] = session.inputNames as [string];
  const bytes =
    theirs === 'exported'
      ? encodeOnnx(await loadModel(own))
      : bytesOf(fileOf(folder, theirs ?? model));
  const competitor = await onnxruntimeFile(bytes, threads, {
    [name]: new ort.Tensor('float32', x.data, x.shape),
  });
  const us = await race(
    { ours: () => session.run({ [name]: x }), theirs: competitor.run },
    ROUNDS,
    MS,
    REST_MS,
  );
  await session.release();
  await competitor.release();
  return {
    what:
      `${model}, batch ${batch}, ${threads} thread${threads === 1 ? '' : 's'}: ` +
      `onnxruntime${theirs === undefined ? '' : ' fp32 in standard ops'} / bitplane`,
    value: us.theirs / us.ours,
    unit: 'x',
    goal: { min },
    note: `${(us.ours / 1000).toFixed(2)} ms; onnxruntime ${(us.theirs / 1000).toFixed(2)} ms`,
  };
}

/** NAME.onnx, or gzipped. */
function fileOf(folder: string, model: string): string {
  const file = join(folder, `${model}.onnx`);
  return existsSync(file) ? file : `${file}.gz`;
}

function bytesOf(file: string): Uint8Array {
  const bytes = readFileSync(file);
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

/** So many pictures; those that there are, again and again. */
function batchOf(pictures: Tensor<'f32'>, batch: number): Tensor<'f32'> {
  const [count = 1, ...shape] = pictures.shape;
  const size = productOf(shape);
  const data = new Float32Array(batch * size);
  for (let i = 0; i < batch; i++) {
    const from = (i % count) * size;
    data.set(pictures.data.subarray(from, from + size), i * size);
  }
  return new Tensor('f32', data, [batch, ...shape]);
}
