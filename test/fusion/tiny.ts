/** A network so small, and pictures so few, that tests can train it. */
import { type PictureSet, pictureSet } from '../../src/data/picture-set.js';
import type { Preprocess } from '../../src/data/preprocess.js';
import type { Graph } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';

/** A network that takes pictures [N, 3, 6, 6], with batch norms, before any training. */
export function network(seed: number, classes: number, batch: string | number = 'batch'): Graph {
  const draw = random(seed);
  const g = new GraphBuilder();
  const numbers = (shape: number[], name: string, of = () => draw() - 0.5) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, of);
    return g.constant(new Tensor('f32', data, shape), { name });
  };
  const norm = (x: ReturnType<typeof g.relu>, name: string) =>
    g.batchNorm(
      x,
      numbers([8], `${name}.gamma`, () => 1 + draw()),
      numbers([8], `${name}.beta`),
      numbers([8], `${name}.mean`),
      numbers([8], `${name}.variance`, () => 0.5 + draw()),
      { name },
    );
  const x = g.input('x', 'f32', [batch, 3, 6, 6]);
  const map = g.transpose(x, [0, 2, 3, 1]);
  const a = g.conv2d(map, numbers([8, 3, 3, 3], 'a.w'), { pads: [1, 1, 1, 1], name: 'a' });
  const h = g.relu(norm(a, 'an'));
  const b = g.conv2d(h, numbers([8, 3, 3, 8], 'b.w'), { pads: [1, 1, 1, 1], name: 'b' });
  const pooled = g.reduce(g.relu(norm(b, 'bn')), 'mean', [1, 2], { keepDims: true });
  // As files from ONNX have it: the batch in an attribute.
  const features = g.reshape(pooled, [batch, 8]);
  const y = g.dense(features, numbers([classes, 8], 'head.w'), { name: 'head' });
  return g.graph([x], { y: g.add(y, numbers([classes], 'head.b'), { name: 'logits' }) });
}

/** Pictures of one colour a class, with noise. */
function pictures(seed: number, classes: number, size = 32): PictureSet {
  const draw = random(seed);
  const labels = Int32Array.from({ length: size }, (_, i) => i % classes);
  const pixels = new Uint8Array(size * 108).map((_, i) => {
    const label = labels[Math.floor(i / 108)]!;
    return (i % 3 === label % 3 ? 160 : 40) + 60 * draw() + (label > 2 ? 30 : 0);
  });
  return pictureSet({
    name: `pictures ${seed}`,
    classes: Array.from({ length: classes }, (_, c) => `class ${c}`),
    pictureShape: [6, 6, 3],
    normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    pixels,
    labels,
  });
}

export const preprocess: Preprocess = {
  ...{ layout: 'NCHW', color: 'rgb', scale: 1 / 255 },
  ...{ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
};
export const sets = (seed: number, classes: number) => ({
  train: pictures(seed, classes),
  test: pictures(seed + 50, classes),
});
export const x = new Tensor(
  'f32',
  Float32Array.from({ length: 2 * 108 }, (_, i) => Math.sin(i)),
  [2, 3, 6, 6],
);
