/**
 * A binary convolutional network with seeded weights, written as training would leave it: float
 * weights under `sign`, float arithmetic on -1 and +1. The optimizer binarizes it, so its float
 * execution is an honest comparison. Its answers mean nothing. Not here: training.
 */
import type { Graph, Value } from '../graph/value.js';
import { GraphBuilder } from '../ops/builder.js';
import { Tensor } from '../tensor/tensor.js';
import { seededRandom } from './random-feeds.js';

const CLASSES = 10;

/**
 * x [N, side, side, 3] -> scores [N, 10]; four 3x3 convolutions, all but the first binary: for a
 * side of 32 about 190 million multiply-accumulates. `side` is a multiple of 4.
 */
export function seededNetwork(side: number, seed = 7): Graph {
  const random = seededRandom(seed);
  const g = new GraphBuilder();
  const uniform = (shape: readonly number[], low: number, high: number) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * random();
    return g.constant(new Tensor('f32', data, shape));
  };
  const bipolar = (value: Value<'f32'>) => g.cast(g.sign(value), 'f32');
  /** Batch norm with statistics of the size that sums of `terms` random signs have, then sign. */
  const normalizedSign = (value: Value<'f32'>, channels: number, terms: number) => {
    const spread = Math.sqrt(terms);
    const statistics = [
      uniform([channels], -1, 1),
      uniform([channels], -0.2, 0.2),
      uniform([channels], -spread, spread),
      uniform([channels], terms, 2 * terms),
    ];
    const [gamma, beta, mean, variance] = statistics as [
      Value<'f32'>,
      Value<'f32'>,
      Value<'f32'>,
      Value<'f32'>,
    ];
    return bipolar(g.batchNorm(value, gamma, beta, mean, variance));
  };
  /** Borders hold +1, so that every factor is a sign. */
  const binaryConv = (value: Value<'f32'>, from: number, to: number) =>
    normalizedSign(
      g.conv2d(
        g.pad(value, [0, 1, 1, 0, 0, 1, 1, 0], 1),
        bipolar(uniform([to, 3, 3, from], -1, 1)),
      ),
      to,
      9 * from,
    );

  const x = g.input('x', 'f32', ['N', side, side, 3]);
  let y = normalizedSign(g.conv2d(x, uniform([64, 3, 3, 3], -1, 1), { pads: [1, 1, 1, 1] }), 64, 9);
  y = g.maxPool2d(binaryConv(y, 64, 128), [2, 2]);
  y = g.maxPool2d(binaryConv(y, 128, 256), [2, 2]);
  y = binaryConv(y, 256, 256);
  const features = (side / 4) * (side / 4) * 256;
  const flat = g.reshape(y, ['N', features]);
  const scores = g.mul(g.dense(flat, bipolar(uniform([CLASSES, features], -1, 1))), 1 / 128);
  return g.graph([x], { scores });
}
