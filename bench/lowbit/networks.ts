/**
 * Whole networks of 8-bit weights and activations, quantized here after a calibration, against
 * onnxruntime twice: on the QDQ file that is written of the same graph, and on its fastest integer
 * form of the same layers. In the file the sums of residual blocks are floats, so onnxruntime
 * computes the convolutions before them in float. Weights and pictures are random.
 */
import { encodeOnnx, type nn, quant, Tensor, zoo } from 'bitplane';
import ort from 'onnxruntime-node';
import { onnxruntimeFile } from '../chain/onnxruntime.js';
import { SEED } from '../chain/workload.js';
import { race } from '../measure.js';
import { type Architecture, RESNET20, RESNET50 } from '../networks/architectures.js';
import { onnxruntimeInt8 } from '../networks/onnxruntime-int8.js';
import { drawn, random } from '../random.js';
import type { Row } from '../report.js';
import { integerRunner } from './integer-runner.js';
import { resnet50 } from './resnet50.js';

interface Case {
  readonly title: string;
  readonly build: () => nn.Model<'image', 'logits'>;
  /** The same layers, for onnxruntime. */
  readonly layers: Architecture;
  readonly products: number;
  /** Of one timing. */
  readonly ms: number;
}

const CALIBRATION = 3;
const CASES: readonly Case[] = [
  {
    title: 'ResNet-20 for CIFAR-10',
    build: () => zoo.resnet20(),
    layers: RESNET20,
    products: 20,
    ms: 4,
  },
  {
    title: 'ResNet-50 at 224x224',
    build: () => resnet50(),
    layers: RESNET50,
    products: 54,
    ms: 30,
  },
];

export async function wholeNetworks(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const each of CASES) rows.push(...(await measure(each)));
  return rows;
}

async function measure({ title, build, layers, products, ms }: Case): Promise<Row[]> {
  const network = build();
  const shape = [1, ...(network.input.shape.slice(1) as number[])];
  const next = random(SEED);
  const size = shape.reduce((a, b) => a * b, 1);
  const pictures = Array.from({ length: CALIBRATION }, () => ({
    image: new Tensor('f32', drawn(new Float32Array(size), next), shape),
  }));
  const { graph } = await quant.quantizeGraph(network.graph(zoo.exampleState(network)), {
    weights: 8,
    activations: 8,
    perChannel: true,
    calibration: pictures,
  });
  const feeds = pictures[0] as (typeof pictures)[number];
  const ours = await integerRunner(graph, feeds, { products });
  const file = await onnxruntimeFile(encodeOnnx(graph), 1, {
    image: new ort.Tensor('float32', feeds.image.data, shape),
  });
  const integers = await onnxruntimeInt8(layers, 1);
  const us = await race({ ours: ours.run, file: file.run, integers: integers.run }, 12, ms);
  for (const { release } of [ours, file, integers]) await release();
  const row = (competitor: string, time: number): Row => ({
    what: `${title}, W8A8 by channel, ${ours.isa}: onnxruntime ${competitor} / bitplane`,
    value: time / us.ours,
    unit: 'x',
    goal: { min: 1.1 },
    note:
      `${(us.ours / 1000).toFixed(2)} ms, ${ours.kernels.join(', ')}; ` +
      `onnxruntime ${(time / 1000).toFixed(2)} ms`,
  });
  return [row('on the QDQ file', us.file), row('QLinear from end to end', us.integers)];
}
