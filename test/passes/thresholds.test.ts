import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { make } from '../../src/ops/make.js';
import { optimize } from '../../src/passes/index.js';
import { comparison, foldThresholds } from '../../src/passes/thresholds.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf, valuesOf } from '../../src/tensor/values.js';
import { evaluateGraph } from './evaluate.js';
import { expectSame, Numbers, nodesOf, opsOf } from './fixtures.js';

const INT32_MIN = -(2 ** 31);
const f32 = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new Tensor('f32', Float32Array.from(values), shape);
type Float = Value<'f32'>;

/**
 * A network in which every channel c of C meets every reachable dot product of K terms: row r of x
 * holds r times -1 and then +1, and all weights are +1, so row r gives K - 2r in each channel.
 */
function everySum(
  k: number,
  channels: number,
  chain: (g: GraphBuilder, y: Float) => Float,
): { graph: Graph; feeds: Record<string, Tensor> } {
  const g = new GraphBuilder();
  const x = g.input('x', 'b1', ['N', k]);
  const w = g.constant(tensorOf('b1', new Float32Array(k * channels).fill(1), [channels, k]));
  const graph = g.graph([x], { y: g.sign(chain(g, g.cast(g.dense(x, w), 'f32'))) });
  const rows = Float32Array.from({ length: (k + 1) * k }, (_, i) =>
    i % k < Math.floor(i / k) ? -1 : 1,
  );
  return { graph, feeds: { x: tensorOf('b1', rows, [k + 1, k]) } };
}

/** Folds, checks every reachable sum, and gives the thresholds. */
function thresholds(
  k: number,
  channels: number,
  chain: (g: GraphBuilder, y: Float) => Float,
): { t: number[]; flip: number[] } {
  const { graph, feeds } = everySum(k, channels, chain);
  const after = optimize(graph);
  expectSame(graph, after, feeds);
  expect(opsOf(after)).toEqual(['dense', 'threshold']);
  const [, t, flip] = nodesOf(after).find((value) => value.op === 'threshold')!.inputs as [
    Value,
    Value,
    Value,
  ];
  return { t: [...t.data!.data], flip: [...flip.data!.data] };
}

describe('affine and sign', () => {
  test('gamma above zero, below zero (flip), and zero (constant bits of either sign)', () => {
    const found = thresholds(9, 6, (g, y) =>
      g.add(
        g.mul(y, g.constant(f32([2, -2, 0, 0, 0, -1]))),
        g.constant(f32([-3, -3, 1, -1, -0, 100])),
      ),
    );
    // 2y - 3 < 0 iff y < 3 among odd y; -2y - 3 < 0 iff y >= -1; constants; always +1 at the end.
    expect(found.t.slice(0, 2)).toEqual([3, -1]);
    expect(found.t.slice(2)).toEqual([INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN]);
    expect(found.flip).toEqual([0, 1, 0, 1, 0, 0]);
  });

  test('zero at a reachable sum counts as +1', () => {
    expect(thresholds(8, 1, (g, y) => g.sub(y, 2)).t).toEqual([2]);
    expect(thresholds(8, 1, (g, y) => g.sub(2, y))).toEqual({ t: [4], flip: [1] });
    expect(thresholds(8, 1, (_, y) => y).t).toEqual([0]);
  });

  test('a threshold follows the float32 arithmetic of the graph, not exact arithmetic', () => {
    // In real numbers 3 * scale is not shift; rounded to float32 it is.
    const scale = Math.fround(0.1);
    const shift = Math.fround(3 * scale);
    // Negative, so that a closed form, shift / scale = 3.0000002, would put 3 below its threshold.
    expect(3 * scale - shift).toBeLessThan(0);
    expect(thresholds(5, 1, (g, y) => g.sub(g.mul(y, scale), shift))).toEqual({
      t: [3],
      flip: [0],
    });
  });
});

test('property: random batch norms, scales and activations keep every reachable sign', () => {
  const channels = 8;
  const parameter = fc.oneof(
    fc.float({ noNaN: true, noDefaultInfinity: true, min: -64, max: 64 }),
    fc.constantFrom(0, -0, 1, -1, 0.5, Math.fround(1e-30), Math.fround(-1e-30), Math.fround(1e30)),
  );
  const vector = fc.array(parameter, { minLength: channels, maxLength: channels });
  const arbitrary = fc.record({
    k: fc.integer({ min: 1, max: 70 }),
    gamma: vector,
    beta: vector,
    mean: vector,
    variance: vector.map((values) => values.map((value) => Math.abs(value))),
    bias: vector,
    activation: fc.constantFrom(
      'none',
      'relu',
      'clip',
      'leaky',
      'prelu',
      'neg',
      'abs',
      'round',
      'max',
      'min',
      'divided',
    ),
  });
  let folded = 0;
  fc.assert(
    fc.property(arbitrary, ({ k, gamma, beta, mean, variance, bias, activation }) => {
      const { graph, feeds } = everySum(k, channels, (g, y) => {
        const c = (values: readonly number[]) => g.constant(f32(values));
        const biased = g.add(g.mul(y, 0.5), c(bias));
        const normal = g.batchNorm(biased, c(gamma), c(beta), c(mean), c(variance), {
          epsilon: 1e-3,
        });
        const activate: Record<string, () => Float> = {
          none: () => normal,
          relu: () => g.sub(g.relu(normal), 0.25),
          clip: () => g.clip(normal, -1, 1),
          leaky: () => g.add(g.leakyRelu(normal, { alpha: 0.1 }), 0.5),
          prelu: () => g.add(g.prelu(normal, c(mean)), 0.5),
          neg: () => g.neg(normal),
          abs: () => g.sub(g.abs(normal), 1),
          round: () => g.round(normal),
          max: () => g.max(-0.5, normal),
          min: () => g.min(normal, c(beta)),
          divided: () => g.div(normal, c(gamma.map((value) => value || 1))),
        };
        return activate[activation]!();
      });
      const after = optimize(graph);
      if (opsOf(after).includes('threshold')) folded++;
      expectSame(graph, after, feeds);
    }),
    { numRuns: 300, seed: 7 },
  );
  expect(folded).toBeGreaterThan(200);
});

describe('a chain that changes its sign twice stays a chain', () => {
  const chains: Record<string, (g: GraphBuilder, y: Float) => Float> = {
    'a valley': (g, y) => g.sub(g.abs(y), 4),
    'prelu with a slope below zero': (g, y) => g.sub(g.prelu(y, -1), 4),
    'a reciprocal': (g, y) => g.sub(g.div(1, y), 0.3),
    'NaN from where the products leave the floats': (g, y) => g.sub(g.mul(g.mul(y, 3e38), 0), 1),
  };
  for (const [name, chain] of Object.entries(chains)) {
    test(name, () => {
      const { graph, feeds } = everySum(9, 2, chain);
      const after = optimize(graph);
      expect(opsOf(after)).toContain('sign');
      expectSame(graph, after, feeds);
    });
  }
});

test(
  'kernels may differ in the last place of tanh and sigmoid: no threshold is derived from ' +
    'them',
  () => {
    const { graph } = everySum(9, 2, (g, y) => g.tanh(g.sub(y, 1)));
    expect(opsOf(optimize(graph))).toContain('tanh');
  },
);

describe('convolutions', () => {
  const n = new Numbers(31);

  function convolution(
    build: (g: GraphBuilder, dot: Float) => Float,
    options: object = {},
    size = 6,
  ): { before: Graph; after: Graph; feeds: Record<string, Tensor> } {
    const g = new GraphBuilder();
    const x = g.input('x', 'b1', ['N', size, size, 5]);
    const dot = g.conv2d(x, g.constant(n.bits([8, 3, 3, 5])), options);
    const before = g.graph([x], { y: g.sign(build(g, g.cast(dot, 'f32'))) });
    return { before, after: optimize(before), feeds: { x: n.bits([3, size, size, 5]) } };
  }
  const affine = (g: GraphBuilder, x: Float, negative = 0.4) =>
    g.add(g.mul(x, g.constant(n.scales([8], negative))), g.constant(n.integers([8])));

  test('with every kind of padding; zeros at the border make odd and even sums', () => {
    for (const padValue of [0, 1, -1] as const) {
      const { before, after, feeds } = convolution((g, x) => affine(g, x), {
        pads: [1, 1, 1, 1],
        padValue,
      });
      expect(opsOf(after)).toEqual(['conv2d', 'threshold']);
      expectSame(before, after, feeds);
    }
  });

  test('max pooling comes after the threshold where the chain above it does not fall', () => {
    const { before, after, feeds } = convolution((g, x) =>
      affine(g, g.maxPool2d(affine(g, x), [2, 2]), 0),
    );
    expect(opsOf(after)).toEqual(['conv2d', 'maxPool2d', 'threshold']);
    expect(nodesOf(after).find((value) => value.op === 'maxPool2d')!.dtype).toBe('b1');
    expectSame(before, after, feeds);
  });

  test('max pooling stays before the sign where the chain above it falls', () => {
    const { before, after, feeds } = convolution((g, x) => affine(g, g.maxPool2d(x, [2, 2]), 1));
    expect(opsOf(after)).toContain('sign');
    expectSame(before, after, feeds);
  });

  test('a reshape on the way keeps the channels', () => {
    const { before, after, feeds } = convolution(
      (g, x) => affine(g, g.reshape(affine(g, x), ['N', 8])),
      {},
      3,
    );
    expect(opsOf(after)).toEqual(['conv2d', 'reshape', 'threshold']);
    expectSame(before, after, feeds);
  });

  test('a float that others read is computed once, its sign with it', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'b1', ['N', 5]);
    const a = g.relu(g.cast(g.dense(x, g.constant(n.bits([8, 5]))), 'f32'));
    const before = g.graph([x], { y: g.sign(g.sub(a, 2)), a });
    const after = optimize(before);
    expect(opsOf(after)).not.toContain('threshold');
    expectSame(before, after, { x: n.bits([4, 5]) });
  });

  test('a float is computed once where only the plain sums are read', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'b1', ['N', 5]);
    const sums = g.cast(g.dense(x, g.constant(n.bits([8, 5]))), 'f32');
    const after = optimize(g.graph([x], { y: g.sign(g.sub(sums, 2)), sums }));
    expect(opsOf(after)).toEqual(['cast', 'dense', 'sign', 'sub']);
  });

  test('integers that others read are shared', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'b1', ['N', 5]);
    const dot = g.dense(x, g.constant(n.bits([8, 5])));
    const before = g.graph([x], { y: g.sign(g.sub(g.cast(dot, 'f32'), 2)), dot });
    const after = optimize(before);
    expect(opsOf(after)).toEqual(['dense', 'threshold']);
    expectSame(before, after, { x: n.bits([4, 5]) });
  });

  test('a chain of binary layers keeps its bits from end to end', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 8, 8, 7]);
    let y: Float = x;
    let channels = 7;
    for (const outputs of [9, 16, 5]) {
      const w = g.mul(g.cast(g.sign(g.constant(n.floats([outputs, 3, 3, channels]))), 'f32'), 0.5);
      const dot = g.conv2d(g.cast(g.sign(y), 'f32'), w, { pads: [1, 1, 1, 1] });
      const c = (tensor: Tensor<'f32'>) => g.constant(tensor);
      y = g.batchNorm(
        dot,
        c(n.scales([outputs])),
        c(n.floats([outputs])),
        c(n.integers([outputs])),
        c(n.scales([outputs], 0)),
      );
      channels = outputs;
    }
    const before = g.graph([x], { y });
    const after = optimize(before);
    expect(opsOf(after).filter((op) => op === 'threshold')).toHaveLength(2);
    expect(opsOf(after).filter((op) => op === 'sign')).toHaveLength(1);
    expectSame(before, after, { x: n.floats([2, 8, 8, 7]) });
  });
});

test('`comparison` finds the one change of sign, or none', () => {
  const range = { origin: -7, step: 2, lo: -7, hi: 7 };
  // A line, whose zero is guessed, and curves for which the guess is wrong.
  const curves = [(x: number) => x, Math.sign, (x: number) => x ** 3, (x: number) => Math.tanh(x)];
  for (let limit = -9; limit <= 9; limit++) {
    for (const monotone of [true, false]) {
      for (const below of [true, false]) {
        for (const curve of curves) {
          const f = (number: number) => curve(below ? number - limit : limit - number - 0.5);
          const { t, flip } = comparison(f, range, monotone)!;
          for (let number = -7; number <= 7; number += 2)
            expect(number < t !== (flip === 1)).toBe(number < limit === below);
        }
      }
    }
  }
  expect(comparison((number) => 3 - Math.abs(number), range, false)).toBeUndefined();
});

test('the pass alone leaves a graph without integer signs as it is', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 3]);
  const graph = g.graph([x], { y: g.sign(g.relu(x)), z: make('neg', 'z', [x]) });
  expect(foldThresholds(graph)).toBe(graph);
  expect(valuesOf(evaluateGraph(graph, { x: f32([-1, 0, 1], [1, 3]) }).y!)).toEqual(
    Int8Array.of(1, 1, 1),
  );
});
