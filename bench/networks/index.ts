/**
 * Whole binary networks of the zoo in bitplane, beside the float networks that they binarize in
 * onnxruntime; batch 1, whole run() calls.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Graph, Session, zoo } from 'bitplane';
import { bitplaneChain } from '../chain/bitplane.js';
import { type ChainShape, LAYERS, type Runner, SHAPES } from '../chain/workload.js';
import { bitplaneCli, inChild } from '../child.js';
import { race } from '../measure.js';
import { random } from '../random.js';
import type { Row, Workload } from '../report.js';
import { MOBILENET_V1, RESNET18 } from './architectures.js';
import type { Peak } from './child.js';
import { onnxruntimeFp32 } from './onnxruntime-fp32.js';
import { onnxruntimeInt8 } from './onnxruntime-int8.js';

export const networks: Workload = {
  name: 'networks',
  async rows() {
    return [...(await speed()), await outsideConvolutions(), ...(await sizes())];
  },
};

function open(graph: Graph, threads: number): Runner {
  const session = Session.fromGraph(graph, { threads });
  const next = random(1);
  const [input] = session.inputNames as [string];
  const x = Float32Array.from({ length: 3 * 224 * 224 }, () => next() - 0.5);
  return { run: () => session.run({ [input]: x }), release: async () => session.release() };
}

async function speed(): Promise<Row[]> {
  const graph = (name: string) => zoo.zooGraph(name);
  const runners = {
    biReal: open(graph('bi-real-18'), 1),
    biReal2: open(graph('bi-real-18'), 2),
    realToBinary: open(graph('real-to-binary-18'), 1),
    react: open(graph('react-bi-real-18'), 1),
    reactA: open(graph('react-net-a'), 1),
    fp32: await onnxruntimeFp32(RESNET18, 1),
    int8: await onnxruntimeInt8(RESNET18, 1),
    mobilenet: await onnxruntimeFp32(MOBILENET_V1, 1),
  };
  const jobs = Object.fromEntries(
    Object.entries(runners).map(([name, { run }]) => [name, run]),
  ) as Record<keyof typeof runners, () => unknown>;
  const us = await race(jobs, 30, 30);
  for (const runner of Object.values(runners)) await runner.release();
  const ms = (time: number) => `${(time / 1000).toFixed(2)} ms`;
  const row = (what: string, value: number, goal: Row['goal'], note: string): Row => ({
    what,
    value,
    unit: 'x',
    ...(goal && { goal }),
    note,
  });
  return [
    { what: 'Bi-Real-18, one thread', value: us.biReal / 1000, unit: 'ms' },
    row('onnxruntime fp32 ResNet-18 / Bi-Real-18', us.fp32 / us.biReal, { min: 6 }, ms(us.fp32)),
    row('onnxruntime int8 ResNet-18 / Bi-Real-18', us.int8 / us.biReal, { min: 2 }, ms(us.int8)),
    row(
      'Bi-Real-18, one thread / two threads',
      us.biReal / us.biReal2,
      { min: 1.7 },
      ms(us.biReal2),
    ),
    row(
      'Real-to-Binary-18 / Bi-Real-18',
      us.realToBinary / us.biReal,
      { max: 1.25 },
      ms(us.realToBinary),
    ),
    row('ReAct-Bi-Real-18 / Bi-Real-18', us.react / us.biReal, { max: 1.25 }, ms(us.react)),
    row(
      'onnxruntime fp32 MobileNetV1 / ReActNet-A',
      us.mobilenet / us.reactA,
      { min: 2 },
      `${ms(us.mobilenet)} / ${ms(us.reactA)}`,
    ),
  ];
}

/**
 * The time of a Bi-Real-18 run outside products, in two parts. Layers that are no convolution or
 * dense layer count whole. A binary convolution counts with its time beyond that of the same
 * convolution with thresholds alone, measured as in the chain.
 */
async function outsideConvolutions(): Promise<Row> {
  const session = Session.fromGraph(zoo.zooGraph('bi-real-18'), { threads: 1 });
  const layers = await session.profile(60);
  await session.release();
  const total = layers.reduce((sum, { us }) => sum + us, 0);
  const other = layers
    .filter(({ op }) => op !== 'conv2d' && op !== 'dense')
    .reduce((sum, { us }) => sum + us, 0);
  // products per microsecond by the number of binary products of a layer
  const rate = new Map<number, number>();
  for (const shape of SHAPES)
    rate.set(productsOf(shape), productsOf(shape) / (await pureLayer(shape)));
  const fastest = Math.max(...rate.values());
  const epilogues = layers
    .filter(({ macs }) => macs.binary > 0)
    .map(({ us, macs }) => Math.max(0, us - macs.binary / (rate.get(macs.binary) ?? fastest)));
  const extra = epilogues.reduce((sum, us) => sum + us, 0);
  return {
    what: 'Bi-Real-18: share of a run outside convolutions',
    value: (100 * (other + extra)) / total,
    unit: '%',
    goal: { max: 25 },
    note:
      `${other.toFixed(0)} us other layers, ${extra.toFixed(0)} us of epilogues, ` +
      `of ${total.toFixed(0)} us`,
  };
}

const productsOf = ({ channels, size }: ChainShape) => channels * channels * 9 * size * size;

/** Microseconds of one layer of the chain. */
async function pureLayer(shape: ChainShape): Promise<number> {
  const runner = await bitplaneChain(shape, 1);
  const us = await race({ run: runner.run }, 20, 8);
  await runner.release();
  return us.run / LAYERS;
}

async function sizes(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-'));
  try {
    const biReal = join(folder, 'bi-real-18.safetensors');
    const reactA = join(folder, 'react-net-a.safetensors');
    const resnet = join(folder, 'resnet-18.onnx');
    await bitplaneCli(['convert', 'zoo:bi-real-18', biReal]);
    await bitplaneCli(['convert', 'zoo:react-net-a', reactA]);
    await bitplaneCli(['convert', 'zoo:resnet-18', resnet, '--format', 'onnx']);
    const { mb } = await inChild<Peak>(
      new URL('./child.js', import.meta.url),
      ['--expose-gc'],
      [biReal],
    );
    const megabytes = (file: string) => statSync(file).size / 1e6;
    return [
      {
        what: "Bi-Real-18: peak memory of a session above the process's own",
        value: mb,
        unit: 'MB',
        goal: { max: 16 },
      },
      { what: 'Bi-Real-18: file', value: megabytes(biReal), unit: 'MB', goal: { max: 4.3 } },
      { what: 'ReActNet-A: file', value: megabytes(reactA), unit: 'MB', goal: { max: 8 } },
      { what: 'ResNet-18: ONNX file of floats', value: megabytes(resnet), unit: 'MB' },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
