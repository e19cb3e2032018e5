/**
 * Graphs that the tests of sessions run, and their expected results. Not a test.
 */
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { Numbers } from '../passes/fixtures.js';

/** y = x * 2 + 1 and its signs, x [N, 3]. */
export function affine() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 3]);
  const y = g.add(g.mul(x, 2), 1);
  return g.graph([x], { y, bits: g.sign(y) });
}

/**
 * A small binary network, x [N, 6, 6, 5] of whole numbers: a float layer, two binary ones with a
 * shortcut, a classifier.
 */
export function network() {
  const n = new Numbers(7);
  const g = new GraphBuilder();
  const weights = (shape: number[]) => g.constant(n.bits(shape));
  const x = g.input('x', 'f32', ['N', 6, 6, 5]);
  const stem = g.conv2d(x, g.constant(n.integers([70, 3, 3, 5])), { pads: [1, 1, 1, 1] });
  const first = g.cast(
    g.conv2d(g.sign(stem), weights([70, 3, 3, 70]), { pads: [1, 1, 1, 1] }),
    'f32',
  );
  const sum = g.add(g.mul(first, g.constant(n.integers([70], 1, 3))), stem);
  const second = g.cast(g.conv2d(g.sign(sum), weights([33, 3, 3, 70]), { strides: [2, 2] }), 'f32');
  const pooled = g.reshape(g.maxPool2d(second, [2, 2]), ['N', 33]);
  return g.graph([x], {
    scores: g.cast(g.dense(g.sign(pooled), weights([10, 33])), 'f32'),
    map: sum,
  });
}

export type Network = ReturnType<typeof network>;

/** Feeds of `network` from a seed. */
export function picture(seed: number, batch = 1): { x: Tensor<'f32'> } {
  return { x: new Numbers(seed).integers([batch, 6, 6, 5]) };
}

export function expectedOf(graph: Network, feeds: { x: Tensor<'f32'> }) {
  return evaluateGraph(graph, feeds);
}

/**
 * Many float convolutions one after another: seconds of work on the scalar instruction set, little
 * memory.
 */
export function long(layers: number) {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 56, 56, 32]);
  const w = g.constant(tensorOf('f32', new Float32Array(32 * 9 * 32).fill(1e-3), [32, 3, 3, 32]));
  let y = x as Parameters<typeof g.relu>[0];
  for (let i = 0; i < layers; i++) y = g.conv2d(y, w, { pads: [1, 1, 1, 1] });
  return g.graph([x], { y });
}

export const LONG_FEED = { x: new Float32Array(56 * 56 * 32) };

/** The data of a tensor as plain numbers. */
export function data(tensor: Tensor): number[] {
  return Array.from(tensor.data);
}

export { Tensor };
