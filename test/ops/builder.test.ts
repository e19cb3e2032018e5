import { describe, expect, test } from 'vitest';
import { topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { OPS } from '../../src/ops/index.js';
import { showType } from '../../src/ops/print.js';
import { b1, f32, failure, i32 } from './nodes.js';

describe('GraphBuilder', () => {
  test('gives a frozen, verified graph', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4]);
    const graph = g.graph([x], { y: g.relu(x) });
    expect(graph.inputs).toEqual([x]);
    expect(
      Object.isFrozen(graph) && Object.isFrozen(graph.inputs) && Object.isFrozen(graph.outputs),
    ).toBe(true);
    expect(failure(() => g.graph([], { y: g.abs(x) }))).toMatch(/^ERR_GRAPH input "x"/);
    expect(failure(() => g.graph([x], {}))).toMatch(/^ERR_GRAPH/);
  });

  test('numbers default names, past the names that are taken', () => {
    const g = new GraphBuilder();
    const x = g.input('relu_2', 'f32', [1]);
    expect([
      g.relu(x).name,
      g.relu(x).name,
      g.relu(x, { name: 'mine' }).name,
      g.relu(x).name,
    ]).toEqual(['relu_1', 'relu_3', 'mine', 'relu_4']);
    expect(failure(() => g.abs(x, { name: 'mine' }))).toBe(
      'ERR_GRAPH abs "mine": expected a name of its own but received that of another value',
    );
    expect(failure(() => g.input('relu_1', 'f32', [1]))).toMatch(/^ERR_GRAPH input "relu_1"/);
  });

  test('a number stands for a constant', () => {
    const g = new GraphBuilder();
    const y = g.sub(1, g.input('x', 'f32', ['N', 2]));
    expect(showType(y)).toBe('f32[N,2]');
    expect(y.inputs[0]).toMatchObject({
      op: 'constant',
      shape: [],
      data: { data: Float32Array.of(1) },
    });
  });

  test('fills in the default attributes', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 8, 8, 4]);
    const w = g.constant(b1(new Array(36).fill(1), [1, 3, 3, 4]));
    expect(g.conv2d(x, w, { pads: [1, 1, 1, 1] }).attrs).toEqual({
      strides: [1, 1],
      pads: [1, 1, 1, 1],
      dilations: [1, 1],
      groups: 1,
      padValue: 0,
    });
    expect(g.maxPool2d(x, [2, 3]).attrs).toEqual({
      kernel: [2, 3],
      strides: [2, 3],
      pads: [0, 0, 0, 0],
      dilations: [1, 1],
      ceil: false,
    });
    expect(g.avgPool2d(x, [2, 2], { strides: [1, 1] }).attrs).toMatchObject({
      kernel: [2, 2],
      strides: [1, 1],
      countPad: false,
    });
    expect(g.leakyRelu(x).attrs).toEqual({ alpha: 0.01 });
    expect(g.softmax(x).attrs).toEqual({ axis: 3 });
    expect(g.reduce(x, 'mean', [1, 2]).attrs).toEqual({
      kind: 'mean',
      axes: [1, 2],
      keepDims: false,
    });
    expect(g.slice(x, [0, 1, 0, 0], ['N', 3, 8, 4]).attrs).toMatchObject({ steps: [1, 1, 1, 1] });
    expect(
      g.conv2d(x, w, { name: 'named', groups: undefined as unknown as number }).attrs.groups,
    ).toBe(1);
  });

  test('has a method for every op', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 4, 4, 2]);
    const vector = g.constant(f32([1, 2], [2]));
    const kernel = g.constant(b1([1, -1, 1, -1, 1, 1, -1, -1], [1, 2, 2, 2]));
    const integers = g.constant(i32([0], [1]));
    const bits = g.sign(x);
    const sums = g.conv2d(bits, kernel);
    let y: Value<'f32'> = g.state(f32([0], []));
    for (const op of [
      'add',
      'sub',
      'mul',
      'div',
      'max',
      'min',
      'pow',
      'remainder',
      'prelu',
      'gate',
    ] as const)
      y = g[op](y, x);
    for (const op of [
      'relu',
      'tanh',
      'sigmoid',
      'abs',
      'neg',
      'sqrt',
      'exp',
      'log',
      'erf',
      'floor',
      'ceil',
      'round',
      'signum',
      'sin',
      'cos',
      'tan',
      'asin',
      'acos',
      'atan',
      'sinh',
      'cosh',
      'asinh',
      'acosh',
      'atanh',
    ] as const)
      y = g[op](y);
    const places = g.integerBinary('add', g.order(y, 3, { count: 2 }), integers);
    y = g.cumsum(g.takeAlong(g.take(y, g.constant(i32([1, 0], [2])), 3), places, 3), 1);
    y = g.batchNorm(g.clip(g.leakyRelu(y), -1, 1), vector, vector, vector, vector);
    const [mean] = [g.reshape(g.slice(g.moments(y), [0, 0], [1, 2]), [2])];
    y = g.mul(g.normalize(y, vector, mean), g.slice(g.normalizeSums(x, y, mean), [0, 0], [1, 2]));
    y = g.maxPool2dGradient(g.avgPool2d(y, [1, 1]), y, [1, 1]);
    y = g.avgPool2dGradient(y, [1, 1], [4, 4]);
    y = g.surrogate(g.logSoftmax(y), g.approxSign(y));
    y = g.multiThreshold(y, g.constant(f32([0], [1, 1])));
    y = g.concat([g.avgPool2d(y, [2, 2]), g.cast(g.maxPool2d(bits, [2, 2]), 'f32')], 3);
    y = g.pad(g.slice(y, [0, 0, 0, 0], ['N', 2, 2, 1]), [0, 0, 0, 0, 0, 0, 0, 3], 0);
    y = g.softmax(
      g.matmul(g.reduce(y, 'max', [1, 2]), g.constant(f32(new Array(8).fill(1), [4, 2]))),
    );
    y = g.dense(g.expand(g.reshape(y, ['N', 1, 2]), ['N', 5, 2]), g.constant(f32([1, 2], [1, 2])));
    const maps = g.input('maps', 'f32', ['N', 3, 3, 1]);
    const dx = g.conv2dInputGradient(maps, kernel, { height: 4, width: 4 });
    const dw = g.conv2dWeightGradient(maps, dx, { kernel: [2, 2] });
    const z = g.transpose(g.threshold(sums, integers, integers), [0, 3, 1, 2]);
    const graph = g.graph([x, maps], { y, z, dw });
    expect([y, z, dw].map(showType)).toEqual(['f32[N,5,1]', 'b1[N,1,3,3]', 'f32[1,2,2,2]']);
    const written = new Set(topological(graph).map((value) => value.op));
    expect(Object.keys(OPS).filter((op) => !written.has(op))).toEqual([]);
  });

  test('a call that fails takes no name', () => {
    const g = new GraphBuilder();
    expect(() => g.input('x', 'float' as never, [1])).toThrow('a dtype of');
    const x = g.input('x', 'f32', ['N', 2]);
    expect(() => g.reshape(x, [3], { name: 'y' })).toThrow('reshape "y"');
    expect(g.relu(x, { name: 'y' }).name).toBe('y');
    for (const name of [null, 3, '', Symbol('x')])
      expect(() => g.input(name as never, 'f32', [1])).toThrow('a name that is a string');
  });
});

test.each([
  [
    [0, 1, 3, 2],
    /^multiThreshold "steps": expected thresholds in order, 3 or more in channel 1 but/,
  ],
  [
    [0, NaN, 1, 2],
    /^multiThreshold "steps": expected thresholds that are numbers in channel 0 but/,
  ],
  [
    [1, 0, 1, 2],
    /^multiThreshold "steps": expected thresholds in order, 1 or more in channel 0 but/,
  ],
])('thresholds %j are refused, and leave their name free', (numbers, message) => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 2]);
  const of = (t: readonly number[]) =>
    g.multiThreshold(x, g.constant(f32(t, [2, 2])), { name: 'steps' });
  expect(() => of(numbers)).toThrow(message);
  expect(of([-Infinity, 0, 2, 2]).name).toBe('steps');
});
