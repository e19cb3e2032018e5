/**
 * Models: names of parameters, seeded beginnings, states that do not fit, files of states, the
 * summary.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTensors, writeTensors } from '../../src/formats/tensors.js';
import * as nn from '../../src/nn/index.js';
import * as quant from '../../src/quant/index.js';
import { Tensor } from '../../src/tensor/tensor.js';

function small() {
  const conv = (name?: string) =>
    nn.conv2d({
      filters: 4,
      kernel: 3,
      pads: 1,
      weights: quant.scaledSign(),
      inputs: quant.signActivation(),
      ...(name === undefined ? {} : { name }),
    });
  const block = nn.sequential(
    [nn.residual(nn.sequential([conv('conv'), nn.batchNorm({ name: 'bn' })])), nn.rprelu()],
    { name: 'block' },
  );
  return nn.model(
    { input: { name: 'image', shape: ['N', 8, 8, 3] } },
    nn.sequential([
      nn.conv2d({ filters: 4, kernel: 3, pads: 1 }),
      block,
      conv(),
      nn.globalAvgPool(),
      nn.dense({ units: 2 }),
    ]),
  );
}

test('parameters are named by the path of their layer; unnamed layers are numbered', () => {
  expect(small().parameters.map(({ name, shape, role }) => `${name} ${shape} ${role}`)).toEqual([
    'conv2d/weight 4,3,3,3 weight',
    'block/conv/weight 4,3,3,4 weight',
    'block/bn/gamma 4 scale',
    'block/bn/beta 4 shift',
    'block/bn/mean 4 mean',
    'block/bn/variance 4 variance',
    'block/rprelu/before 4 bias',
    'block/rprelu/slope 4 slope',
    'block/rprelu/after 4 bias',
    'conv2d_2/weight 4,3,3,4 weight',
    'dense/weight 2,4 weight',
    'dense/bias 2 bias',
  ]);
});

describe('init', () => {
  test('is the same for a seed, another for another', () => {
    const model = small();
    expect(model.init(5)).toEqual(small().init(5));
    expect(model.init(5)['conv2d/weight']!.data).not.toEqual(model.init(6)['conv2d/weight']!.data);
  });

  test('heNormal has the deviation sqrt(2 / fan-in)', () => {
    const model = nn.model(
      { input: { name: 'x', shape: ['N', 5, 5, 64] } },
      nn.conv2d({ filters: 64, kernel: 3, name: 'c' }),
    );
    const { data } = model.init(1)['c/weight']!;
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    const deviation = Math.sqrt(data.reduce((a, b) => a + (b - mean) ** 2, 0) / data.length);
    expect(Math.abs(mean)).toBeLessThan(0.002);
    expect(deviation / Math.sqrt(2 / 576)).toBeCloseTo(1, 1);
  });

  test('dense layers begin within 1 / sqrt(fan-in), and fill that range', () => {
    const { data } = nn
      .model({ input: { name: 'x', shape: ['N', 64] } }, nn.dense({ units: 50, name: 'd' }))
      .init(1)['d/weight']!;
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(1 / 8);
    expect(largest).toBeGreaterThan(0.98 / 8);
  });

  test('uniform stays within its bounds; batch norm begins as the identity', () => {
    const layers = nn.sequential([
      nn.conv2d({ filters: 8, kernel: 3, init: nn.uniform(0, 1e-3), name: 'c' }),
      nn.batchNorm({ name: 'b' }),
    ]);
    const state = nn.model({ input: { name: 'x', shape: ['N', 5, 5, 8] } }, layers).init(3);
    expect(state['c/weight']!.data.every((value) => value >= 0 && value <= 1e-3)).toBe(true);
    expect(
      ['gamma', 'beta', 'mean', 'variance'].map((name) => state[`b/${name}`]!.data[0]),
    ).toEqual([1, 0, 0, 1]);
  });
});

test('a state that does not fit is an error that lists every misfit', () => {
  const model = small();
  const { 'dense/bias': _, ...rest } = model.init(1);
  const state = {
    ...rest,
    'conv2d/weight': new Tensor('f32', new Float32Array(108), [4, 3, 3, 3].reverse()),
    'dense/weight': new Tensor('f32', new Float32Array(6), [3, 2]),
    other: new Tensor('f32', new Float32Array(1), [1]),
  };
  expect(() => model.graph(state)).toThrow(
    'state: the state does not fit the model: conv2d/weight must be f32 [4, 3, 3, 3] but ' +
      'is f32 [3, 3, 3, 4]; dense/weight must be f32 [2, 4] ' +
      'but is f32 [3, 2]; missing dense/bias f32 [2]; unknown other',
  );
});

test('a state is the same after writing and reading its safetensors file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-'));
  try {
    const state = small().init(9);
    await writeTensors(state, join(folder, 'state.safetensors'));
    expect(await readTensors(join(folder, 'state.safetensors'))).toEqual(state);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the graph is typed and named by the model, and holds quantized weights as bits', () => {
  const model = small();
  const graph = model.graph(model.init(1));
  expect(graph.inputs.map(({ name }) => name)).toEqual(['image']);
  expect(Object.keys(graph.outputs)).toEqual(['logits']);
  expect(graph.outputs.logits.shape).toEqual(['N', 2]);
});

test('the summary counts binary and float products, and every parameter once', () => {
  const model = small();
  const binary = 2 * 8 * 8 * 4 * 4 * 9;
  const float = 8 * 8 * 4 * 3 * 9 + 8;
  const parameters = 108 + 144 + 8 + 12 + 144 + 8 + 2;
  expect(model.cost()).toEqual({
    bops: binary,
    flops: float,
    ops: binary / 64 + float,
    parameters,
  });
  const lines = model.summary().split('\n');
  expect(lines[0]).toMatch(/^layer +kind +output +parameters +BOPs +FLOPs$/);
  expect(lines.find((line) => line.startsWith('block/conv'))).toMatch(
    /conv2d +\[1, 8, 8, 4\] +144 +9,216$/,
  );
  expect(lines.find((line) => line.startsWith('total'))).toMatch(/426 +18,432 +6,920$/);
});

test('a model refuses an input without a name, and one of a negative size', () => {
  expect(() => nn.model({ input: { name: '', shape: ['N', 2] } }, nn.relu())).toThrow(/name/);
  expect(() => nn.model({ input: { name: 'x', shape: ['N', -2] } }, nn.relu())).toThrow(/shape/);
});
