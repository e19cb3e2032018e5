/**
 * quantizeGraph: what becomes codes and what stays, ranges from a calibration, reports, and errors
 * that name the node. By the ops' own formulas; sessions run elsewhere.
 */
import { describe, expect, test } from 'vitest';
import { type Graph, topological, type Value } from '../../../src/graph/value.js';
import * as nn from '../../../src/nn/index.js';
import { GraphBuilder } from '../../../src/ops/builder.js';
import { absorbBatchNorms } from '../../../src/passes/index.js';
import { calibrate } from '../../../src/quant/network/calibrate.js';
import type { QuantizeOptions } from '../../../src/quant/network/options.js';
import { quantizeGraph } from '../../../src/quant/network/quantize-graph.js';
import { decibels } from '../../../src/quant/observers/noise.js';
import { Tensor } from '../../../src/tensor/tensor.js';
import { biReal20 } from '../../../src/zoo/bi-real-net.js';
import { exampleState } from '../../../src/zoo/example-state.js';
import { resnet20 } from '../../../src/zoo/resnet.js';
import { evaluateGraph } from '../../passes/evaluate.js';
import { random } from '../../random.js';

const conv = (filters: number, name: string, strides: 1 | 2 = 1) =>
  nn.conv2d({ filters, kernel: 3, pads: 1, strides, name });

/** Four convolutions, batch norms, a residual block, pooling and a classifier. */
const block = nn.residual(
  nn.sequential([conv(6, 'conv2'), nn.batchNorm(), nn.relu(), conv(6, 'conv3'), nn.batchNorm()]),
);
const layers = [
  conv(6, 'conv1'),
  nn.batchNorm({ name: 'bn1' }),
  nn.relu({ name: 'relu1' }),
  block,
  nn.relu({ name: 'relu2' }),
  nn.maxPool2d({ kernel: 2, name: 'pool' }),
  conv(8, 'conv4'),
  nn.relu({ name: 'relu4' }),
  nn.globalAvgPool({ name: 'mean' }),
  nn.dense({ units: 5, name: 'fc' }),
];
const model = nn.model({ input: { name: 'x', shape: ['N', 8, 8, 3] } }, nn.sequential(layers));
const graph: Graph = model.graph(exampleState(model, 3));

function pictures(count: number, seed: number): Tensor<'f32'> {
  const draw = random(seed);
  const data = Float32Array.from({ length: count * 192 }, () => draw() * 2 - 0.7);
  return new Tensor('f32', data, [count, 8, 8, 3]);
}

const feeds = [{ x: pictures(8, 1) }, { x: pictures(8, 2) }];
const quantized = (options: Partial<QuantizeOptions>, of = graph) =>
  quantizeGraph(of, { weights: 8, activations: 8, calibration: feeds, ...options });

const find = (g: Graph, name: string) => topological(g).find((value) => value.name === name)!;
/** The integer dtypes that a graph casts to, and that its constants have, by how often. */
function codes(g: Graph): Record<string, number> {
  const count: Record<string, number> = {};
  for (const { op, dtype } of topological(g)) {
    if (dtype === 'f32' || (op !== 'cast' && op !== 'constant')) continue;
    count[`${op} ${dtype}`] = (count[`${op} ${dtype}`] ?? 0) + 1;
  }
  return count;
}

function error(g: Graph, x = pictures(4, 9)): number {
  const want = evaluateGraph(graph, { x }).logits!.data;
  const got = evaluateGraph(g, { x }).logits!.data;
  const sum = (f: (i: number) => number) => [...want.keys()].reduce((s, i) => s + f(i) ** 2, 0);
  return decibels(
    sum((i) => want[i] as number),
    sum((i) => (want[i] as number) - (got[i] as number)),
  );
}

test('absorbBatchNorms changes results by more than rounding, or leaves a batch norm', () => {
  const absorbed = absorbBatchNorms(graph);
  expect(error(absorbed)).toBeGreaterThan(110);
  const ops = topological(absorbed).map(({ op }) => op);
  expect(ops.filter((op) => op === 'sub' || op === 'mul' || op === 'batchNorm')).toEqual([]);
  expect(ops.filter((op) => op === 'add')).toHaveLength(5);
});

test('eight bits err more than they must, or fewer bits err no more', async () => {
  const at = async (options: Partial<QuantizeOptions>) => error((await quantized(options)).graph);
  const eight = await at({});
  expect(eight).toBeGreaterThan(30);
  expect(await at({ perChannel: true })).toBeGreaterThan(eight - 1);
  const four = await at({ weights: 4, activations: 4, perChannel: true });
  expect(four).toBeLessThan(eight - 8);
  expect(four).toBeGreaterThan(10);
  expect(await at({ weights: 'float', activations: 'float' })).toBeGreaterThan(110);
});

test('another value is quantized than products and sums read', async () => {
  const { graph: g, layers: rows, shortcuts } = await quantized({ weights: 4, activations: 4 });
  // x and the classifier's input in 8 bits; relu1 in 4 bits and, for the sum, in 8; conv2's relu;
  // relu2, before the pooling.
  expect(codes(g)).toEqual({ 'cast u8': 3, 'cast u4': 3, 'constant i4': 3, 'constant i8': 2 });
  expect(rows.map(({ name, isEnd, activations }) => [name, isEnd, activations?.map])).toEqual([
    ['conv1', true, 'x'],
    ['conv2', false, 'relu1'],
    ['conv3', false, 'relu'],
    ['conv4', false, 'relu2'],
    ['fc', true, 'mean'],
  ]);
  expect(shortcuts.map(({ map, bits }) => [map, bits])).toEqual([['relu1', 8]]);
  // The pooling works on codes: it reads what was quantized.
  expect(find(g, 'pool').inputs[0]!.op).toBe('mul');
  expect(find(g, 'conv4').inputs[0]!.name).toBe('pool');
});

test('at 8 bits a sum and a product read a map in two sets of codes', async () => {
  const { graph: g, shortcuts } = await quantized({});
  expect(codes(g)).toEqual({ 'cast u8': 5, 'constant i8': 5 });
  expect(shortcuts).toEqual([]);
  const float = await quantized({ shortcuts: 'float', weights: 4, activations: 4 });
  expect(codes(float.graph)['cast u8']).toBe(2);
});

test('a map without negative numbers gets a sign or a zero point; one with them none', async () => {
  const { layers: rows } = await quantized({});
  expect(rows[0]!.activations).toMatchObject({ spec: 'uint8-asymmetric' });
  expect(rows[0]!.activations!.zero).toBeGreaterThan(50);
  expect(rows[1]!.activations!.zero).toBe(0);
  const symmetric = await quantized({ activations: 'int8' });
  expect(symmetric.layers.map(({ activations }) => activations!.spec)).toEqual([
    'uint8-asymmetric',
    'uint8',
    'uint8',
    'uint8',
    'uint8-asymmetric',
  ]);
});

test('the range of a map is not that of the calibration', async () => {
  const { layers: rows } = await quantized({});
  const relu = find(graph, 'relu1');
  const all = [1, 2].map(
    (seed) =>
      evaluateGraph(
        { ...graph, outputs: { y: relu }, outputNames: ['y'] },
        { x: pictures(8, seed) },
      ).y!.data as Float32Array,
  );
  const most = Math.max(...all.map((data) => Math.max(...data)));
  expect(rows[1]!.activations!.range.hi).toBeCloseTo(most, 4);
  expect(rows[1]!.activations!.scale).toBeCloseTo(most / 255, 6);
  expect(rows[0]!.activations!.seen.lo).toBe(
    Math.fround(Math.min(...feeds.flatMap(({ x }) => [...x.data]))),
  );
});

test('how the calibration is cut into batches changes a number', async () => {
  const x = new Tensor(
    'f32',
    Float32Array.from(feeds.flatMap(({ x: one }) => [...one.data])),
    [16, 8, 8, 3],
  );
  async function* later() {
    yield { x };
  }
  for (const observer of ['minmax', 'percentile', 'mse', 'entropy'] as const) {
    const parts = await quantized({ observer });
    const whole = await quantized({ observer, calibration: later() });
    expect(whole.layers.map(({ activations }) => activations!.scale)).toEqual(
      parts.layers.map(({ activations }) => activations!.scale),
    );
  }
});

test('maps that do not fit into memory together have other numbers', async () => {
  const maps = ['relu1', 'relu2', 'mean', 'conv1'].map((name) => find(graph, name));
  const [whole, parts] = await Promise.all(
    [undefined, 3000].map((bytes) => calibrate(graph, maps, feeds, { threads: 1 }, bytes)),
  );
  for (const map of maps) expect(parts!.get(map)).toEqual(whole!.get(map));
});

test('a network in codes is quantized again', async () => {
  const once = await quantized({});
  const twice = await quantized({}, once.graph);
  expect(twice.layers).toEqual([]);
  expect(codes(twice.graph)).toEqual(codes(once.graph));
});

describe('choices by layer', () => {
  test('a pattern fits other names, or an end keeps its 8 bits against it', async () => {
    const { layers: rows } = await quantized({
      weights: 4,
      activations: 4,
      layers: {
        'conv?': { weights: 'ternary-channel' },
        conv3: { activations: 6 },
        fc: 'float',
      },
    });
    expect(rows.map(({ weights, activations }) => [weights?.spec, activations?.bits])).toEqual([
      ['int2-narrow-channel', 8],
      ['int2-narrow-channel', 4],
      ['int2-narrow-channel', 6],
      ['int2-narrow-channel', 4],
      [undefined, undefined],
    ]);
  });

  test("ends: 'same' keeps 8 bits", async () => {
    const { layers: rows } = await quantized({ weights: 3, activations: 5, ends: 'same' });
    expect(
      rows.every(({ weights, activations }) => weights!.bits === 3 && activations!.bits === 5),
    ).toBe(true);
  });

  test('a name that no layer has is ignored', async () => {
    await expect(quantized({ layers: { conv9: 'float' } })).rejects.toThrow(
      /layers of conv1, conv2, conv3, conv4, fc but received "conv9": did you mean "conv1"\?/,
    );
  });
});

test('weights alone need a calibration, or touch activations', async () => {
  const { graph: g, layers: rows } = await quantizeGraph(graph, {
    weights: 'bfp6-block4',
    ends: 'same',
  });
  expect(codes(g)).toEqual({ 'constant i6': 5 });
  expect(rows.every(({ activations }) => activations === null)).toBe(true);
  expect(error(g)).toBeGreaterThan(15);
});

test.each(['bipolar-channel', 'log4', 'outlier4', 'uint4-asymmetric-channel'] as const)(
  '%s weights are not those of the report',
  async (weights) => {
    const { graph: g, layers: rows } = await quantizeGraph(graph, { weights, ends: 'same' });
    expect(rows[2]!.weights!.decibels).toBeGreaterThan(3);
    expect(Number.isFinite(error(g))).toBe(true);
    expect(find(g, 'conv3').inputs[1]!.op).not.toBe('constant');
  },
);

test('binary layers are touched, or the real ones beside them are not', async () => {
  const network = biReal20({ inputSize: 16 });
  const binary = network.graph(exampleState(network, 1));
  const draw = random(4);
  const image = new Tensor(
    'f32',
    Float32Array.from({ length: 768 }, () => draw() - 0.5),
    [1, 16, 16, 3],
  );
  const { graph: g, layers: rows } = await quantizeGraph(binary, {
    weights: 8,
    activations: 8,
    calibration: [{ image }],
  });
  expect(rows.map(({ name }) => name)).toEqual([
    'conv1',
    'layer2/0/shortcut/conv',
    'layer3/0/shortcut/conv',
    'fc',
  ]);
  const bits = (value: Value) => value.op === 'constant' && value.dtype === 'b1';
  expect(topological(g).filter(bits)).toHaveLength(topological(binary).filter(bits).length);
});

test('a residual network has fewer layers or shortcuts in codes', async () => {
  const network = resnet20({ inputSize: 8 });
  const image = pictures(1, 1);
  const { layers: rows, shortcuts } = await quantizeGraph(network.graph(exampleState(network, 1)), {
    weights: 4,
    activations: 4,
    calibration: [{ image }],
  });
  expect(rows).toHaveLength(20);
  expect(shortcuts).toHaveLength(9);
});

describe('bad input', () => {
  test('a calibration without feeds passes', async () => {
    await expect(quantized({ calibration: [] })).rejects.toThrow(
      'quantizeGraph: expected calibration feeds, one batch or more, but received "none"',
    );
  });

  test('feeds of another shape pass', async () => {
    const x = new Tensor('f32', new Float32Array(8 * 8 * 4), [1, 8, 8, 4]);
    await expect(quantized({ calibration: [{ x }] })).rejects.toMatchObject({
      code: 'ERR_FEED',
      node: 'x',
    });
  });

  test.each([Number.NaN, Infinity])('%s in a map is not told by its name', async (bad) => {
    const x = pictures(1, 1);
    x.data[5] = bad;
    await expect(quantized({ calibration: [feeds[0]!, { x }] })).rejects.toThrow(
      `input "x": expected finite numbers in calibration batch 2 but received ${bad}`,
    );
  });

  test('NaN among weights is not told by the name of the layer', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const w = g.constant(new Tensor('f32', Float32Array.of(1, Number.NaN), [1, 2]));
    const bad = g.graph([x], { y: g.dense(x, w as Value<'f32'>, { name: 'layer' }) });
    await expect(quantizeGraph(bad, { weights: 8 })).rejects.toThrow(
      'dense "layer": expected weights of finite numbers but received NaN',
    );
  });

  test('a constant calibration has no scale, or is not marked', async () => {
    const x = new Tensor('f32', new Float32Array(192).fill(3), [1, 8, 8, 3]);
    const { layers: rows } = await quantized({ calibration: [{ x }] });
    expect(rows[0]!.activations).toMatchObject({
      constant: true,
      scale: Math.fround(3 / 255),
      zero: 0,
      range: { lo: 3, hi: 3 },
    });
    const zeros = new Tensor('f32', new Float32Array(192), [1, 8, 8, 3]);
    const { layers: others } = await quantized({ calibration: [{ x: zeros }] });
    expect(others[0]!.activations).toMatchObject({ constant: true, scale: 1, zero: 0 });
  });

  test.each<[string, Partial<QuantizeOptions>]>([
    [
      'activations that are symmetric or asymmetric but received "blockFloat"',
      { activations: 'bfp8' },
    ],
    ['one scale for activations but received "channel"', { activations: 'int8-channel' }],
    ['weights: expected bits from 1 to 8 for symmetric but received 9', { weights: 9 }],
    ['weights: expected bits from 1 to 8 for symmetric but received 2.5', { weights: 2.5 }],
    ['activations: expected bits from 1 to 8 for asymmetric but received 0', { activations: 0 }],
    ['ends: expected bits from 1 to 8 for symmetric but received 12', { ends: 12 }],
    [
      'weights of layers "conv*": expected bits from 1 to 8 for symmetric but received 9',
      { layers: { 'conv*': { weights: 9 } } },
    ],
    [
      'activations of layers "fc": expected a quantization such as',
      { layers: { fc: { activations: 'few' as 'int8' } } },
    ],
    [
      'weights: expected granularity to be said once but received "-block32"',
      { weights: 'int4-channel-block32' },
    ],
    ['calibration to be feeds that are iterated but received 5', { calibration: 5 as never }],
    ['feeds by name in calibration batch 1 but received null', { calibration: [null as never] }],
    ['weightRange to be minmax or mse', { weightRange: 'best' as 'mse' }],
    ['perChannel to be true or false', { perChannel: 1 as unknown as boolean }],
    ['an observer of minmax', { observer: 'max' as 'mse' }],
    ['options of weights', { bits: 8 } as object],
  ])('%s', async (message, options) => {
    await expect(quantized(options)).rejects.toThrow(message);
  });
});

test('perChannel is lost where weights are a spec, or overrules what a spec says', async () => {
  const { layers: rows } = await quantized({
    weights: 'int4',
    perChannel: true,
    ends: 'same',
    layers: {
      conv2: { weights: 'int4-tensor' },
      conv4: { weights: { bits: 4, granularity: { block: 2 } } },
    },
  });
  expect(rows.map(({ name, weights }) => [name, weights?.spec])).toEqual([
    ['conv1', 'int4-channel'],
    ['conv2', 'int4'],
    ['conv3', 'int4-channel'],
    ['conv4', 'int4-block2'],
    ['fc', 'int4-channel'],
  ]);
});

test('metadata, inputs or outputs are lost', async () => {
  const carrying = { ...graph, metadata: { author: 'someone' } };
  const { graph: g } = await quantized({}, carrying);
  expect(g.metadata).toEqual({ author: 'someone' });
  expect(Object.keys(g.outputs)).toEqual(['logits']);
  expect(g.inputs.map(({ name, shape }) => [name, shape])).toEqual([['x', ['N', 8, 8, 3]]]);
});
