/**
 * Binary networks whose real layers (stem, downsampling, classifier) have 8 bits, against the float
 * networks that they stand for in onnxruntime; and a binary ResNet-20 against the float one here.
 * One picture, one thread.
 */
import { mergeAffines, Session, Tensor, zoo } from 'bitplane';
import { type Runner, SEED } from '../chain/workload.js';
import { race } from '../measure.js';
import { MOBILENET_V1, RESNET18 } from '../networks/architectures.js';
import { onnxruntimeFp32 } from '../networks/onnxruntime-fp32.js';
import { onnxruntimeInt8 } from '../networks/onnxruntime-int8.js';
import { drawn, random } from '../random.js';
import type { Row } from '../report.js';
import { integerKernels } from './integer-runner.js';

interface NetworkRunner extends Runner {
  readonly isa: string;
}

/** @param products how many products the network has, all in integers; undefined: in floats too */
async function open(network: zoo.Network, products?: number): Promise<NetworkRunner> {
  const graph = mergeAffines(network.graph(zoo.exampleState(network)));
  const session = Session.fromGraph(graph, { threads: 1 });
  const shape = [1, ...(network.input.shape.slice(1) as number[])];
  const pixels = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const next = random(SEED);
  const feeds = {
    image: new Tensor(
      'f32',
      drawn(pixels, () => next() - 0.5),
      shape,
    ),
  };
  if (products !== undefined) integerKernels(await session.profile(1, feeds), products);
  return {
    isa: session.info.isa,
    run: () => session.run(feeds),
    release: () => session.release(),
  };
}

export async function binaryNetworks(): Promise<Row[]> {
  const runners = {
    biReal: await open(zoo.biReal18({ real: 8 }), 21),
    react: await open(zoo.reActNetA({ real: 8 }), 28),
    fp32: await onnxruntimeFp32(RESNET18, 1),
    int8: await onnxruntimeInt8(RESNET18, 1),
    mobilenet: await onnxruntimeFp32(MOBILENET_V1, 1),
  };
  const us = await timed(runners, 20, 20);
  const row = (what: string, theirs: number, ours: number, min: number): Row => ({
    what,
    value: theirs / ours,
    unit: 'x',
    goal: { min },
    note: `${ms(ours)}; onnxruntime ${ms(theirs)}`,
  });
  return [
    row('onnxruntime fp32 ResNet-18 / Bi-Real-18 with real: 8', us.fp32, us.biReal, 12),
    row('onnxruntime int8 ResNet-18 / Bi-Real-18 with real: 8', us.int8, us.biReal, 3.5),
    row('onnxruntime fp32 MobileNetV1 / ReActNet-A with real: 8', us.mobilenet, us.react, 2.3),
  ];
}

/** Both with 16, 32 and 64 channels; the binary one has Bi-Real blocks and float ends. */
export async function binaryResnet20(): Promise<Row[]> {
  const runners = { binary: await open(zoo.biReal20()), float: await open(zoo.resnet20()) };
  const { isa } = runners.binary;
  const us = await timed(runners, 40, 8);
  return [
    {
      what: `ResNet-20 here, ${isa}: float / binary with Bi-Real blocks`,
      value: us.float / us.binary,
      unit: 'x',
      ...(isa === 'avx512' && { goal: { min: 8 } }),
      ...(isa === 'avx2' && { goal: { min: 4.5 } }),
      note: `${us.binary.toFixed(0)} us; float ${us.float.toFixed(0)} us`,
    },
  ];
}

async function timed<K extends string>(
  runners: Readonly<Record<K, Runner>>,
  rounds: number,
  least: number,
): Promise<Record<K, number>> {
  const entries = Object.entries<Runner>(runners);
  const jobs = Object.fromEntries(entries.map(([name, { run }]) => [name, run]));
  const us = await race(jobs as Record<K, () => unknown>, rounds, least);
  for (const [, { release }] of entries) await release();
  return us;
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(2)} ms`;
}
