/** Affines behind a product become its weights and bias: which do, and with which numbers. */
import { describe, expect, test } from 'vitest';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { absorbAffines } from '../../src/passes/absorb-affines.js';
import { absorbBatchNorms } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';
import { evaluateGraph } from './evaluate.js';

type Float = Value<'f32'>;

/** A convolution of 3 channels to 4, and what `behind` makes of it. */
function network(
  behind: (g: GraphBuilder, y: Float, vector: (...numbers: number[]) => Float) => Float,
): { graph: Graph; x: Tensor<'f32'> } {
  const g = new GraphBuilder();
  const draw = random(8);
  const numbers = (count: number) => Float32Array.from({ length: count }, () => draw() - 0.5);
  const x = g.input('x', 'f32', ['N', 5, 5, 3]);
  const w = g.constant(new Tensor('f32', numbers(108), [4, 3, 3, 3])) as Float;
  const vector = (...values: number[]) =>
    g.constant(new Tensor('f32', Float32Array.from(values), [values.length])) as Float;
  const y = g.conv2d(x, w, { pads: [1, 1, 1, 1], name: 'conv' });
  const graph = g.graph([x], { y: behind(g, y, vector) });
  return { graph, x: new Tensor('f32', numbers(150), [2, 5, 5, 3]) };
}

const ops = (graph: Graph) =>
  topological(graph)
    .map(({ op }) => op)
    .filter((op) => op !== 'constant' && op !== 'input');

function expectSame(before: Graph, after: Graph, x: Tensor<'f32'>): void {
  const [want, got] = [before, after].map((graph) => evaluateGraph(graph, { x }).y!.data);
  for (const [i, value] of want!.entries())
    expect(Math.abs((got![i] as number) - value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
}

describe('an affine stays, or changes the result', () => {
  test.each<[string, Parameters<typeof network>[0]]>([
    ['mul', (g, y, v) => g.mul(y, v(2, -3, 0.5, 0))],
    ['mul from the left', (g, y, v) => g.mul(v(2, -3, 0.5, 0), y)],
    ['div', (g, y, v) => g.div(y, v(2, -3, 0.5, 4))],
    ['mul, then add', (g, y, v) => g.add(g.mul(y, v(2, -3, 0.5, 1)), v(1, 2, 3, 4))],
    ['add, then mul', (g, y, v) => g.mul(g.add(y, v(1, 2, 3, 4)), v(2, -3, 0.5, 1))],
    ['sub, mul, add', (g, y, v) => g.add(g.mul(g.sub(y, v(5, 6, 7, 8)), v(2, 1, 1, 9)), 3)],
    ['sub from the left', (g, y, v) => g.mul(g.sub(v(1, 2, 3, 4), y), v(2, -3, 0.5, 1))],
    ['a scalar', (g, y) => g.mul(g.add(y, 2), 0.25)],
    [
      'batch norm',
      (g, y, v) => g.batchNorm(y, v(1, 2, 3, 4), v(0, 1, 2, 3), v(1, 1, 2, 2), v(1, 4, 9, 0.1)),
    ],
  ])('%s', (_, behind) => {
    const { graph, x } = network(behind);
    const absorbed = absorbBatchNorms(graph);
    expect(ops(absorbed).filter((op) => op !== 'conv2d' && op !== 'add')).toEqual([]);
    expect(ops(absorbed).length).toBeLessThanOrEqual(2);
    expectSame(graph, absorbed, x);
  });
});

describe('what is no affine of a product alone is changed', () => {
  test.each<[string, Parameters<typeof network>[0]]>([
    ['a bias', (g, y, v) => g.add(y, v(1, 2, 3, 4))],
    ['an activation', (g, y) => g.relu(y)],
    ['a product with itself', (g, y) => g.mul(y, y)],
    ['a number over the convolution', (g, y, v) => g.div(v(1, 2, 3, 4), y)],
  ])('%s', (_, behind) => {
    const { graph } = network(behind);
    expect(absorbAffines(graph)).toBe(graph);
  });

  test('a map that something else reads too', () => {
    const { graph, x } = network((g, y, v) => g.add(g.relu(y), g.mul(y, v(1, 2, 3, 4))));
    expect(absorbAffines(graph)).toBe(graph);
    expectSame(graph, absorbBatchNorms(graph), x);
  });

  test('an output in the middle of a chain', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const w = g.constant(new Tensor('f32', Float32Array.of(1, 2), [1, 2])) as Float;
    const y = g.dense(x, w);
    const graph = g.graph([x], { y, z: g.mul(y, 2) });
    expect(absorbAffines(graph)).toBe(graph);
  });

  test('a scale that is not finite', () => {
    const { graph } = network((g, y, v) => g.div(y, v(1, 0, 1, 1)));
    expect(absorbAffines(graph)).toBe(graph);
  });
});

test('a batch norm is rounded twice, or its formula is another', () => {
  const [gamma, beta, mean, variance] = [1.25, 0.3, 0.7, 0.9];
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 1]);
  const one = (value: number) =>
    g.constant(new Tensor('f32', Float32Array.of(value), [1])) as Float;
  const w = g.constant(new Tensor('f32', Float32Array.of(1.7), [1, 1])) as Float;
  const sum = g.add(g.dense(x, w), one(0.4));
  const y = g.batchNorm(sum, one(gamma), one(beta), one(mean), one(variance), { epsilon: 1e-5 });
  const absorbed = absorbBatchNorms(g.graph([x], { y }));
  const f = Math.fround;
  const scale = f(f(gamma) / Math.sqrt(f(variance) + 1e-5));
  const bias = f((f(0.4) - f(mean)) * scale + f(beta));
  expect(absorbed.outputs.y!.inputs[1]!.data!.data[0]).toBe(bias);
  expect(absorbed.outputs.y!.inputs[0]!.inputs[1]!.data!.data[0]).toBe(f(f(1.7) * scale));
});

test('a layer loses its name', () => {
  const { graph } = network((g, y, v) => g.mul(y, v(1, 2, 3, 4), { name: 'scaled' }));
  expect(absorbAffines(graph).outputs.y).toMatchObject({ op: 'conv2d', name: 'conv' });
});
