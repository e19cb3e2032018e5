/**
 * Sizes in place of symbols.
 */
import { expect, test } from 'vitest';
import { topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { verify } from '../../src/ops/verify.js';
import { bind } from '../../src/passes/bind.js';
import { Numbers } from './fixtures.js';

const n = new Numbers(9);

function graphOfSymbols() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 'T', 4]);
  const row = g.input('row', 'f32', [1, 'T', 1]);
  const sliced = g.slice(x, [0, 0, 1], ['N', 'T', 3], { name: 'sliced' });
  const flat = g.reshape(sliced, ['N', 'T', 1, -1], { name: 'flat' });
  const wide = g.expand(row, ['N', 'T', 2], { name: 'wide' });
  const sum = g.add(g.dense(x, g.constant(n.floats([2, 4]))), wide, { name: 'sum' });
  return g.graph([x, row], { flat, sum, sums: g.reduce(sum, 'sum', [1], { name: 'sums' }) });
}

test('every symbol of shapes and attributes becomes its size; names and order stay', () => {
  const graph = graphOfSymbols();
  const bound = bind(graph, { N: 3, T: 5 });
  verify(bound);
  const values = topological(bound);
  expect(values.map(({ name }) => name)).toEqual(topological(graph).map(({ name }) => name));
  expect(JSON.stringify(values.map(({ shape, attrs }) => [shape, attrs]))).not.toMatch(/"[NT]"/);
  expect(bound.inputs.map(({ shape }) => shape)).toEqual([
    [3, 5, 4],
    [1, 5, 1],
  ]);
  expect(Object.entries(bound.outputs).map(([name, { shape }]) => [name, shape])).toEqual([
    ['flat', [3, 5, 1, 2]],
    ['sum', [3, 5, 2]],
    ['sums', [3, 2]],
  ]);
  const constantOf = (values: ReturnType<typeof topological>) =>
    values.find(({ op }) => op === 'constant');
  expect(constantOf(values)).toBe(constantOf(topological(graph)));
});

test('binding does not change the graph, which binds to other sizes too', () => {
  const graph = graphOfSymbols();
  const before = JSON.stringify(topological(graph).map(({ shape, attrs }) => [shape, attrs]));
  for (const size of [1, 2, 7])
    expect(bind(graph, { N: size, T: 2 }).outputs.sums?.shape).toEqual([size, 2]);
  expect(JSON.stringify(topological(graph).map(({ shape, attrs }) => [shape, attrs]))).toBe(before);
});

test('a symbol without a size stays one', () => {
  const bound = bind(graphOfSymbols(), { N: 2 });
  verify(bound);
  expect(bound.outputs.sum?.shape).toEqual([2, 'T', 2]);
});
