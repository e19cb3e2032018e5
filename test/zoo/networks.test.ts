/**
 * Every network of the zoo: it builds and runs, costs what its paper says, its packed signs are the
 * float ones, and each binary convolution is one kernel that leaves one float map and the next
 * layer's bits. Not here: the numbers of single blocks (blocks.golden.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import { bind } from '../../src/passes/bind.js';
import { optimize } from '../../src/passes/index.js';
import type { KernelCall } from '../../src/schedule/calls.js';
import { fuse } from '../../src/schedule/fuse.js';
import { Tensor } from '../../src/tensor/tensor.js';
import * as zoo from '../../src/zoo/index.js';
import { compareSigns } from './golden.js';

const picture = (shape: readonly number[]) =>
  new Tensor(
    'f32',
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => Math.sin(i * 1.7) + Math.cos(i * 0.013),
    ),
    shape,
  );

/** Small enough to run everywhere: the least size that each family takes, or nearly. */
function smallSize(name: string): number {
  if (/^(tfc|sfc|lfc)$/.test(name)) return 12;
  if (name === 'cnv') return 32;
  return /cifar|-20$/.test(name) ? 16 : 64;
}

describe.each(Object.keys(zoo.ZOO))('zoo:%s', (name) => {
  const entry = zoo.zooEntry(name);

  test('runs for any number of classes and a size that divides, with the float signs', async () => {
    const inputSize = smallSize(name);
    const network = entry.build({ classes: 7, inputSize });
    const graph = network.graph(zoo.exampleState(network, 3));
    const image = picture([2, ...(network.input.shape.slice(1) as number[])]);
    const session = Session.fromGraph(graph, { threads: 1 });
    const { logits } = await session.run({ image });
    await session.release();
    expect(logits.shape).toEqual([2, 7]);
    expect(logits.data.every(Number.isFinite)).toBe(true);
    expect(new Set(logits.data).size).toBeGreaterThan(3);
    if (/^(resnet|bwn)/.test(name)) return;
    const count = await compareSigns(graph, { image });
    expect(count.signs).toBeGreaterThan(0);
    expect(count).toMatchObject({ differ: 0, differAboveRounding: 0 });
  });

  test('names its paper', () =>
    expect(entry.paper).toMatch(/(CVPR|ECCV|ICLR|MLSys|FPGA) 20\d\d, arXiv \d{4}\.\d{5}$/));
});

test(
  "zero: 'torch' computes in two bit planes or floats what one bit gives, where no zero " +
    'comes up',
  async () => {
    const image = picture([2, 64, 64, 3]);
    const run = async (zero: 'plus' | 'torch') => {
      const network = zoo.biReal18({ classes: 7, inputSize: 64, zero });
      const session = Session.fromGraph(network.graph(zoo.exampleState(network, 3)), {
        threads: 1,
      });
      const { logits } = await session.run({ image });
      await session.release();
      return Array.from(logits.data);
    };
    expect(await run('torch')).toEqual(await run('plus'));
  },
);

describe('cost, as the papers count it', () => {
  test.each([
    // BOPs and FLOPs in units of 10^8, as ReActNet's table of comparison has them (docs/zoo.md says
    // where counts differ).
    ['bi-real-18', 16.8, 1.39, 0.02],
    ['bi-real-34', 35.3, 1.39, 0.02],
    ['react-net-a', 48.2, 0.12, 0.003],
  ])('%s', (name, bops, flops, tolerance) => {
    const cost = zoo.zooEntry(name).build().cost();
    expect(Math.abs(cost.bops / 1e8 - bops)).toBeLessThan(0.3);
    expect(Math.abs(cost.flops / 1e8 - flops)).toBeLessThan(tolerance);
    expect(cost.ops).toBe(cost.bops / 64 + cost.flops);
  });

  test('XNOR-Net: all but the first layer and the classifier are binary', () => {
    const real = 112 * 112 * 64 * 7 * 7 * 3 + 512 * 1000;
    expect(zoo.xnor18().cost()).toMatchObject({
      bops: zoo.resnet18().cost().flops - real,
      flops: real,
    });
    expect(zoo.xnor18().cost().bops / 1e9).toBeCloseTo(1.7, 2);
  });

  test('Real-to-Binary: its gates add what two small layers each cost', () => {
    const gates = [
      64, 64, 64, 64, 64, 128, 128, 128, 128, 256, 256, 256, 256, 512, 512, 512,
    ].reduce((sum, channels, i) => {
      const filters = 64 * 2 ** Math.floor(i / 4);
      return sum + (channels * channels) / 8 + (channels / 8) * filters;
    }, 0);
    expect(zoo.realToBinary18().cost()).toMatchObject({
      bops: zoo.biReal18().cost().bops,
      flops: zoo.biReal18().cost().flops + gates,
    });
  });

  test('Real-to-Binary without alpha has as many numbers as in larq-zoo', () => {
    const { parameters } = zoo.zooEntry('real-to-binary-18-no-alpha').build();
    expect(parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(
      11_995_624,
    );
  });

  test('float networks: the numbers of ResNet', () => {
    expect(zoo.resnet18().cost()).toMatchObject({
      bops: 0,
      flops: 1_814_073_344,
      parameters: 11_689_512,
    });
    expect(zoo.resnet20().cost().parameters).toBe(269_722);
  });
});

describe('input sizes and classes', () => {
  test.each([
    [
      'bi-real-18',
      { inputSize: 200 },
      /avgPool2d "layer3\/0\/shortcut\/pool": expected a map whose sides divide by 2 .* 25 by 25/,
    ],
    ['react-net-a', { inputSize: 100 }, /avgPool2d "unit4\/pool": .*25 by 25/],
    ['cnv', { inputSize: 16 }, /"conv5"/],
    [
      'bi-real-18',
      { classes: 0 },
      /zoo: expected classes to be a whole number of 1 or more but received 0/,
    ],
    ['bi-real-18', { inputSize: 22.4 }, /zoo: expected inputSize to be a whole number/],
  ])('%s %o', (name, options, message) =>
    expect(() => zoo.zooEntry(name).build(options)).toThrow(message),
  );

  test('an unknown name lists the known ones', () =>
    expect(() => zoo.zooEntry('bi-real-19')).toThrow(/bi-real-18, .* but received "bi-real-19"/));
});

describe('schedule', () => {
  const kernelsOf = (name: string, batch = 2): KernelCall[] => {
    const network = zoo.zooEntry(name).build();
    return fuse(bind(optimize(network.graph(zoo.exampleState(network))), { N: batch }));
  };
  const isBinary = ({ anchor }: KernelCall) =>
    anchor.op === 'conv2d' && anchor.inputs[0]!.dtype === 'b1';
  const dtypes = (kernel: KernelCall) => kernel.stores.map(({ dtype }) => dtype).sort();

  test.each([
    'bi-real-18',
    'react-bi-real-18',
    'strong-baseline-18',
    'real-to-binary-18',
    'react-net-a',
  ])(
    '%s: a binary convolution writes its float map once, with the next bits in the same pass',
    (name) => {
      const kernels = kernelsOf(name);
      const binary = kernels.filter(isBinary);
      expect(binary.length).toBe(name === 'react-net-a' ? 26 : 16);
      for (const kernel of binary) {
        const last = kernel === binary.at(-1);
        const stores = dtypes(kernel);
        expect(stores, kernel.anchor.name).toEqual(last ? ['f32'] : ['b1', 'f32']);
      }
    },
  );

  test.each([
    ['xnor-18', ['avgPool2d', 'conv2d', 'dense', 'maxPool2d', 'reduce']],
    ['strong-baseline-18', ['avgPool2d', 'conv2d', 'dense', 'expand', 'maxPool2d', 'reduce']],
    ['quick-net', ['conv2d', 'dense', 'maxPool2d', 'reduce']],
    ['cnv', ['conv2d', 'dense', 'maxPool2d']],
    ['bi-real-18', ['avgPool2d', 'conv2d', 'dense', 'maxPool2d', 'reduce']],
    ['react-net-a', ['avgPool2d', 'conv2d', 'dense', 'reduce']],
    ['react-bi-real-18', ['avgPool2d', 'conv2d', 'dense', 'maxPool2d', 'reduce']],
  ])('%s: no pass over memory for a sign, an activation or a sum', (name, ops) => {
    const kernels = kernelsOf(name);
    expect(kernels.filter(({ map }) => map).map(({ anchor }) => anchor.name)).toEqual([]);
    expect([...new Set(kernels.map(({ anchor }) => anchor.op))].sort()).toEqual(ops);
  });
});

test.each([
  ['bi-real-18', 4.3e6],
  ['react-net-a', 8.0e6],
])('the file of %s', (name, limit) => {
  expect(encodeModel(zoo.zooGraph(name)).length).toBeLessThanOrEqual(limit);
});
