/**
 * Layers: their values, by the ops' formulas and packed, and the errors of layers that cannot be
 * built.
 */
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import * as nn from '../../src/nn/index.js';
import * as quant from '../../src/quant/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';

const seeded = (shape: readonly number[], seed = 1) =>
  new Tensor(
    'f32',
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => Math.sin((i + 1) * 12.9898 * seed) * 2,
    ),
    shape,
  );

const modelOf = (shape: readonly (number | string)[], layer: nn.Layer) =>
  nn.model({ input: { name: 'x', shape }, output: 'y' }, layer);

/** The output on seeded input and parameters (variances positive), by the formulas. */
function outputOf(shape: readonly number[], layer: nn.Layer): Tensor {
  const model = modelOf(['N', ...shape.slice(1)], layer);
  return evaluateGraph(model.graph(parametersOf(model)), { x: seeded(shape) }).y!;
}

function parametersOf(model: nn.Model): nn.State {
  return Object.fromEntries(
    model.parameters.map(({ name, shape, role }, i) => {
      const tensor = seeded(shape, i + 2);
      return [
        name,
        role === 'variance'
          ? new Tensor(
              'f32',
              tensor.data.map((value) => value * value + 0.5),
              shape,
            )
          : tensor,
      ];
    }),
  );
}

describe('element-wise layers', () => {
  const x = [-2, -1, -0.5, 0, 0.5, 1, 2];
  const apply = (layer: nn.Layer, state: nn.State = {}) => {
    const model = modelOf(['N', 7], layer);
    const feed = new Tensor('f32', Float32Array.from(x), [1, 7]);
    return Array.from(evaluateGraph(model.graph(state), { x: feed }).y!.data);
  };
  const each = (...values: number[]) =>
    new Tensor(
      'f32',
      Float32Array.from({ length: 7 }, (_, i) => values[i % values.length]!),
      [7],
    );

  test.each([
    ['relu', nn.relu(), [0, 0, 0, 0, 0.5, 1, 2]],
    ['hardTanh', nn.hardTanh(), [-1, -1, -0.5, 0, 0.5, 1, 1]],
    ['clip', nn.clip(0, 1), [0, 0, 0, 0, 0.5, 1, 1]],
    ['sign', nn.sign(), [-1, -1, -1, 1, 1, 1, 1]],
    ['sign of torch', nn.sign({ zero: 'torch' }), [-1, -1, -1, 0, 1, 1, 1]],
    ['identity', nn.identity, x],
  ])('%s', (_, layer, want) => expect(apply(layer)).toEqual(want));

  test('tanh, sigmoid and softmax give the values of their formulas', () => {
    expect(apply(nn.tanh())[6]).toBeCloseTo(Math.tanh(2), 6);
    expect(apply(nn.sigmoid())[6]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect(apply(nn.softmax()).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  });

  test('prelu, rsign and rprelu have one parameter a channel', () => {
    expect(apply(nn.prelu({ name: 'p' }), { 'p/slope': each(0.5) })).toEqual([
      -1, -0.5, -0.25, 0, 0.5, 1, 2,
    ]);
    expect(apply(nn.rsign({ name: 's' }), { 's/shift': each(1, -1) })).toEqual([
      -1, -1, 1, -1, 1, 1, 1,
    ]);
    const state = { 'r/before': each(1), 'r/slope': each(0.5), 'r/after': each(10) };
    expect(apply(nn.rprelu({ name: 'r' }), state)).toEqual([9.5, 10, 10.5, 11, 11.5, 12, 13]);
  });
});

describe('shapes', () => {
  test.each([
    ['conv2d same', nn.conv2d({ filters: 4, kernel: 3, strides: 2, pads: 'same' }), [1, 4, 3, 4]],
    [
      'conv2d, pads of one number',
      nn.conv2d({ filters: 4, kernel: [3, 1], pads: 1 }),
      [1, 7, 7, 4],
    ],
    ['conv2d, four pads', nn.conv2d({ filters: 4, kernel: 3, pads: [0, 1, 2, 3] }), [1, 7, 7, 4]],
    ['grouped', nn.conv2d({ filters: 6, kernel: 1, groups: 3 }), [1, 7, 5, 6]],
    ['maxPool2d', nn.maxPool2d({ kernel: 2 }), [1, 3, 2, 3]],
    ['avgPool2d same', nn.avgPool2d({ kernel: 2, pads: 'same' }), [1, 4, 3, 3]],
    ['globalAvgPool', nn.globalAvgPool(), [1, 3]],
    ['flatten', nn.flatten(), [1, 105]],
    ['concat', nn.concat([nn.identity, nn.conv2d({ filters: 2, kernel: 1 })]), [1, 7, 5, 5]],
    ['add', nn.add([nn.identity, nn.relu(), nn.tanh()]), [1, 7, 5, 3]],
    ['dense', nn.sequential([nn.flatten(), nn.dense({ units: 9 })]), [1, 9]],
  ])('%s', (_, layer, shape) => {
    expect(outputOf([1, 7, 5, 3], layer).shape).toEqual(shape);
    expect(modelOf(['N', 7, 5, 3], layer).outputShape).toEqual(shape.slice(1));
  });
});

test('a quantized convolution is the scaled convolution of signs, packed or not', async () => {
  const options = { filters: 5, kernel: 3, pads: 1, bias: true, name: 'conv' } as const;
  for (const padValue of [0, 1, -1] as const) {
    const layer = nn.conv2d({
      ...options,
      padValue,
      weights: quant.scaledSign(),
      inputs: quant.signActivation(),
    });
    const model = modelOf(['N', 6, 6, 20], layer);
    const state = parametersOf(model);
    const feeds = { x: seeded([2, 6, 6, 20]) };
    const want = evaluateGraph(model.graph(state), feeds).y!;
    const session = Session.fromGraph(model.graph(state), { threads: 1 });
    const { y } = await session.run(feeds);
    await session.release();
    expect(Array.from(y.data)).toEqual(Array.from(want.data));
    // One filter at a corner by hand: five of nine taps see the border.
    const w = state['conv/weight']!.data;
    const sign = (value: number) => (value < 0 ? -1 : 1);
    let [dot, magnitude] = [0, 0];
    for (let i = 0; i < 9; i++)
      for (let k = 0; k < 20; k++) {
        const [row, column] = [Math.floor(i / 3) - 1, (i % 3) - 1];
        const value =
          row < 0 || column < 0 ? padValue : sign(feeds.x.data[(row * 6 + column) * 20 + k]!);
        dot += value * sign(w[i * 20 + k]!);
        magnitude += Math.abs(w[i * 20 + k]!);
      }
    expect(y.data[0]).toBeCloseTo((dot * magnitude) / 180 + state['conv/bias']!.data[0]!, 4);
  }
});

describe('what cannot be built says which layer and which shapes', () => {
  test.each([
    [
      'channels and groups',
      nn.conv2d({ filters: 4, kernel: 3, groups: 2, name: 'c' }),
      /conv2d "c": expected channels that divide into 2 groups but received 3/,
    ],
    ['a window larger than the map', nn.conv2d({ filters: 4, kernel: 9, name: 'c' }), /conv2d "c"/],
    [
      'a shortcut of another shape',
      nn.residual(nn.conv2d({ filters: 4, kernel: 1 }), { name: 'r' }),
      /add "r": expected .*\[N, 7, 5, 3\].*\[N, 7, 5, 4\]/,
    ],
    [
      'a sum of other shapes',
      nn.add([nn.identity, nn.maxPool2d({ kernel: 2 })], { name: 'a' }),
      /add "a": .*\[N, 7, 5, 3\].*\[N, 3, 2, 3\]/,
    ],
    [
      'branches of other sizes',
      nn.concat([nn.identity, nn.maxPool2d({ kernel: 2 })], { name: 'b' }),
      /concat "b"/,
    ],
    [
      'a convolution of a vector',
      nn.sequential([nn.flatten(), nn.conv2d({ filters: 1, kernel: 1, name: 'c' })]),
      /conv2d "c": expected a feature map .*\[N, 105\]/,
    ],
    [
      'a pool that must divide',
      nn.avgPool2d({ kernel: 2, whole: true, name: 'p' }),
      /avgPool2d "p": expected a map whose sides divide by 2 and 2 but received one of 7 by 5/,
    ],
    [
      'two layers of one name',
      nn.sequential([nn.relu({ name: 'r' }), nn.relu({ name: 'r' })]),
      /layer "r": expected a name of its own/,
    ],
    ['no filters', nn.conv2d({ filters: 0, kernel: 1, name: 'c' }), /conv2d "c": expected filters/],
    ['no branches', nn.add([], { name: 'a' }), /add "a": expected at least one branch/],
  ])('%s', (_, layer, message) => {
    expect(() => modelOf(['N', 7, 5, 3], layer)).toThrow(
      expect.objectContaining({ name: 'BitplaneError', message: expect.stringMatching(message) }),
    );
  });

  test('one bit where zero must stay zero, unless zero is impossible', () => {
    const conv = (inputs: quant.ActivationQuantizer) =>
      nn.conv2d({ filters: 4, kernel: 1, weights: quant.sign(), inputs, name: 'conv' });
    const packed = conv(quant.signActivation({ zero: 'torch', packed: true }));
    const build = (layer: nn.Layer) => {
      const model = modelOf(['N', 4, 4, 9], layer);
      return model.graph(parametersOf(model));
    };
    expect(() => build(packed)).toThrow(
      /conv2d "conv": expected an input that is never 0.*input "x"/,
    );
    expect(() => build(conv(quant.signActivation({ zero: 'torch' })))).not.toThrow();
    // 9 odd terms never sum to 0.
    const first = nn.conv2d({
      filters: 9,
      kernel: 1,
      weights: quant.sign(),
      inputs: quant.signActivation(),
      name: 'first',
    });
    expect(() => build(nn.sequential([first, packed]))).not.toThrow();
  });
});
