/** DFQ's steps on graphs against arrays that the released code computed. */
import { expect, test } from 'vitest';
import type { Graph } from '../../src/graph/value.js';
import { absorbBias } from '../../src/methods/dfq/absorb-bias.js';
import { correctBias } from '../../src/methods/dfq/correct-bias.js';
import { equalize } from '../../src/methods/dfq/equalize.js';
import { groupRanges, pairScales } from '../../src/methods/dfq/equalize-pair.js';
import { releasedQuantization } from '../../src/methods/dfq/released-quantization.js';
import type { Folded } from '../../src/methods/folded.js';
import { layersOf } from '../../src/methods/layers.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { channelsLast, floats, goldenNumbers } from '../quant/golden-numbers.js';

const arrays = goldenNumbers('dfq');
const weights = (name: string) => floats(channelsLast(arrays[name]!));
const vector = (name: string) => floats(arrays[name]!);

function expectNear(got: ArrayLike<number>, name: string, isWeight = false) {
  const want = isWeight ? channelsLast(arrays[name]!).values : arrays[name]!.values;
  expect(got.length, name).toBe(want.length);
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i]! - value), `${name}[${i}]: ${got[i]} ${value}`).toBeLessThanOrEqual(
      1e-5 + 1e-4 * Math.abs(value),
    );
}

/** A chain of convolutions with ReLU between, whose second may be depthwise. */
function chain(names: readonly (readonly [w: string, b: string | undefined])[]): Graph {
  const g = new GraphBuilder();
  const first = weights(names[0]![0]);
  const x = g.input('x', 'f32', ['N', 8, 8, first.shape[3] as number]);
  let y: Parameters<typeof g.relu>[0] = x;
  for (const [i, [w, b]] of names.entries()) {
    const tensor = weights(w);
    const groups = (y.shape[3] as number) / (tensor.shape[3] as number);
    const name = `c${i + 1}`;
    y = g.conv2d(i === 0 ? y : g.relu(y), g.constant(tensor), { groups, name });
    if (b !== undefined) y = g.add(y, g.constant(vector(b)));
  }
  return g.graph([x], { y });
}

const normals = (gamma: string, beta: string) => ({
  mean: Float64Array.from(arrays[beta]!.values),
  std: Float64Array.from(arrays[gamma]!.values),
});

test.each([
  ['eqs', 'symmetric'],
  ['equ', 'asymmetric'],
  ['eqdw', 'symmetric'],
] as const)('%s: equalizing one pair differs from the release', (name, ranges) => {
  const folded: Folded = {
    graph: chain([
      [`${name}_w1`, `${name}_b1`],
      [`${name}_w2`, undefined],
    ]),
    statistics: new Map([['c1', normals(`${name}_bn_weight`, `${name}_bn_bias`)]]),
  };
  const done = equalize(folded, { ranges, rounds: 1 });
  const [first, second] = layersOf(done.graph);
  expectNear(done.pairs[0]!.scale, `${name}_S`);
  expectNear(first!.weights.data, `${name}_w1_eq`, true);
  expectNear(second!.weights.data, `${name}_w2_eq`, true);
  expectNear(first!.bias, `${name}_b1_eq`);
  expectNear(done.statistics.get('c1')!.std, `${name}_bn_weight_eq`);
  expectNear(done.statistics.get('c1')!.mean, `${name}_bn_bias_eq`);
});

test('the factors of a pair leave its ranges as they were', () => {
  const w = channelsLast(arrays.eqs_w1!).values;
  const r1 = groupRanges(w, (i) => Math.floor(i / 36), 6, 'symmetric');
  expect([...pairScales(r1, r1)]).toEqual([1, 1, 1, 1, 1, 1]);
  expect([...pairScales([0, 2, 4], [1, 0, 1])]).toEqual([1, 1, 0.5]);
});

const net = (k: number): Folded => ({
  graph: chain([1, 2, 3].map((i) => [`net${k}_c${i}_w`, `net${k}_c${i}_b`] as const)),
  statistics: new Map(
    [1, 2].map((i) => [`c${i}`, normals(`net${k}_b${i}_gamma`, `net${k}_b${i}_beta`)]),
  ),
});

function expectNet(folded: Folded, k: number) {
  for (const [i, layer] of layersOf(folded.graph).entries()) {
    expectNear(layer.weights.data, `net${k}_c${i + 1}_w`, true);
    expectNear(layer.bias, `net${k}_c${i + 1}_b`);
  }
  for (const i of [1, 2]) {
    expectNear(folded.statistics.get(`c${i}`)!.std, `net${k}_b${i}_gamma`);
    expectNear(folded.statistics.get(`c${i}`)!.mean, `net${k}_b${i}_beta`);
  }
}

test('equalizing a chain of three layers differs from the release', () => {
  expectNet(equalize(net(0), { ranges: 'symmetric' }), 1);
});

test('absorbing high biases differs from the release', () => {
  expectNet(absorbBias(net(1)), 2);
});

test('correcting biases differs from the release', () => {
  const folded = net(2);
  const quantized = new Map(
    layersOf(folded.graph)
      .filter(({ name }) => name !== 'c1')
      .map(({ name, weights: w }) => [name, releasedQuantization(w.data, 8, 'symmetric')]),
  );
  for (const [name, values] of quantized) {
    const layer = layersOf(folded.graph).find((one) => one.name === name)!;
    const error = values.map((value, i) => value - layer.weights.data[i]!);
    expectNear(error, `net3_${name}_epsw`, true);
  }
  expectNet(correctBias(folded, quantized, { as: 'release' }), 3);
});

test.each([4, 8])('the released quantizer of %i bits errs otherwise', (bits) => {
  const w = weights(`uq_w${bits}`);
  for (const [kind, name] of [
    ['asymmetric', 'asym'],
    ['symmetric', 'sym'],
  ] as const) {
    const error = releasedQuantization(w.data, bits, kind).map((value, i) => value - w.data[i]!);
    expectNear(error, `uq_err_${name}${bits}`, true);
  }
});
