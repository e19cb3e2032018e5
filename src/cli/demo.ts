/**
 * `bitplane demo` (`npm run demo`): trains a network on drawn pictures, or, where a folder of data
 * is named, runs one on its pictures and prints its answers, its time and its size, packed and in
 * float. Not here: the training (demo-story.ts), which network and pictures (demo-scenes.ts).
 */
import { cpus } from 'node:os';
import { measureAccuracy } from '../data/accuracy.js';
import { preprocessPixels } from '../data/preprocess.js';
import { topClasses } from '../data/top-k.js';
import { encodeOnnx } from '../formats/onnx/export.js';
import { encodeModel } from '../formats/safetensors/model.js';
import { Session } from '../formats/session.js';
import type { Runner } from '../runtime/run-rows.js';
import type { Tensor } from '../tensor/tensor.js';
import { findScene, type Scene } from './demo-scenes.js';
import { demoStory } from './demo-story.js';
import { bytes, microseconds, percent, three } from './format.js';
import { type Io, printLines } from './io.js';
import { startProgress } from './progress.js';
import { facts, table } from './table.js';
import { timeInTurns } from './time-in-turns.js';

const SHOWN = 8;
const NOTES = 3;

/** The exit code. */
export async function demo(flags: { readonly data?: string }, io: Io): Promise<number> {
  const folder = flags.data ?? (io.env.BITPLANE_DATA || undefined);
  if (folder === undefined) return await demoStory(io);
  await showScene(await findScene(folder), io);
  return 0;
}

async function showScene(scene: Scene, io: Io): Promise<void> {
  const packed = Session.fromGraph(scene.graph);
  const float = Session.fromGraph(scene.graph, { optimize: false });
  try {
    const { isa, threads } = packed.info;
    printLines(
      io,
      scene.title,
      `on ${cpus()[0]?.model.trim() || 'this machine'}, ${isa}, ` +
        `${threads} thread${threads === 1 ? '' : 's'}`,
      scene.notes.slice(0, NOTES),
      scene.notes.length > NOTES ? [`and ${scene.notes.length - NOTES} more networks`] : [],
      scene.trained
        ? []
        : ['the network was never trained: the highest output of a picture says nothing about it'],
      '',
    );
    await showAnswers(scene, packed, float, io);
    if (scene.trained) await showAccuracy(scene, packed, io);
    await showCost(scene, packed, float, io);
  } finally {
    await packed.release();
    await float.release();
  }
}

/** The first `count` pictures as the network takes them. */
async function prepare({ data, preprocess, graph }: Scene, count: number) {
  const { pixels, labels } = await data.read(0, count);
  const input = graph.inputs[0]?.name as string;
  return { feeds: { [input]: preprocessPixels(pixels, data.pictureShape, preprocess) }, labels };
}

async function showAnswers(scene: Scene, packed: Runner, float: Runner, io: Io): Promise<void> {
  const { feeds, labels } = await prepare(scene, Math.min(SHOWN, scene.data.size));
  const output = packed.outputMetadata[0]?.name as string;
  const [ours, theirs] = [
    (await packed.run(feeds))[output] as Tensor,
    (await float.run(feeds))[output] as Tensor,
  ];
  const classes = ours.data.length / labels.length;
  const rows = Array.from(labels, (label, i) => {
    const [highest = 0] = topClasses(ours.data.subarray(i * classes, (i + 1) * classes), 1);
    const { classes: names } = scene.data;
    // The outputs of an untrained network have no meaning, hence no names.
    const answer = scene.trained ? (names[highest] ?? `class ${highest}`) : `output ${highest}`;
    return { picture: i, truth: names[label] ?? '', answer };
  });
  const columns = [
    {
      title: 'picture',
      cell: (row: (typeof rows)[number]) => String(row.picture),
      align: 'right' as const,
    },
    {
      title: scene.trained ? 'answer' : 'highest',
      cell: (row: (typeof rows)[number]) => row.answer,
    },
  ];
  printLines(
    io,
    table(
      scene.trained ? [...columns, { title: 'truth', cell: (row) => row.truth }] : columns,
      rows,
    ),
    '',
  );
  let difference = 0;
  for (const [i, value] of ours.data.entries())
    difference = Math.max(difference, Math.abs(value - (theirs.data[i] as number)));
  printLines(
    io,
    `largest difference between the packed and the float network's outputs: ${three(difference)}`,
  );
}

async function showAccuracy({ data, preprocess }: Scene, packed: Runner, io: Io): Promise<void> {
  const progress = startProgress(io, 'accuracy', data.size);
  const { top1, n, imagesPerSecond } = await measureAccuracy(packed, data, preprocess, {
    onProgress: (done) => progress.update(done),
  }).finally(() => progress.finish());
  printLines(
    io,
    `accuracy on all ${n} pictures: ${percent(top1)}, ` +
      `at ${three(imagesPerSecond)} images/s, reading them included`,
  );
}

async function showCost(scene: Scene, packed: Session, float: Session, io: Io): Promise<void> {
  const { feeds } = await prepare(scene, 1);
  const time = await timeInTurns({ packed, float }, feeds, io);
  // ONNX has no bits: there every weight is a float.
  const size = { packed: encodeModel(packed.graph).length, float: encodeOnnx(scene.graph).length };
  printLines(
    io,
    '',
    facts([
      ['time an image, packed', microseconds(time.packed)],
      [
        'time an image, float',
        `${microseconds(time.float)} (${three(time.float / time.packed)} times as long)`,
      ],
      ['size on disk, packed', bytes(size.packed)],
      [
        'size on disk, float',
        `${bytes(size.float)} (${three(size.float / size.packed)} times as large)`,
      ],
    ]),
  );
}
