/**
 * The order of calls: sound whatever the graph, never worse than the walk, and of a training step
 * no gradient waits for its turn. Not here: where memory lies (./memory-plan.test.ts).
 */
import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import type { KernelCall, Memory } from '../../src/schedule/calls.js';
import { isOfRun } from '../../src/schedule/calls.js';
import { fuse } from '../../src/schedule/fuse.js';
import { schedule } from '../../src/schedule/index.js';
import { planMemory } from '../../src/schedule/memory-plan.js';
import { order, peakBytes } from '../../src/schedule/order.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { Numbers } from '../passes/fixtures.js';
import { randomNetwork } from '../passes/random-network.js';
import { RandomGraph } from '../runtime/random-graph.js';

type Float = Value<'f32'>;

const BATCH = 64;
const WIDTH = 32;
const MAP = BATCH * WIDTH * 4;
const WEIGHTS = WIDTH * WIDTH * 4;

/**
 * A training step in shape: layers forward, gradients backward, and of every layer a weight
 * gradient that is an output or updates the weights.
 */
function step(layers: number, as: 'outputs' | 'updates'): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [BATCH, WIDTH]);
  const turn = (value: Float): Float => g.transpose(value, [1, 0]) as Float;
  const weights: Float[] = [];
  const maps: Float[] = [x as unknown as Float];
  for (let i = 0; i < layers; i++) {
    const initial = new Tensor('f32', new Float32Array(WIDTH * WIDTH), [WIDTH, WIDTH]);
    weights.push(g.state(initial, { name: `w${i}` }) as Float);
    maps.push(g.tanh(g.dense(maps[i]!, weights[i]!)));
  }
  const results: Record<string, Value> = {};
  let gradient = maps[layers]!;
  for (let i = layers - 1; i >= 0; i--) {
    const ofWeights = g.dense(turn(gradient), turn(maps[i]!));
    results[`w${i}`] = as === 'outputs' ? ofWeights : g.sub(weights[i]!, ofWeights);
    gradient = g.mul(g.dense(gradient, turn(weights[i]!)), maps[i]!);
  }
  // In the order of the layers, so that a walk from the first pulls the whole backward pass.
  const sorted = Object.fromEntries(Object.entries(results).reverse());
  return as === 'outputs'
    ? g.graph([x], sorted)
    : g.graph([x], { y: maps[layers]! }, { updates: sorted });
}

describe.each(['outputs', 'updates'] as const)('weight gradients as %s', (as) => {
  const layers = 16;
  const graph = step(layers, as);
  const lasting = as === 'outputs' ? layers * WEIGHTS : 0;

  test('the walk keeps every gradient, the order but a few', () => {
    const walk = fuse(graph);
    // Every map of the forward pass is needed backward; beyond them only what is in work.
    expect(peakBytes(graph, walk)).toBeGreaterThan((1.8 * layers + 1) * MAP);
    expect(peakBytes(graph, order(graph, walk))).toBeLessThanOrEqual((layers + 4) * MAP + lasting);
  });

  test('the arena follows', () => {
    const { calls, homes, outputs } = schedule(graph, 1);
    const { arenaBytes } = planMemory(graph, calls, { homes, kept: outputs });
    expect(arenaBytes).toBeLessThan(1.05 * ((layers + 4) * MAP + lasting));
    expect(homes.size).toBe(as === 'updates' ? layers : 0);
  });
});

/** Every call comes once, after all that it reads. */
function expectSound(graph: Graph, calls: readonly KernelCall[], ordered: readonly KernelCall[]) {
  expect(new Set(ordered)).toEqual(new Set(calls));
  expect(ordered.length).toBe(calls.length);
  const missing = new Map<Memory, number>();
  for (const { stores } of calls)
    for (const memory of stores) missing.set(memory, (missing.get(memory) ?? 0) + 1);
  for (const value of graph.inputs) missing.set(value, 0);
  for (const { reads, stores } of ordered) {
    for (const memory of stores) missing.set(memory, (missing.get(memory) ?? 0) - 1);
    for (const memory of reads) if (isOfRun(memory)) expect(missing.get(memory)).toBe(0);
  }
}

test('random graphs: nothing is read before it is there, and the walk needs no less memory', () => {
  let moved = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const { graph } = seed % 2 === 0 ? randomNetwork(seed) : new RandomGraph(seed).draw();
    const bound = bind(optimize(graph), { N: 2 });
    const walk = fuse(bound);
    const ordered = order(bound, walk);
    expectSound(bound, walk, ordered);
    expect(peakBytes(bound, ordered)).toBeLessThanOrEqual(peakBytes(bound, walk));
    if (ordered.some((call, i) => call !== walk[i])) moved++;
    expect(order(bound, walk)).toEqual(ordered);
  }
  expect(moved).toBeGreaterThan(0);
});

test('the walk stays where nothing is gained', () => {
  const n = new Numbers(4);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 8, 8, 16]);
  const w = g.constant(n.floats([16, 3, 3, 16]));
  let y: Float = x as unknown as Float;
  for (let i = 0; i < 6; i++) y = g.conv2d(y, w, { pads: [1, 1, 1, 1] });
  const chain = g.graph([x], { y });
  const walk = fuse(chain);
  expect(order(chain, walk)).toBe(walk);
});

test('a call that changes a state comes after every reader of the state', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [64]);
  const s = g.state(new Tensor('f32', new Float32Array(64), [64]), { name: 's' });
  const next = g.tanh(s);
  const reads = Array.from({ length: 5 }, () => g.reduce(g.mul(g.exp(s), x), 'sum', [0]));
  const graph = g.graph([x], Object.fromEntries(reads.map((value, i) => [`r${i}`, value])), {
    updates: { s: next },
  });
  const { homes, calls } = schedule(graph, 1);
  expect([...homes]).toEqual([[next, s]]);
  const writer = calls.findIndex(({ stores }) => (stores as readonly Memory[]).includes(next));
  expect(calls.slice(writer + 1).some(({ reads: all }) => (all as Memory[]).includes(s))).toBe(
    false,
  );
});

test('a reader that needs the new value keeps the old one apart', () => {
  const g = new GraphBuilder();
  const s = g.state(new Tensor('f32', new Float32Array(64), [64]), { name: 's' });
  const next = g.tanh(s);
  const moved = g.reduce(next, 'sum', [0]);
  const graph = g.graph([], { y: g.mul(s, moved) }, { updates: { s: next } });
  const { homes, calls } = schedule(graph, 1);
  expect(homes.size).toBe(0);
  expect(calls.at(-1)).toMatchObject({ kind: 'copy', from: next, to: s });
});

test('20,000 nodes take well under a second', () => {
  const wide = (n: number) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [4]);
    const outputs: Record<string, Value> = {};
    for (let i = 0; i < n / 4; i++) {
      const s = g.state(new Tensor('f32', new Float32Array(4), [4]), { name: `s${i}` });
      outputs[`s${i}`] = g.softmax(g.add(g.softmax(s), x));
    }
    return g.graph([x], {}, { updates: outputs });
  };
  const graph = wide(20_000);
  const walk = fuse(graph);
  order(wide(400), fuse(wide(400)));
  const began = process.cpuUsage();
  order(graph, walk);
  const { user, system } = process.cpuUsage(began);
  expect((user + system) / 1e6).toBeLessThan(1);
});
