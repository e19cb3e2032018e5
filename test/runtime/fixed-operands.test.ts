/**
 * Operands that are states, inputs or computed where kernels like constants: they are right at
 * every run, or the session is not made, and the error names the node and the operand.
 */
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { failure } from '../ops/nodes.js';

const floats = (values: readonly number[], shape: readonly number[]) =>
  new Tensor('f32', Float32Array.from(values), shape);
const OPTIMIZE = [true, false];

describe.each(OPTIMIZE)('matmul, optimize %s', (optimize) => {
  test('with a state multiplies by what the state was first, or is not made', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const state = g.state(floats([1, 2, 3, 4, 5, 6], [2, 3]), { name: 's' });
    const graph = g.graph([x], { y: g.matmul(x, state) }, { updates: { s: g.mul(state, 10) } });
    const session = Session.fromGraph(graph, { optimize });
    const feed = { x: floats([1, 0, 1, 1], [2, 2]) };
    expect([...(await session.run(feed)).y.data]).toEqual([1, 2, 3, 5, 7, 9]);
    expect([...(await session.run(feed)).y.data]).toEqual([10, 20, 30, 50, 70, 90]);
    await session.release();
  });

  test('with two inputs is not made', async () => {
    const g = new GraphBuilder();
    const a = g.input('a', 'f32', [1, 2]);
    const b = g.input('b', 'f32', [2, 2]);
    const session = Session.fromGraph(g.graph([a, b], { y: g.matmul(a, b) }), { optimize });
    const { y } = await session.run({
      a: floats([1, 2], [1, 2]),
      b: floats([1, 2, 3, 4], [2, 2]),
    });
    expect([...y.data]).toEqual([7, 10]);
    await session.release();
  });

  test('with a matrix of unknown width fails at the first run, or without its node', () => {
    const g = new GraphBuilder();
    const a = g.input('a', 'f32', [1, 2]);
    const b = g.input('b', 'f32', [2, 'M']);
    const graph = g.graph([a, b], { y: g.matmul(a, b, { name: 'layer' }) });
    expect(failure(() => Session.fromGraph(graph, { optimize }))).toBe(
      'ERR_UNSUPPORTED matmul "layer": expected a constant as b but received input "b"',
    );
  });
});

describe.each(OPTIMIZE)('fails at the first run, or without its node: optimize %s', (optimize) => {
  const refusal = (build: (g: GraphBuilder) => Parameters<GraphBuilder['graph']>) => {
    const g = new GraphBuilder();
    const graph = g.graph(...build(g));
    return failure(() => Session.fromGraph(graph, { optimize }));
  };

  test('multiThreshold over a state, and over what is computed from one', () => {
    for (const computed of [false, true]) {
      const message = refusal((g) => {
        const x = g.input('x', 'f32', [1, 2]);
        const state = g.state(floats([0, 1], [1, 2]), { name: 's' });
        const thresholds = computed ? g.tanh(state, { name: 'moved' }) : state;
        return [[x], { y: g.multiThreshold(x, thresholds, { name: 'layer' }) }];
      });
      expect(message).toBe(
        'ERR_UNSUPPORTED multiThreshold "layer": expected a constant as thresholds but received ' +
          (computed ? 'tanh "moved"' : 'state "s"'),
      );
    }
  });

  test.each([0, 1])('threshold whose operand %i is a state', (place) => {
    const message = refusal((g) => {
      const x = g.input('x', 'i32', [1, 2]);
      const [t, flip] = [0, 1].map((i) => {
        const numbers = new Tensor('i32', Int32Array.of(1, 0), [2]);
        return i === place ? g.state(numbers, { name: 's' }) : g.constant(numbers);
      });
      return [[x], { y: g.threshold(x, t!, flip!, { name: 'layer' }) }];
    });
    expect(message).toBe(
      `ERR_UNSUPPORTED threshold "layer": expected a constant as ${['t', 'flip'][place]} but ` +
        'received state "s"',
    );
  });
});
