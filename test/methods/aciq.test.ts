/** What ACIQ refuses of a network. Its numbers: aciq-golden.test.ts. */
import { expect, test } from 'vitest';
import { aciq } from '../../src/methods/aciq/aciq.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';

test.each([Number.NaN, Number.POSITIVE_INFINITY])('a weight of %d gets a code', async (weight) => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4, 4, 3]);
  const numbers = (...shape: number[]) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5);
    if (shape.length === 4) data[7] = weight;
    return g.constant(new Tensor('f32', data, shape));
  };
  const map = g.conv2d(x, numbers(2, 3, 3, 3), { name: 'c' });
  const y = g.batchNorm(map, numbers(2), numbers(2), numbers(2), numbers(2));
  const options = { weights: 4, activations: 4, inputs: { x: { lo: 0, hi: 1 } } };
  await expect(aciq(g.graph([x], { y }), options)).rejects.toThrow(/conv2d "c": .* finite/);
});

test('one bit of weights is told as something that the caller did not say', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 4, 4, 3]);
  const numbers = (...shape: number[]) =>
    g.constant(new Tensor('f32', new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), shape));
  const map = g.conv2d(x, numbers(2, 3, 3, 3), { name: 'c' });
  const y = g.batchNorm(map, numbers(2), numbers(2), numbers(2), numbers(2));
  const options = { weights: 1, ends: 'same', activations: 4, inputs: { x: { lo: 0, hi: 1 } } };
  await expect(aciq(g.graph([x], { y }), options as never)).rejects.toThrow(
    /conv2d "c": expected weights of 2 to 8 bits but received 1, bipolar/,
  );
});
