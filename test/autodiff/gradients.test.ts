import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.js';
import { elementCount } from '../../src/core/shape.js';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { OPS } from '../../src/ops/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';
import { run64 } from './float64.js';

type Float = Value<'f32'>;
type Make = (g: GraphBuilder, ...x: Float[]) => Float;

/** Numbers at least 0.05 from 0 and from each other, so that a small step meets no kink. */
function spread(count: number, seed: number): Float32Array {
  const next = random(seed);
  const order = Array.from({ length: count }, (_, i) => [next(), i] as const).sort(
    ([a], [b]) => a - b,
  );
  return Float32Array.from(order, ([, i]) => (i - Math.floor(count / 2) + 0.5) * 0.17);
}

/**
 * The gradient of sum(w * f(x...)), w random, with respect to every x, against central differences
 * in doubles. Returns the largest distance, in units of max(1, |difference|).
 */
function distance(shapes: readonly (readonly number[])[], make: Make, data?: Float32Array[]) {
  const g = new GraphBuilder();
  const values = shapes.map((shape, i) => data?.[i] ?? spread(elementCount(shape), 7 + i));
  const x = shapes.map((shape, i) => g.input(`x${i}`, 'f32', shape));
  const y = make(g, ...x);
  const weights = spread(elementCount(y.shape), 99);
  const weighted = g.mul(y, g.constant(new Tensor('f32', weights, y.shape as number[])));
  const loss = g.reduce(weighted, 'sum', [...y.shape.keys()]);
  const found = gradients(g, loss, x);
  const outputs = Object.fromEntries(found.map((value, i) => [`d${i}`, value]));
  const graph = g.graph(x, { loss, ...outputs });
  const feeds = Object.fromEntries(values.map((v, i) => [`x${i}`, Float64Array.from(v)]));
  const results = run64(graph, feeds);
  const lossGraph = g.graph(x, { loss });
  let worst = 0;
  shapes.forEach((shape, i) => {
    expect(results[`d${i}`]!.shape).toEqual(shape);
    for (let k = 0; k < elementCount(shape); k++) {
      const at = (step: number) => {
        const moved = Float64Array.from(values[i]!);
        moved[k]! += step;
        return run64(lossGraph, { ...feeds, [`x${i}`]: moved })['loss']!.data[0]!;
      };
      const h = 1e-5;
      const difference = (at(h) - at(-h)) / (2 * h);
      const off = Math.abs(results[`d${i}`]!.data[k]! - difference);
      worst = Math.max(
        worst,
        Number.isNaN(off) ? Infinity : off / Math.max(1, Math.abs(difference)),
      );
    }
  });
  return worst;
}

const positive = (count: number) => spread(count, 5).map((v) => Math.abs(v) + 0.5);

const CASES: Readonly<Record<string, readonly [(readonly number[])[], Make, Float32Array[]?]>> = {
  add: [[[2, 3], [3]], (g, a, b) => g.add(a!, b!)],
  sub: [
    [
      [2, 1],
      [2, 3],
    ],
    (g, a, b) => g.sub(a!, b!),
  ],
  mul: [
    [
      [2, 3, 2],
      [1, 3, 1],
    ],
    (g, a, b) => g.mul(a!, b!),
  ],
  'mul by itself': [[[4]], (g, a) => g.mul(a!, a!)],
  div: [[[2, 3], [3]], (g, a, b) => g.div(a!, b!)],
  max: [[[2, 3], [3]], (g, a, b) => g.max(a!, g.mul(b!, 1.03))],
  min: [[[2, 3], []], (g, a, b) => g.min(a!, g.mul(b!, 1.03))],
  pow: [[[2, 3], [3]], (g, a, b) => g.pow(a!, b!), [positive(6), spread(3, 6)]],
  remainder: [[[2, 3], [3]], (g, a, b) => g.remainder(a!, b!), [spread(6, 3), positive(3)]],
  sin: [[[9]], (g, a) => g.sin(a!)],
  cos: [[[9]], (g, a) => g.cos(a!)],
  tan: [[[9]], (g, a) => g.tan(a!)],
  asin: [[[9]], (g, a) => g.asin(a!)],
  acos: [[[9]], (g, a) => g.acos(a!)],
  atan: [[[9]], (g, a) => g.atan(a!)],
  sinh: [[[9]], (g, a) => g.sinh(a!)],
  cosh: [[[9]], (g, a) => g.cosh(a!)],
  asinh: [[[9]], (g, a) => g.asinh(a!)],
  acosh: [[[9]], (g, a) => g.acosh(g.add(g.abs(a!), 1.5))],
  atanh: [[[9]], (g, a) => g.atanh(a!)],
  cumsum: [[[3, 4]], (g, a) => g.cumsum(a!, 0)],
  'cumsum of what is before, from the end': [
    [[3, 4]],
    (g, a) => g.cumsum(a!, 1, { exclusive: true, reverse: true }),
  ],
  'reduce to a product': [[[2, 3, 2]], (g, a) => g.reduce(a!, 'product', [1])],
  prelu: [[[2, 3, 4], [4]], (g, a, b) => g.prelu(a!, b!)],
  gate: [
    [[2, 3]],
    (g, a) => g.gate(a!, g.constant(new Tensor('f32', spread(3, 4), [3])), { min: 0 }),
  ],
  relu: [[[9]], (g, a) => g.relu(a!)],
  approxSign: [[[9]], (g, a) => g.approxSign(a!)],
  tanh: [[[9]], (g, a) => g.tanh(a!)],
  erf: [[[9]], (g, a) => g.erf(a!)],
  sigmoid: [[[9]], (g, a) => g.sigmoid(a!)],
  abs: [[[9]], (g, a) => g.abs(a!)],
  neg: [[[9]], (g, a) => g.neg(a!)],
  sqrt: [[[9]], (g, a) => g.sqrt(a!), [positive(9)]],
  exp: [[[9]], (g, a) => g.exp(a!)],
  log: [[[9]], (g, a) => g.log(a!), [positive(9)]],
  leakyRelu: [[[9]], (g, a) => g.leakyRelu(a!, { alpha: 0.2 })],
  clip: [[[9]], (g, a) => g.clip(a!, -0.4, 0.5)],
  dense: [
    [
      [2, 3, 4],
      [5, 4],
    ],
    (g, x, w) => g.dense(x!, w!),
  ],
  matmul: [
    [
      [3, 4],
      [4, 2],
    ],
    (g, a, b) => g.matmul(a!, b!),
  ],
  conv2d: [
    [
      [2, 5, 4, 4],
      [6, 3, 2, 2],
    ],
    (g, x, w) =>
      g.conv2d(x!, w!, { strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2], groups: 2 }),
  ],
  conv2dInputGradient: [
    [
      [2, 3, 3, 6],
      [6, 3, 2, 2],
    ],
    (g, dy, w) =>
      g.conv2dInputGradient(dy!, w!, {
        ...{ strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2], groups: 2 },
        ...{ height: 5, width: 4 },
      }),
  ],
  conv2dWeightGradient: [
    [
      [2, 3, 3, 6],
      [2, 5, 4, 4],
    ],
    (g, dy, x) =>
      g.conv2dWeightGradient(dy!, x!, {
        ...{ strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2], groups: 2 },
        kernel: [3, 2],
      }),
  ],
  avgPool2d: [
    [[2, 5, 5, 2]],
    (g, x) => g.avgPool2d(x!, [3, 2], { strides: [2, 2], pads: [1, 0, 1, 1] }),
  ],
  'avgPool2d of padding': [
    [[1, 4, 4, 3]],
    (g, x) => g.avgPool2d(x!, [2, 2], { strides: [1, 1], pads: [1, 1, 0, 0], countPad: true }),
  ],
  avgPool2dGradient: [
    [[2, 3, 2, 2]],
    (g, dy) => g.avgPool2dGradient(dy!, [3, 2], [5, 5], { strides: [2, 2], pads: [1, 0, 1, 0] }),
  ],
  maxPool2d: [
    [[2, 5, 5, 2]],
    (g, x) => g.maxPool2d(x!, [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
  ],
  'reduce sum': [[[2, 3, 4]], (g, x) => g.reduce(x!, 'sum', [0, 2])],
  'reduce mean': [[[2, 3, 4]], (g, x) => g.reduce(x!, 'mean', [1], { keepDims: true })],
  'reduce max': [[[2, 3, 4]], (g, x) => g.reduce(x!, 'max', [2])],
  'reduce min': [[[2, 3, 4]], (g, x) => g.reduce(x!, 'min', [0, 1])],
  softmax: [[[3, 4]], (g, x) => g.softmax(x!)],
  'softmax along another axis': [[[3, 4, 2]], (g, x) => g.softmax(x!, { axis: 1 })],
  logSoftmax: [[[3, 4]], (g, x) => g.logSoftmax(x!)],
  batchNorm: [
    [[2, 3, 4], [4], [4], [4], [4]],
    (g, ...x) => g.batchNorm(x[0]!, x[1]!, x[2]!, x[3]!, x[4]!, { epsilon: 0.01 }),
    [spread(24, 1), spread(4, 2), spread(4, 3), spread(4, 4), positive(4)],
  ],
  normalize: [
    [[5, 3, 4], [4], [4]],
    (g, ...x) => g.normalize(x[0]!, x[1]!, x[2]!, { epsilon: 0.01 }),
  ],
  moments: [[[5, 3, 4]], (g, x) => g.moments(x!)],
  reshape: [[[2, 6]], (g, x) => g.reshape(x!, [3, 4])],
  transpose: [[[2, 3, 4]], (g, x) => g.transpose(x!, [2, 0, 1])],
  slice: [[[5, 7]], (g, x) => g.slice(x!, [1, 2], [4, 7])],
  'slice with steps': [
    [[7, 8, 2]],
    (g, x) => g.slice(x!, [1, 0, 0], [7, 8, 2], { steps: [3, 5, 1] }),
  ],
  pad: [[[2, 3]], (g, x) => g.pad(x!, [1, 0, 2, 3], 5)],
  concat: [
    [
      [2, 3],
      [2, 1],
      [2, 4],
    ],
    (g, ...x) => g.concat(x, 1),
  ],
  expand: [[[1, 3]], (g, x) => g.expand(x!, [2, 4, 3])],
};

describe('every op that has a gradient', () => {
  test.each(Object.entries(CASES))('%s agrees with differences', (_name, [shapes, make, data]) => {
    expect(distance(shapes, make, data)).toBeLessThan(1e-6);
  });

  test('is tried here, and every other op says why it has none', () => {
    const tried = new Set(Object.keys(CASES).map((name) => name.split(' ')[0]));
    const open = Object.values<(typeof OPS)[keyof typeof OPS]>(OPS).filter(
      (def) => 'gradient' in def === 'noGradient' in def,
    );
    expect(open.map(({ name }) => name)).toEqual([]);
    const without = Object.values<(typeof OPS)[keyof typeof OPS]>(OPS).filter(
      (def) => 'gradient' in def && !tried.has(def.name) && def.name !== 'surrogate',
    );
    expect(without.map(({ name }) => name)).toEqual([]);
  });
});

describe('the walk', () => {
  test('adds the gradients of every way from a value to the loss', () => {
    expect(
      distance([[3], [3]], (g, a, b) => {
        const s = g.add(g.mul(a!, b!), g.tanh(a!));
        return g.mul(g.add(s, g.sigmoid(s)), g.sub(a!, s));
      }),
    ).toBeLessThan(1e-6);
  });

  test('gives gradients of gradients', () => {
    expect(
      distance([[3]], (g, x) => {
        const y = g.reduce(g.mul(g.tanh(x!), g.mul(x!, x!)), 'sum', [0]);
        const [dx] = gradients(g, y, [x!]);
        return dx!;
      }),
    ).toBeLessThan(1e-6);
  });

  test('lets a surrogate pass to its proxy alone, and stops at a number', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [4]);
    const bits = g.cast(g.sign(x), 'f32');
    const trained = g.surrogate(bits, g.clip(x, -1, 1));
    const stopped = g.surrogate(g.mul(x, 100));
    const loss = g.reduce(g.add(trained, g.mul(stopped, x)), 'sum', [0]);
    const [dx] = gradients(g, loss, [x]);
    const feeds = { x: Float64Array.of(-2, -0.5, 0.5, 3) };
    const result = run64(g.graph([x], { dx: dx! }), feeds);
    expect([...result['dx']!.data]).toEqual([-200, -49, 51, 300]);
  });

  test('counts a symbolic batch, so that a mean over it is divided by its size', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 3]);
    const loss = g.reduce(g.mul(x, x), 'mean', [0, 1]);
    const [dx] = gradients(g, loss, [x]);
    expect(dx!.shape).toEqual(['N', 3]);
  });

  test.each<[string, (g: GraphBuilder, x: Float) => void, RegExp]>([
    [
      'an op without a gradient between the two',
      (g, x) => gradients(g, g.reduce(g.round(x), 'sum', [0]), [x]),
      /^round "round_1": has no gradient: it is constant almost everywhere; surrogate\(\)/,
    ],
    [
      'bits between the two',
      (g, x) => gradients(g, g.reduce(g.cast(g.sign(x), 'f32'), 'sum', [0]), [x]),
      /^cast "cast_1": has no gradient: bits and integers have none; surrogate\(\)/,
    ],
    [
      'a value that the loss does not depend on',
      (g, x) => gradients(g, g.reduce(x, 'sum', [0]), [g.input('other', 'f32', [2])]),
      /^input "other": expected a value that the loss "reduce_1" depends on/,
    ],
    [
      'a loss that is not one number',
      (g, x) => gradients(g, x, [x]),
      /^input "x": expected a loss that is a single number \(a mean or a sum\)/,
    ],
    [
      'a loss that is no value',
      (g, x) => gradients(g, 3 as never, [x]),
      /^gradients: expected a loss that is a value/,
    ],
  ])('refuses %s, by name', (_what, run, message) => {
    const g = new GraphBuilder();
    expect(() => run(g, g.input('x', 'f32', [3]))).toThrow(message);
  });
});
