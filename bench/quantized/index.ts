/**
 * ResNet-20 for CIFAR-10, quantized here with 512 pictures of calibration: its accuracy on the
 * whole test set, and that of the QDQ file of the same network in onnxruntime, with its
 * optimizations and without. Its sums or its requantization round where those here are exact, so a
 * few pictures on the edge of two classes change sides. Needs BITPLANE_DATA to name a folder with
 * models/ and cifar-10-batches-bin/.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeOnnx, loadModel, Session, Tensor } from 'bitplane';
import ort from 'onnxruntime-node';
import { bitplaneCli } from '../child.js';
import { type Row, Skip, type Workload } from '../report.js';

interface Case {
  readonly title: string;
  readonly options: readonly string[];
  /** Percent; 0.2 points below the float network. */
  readonly least?: number;
}

const bits = (weights: number, activations: number) => [
  ...['--weights', String(weights), '--activations', String(activations), '--per-channel'],
];
const CASES: readonly Case[] = [
  { title: 'W8A8', options: bits(8, 8), least: 91.53 },
  { title: 'W7A8', options: [...bits(7, 8), '--ends', '7', '--layer', '*=A8'] },
  { title: 'W4A8', options: bits(4, 8) },
  { title: 'W4A4', options: bits(4, 4) },
];

/** As the network was trained: pixels / 255, less the mean, by the deviation of each colour. */
const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
const SHAPE = [3, 32, 32];
const PIXELS = 32 * 32;
const BATCH = 100;
const RECORD = 1 + 3 * PIXELS;
/** Points of top-1 that are the same to a decimal. */
const MOST_APART = 0.05;

export const quantized: Workload = {
  name: 'quantized',
  async rows(): Promise<Row[]> {
    const data = process.env.BITPLANE_DATA;
    const model = join(data ?? '', 'models', 'resnet20-cifar10.onnx');
    const pictures = join(data ?? '', 'cifar-10-batches-bin', 'test_batch.bin');
    if (data === undefined || !existsSync(model) || !existsSync(pictures))
      throw new Skip('BITPLANE_DATA names no folder with models/ and cifar-10-batches-bin/');
    const folder = mkdtempSync(join(tmpdir(), 'bitplane-bench-'));
    try {
      const rows: Row[] = [];
      for (const each of CASES)
        rows.push(...(await measure(each, { model, data, folder }, readFileSync(pictures))));
      return rows;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

interface Places {
  readonly model: string;
  readonly data: string;
  readonly folder: string;
}

async function measure(
  { title, options, least }: Case,
  { model, data, folder }: Places,
  records: Uint8Array,
): Promise<Row[]> {
  const file = join(folder, `${title}.safetensors`);
  const { accuracy } = await bitplaneCli<{ accuracy: { after: { top1: number } } }>([
    ...['quantize', model, file, ...options],
    ...['--dataset', 'cifar10', '--data', data],
  ]);
  const graph = await loadModel(file);
  const session = Session.fromGraph(graph);
  const ours = await classes(records, async (image) => {
    const { logits } = await session.run({ image: new Tensor('f32', image, [BATCH, ...SHAPE]) });
    return logits!.data as Float32Array;
  });
  await session.release();
  const bytes = encodeOnnx(graph);
  const rows: Row[] = [
    {
      what: `ResNet-20, ${title} by channel: top-1 on ${ours.length} test images`,
      value: accuracy.after.top1,
      unit: '%',
      ...(least !== undefined && { goal: { min: least } }),
    },
  ];
  for (const level of ['all', 'disabled'] as const) {
    const theirs = await onnxruntimeClasses(bytes, records, level);
    rows.push({
      what: `the same as QDQ in onnxruntime, optimizations ${level}: top-1 is apart by`,
      value: Math.abs(percentOf(theirs, records) - percentOf(ours, records)),
      unit: 'points',
      goal: { max: MOST_APART },
      note: `${theirs.filter((one, i) => one !== ours[i]).length} images of another class`,
    });
  }
  return rows;
}

async function onnxruntimeClasses(
  bytes: Uint8Array,
  records: Uint8Array,
  graphOptimizationLevel: 'all' | 'disabled',
): Promise<number[]> {
  const session = await ort.InferenceSession.create(bytes, {
    graphOptimizationLevel,
    logSeverityLevel: 3,
  });
  const found = await classes(records, async (image) => {
    const feed = new ort.Tensor('float32', image, [BATCH, ...SHAPE]);
    return (await session.run({ image: feed })).logits!.data as Float32Array;
  });
  await session.release();
  return found;
}

/** Percent of the pictures that have their class. */
function percentOf(found: readonly number[], records: Uint8Array): number {
  return (100 * found.filter((one, i) => one === records[i * RECORD]).length) / found.length;
}

/** The class of every picture of a file of CIFAR-10: a label and 3072 bytes each. */
async function classes(
  records: Uint8Array,
  run: (image: Float32Array) => Promise<Float32Array>,
): Promise<number[]> {
  const found: number[] = [];
  for (let first = 0; first < records.length / RECORD; first += BATCH) {
    const image = new Float32Array(BATCH * 3 * PIXELS);
    for (let i = 0; i < image.length; i++) {
      const [picture, at] = [Math.floor(i / (3 * PIXELS)), i % (3 * PIXELS)];
      const colour = Math.floor(at / PIXELS);
      const pixel = records[(first + picture) * RECORD + 1 + at]! / 255;
      image[i] = (pixel - MEAN[colour]!) / DEVIATION[colour]!;
    }
    const logits = await run(image);
    const count = logits.length / BATCH;
    for (let picture = 0; picture < BATCH; picture++) {
      const scores = logits.subarray(picture * count, (picture + 1) * count);
      found.push(scores.indexOf(Math.max(...scores)));
    }
  }
  return found;
}
