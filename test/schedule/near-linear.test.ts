/**
 * Passes over many nodes: twice as many take about twice as long, not four times. Measured in
 * processor time of this process, with room for noise.
 */
import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import { fuse } from '../../src/schedule/fuse.js';
import { planMemory } from '../../src/schedule/memory-plan.js';
import { Tensor } from '../../src/tensor/tensor.js';

type Float = Value<'f32'>;
const vector = (i: number) => new Tensor('f32', Float32Array.of(i, 1, 2, 3), [4]);

/** Graphs of about n nodes. */
const GRAPHS: Readonly<Record<string, (n: number) => Graph>> = {
  'a chain': (n) => one(['N', 4], n, (g, y, i) => (i % 2 === 0 ? g.tanh(y) : g.exp(y))),
  'results that are all read': (n) =>
    every(['N', 4], n, (g, _, x, i) => g.add(x, g.constant(vector(i)))),
  'a chain of which every value is a result': (n) =>
    every(['N', 4], n, (g, y, _, i) => (i % 2 === 0 ? g.tanh(y) : g.exp(y))),
  'values that are read by the next and the one behind it': (n) =>
    one(['N', 3, 4, 5], n / 2, (g, y) => g.add(g.tanh(y), y)),
  'transposes that meet their inverses': (n) =>
    one(['N', 3, 4, 4], n / 3, (g, y, i) =>
      g.tanh(g.transpose(g.exp(y), i % 2 === 0 ? [0, 2, 3, 1] : [0, 3, 1, 2])),
    ),
  'signs of one chain': (n) =>
    every(
      ['N', 4],
      n / 2,
      (g, y, _, i) => g.add(y, g.constant(vector(i + 0.5))),
      (g, y) => g.signum(y),
    ),
  'parts of a concatenation': (n) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4]);
    const parts = Array.from({ length: n / 2 }, (_, i) => g.add(x, g.constant(vector(i))));
    return g.graph([x], { y: g.relu(g.concat(parts, 1)) });
  },
};

function one(
  shape: readonly (number | string)[],
  n: number,
  step: (g: GraphBuilder, y: Float, i: number) => Float,
): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', shape);
  let y: Float = x;
  for (let i = 0; i < n; i++) y = step(g, y, i);
  return g.graph([x], { y });
}

function every(
  shape: readonly (number | string)[],
  n: number,
  step: (g: GraphBuilder, y: Float, x: Float, i: number) => Float,
  result: (g: GraphBuilder, y: Float) => Value = (_, y) => y,
): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', shape);
  const outputs: Record<string, Value> = {};
  let y: Float = x;
  for (let i = 0; i < n; i++) {
    y = step(g, y, x, i);
    outputs[`y${i}`] = result(g, y);
  }
  return g.graph([x], outputs);
}

function milliseconds(graph: Graph): number {
  const began = process.cpuUsage();
  const bound = bind(optimize(graph), { N: 1 });
  planMemory(bound, fuse(bound));
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

describe.each(Object.entries(GRAPHS))('%s', (_, make) => {
  test('takes near-linear time', () => {
    milliseconds(make(1000)); // compiles the code
    const [few, many] = [milliseconds(make(2000)), milliseconds(make(16_000))];
    // Eight times the nodes; quadratic would be 64.
    expect(many / Math.max(few, 20)).toBeLessThan(24);
    expect(many).toBeLessThan(5000);
  });
});
