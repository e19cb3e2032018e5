/**
 * FINN's CNV with weights and activations of 2 bits against onnxruntime's fp32 on the same layers
 * in float: convolutions, batch norms and ReLU, which onnxruntime fuses. One picture, one thread.
 */
import { encodeOnnx, mergeAffines, nn, Tensor, zoo } from 'bitplane';
import ort from 'onnxruntime-node';
import { onnxruntimeFile } from '../chain/onnxruntime.js';
import { SEED } from '../chain/workload.js';
import { race } from '../measure.js';
import { drawn, random } from '../random.js';
import type { Row } from '../report.js';
import { integerRunner } from './integer-runner.js';

const SHAPE = [1, 32, 32, 3];
const PRODUCTS = 9;

export async function cnv(): Promise<Row[]> {
  const network = zoo.cnv({ weights: 2, activations: 2, real: 8 });
  const graph = mergeAffines(network.graph(zoo.exampleState(network)));
  const pixels = drawn(new Float32Array(32 * 32 * 3), random(SEED));
  const feeds = { image: new Tensor('f32', pixels, SHAPE) };
  const ours = await integerRunner(graph, feeds, { products: PRODUCTS });
  const float = floatCnv();
  const file = encodeOnnx(mergeAffines(float.graph(zoo.exampleState(float))));
  const theirs = await onnxruntimeFile(file, 1, {
    image: new ort.Tensor('float32', pixels, SHAPE),
  });
  const us = await race({ ours: ours.run, theirs: theirs.run }, 40, 8);
  for (const { release } of [ours, theirs]) await release();
  return [
    {
      what: `CNV, W2A2, ${ours.isa}: onnxruntime fp32 of the same layers / bitplane`,
      value: us.theirs / us.ours,
      unit: 'x',
      goal: { min: 4 },
      note:
        `${us.ours.toFixed(0)} us, ${ours.kernels.join(', ')}; ` +
        `onnxruntime ${us.theirs.toFixed(0)} us`,
    },
  ];
}

/** The layers of `zoo.cnv` with floats for weights and ReLU for quantizers. */
function floatCnv() {
  const conv = (index: number, filters: number): nn.Layer[] => [
    nn.conv2d({ filters, kernel: 3, name: `conv${index}` }),
    nn.batchNorm({ name: `bn${index}` }),
    nn.relu({ name: `relu${index}` }),
  ];
  const dense = (index: number, units: number): nn.Layer[] => [
    nn.dense({ units, bias: false, name: `fc${index}` }),
    nn.batchNorm({ name: `bn${index + 6}` }),
  ];
  return nn.model(
    { input: { name: 'image', shape: ['N', 32, 32, 3] } },
    nn.sequential([
      ...conv(1, 64),
      ...conv(2, 64),
      nn.maxPool2d({ kernel: 2, name: 'pool1' }),
      ...conv(3, 128),
      ...conv(4, 128),
      nn.maxPool2d({ kernel: 2, name: 'pool2' }),
      ...conv(5, 256),
      ...conv(6, 256),
      nn.flatten({ name: 'flatten' }),
      ...dense(1, 512),
      nn.relu({ name: 'relu7' }),
      ...dense(2, 512),
      nn.relu({ name: 'relu8' }),
      ...dense(3, 10),
    ]),
  );
}
