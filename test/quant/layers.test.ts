/** Quantizers that a spec describes, in layers and in networks of the zoo. */
import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/core/dtype.js';
import { encodeModel } from '../../src/formats/safetensors/model.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import * as nn from '../../src/nn/index.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import * as quant from '../../src/quant/index.js';
import type { QuantSpecLike } from '../../src/quant/parse-spec.js';
import { Tensor } from '../../src/tensor/tensor.js';
import * as zoo from '../../src/zoo/index.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { random } from '../random.js';

function normal(shape: readonly number[], seed: number): Tensor<'f32'> {
  const draw = random(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return new Tensor(
    'f32',
    Float32Array.from({ length: count }, () => draw() + draw() + draw() + draw() - 2),
    shape,
  );
}

/** The dtypes of all constants but floats, and of all casts to integers, by how often. */
function codes(graph: Graph): Partial<Record<DType, number>> {
  const count: Partial<Record<DType, number>> = {};
  for (const { op, dtype } of topological(graph))
    if (dtype !== 'f32' && (op === 'constant' || op === 'cast'))
      count[dtype] = (count[dtype] ?? 0) + 1;
  return count;
}

describe('weights', () => {
  test.each(['int8', 'int8-channel', 'int4-narrow-channel', 'ternary', 'bipolar-channel'] as const)(
    'of constants and of values differ: %s',
    (form) => {
      const w = normal([4, 3, 3, 8], 2);
      const g = new GraphBuilder();
      const input = g.input('w', 'f32', w.shape);
      const quantizer = quant.weights(form);
      const graph = g.graph([input], {
        a: quantizer.quantize(g, 'a', g.constant(w) as Value<'f32'>).values,
        b: quantizer.quantize(g, 'b', input).values,
      });
      const { a, b } = evaluateGraph(graph, { w });
      const far = [...a!.data.keys()].filter(
        (i) => Math.abs((a!.data[i] as number) - (b!.data[i] as number)) > 1e-6,
      );
      expect(far).toEqual([]);
      expect(new Set(a!.data).size).toBeGreaterThan(1);
    },
  );

  test('few bits have the scale of many, so that most weights are 0', () => {
    const w = normal([64, 64], 3);
    const g = new GraphBuilder();
    const { values } = quant.weights('ternary').quantize(g, 'a', g.constant(w) as Value<'f32'>);
    const { a } = evaluateGraph(g.graph([], { a: values }), {});
    const zeros = [...a!.data].filter((value) => value + 0 === 0).length / w.size;
    expect(zeros).toBeGreaterThan(0.2);
    expect(zeros).toBeLessThan(0.6);
  });

  test('a value goes through a scheme that needs numbers', () => {
    const g = new GraphBuilder();
    const w = g.relu(g.input('w', 'f32', [2, 8]));
    expect(() => quant.weights('log4').quantize(g, 'layer', w)).toThrow(
      'weights "layer": expected numbers for log4 but received the op relu',
    );
  });

  test('weights that are no numbers pass', () => {
    const g = new GraphBuilder();
    const w = g.constant(new Tensor('f32', Float32Array.of(1, Number.NaN), [1, 2]));
    for (const form of [8, 'log4', 'bipolar'] as const)
      expect(() => quant.weights(form).quantize(g, 'layer', w as Value<'f32'>)).toThrow(
        'weights "layer": expected weights of finite numbers but received NaN',
      );
  });
});

describe('activations', () => {
  test('a constant range and one that a graph computes give other numbers', () => {
    const x = normal([4, 8], 5);
    const g = new GraphBuilder();
    const input = g.input('x', 'f32', x.shape);
    const range = g.input('range', 'f32', []);
    const quantizer = quant.activations('int3');
    const fixed = g.constant(new Tensor('f32', Float32Array.of(1.3), [])) as Value<'f32'>;
    const graph = g.graph([input, range], {
      a: quantizer.quantize(g, 'a', input, { range: fixed }),
      b: quantizer.quantize(g, 'b', input, { range }),
    });
    const fed = new Tensor('f32', Float32Array.of(1.3), []);
    const { a, b } = evaluateGraph(graph, { x, range: fed });
    expect(Array.from(a!.data)).toEqual(Array.from(b!.data));
    expect(Math.max(...a!.data)).toBeCloseTo(1.3, 6);
    expect(new Set(a!.data).size).toBeLessThanOrEqual(8);
  });

  test.each<[string, QuantSpecLike]>([
    ['uint8-asymmetric', 'uint8-asymmetric'],
    ['int8-channel', 'int8-channel'],
    ['bfp8-block32', 'bfp8'],
  ])('%s is taken for the input of a layer', (shown, spec) => {
    expect(() => nn.conv2d({ filters: 1, kernel: 1, inputs: spec })).toThrow(
      `activations: expected inputs that are symmetric, with one scale but received "${shown}"`,
    );
  });

  test.each([0, -1, Number.NaN, Infinity])('a range of %s is taken', (most) => {
    const net = nn.model(
      { input: { name: 'x', shape: ['N', 4] } },
      nn.dense({ units: 2, inputs: 8, name: 'fc' }),
    );
    const state = { ...net.init(1), 'fc/range': new Tensor('f32', Float32Array.of(most), []) };
    expect(() => net.graph(state)).toThrow(
      'activations "fc/input": expected a range that is finite and above 0',
    );
  });
});

describe('layers', () => {
  test.each<[QuantSpecLike, QuantSpecLike, Partial<Record<DType, number>>]>([
    [4, 8, { i4: 1, i8: 1 }],
    ['ternary-channel', 'uint2', { i2: 1, u2: 1 }],
    [{ bits: 5, granularity: { block: 4 } }, 'int6', { i5: 1, i6: 1 }],
    ['log4', 3, { i4: 1, i3: 1 }],
    ['outlier4', 4, { i4: 2, i8: 1, u8: 2 }],
  ])('weights %j and inputs %j are stored as something else', (weights, inputs, want) => {
    const conv = nn.conv2d({ filters: 6, kernel: 3, pads: 1, bias: true, weights, inputs });
    const net = nn.model({ input: { name: 'x', shape: ['N', 5, 5, 8] } }, conv);
    expect(net.parameters.map(({ name }) => name)).toEqual([
      'conv2d/weight',
      'conv2d/range',
      'conv2d/bias',
    ]);
    const graph = net.graph(net.init(1));
    expect(codes(graph)).toEqual(want);
    const { logits } = evaluateGraph(graph, { x: normal([1, 5, 5, 8], 1) });
    expect(logits!.data.every(Number.isFinite)).toBe(true);
    expect(new Set(logits!.data).size).toBeGreaterThan(20);
  });

  test('one bit is not a sign', () => {
    const net = nn.model(
      { input: { name: 'x', shape: ['N', 8] } },
      nn.dense({ units: 2, weights: 1, inputs: 1 }),
    );
    const graph = net.graph(net.init(1));
    expect(net.parameters.map(({ name }) => name)).toEqual(['dense/weight', 'dense/bias']);
    expect(codes(graph)).toEqual({ b1: 1 });
    expect(topological(graph).map(({ op }) => op)).toContain('sign');
  });

  test('a spec that is none builds a layer', () => {
    expect(() => nn.dense({ units: 1, weights: 9 })).toThrow(
      'QuantSpec: expected bits from 1 to 8',
    );
  });
});

describe('zoo', () => {
  test('cnv in two bits has other codes, or other names than in one', () => {
    const one = zoo.cnv();
    const two = zoo.cnv({ weights: 2, activations: 2, real: 8 });
    const graph = two.graph(zoo.exampleState(two, 1));
    expect(codes(graph)).toEqual({ i2: 9 + 8, i8: 1 });
    expect(two.parameters.filter(({ role }) => role !== 'range').map(({ name }) => name)).toEqual(
      one.parameters.map(({ name }) => name),
    );
    expect(zoo.cnv({ weights: 1, activations: 1 }).parameters).toHaveLength(one.parameters.length);
  });

  test.each([2, 4])('cnv in %i bits takes more than 1.05 times its numbers on disk', (bits) => {
    const net = zoo.cnv({ weights: bits, activations: bits });
    const state = zoo.exampleState(net, 1);
    const sizes = (isWeight: boolean) =>
      net.parameters
        .filter(({ role }) => (role === 'weight') === isWeight)
        .reduce((sum, { name }) => sum + state[name]!.size, 0);
    const least = (sizes(true) * bits) / 8 + 4 * sizes(false);
    expect(encodeModel(net.graph(state)).length / least).toBeLessThan(1.05);
  });

  test('tfc takes bits', () => {
    const net = zoo.tfc({ weights: 'ternary', activations: 'uint2' });
    expect(codes(net.graph(zoo.exampleState(net, 1)))).toEqual({ i2: 4, u2: 4 });
  });

  const inEight: Readonly<Record<string, number>> = {
    'bi-real-20': 4,
    'bi-real-18-cifar': 5,
    'xnor-20': 2,
    'real-to-binary-20': 4,
    'strong-baseline-20': 4,
    'react-bi-real-20': 4,
    'bwn-20': 2,
    'resnet-20': 20,
    'react-net-a': 2,
    'quick-net': 10,
    cnv: 0,
  };
  test.each(Object.entries(inEight))(
    '%s: %i real layers stay float under real: 8',
    (name, count) => {
      const { build } = zoo.zooEntry(name);
      const size = name === 'quick-net' || name === 'react-net-a' ? 32 : undefined;
      const inputSize = size === undefined ? {} : { inputSize: size };
      const net = build({ ...inputSize, real: 8 });
      const before = build(inputSize);
      const ranges = net.parameters.filter(({ role }) => role === 'range');
      expect(ranges).toHaveLength(name === 'cnv' ? 1 : count);
      expect(net.parameters.length - ranges.length).toBe(before.parameters.length);
      const graph = net.graph(zoo.exampleState(net, 1));
      const stored = topological(graph).filter(
        ({ op, dtype }) => op === 'constant' && dtype === 'i8',
      );
      expect(stored).toHaveLength(count);
      expect(codes(before.graph(zoo.exampleState(before, 1))).i8).toBeUndefined();
    },
  );

  test("an author's state has no ranges, so it does not load under real", () => {
    const net = zoo.biReal20({ real: 8 });
    const theirs = zoo.biReal20();
    const given = Object.fromEntries(
      Object.entries(theirs.init(1)).map(([name, tensor]) => [
        zoo.namesIn([], name)[0]![0]!,
        tensor,
      ]),
    );
    const flat = Object.fromEntries(
      Object.entries(given).map(([name, tensor]) => {
        const [o, kh, kw, c] = tensor.shape;
        if (tensor.shape.length !== 4) return [name, tensor];
        const data = new Float32Array(tensor.size);
        return [name, new Tensor('f32', data, [o!, c!, kh!, kw!])];
      }),
    );
    const state = zoo.importState(net, flat, []);
    expect(state['conv1/range']!.data[0]).toBeCloseTo(3.92, 6);
  });
});
