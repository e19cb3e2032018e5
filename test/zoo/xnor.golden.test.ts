/**
 * XNOR-Net and BWN: alpha sign(W) as the public ports compute it, and the activation scale K, for
 * which there are no vectors, by its formula.
 */
import { describe, expect, test } from 'vitest';
import * as nn from '../../src/nn/index.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import * as quant from '../../src/quant/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { xnorConv } from '../../src/zoo/xnor-net.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { everyWay, expectClose, golden } from './golden.js';

const xnor = golden('xnor');

describe('alpha sign(W) of the ports', () => {
  // conv_w_clamped is what training stores; here the layout does not matter, as alpha is a mean
  // over all axes but the first.
  test.each([
    ['conv_w_clamped', 'conv_w_bin', 'conv_alpha'],
    ['lin_w_clamped', 'lin_w_bin', 'lin_alpha'],
    ['bwn_w', 'bwn_wb', 'bwn_alpha'],
  ])('%s', (from, to, alpha) => {
    const g = new GraphBuilder();
    const { values, scale } = quant.scaledSign().quantize(g, 'w', g.constant(xnor[from]!));
    const want = xnor[to]!;
    const each = want.size / want.shape[0]!;
    const results = evaluateGraph(g.graph([], { values, scale: scale! }), {});
    const scales = new Tensor('f32', results.scale!.data as Float32Array, xnor[alpha]!.shape);
    expectClose(scales, xnor[alpha]!, alpha);
    const product = Float32Array.from(
      results.values!.data,
      (sign, i) => sign * (scales.data[Math.floor(i / each)] as number),
    );
    expectClose(new Tensor('f32', product, want.shape), want, to);
  });

  test('activations: sign, and 0 for 0', () => {
    const g = new GraphBuilder();
    const y = quant.signActivation({ zero: 'torch' }).quantize(g, 'y', g.constant(xnor.act_x!));
    expect(Array.from(evaluateGraph(g.graph([], { y }), {}).y!.data, (value) => value + 0)).toEqual(
      Array.from(xnor.act_y!.data),
    );
  });
});

describe('K', () => {
  const [height, width, channels, filters] = [6, 7, 20, 5];
  const seeded = (count: number, shift: number) =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + shift) * 1.7 + 0.05);
  const x = new Tensor('f32', seeded(2 * height * width * channels, 1), [
    2,
    height,
    width,
    channels,
  ]);
  const weight = new Tensor('f32', seeded(filters * 9 * channels, 2), [filters, 3, 3, channels]);

  /** The sum straight from the definition; zeros of the border count in the mean of K. */
  function reference(strides: number, activationScale: boolean) {
    const [oh, ow] = [height, width].map((size) => Math.floor((size + 2 - 3) / strides) + 1) as [
      number,
      number,
    ];
    const y: number[] = [];
    const sign = (value: number) => (value < 0 ? -1 : 1);
    for (let n = 0; n < 2; n++)
      for (let r = 0; r < oh; r++)
        for (let c = 0; c < ow; c++)
          for (let o = 0; o < filters; o++) {
            let [dot, magnitude, alpha] = [0, 0, 0];
            for (let i = 0; i < 3; i++)
              for (let j = 0; j < 3; j++)
                for (let k = 0; k < channels; k++) {
                  const w = weight.data[((o * 3 + i) * 3 + j) * channels + k]!;
                  alpha += Math.abs(w);
                  const [row, column] = [r * strides + i - 1, c * strides + j - 1];
                  if (row < 0 || row >= height || column < 0 || column >= width) continue;
                  const value = x.data[((n * height + row) * width + column) * channels + k]!;
                  dot += sign(value) * sign(w);
                  magnitude += Math.abs(value);
                }
            const terms = 9 * channels;
            y.push(dot * (alpha / terms) * (activationScale ? magnitude / terms : 1));
          }
    return new Tensor('f32', Float32Array.from(y), [2, oh, ow, filters]);
  }

  test.each([
    [1, true],
    [2, true],
    [1, false],
  ] as const)('stride %i, K %s: exact at borders too', async (strides, activationScale) => {
    const layer = xnorConv({ filters, kernel: 3, strides, pads: 1, activationScale, name: 'conv' });
    const model = nn.model(
      { input: { name: 'x', shape: ['N', height, width, channels] }, output: 'y' },
      layer,
    );
    const graph = model.graph({ 'conv/product/weight': weight });
    for (const [way, y] of await everyWay(graph, { x }))
      expectClose(y, reference(strides, activationScale), way);
  });
});
