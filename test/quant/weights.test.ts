/**
 * Quantized weights of every scheme: values, the graph that computes them, and what a file takes.
 */
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../src/formats/safetensors/model.js';
import { topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { parseQuantSpec } from '../../src/quant/parse-spec.js';
import { quantizeWeights } from '../../src/quant/weights.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { random } from '../random.js';

function weights(shape: readonly number[], seed = 3): Tensor<'f32'> {
  const draw = random(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  const normal = () => draw() + draw() + draw() + draw() - 2;
  return new Tensor('f32', Float32Array.from({ length: count }, normal), shape);
}

const FORMS = [
  'int8',
  'int8-narrow-channel',
  'int4-channel',
  'ternary-channel',
  'int3-block8',
  'uint4-asymmetric-channel',
  'int5-asymmetric-block8',
  'bipolar',
  'bipolar-channel',
  'log4',
  'log3-channel',
  'log5',
  'outlier4',
  'outlier3-channel',
  'bfp6',
  'bfp4-block8',
  'bfp8-channel',
];

describe('the graph computes other weights than those that are reported', () => {
  test.each(FORMS)('%s', (form) => {
    for (const shape of [
      [5, 3, 3, 16],
      [4, 1, 1, 13],
      [7, 37],
      [1, 8],
    ]) {
      const coded = quantizeWeights(weights(shape), parseQuantSpec(form), 'mse');
      const g = new GraphBuilder();
      const graph = g.graph([], { w: coded.emit(g, 'w') });
      const plain = (y: ArrayLike<number>) => Array.from(y, (value) => value + 0);
      const w = evaluateGraph(graph, {}).w!;
      expect(w.shape).toEqual(shape);
      expect(plain(w.data)).toEqual(plain(coded.values));
    }
  });
});

describe('weights at rest take more bits than the spec says', () => {
  test.each([
    ['int4-channel', 4],
    ['ternary', 2],
    ['bipolar-channel', 1],
    ['log3', 3],
    ['int6-block32', 6],
    ['bfp5', 5],
    ['outlier4', 4 + 24 / 32],
  ] as const)('%s', (form, bits) => {
    const w = weights([64, 3, 3, 64]);
    const g = new GraphBuilder();
    const coded = quantizeWeights(w, parseQuantSpec(form));
    const graph = g.graph([], { w: coded.emit(g, 'w') });
    const scales = topological(graph)
      .filter(({ op, dtype }) => op === 'constant' && dtype === 'f32')
      .reduce((sum, { data }) => sum + data!.size, 0);
    // The graph itself is text of a few thousand characters.
    expect(encodeModel(graph).length).toBeLessThan((w.size * bits) / 8 + 4 * scales + 8000);
  });
});

const error = (form: string, w: Tensor<'f32'>, range?: 'mse') => {
  const { values } = quantizeWeights(w, parseQuantSpec(form), range);
  return w.data.reduce((sum, value, i) => sum + (value - values[i]!) ** 2, 0);
};

test('a finer spec, or a range chosen for its error, errs more', () => {
  const w = weights([16, 3, 3, 32]);
  expect(error('int4-channel', w)).toBeLessThan(error('int4', w));
  expect(error('int4-block32', w)).toBeLessThan(error('int4-channel', w));
  expect(error('int5', w)).toBeLessThan(error('int4', w));
  expect(error('int3-channel', w, 'mse')).toBeLessThan(0.8 * error('int3-channel', w));
  expect(error('outlier4', w)).toBeLessThan(error('int4', w));
  expect(error('bfp6-block8', w)).toBeLessThan(error('bfp6-block32', w));
});

test('an outlier keeps 16 bits and does not stretch the scale of the others', () => {
  const data = Float32Array.from({ length: 64 }, (_, i) => ((i % 7) - 3) / 3);
  data[5] = 100;
  data[40] = -33.3;
  const { values, scale } = quantizeWeights(
    new Tensor('f32', data, [2, 32]),
    parseQuantSpec('outlier4'),
  );
  expect(scale[0]).toBeCloseTo(1 / 7, 6);
  expect(values[5]).toBeCloseTo(100, 2);
  expect(values[40]).toBeCloseTo(-33.3, 2);
});

test('a weight of 0 is not +scale in one bit', () => {
  const w = new Tensor('f32', Float32Array.of(0, -0, 3, -1), [1, 4]);
  expect(Array.from(quantizeWeights(w, parseQuantSpec('bipolar')).values)).toEqual([1, 1, 1, -1]);
});

test('a logarithmic weight is not the nearest power', () => {
  const w = new Tensor('f32', Float32Array.of(8, 6.1, 5.9, -3, -2.9, 1, 0.4, 0.05, 0), [1, 9]);
  const { values, codes } = quantizeWeights(w, parseQuantSpec('log4'));
  expect(Array.from(values)).toEqual([8, 8, 4, -2, -2, 1, 0.5, 0, 0]);
  expect(Array.from(codes)).toEqual([7, 7, 6, -5, -5, 4, 3, 0, 0]);
});

test('a block of block floating point has another exponent than its largest number', () => {
  const w = new Tensor('f32', Float32Array.of(3.99, 0.26, 0.01, -0.7, 0, 0), [1, 6]);
  const { scale, codes } = quantizeWeights(w, parseQuantSpec('bfp4-block2'));
  expect(Array.from(scale)).toEqual([0.5, 0.125, 1]);
  expect(Array.from(codes)).toEqual([7, 1, 0, -6, 0, 0]);
});

test.each(['int8', 'bipolar', 'log4', 'outlier4', 'bfp8'])('%s of NaN is a number', (form) => {
  const w = new Tensor('f32', Float32Array.of(1, Number.NaN), [1, 2]);
  expect(() => quantizeWeights(w, parseQuantSpec(form))).toThrow(
    'quantize: expected weights of finite numbers but received NaN',
  );
});

test.each(FORMS)('%s of zeros, or of no weights, is not zeros', (form) => {
  for (const shape of [
    [2, 8],
    [0, 8],
  ]) {
    const w = new Tensor('f32', new Float32Array(shape[0]! * 8), shape);
    expect(quantizeWeights(w, parseQuantSpec(form), 'mse').values.every((v) => v + 0 === 0)).toBe(
      true,
    );
  }
});
