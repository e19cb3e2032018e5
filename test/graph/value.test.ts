import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Graph,
  statesOf,
  topological,
  updatesOf,
  uses,
  type Value,
} from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { input, make } from '../../src/ops/make.js';
import { verify } from '../../src/ops/verify.js';
import { bind } from '../../src/passes/bind.js';
import { canonicalize, mergeAffines, optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';

const x = input('x', 'f32', [2]);

describe('topological', () => {
  test('puts each value after its inputs, once, declared inputs included', () => {
    const unused = input('unused', 'f32', [1]);
    const a = make('relu', 'a', [x]);
    const b = make('add', 'b', [a, x]);
    const c = make('mul', 'c', [b, a]);
    const order = topological({ inputs: [x, unused], outputs: { c, a } });
    expect(order.map((value) => value.name)).toEqual(['x', 'unused', 'a', 'b', 'c']);
  });

  test('puts each value after its inputs in any graph', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 30 }),
        (pairs) => {
          const values: Value[] = [x];
          for (const [i, [a, b]] of pairs.entries())
            values.push(
              make('add', `v${i}`, [values[a % values.length]!, values[b % values.length]!]),
            );
          const order = topological({ inputs: [x], outputs: { y: values.at(-1)!, z: values[1]! } });
          expect(new Set(order).size).toBe(order.length);
          for (const [at, value] of order.entries())
            for (const read of value.inputs) expect(order.indexOf(read)).toBeLessThan(at);
        },
      ),
    );
  });

  test('takes a chain of 100,000 ops without recursion', () => {
    let y: Value = x;
    for (let i = 0; i < 100_000; i++) y = make('relu', `r${i}`, [y]);
    expect(topological({ inputs: [x], outputs: { y } })).toHaveLength(100_001);
  });
});

test('uses counts reads by values and by outputs', () => {
  const a = make('relu', 'a', [x]);
  const b = make('mul', 'b', [a, a]);
  const graph: Graph = { inputs: [x], outputs: { b, again: b } };
  expect([x, a, b].map((value) => uses(graph).get(value))).toEqual([1, 2, 2]);
});

describe('metadata', () => {
  const metadata = { author: 'Ada', 'onnx.opset': '13' };
  /**
   * A convolution, its batch norm and a sign, channels last: every pass has something to change.
   */
  const graph = (): Graph => {
    const g = new GraphBuilder();
    const image = g.input('image', 'f32', ['N', 4, 4, 2]);
    const tensor = (shape: readonly number[]) =>
      g.constant(
        new Tensor(
          'f32',
          Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => 1 + (i % 3)),
          shape,
        ),
      );
    const bits = g.cast(g.sign(image), 'f32');
    const dots = g.conv2d(bits, g.cast(g.sign(tensor([3, 3, 3, 2])), 'f32'));
    const normal = g.batchNorm(dots, tensor([3]), tensor([3]), tensor([3]), tensor([3]));
    return { ...g.graph([image], { '7': normal, y: g.cast(g.sign(normal), 'f32') }), metadata };
  };

  test.each([
    ['canonicalize', canonicalize],
    ['optimize', optimize],
    ['mergeAffines', mergeAffines],
    ['bind', (before: Graph) => bind(before, { N: 2 })],
  ])("%s changes the graph and keeps the model's metadata", (_, pass) => {
    const before = graph();
    const after = pass(before);
    expect(after).not.toBe(before);
    expect(after.metadata).toEqual(metadata);
  });

  test.each([[['a']], [null], ['text'], [{ n: 1 }]])('%j is no metadata', (wrong) => {
    expect(() => verify({ ...graph(), metadata: wrong as never })).toThrow(
      /metadata (as strings by name|of strings)/,
    );
  });
});

describe('updates', () => {
  const graph = (): Graph => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2, 4, 4]);
    const vector = (name: string) =>
      g.state(new Tensor('f32', Float32Array.of(1, 2), [2]), { name });
    const mean = vector('mean');
    vector('unread');
    const now = g.reshape(g.reduce(x, 'mean', [0, 2, 3]), [2]);
    // What passes fold, drop and find twice stands before the update.
    const next = g.add(g.mul(g.add(g.mul(mean, 0.5), g.mul(g.mul(mean, 0.5), 0)), 1), now);
    const y = g.relu(g.add(x, g.reshape(mean, [1, 2, 1, 1])));
    return g.graph([x], { y }, { updates: { mean: next, unread: g.relu(next) } });
  };

  test.each([
    ['canonicalize', canonicalize],
    ['optimize', optimize],
    ['mergeAffines', mergeAffines],
    ['bind', (before: Graph) => bind(before, { N: 2 })],
  ])('%s keeps them, and states that nothing reads', (_, pass) => {
    const after = pass(graph());
    expect(updatesOf(after).map(([{ name, op }]) => `${op} ${name}`)).toEqual([
      'state mean',
      'state unread',
    ]);
    expect(statesOf(after).map(({ name }) => name)).toEqual(['mean', 'unread']);
    const [mean, unread] = updatesOf(after).map(([, next]) => next);
    expect(topological(after)).toEqual(expect.arrayContaining([mean, unread]));
  });

  test('a pass that changes an update alone changes the graph', () => {
    const g = new GraphBuilder();
    const s = g.state(new Tensor('f32', Float32Array.of(1, 2), [2]), { name: 's' });
    const doubled = g.mul(g.mul(s, g.constant(new Tensor('f32', Float32Array.of(2, 3), [2]))), 4);
    const before = g.graph([], {}, { updates: { s: doubled } });
    expect(topological(mergeAffines(before)).length).toBeLessThan(topological(before).length);
  });

  test.each([
    [{ updates: [] }, /updates as values by the names of states/],
    [{ updates: { mean: 3 } }, /updates that are values/],
    [{ states: {} }, /a list of states/],
    [{ states: [3] }, /states that are values/],
  ])('%j is refused', (wrong, message) => {
    expect(() => verify({ ...graph(), ...wrong } as never)).toThrow(message);
  });
});
