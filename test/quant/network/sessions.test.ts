/** Quantized networks in sessions: the numbers of the ops' own formulas, and files of few bits. */
import { describe, expect, test } from 'vitest';
import { elementCount } from '../../../src/core/shape.js';
import { decodeModel, encodeModel } from '../../../src/formats/safetensors/model.js';
import { Session } from '../../../src/formats/session.js';
import type { Graph, Value } from '../../../src/graph/value.js';
import { GraphBuilder } from '../../../src/ops/builder.js';
import { quantizeGraph } from '../../../src/quant/network/quantize-graph.js';
import { decibels } from '../../../src/quant/observers/noise.js';
import { Tensor } from '../../../src/tensor/tensor.js';
import { biReal20 } from '../../../src/zoo/bi-real-net.js';
import { exampleState } from '../../../src/zoo/example-state.js';
import { tfc } from '../../../src/zoo/finn.js';
import { resnet20 } from '../../../src/zoo/resnet.js';
import { evaluateGraph } from '../../passes/evaluate.js';
import { random } from '../../random.js';

function picture(size: number, channels = 3): Tensor<'f32'> {
  const draw = random(6);
  const data = Float32Array.from({ length: size * size * channels }, () => draw() * 2 - 1);
  return new Tensor('f32', data, [1, size, size, channels]);
}

/** How far a session is from the formulas, in dB of the formulas' results. */
async function agreement(graph: Graph, image: Tensor<'f32'>): Promise<number> {
  const want = evaluateGraph(graph, { image }).logits!.data as Float32Array;
  const session = Session.fromGraph(graph, { threads: 1 });
  const { logits } = await session.run({ image });
  await session.release();
  const sum = (of: (i: number) => number) => want.reduce((s, _, i) => s + of(i) ** 2, 0);
  return decibels(
    sum((i) => want[i]!),
    sum((i) => want[i]! - (logits!.data[i] as number)),
  );
}

/**
 * Sums of integers are exact, those of the formulas are floats: where a map is requantized within
 * rounding of a tie, one code may be the neighbour. Of a wrong zero point, scale or border nothing
 * near this would be left.
 */
const NEIGHBOURS = 30;

const network = resnet20({ inputSize: 8 });
const float = network.graph(exampleState(network, 2));

describe('a session computes another network than the formulas', () => {
  test('outlier weights of a filter of one number', async () => {
    const g = new GraphBuilder();
    const image = g.input('image', 'f32', ['N', 2, 2, 1]);
    const one = () => g.constant(new Tensor('f32', Float32Array.of(0.7), [1, 1, 1, 1]));
    const logits = [1, 2, 3].reduce<Value<'f32'>>((map) => g.conv2d(map, one()), image);
    const { graph } = await quantizeGraph(g.graph([image], { logits }), {
      weights: 'outlier4-channel',
      activations: 8,
      calibration: [{ image: picture(2, 1) }],
    });
    expect(await agreement(graph, picture(2, 1))).toBeGreaterThan(NEIGHBOURS);
  });

  test('outlier weights behind poolings and a reshape, in integers', async () => {
    const draw = random(3);
    const g = new GraphBuilder();
    const weights = (shape: readonly number[]) => {
      const one = () => (draw() - 0.5) * (draw() < 0.04 ? 8 : 1);
      return g.constant(
        new Tensor('f32', Float32Array.from({ length: elementCount(shape) }, one), shape),
      );
    };
    const image = g.input('image', 'f32', ['N', 8, 8, 3]);
    const first = g.relu(g.conv2d(image, weights([16, 3, 3, 3]), { pads: [1, 1, 1, 1] }));
    const halves = g.maxPool2d(first, [2, 2], { strides: [2, 2] });
    const second = g.relu(g.conv2d(halves, weights([24, 3, 3, 16]), { pads: [1, 0, 1, 0] }));
    const flat = g.reshape(g.maxPool2d(second, [2, 2]), ['N', 48]);
    const logits = g.dense(flat, weights([10, 48]));
    const { graph } = await quantizeGraph(g.graph([image], { logits }), {
      weights: 'outlier4-channel',
      activations: 8,
      ends: 'same',
      calibration: [{ image: picture(8) }],
    });
    expect(await agreement(graph, picture(8))).toBeGreaterThan(NEIGHBOURS);
    const session = Session.fromGraph(graph, { threads: 1 });
    const layers = await session.profile(1, { image: picture(8) });
    await session.release();
    const kernels = layers.map(({ kernel }) => kernel).filter((kernel) => /conv/.test(kernel));
    expect(kernels).toHaveLength(3);
    for (const kernel of kernels) expect(kernel).toMatch(/^qconv_/);
  });

  test.each([
    [8, 8],
    [4, 8],
    [4, 4],
    [2, 3],
  ])('ResNet-20, W%iA%i', async (weights, activations) => {
    const { graph } = await quantizeGraph(float, {
      weights,
      activations,
      perChannel: true,
      calibration: [{ image: picture(8) }],
    });
    expect(await agreement(graph, picture(8))).toBeGreaterThan(NEIGHBOURS);
  });

  test.each(['outlier4-channel', 'log4', 'bfp5-block16', 'int4-block8'] as const)(
    'ResNet-20, weights alone: %s',
    async (weights) => {
      const { graph } = await quantizeGraph(float, { weights });
      expect(await agreement(graph, picture(8))).toBeGreaterThan(60);
    },
  );

  test('Bi-Real-20 with real layers in 8 bits', async () => {
    const net = biReal20({ inputSize: 16, real: 8 });
    const graph = net.graph(exampleState(net, 2));
    expect(await agreement(graph, picture(16))).toBeGreaterThan(NEIGHBOURS);
  });

  test('TFC with ternary weights and two bits of activations', async () => {
    const net = tfc({ weights: 'ternary-channel', activations: 2 });
    expect(await agreement(net.graph(exampleState(net, 2)), picture(28, 1))).toBeGreaterThan(
      NEIGHBOURS,
    );
  });
});

test('a file takes more than its bits a weight, or reads as another network', async () => {
  const whole = resnet20();
  const state = exampleState(whole, 2);
  const weights = Object.entries(state)
    .filter(([name]) => name.endsWith('weight'))
    .reduce((sum, [, { size }]) => sum + size, 0);
  const { graph, layers } = await quantizeGraph(whole.graph(state), {
    weights: 4,
    perChannel: true,
    ends: 'same',
  });
  const bytes = encodeModel(graph);
  const floats = layers.length * 2 * 64 * 4;
  // The graph itself is JSON: some 100 bytes a node.
  expect(bytes.length).toBeLessThan(weights / 2 + floats + 40_000);
  const again = decodeModel(bytes);
  const image = picture(32);
  const session = async (of: Graph) => {
    const open = Session.fromGraph(of, { threads: 1 });
    const { logits } = await open.run({ image });
    await open.release();
    return Array.from(logits!.data as Float32Array);
  };
  expect(await session(again)).toEqual(await session(graph));
});
