#!/usr/bin/env node
/**
 * How often a quantized network and its QDQ export answer alike: the file as bitplane runs it, and
 * the ONNX file that it is written as in onnxruntime-node, over CIFAR-10's test pictures.
 *
 *   node scripts/qdq-agreement.mjs FILE.safetensors [--limit 2000] [--data DIR]
 *
 * Prints the share of equal top-1 answers, both accuracies, and the greatest difference of scores.
 * Pictures are prepared as the file's metadata says. Exit code 1 where answers differ on more than
 * `--allow N` pictures (default 0). onnxruntime computes the nodes as they stand; with `--optimize`
 * it fuses them into integer products whose biases are rounded, as it does by default. Not here:
 * other data sets, other exports (`bitplane check`).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { encodeOnnx, loadModel, Session, Tensor } from '../dist/index.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    limit: { type: 'string', default: '2000' },
    data: { type: 'string', default: process.env.BITPLANE_DATA },
    allow: { type: 'string', default: '0' },
    optimize: { type: 'boolean', default: false },
  },
});
const [file] = positionals;
if (file === undefined || flags.data === undefined) {
  console.error('expected FILE.safetensors, and --data or BITPLANE_DATA');
  process.exit(2);
}

const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD = 1 + 3 * PLANE;
const BATCH = 50;

const graph = await loadModel(file);
const [input] = graph.inputs;
const recipe = Object.values(graph.metadata ?? {}).find((text) => text.includes('preprocess'));
const { scale, mean, std } = JSON.parse(recipe ?? '{}').preprocess ?? {};
if (scale === undefined || input.shape[1] !== 3) {
  console.error('expected a network of CIFAR-10 pictures, channels first, that carries its recipe');
  process.exit(2);
}
const records = readFileSync(join(flags.data, 'cifar-10-batches-bin', 'test_batch.bin'));
const count = Math.min(Number(flags.limit), records.length / RECORD);

const ours = Session.fromGraph(graph);
const theirs = await InferenceSession.create(encodeOnnx(graph), {
  executionMode: 'sequential',
  logSeverityLevel: 3,
  graphOptimizationLevel: flags.optimize ? 'all' : 'disabled',
  intraOpNumThreads: 1,
});
const alike = { count: 0, most: 0, margin: 0 };
const right = { ours: 0, theirs: 0 };
for (let from = 0; from < count; from += BATCH) {
  const size = Math.min(BATCH, count - from);
  const pictures = new Float32Array(size * 3 * PLANE);
  for (let i = 0; i < pictures.length; i++) {
    const [picture, at] = [Math.floor(i / (3 * PLANE)), i % (3 * PLANE)];
    const c = Math.floor(at / PLANE);
    const byte = records[(from + picture) * RECORD + 1 + at];
    pictures[i] = (byte * scale - mean[c % mean.length]) / std[c % std.length];
  }
  const shape = [size, 3, SIDE, SIDE];
  const [a] = Object.values(await ours.run({ [input.name]: new Tensor('f32', pictures, shape) }));
  const feed = { [input.name]: new OrtTensor('float32', pictures, shape) };
  const [b] = Object.values(await theirs.run(feed));
  const classes = a.data.length / size;
  const answer = (scores, row) => {
    const own = scores.subarray(row * classes, (row + 1) * classes);
    return own.indexOf(own.reduce((x, y) => Math.max(x, y)));
  };
  for (let row = 0; row < size; row++) {
    const label = records[(from + row) * RECORD];
    const [x, y] = [answer(a.data, row), answer(b.data, row)];
    alike.count += x === y ? 1 : 0;
    if (x !== y)
      alike.margin = Math.max(alike.margin, a.data[row * classes + x] - a.data[row * classes + y]);
    right.ours += x === label ? 1 : 0;
    right.theirs += y === label ? 1 : 0;
  }
  for (const [i, score] of a.data.entries())
    alike.most = Math.max(alike.most, Math.abs(score - b.data[i]));
}
await ours.release();
await theirs.release();
const percent = (n) => `${((100 * n) / count).toFixed(2)} %`;
console.log(
  `${alike.count} of ${count} pictures answered alike (${percent(alike.count)}); ` +
    `scores differ by ${alike.most.toPrecision(3)} at most, and where answers do, the two scores ` +
    `are ${alike.margin.toPrecision(3)} apart at most; ` +
    `top-1 ${percent(right.ours)} in bitplane, ${percent(right.theirs)} in onnxruntime`,
);
process.exit(count - alike.count > Number(flags.allow) ? 1 : 0);
