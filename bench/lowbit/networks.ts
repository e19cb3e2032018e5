/**
 * Whole networks of 8-bit weights and activations, quantized here after a calibration, against
 * onnxruntime on the QDQ file that is written of the same graph. Weights and pictures are random.
 */
import { encodeOnnx, type nn, quant, Tensor, zoo } from 'bitplane';
import ort from 'onnxruntime-node';
import { onnxruntimeFile } from '../chain/onnxruntime.js';
import { SEED } from '../chain/workload.js';
import { race } from '../measure.js';
import { drawn, random } from '../random.js';
import type { Row } from '../report.js';
import { integerRunner } from './integer-runner.js';
import { resnet50 } from './resnet50.js';

type Network = nn.Model<'image', 'logits'>;

const CALIBRATION = 3;
const CASES = [
  { title: 'ResNet-20 for CIFAR-10', build: (): Network => zoo.resnet20(), products: 20, ms: 4 },
  { title: 'ResNet-50 at 224x224', build: (): Network => resnet50(), products: 54, ms: 30 },
];

export async function wholeNetworks(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const each of CASES) rows.push(await measure(each));
  return rows;
}

async function measure({ title, build, products, ms }: (typeof CASES)[number]): Promise<Row> {
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
  const theirs = await onnxruntimeFile(encodeOnnx(graph), 1, {
    image: new ort.Tensor('float32', feeds.image.data, shape),
  });
  const us = await race({ ours: ours.run, theirs: theirs.run }, 12, ms);
  for (const { release } of [ours, theirs]) await release();
  return {
    what: `${title}, W8A8 by channel, ${ours.isa}: onnxruntime int8 of the QDQ file / bitplane`,
    value: us.theirs / us.ours,
    unit: 'x',
    goal: { min: 1.1 },
    note:
      `${(us.ours / 1000).toFixed(2)} ms, ${ours.kernels.join(', ')}; ` +
      `onnxruntime ${(us.theirs / 1000).toFixed(2)} ms`,
  };
}
