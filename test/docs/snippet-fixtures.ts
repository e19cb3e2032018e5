/** Models, arrays and pictures that the snippets of the documentation name. Not a test. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { shapes } from '../../src/data/shapes.js';
import { saveOnnx } from '../../src/formats/onnx/export.js';
import { saveModel } from '../../src/formats/safetensors/model.js';
import * as nn from '../../src/nn/index.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { writeCifar10 } from '../data/fixtures.js';
import { encodeOnnx } from '../formats/onnx-encoder.js';

export async function writeFixtures(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  for (const name of ['model', 'resnet', 'resnet20'])
    await saveOnnx(pooled('image'), at(`${name}.onnx`));
  const recipe = { layout: 'NCHW', color: 'rgb', scale: 1 / 255, resize: 32, crop: 32 };
  writeFileSync(at('model.json'), JSON.stringify(recipe));
  const raw = { width: 40, height: 30, channels: 3 } as const;
  for (const name of ['cat', 'photo'])
    await sharp(Buffer.alloc(3600, 120), { raw })
      .jpeg()
      .toFile(at(`${name}.jpg`));
  writeCifar10(at('cifar-10-batches-bin'), 20);
  writeFileSync(at('any-size.onnx'), anySize());
  mkdirSync(at('shapes/pictures'), { recursive: true });
  const { test } = shapes({ train: 0, test: 8 });
  for (const [i, name] of test.classes.entries())
    await sharp(test.bytes(i), { raw: { width: 24, height: 24, channels: 3 } })
      .png()
      .toFile(at(`shapes/pictures/${name}.png`));
  const net = nn.model(
    { input: { name: 'image', shape: ['N', 24, 24, 3] } },
    nn.sequential([nn.flatten(), nn.dense({ units: 8 })]),
  );
  const preprocess = { layout: 'NHWC', color: 'rgb', scale: 1 / 255, resize: 24, crop: 24 };
  const metadata = { 'bitplane.recipe': JSON.stringify({ preprocess, labels: test.classes }) };
  await saveModel({ ...net.graph(net.init(1)), metadata }, at('shapes/model.safetensors'));
  writeFileSync(at('model.safetensors'), readFileSync(at('shapes/model.safetensors')));
  if (readdirSync(folder).length < 5) throw new Error('fixtures are missing');
}

/** [N, 3, 32, 32] -> logits [N, 10]: layers of the names that docs/quantization.md chooses by. */
function pooled(input: string) {
  const g = new GraphBuilder();
  const x = g.input(input, 'f32', ['N', 3, 32, 32]);
  const weights = (...shape: number[]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const numbers = Float32Array.from({ length: count }, (_, i) => Math.sin(i * i) / 4);
    return g.constant(new Tensor('f32', numbers, shape));
  };
  const map = g.transpose(x, [0, 2, 3, 1]);
  const a = g.relu(g.conv2d(map, weights(8, 3, 3, 3), { strides: [2, 2], name: '/conv1/Conv' }));
  const b = g.relu(g.conv2d(a, weights(8, 3, 3, 8), { name: '/layer1/Conv' }));
  const mean = g.reduce(b, 'mean', [1, 2]);
  return g.graph([x], { logits: g.dense(mean, weights(10, 8), { name: '/linear/Gemm' }) });
}

/** The mean of a map of any size. */
function anySize(): Uint8Array {
  return encodeOnnx({
    inputs: { x: ['batch', 3, 'height', 'width'] },
    outputs: { y: ['batch', 3, 1, 1] },
    nodes: [
      {
        op: 'AveragePool',
        inputs: ['x'],
        outputs: ['a'],
        attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      },
      { op: 'GlobalAveragePool', inputs: ['a'], outputs: ['y'] },
    ],
  });
}
