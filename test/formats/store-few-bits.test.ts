/**
 * Tasks of a store whose mantissas fit a byte with their sign: their weights rest in so many bits
 * and are summed as integers where activations are; the results are those of floats. Not here: the
 * kernels (../runtime/weight-only.test.ts, ../runtime/integers.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import { decodeStore, encodeStore, taskGraph } from '../../src/formats/store/store.js';
import { type FuseNetworksOptions, fuseNetworks } from '../../src/fusion/fuse-networks.js';
import { roundedNetwork } from '../../src/fusion/rounded-network.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { partOf } from '../../src/tensor/stored.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';

const SIZE = 67 * 9 * 6;
/** A convolution and a head; its activations floats, or integers of 8 bits. */
function network(seed: number, activations: 'float' | 'integer', draws = 2): Graph {
  const draw = random(seed);
  const g = new GraphBuilder();
  const weights = (shape: readonly number[], name: string) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const one = () => Array.from({ length: draws }, draw).reduce((sum, d) => sum + d, -draws / 2);
    const data = Float32Array.from({ length: size }, one);
    return g.constant(new Tensor('f32', data, shape), { name });
  };
  const x = g.input('x', 'f32', ['N', 8, 8, 6]);
  const codes = g.cast(g.clip(g.round(g.mul(x, 100)), 0, 255), 'u8');
  const map = activations === 'float' ? x : g.mul(g.cast(codes, 'f32'), 0.01);
  const a = g.relu(g.conv2d(map, weights([67, 3, 3, 6], 'w'), { name: 'a' }));
  const h = g.reduce(a, 'mean', [1, 2]);
  return g.graph([x], { y: g.dense(h as Value<'f32'>, weights([3, 67], 'head.w')) });
}

const x = Float32Array.from({ length: 2 * 384 }, (_, i) => Math.abs(Math.sin(i)) * 2.5);
const run = async (graph: Graph) => {
  const session = Session.fromGraph(graph);
  const { y } = await session.run({ x });
  const [kernel] = session.kernels().filter(({ name }) => name !== undefined && /^a/.test(name));
  const kernels = session.kernels().map((one) => one.kernel);
  const { packedBytes } = session.info;
  await session.release();
  return { y: y!.data, kernels: kernels.join(' '), kernel, packedBytes };
};
const store = (activations: 'float' | 'integer', options: FuseNetworksOptions, draws?: number) =>
  decodeStore(
    encodeStore(
      fuseNetworks(
        [
          ['first', network(1, activations, draws)],
          ['second', network(2, activations, draws)],
        ],
        options,
      ).store,
    ),
  );
const BOTH = ['first', 'second'] as const;

describe.each(['tensor', 'channel'] as const)('an exponent a %s', (granularity) => {
  test.each([1, 2, 4, 6, 7])('floats by %i bits differ, or rest as floats', async (bits) => {
    const options = { method: 'bfp', bits: [bits, 8 - bits], granularity } as const;
    const fused = store('float', options);
    for (const [task, name] of BOTH.entries()) {
      const width = options.bits[task] as number;
      const want = await run(
        roundedNetwork(network(task + 1, 'float'), { method: 'bfp', bits: width, granularity }),
      );
      const got = await run(taskGraph(fused, name));
      expect(got.y).toEqual(want.y);
      expect(got.kernels).toContain('wconv');
      expect(want.packedBytes - got.packedBytes).toBeGreaterThan((SIZE * (31 - width)) / 8 - 4096);
    }
  });

  test('integers of 8 bits are summed as floats, or the sums differ', async () => {
    const fused = store('integer', { method: 'bfp', bits: [7, 5], granularity });
    for (const [task, name] of BOTH.entries()) {
      const spec = { method: 'bfp', bits: [7, 5][task] as number, granularity } as const;
      const want = await run(roundedNetwork(network(task + 1, 'integer'), spec));
      const got = await run(taskGraph(fused, name));
      expect(got.kernels).toContain('qconv');
      expect(want.kernels).not.toContain('qconv');
      for (const [i, value] of got.y.entries())
        expect(Math.abs(Number(value) - Number(want.y[i]))).toBeLessThan(1e-4);
    }
  });
});

test('a mantissa of 8 bits loses one where few are large, or many take 32 bits', async () => {
  const spec = { method: 'bfp', bits: 8 } as const;
  for (const draws of [8, 2]) {
    const fused = store('integer', { method: 'bfp', bits: [8, 8] }, draws);
    for (const [task, name] of BOTH.entries()) {
      const want = await run(roundedNetwork(network(task + 1, 'integer', draws), spec));
      const got = await run(taskGraph(fused, name));
      expect([draws, got.kernels.includes('qconv')]).toEqual([draws, draws === 8]);
      for (const [i, value] of got.y.entries())
        expect(Math.abs(Number(value) - Number(want.y[i]))).toBeLessThan(1e-4);
      expect(want.packedBytes - got.packedBytes).toBeGreaterThan((SIZE * 22) / 8 - 4096);
    }
  }
  // Floats are multiplied by codes of 9 bits.
  const floats = store('float', { method: 'bfp', bits: [8, 8] }, 8);
  expect((await run(taskGraph(floats, 'first'))).kernels).toContain('fconv');
});

test('a part of the codes is not that of all of them', () => {
  const fused = store('float', { method: 'bfp', bits: [6, 3] });
  for (const name of BOTH) {
    const graph = taskGraph(fused, name);
    const product = (graph.outputs.y as Value).inputs[0] as Value;
    const codes = find(product, 'w.codes').data as Tensor;
    const all = codes.data as Int8Array;
    expect(partOf(codes, 1003, 517)).toEqual(all.slice(1003, 1520));
    expect(new Set(all).size).toBeGreaterThan(10);
  }
});

function find(value: Value, name: string): Value {
  if (value.name === name) return value;
  for (const input of value.inputs) {
    const found = find(input, name);
    if (found.name === name) return found;
  }
  return value;
}

test('noise below a task is dropped, or the last task, which has none, takes floats', async () => {
  const fused = store('float', { method: 'bfp', bits: [5, 5], dither: 'noise' });
  const [first, last] = await Promise.all(BOTH.map((name) => run(taskGraph(fused, name))));
  expect(first!.kernels).not.toContain('wconv');
  expect(last!.kernels).toContain('wconv');
  const wide = store('float', { method: 'bfp', bits: [8, 9] });
  expect((await run(taskGraph(wide, 'first'))).kernels).not.toContain('wconv');
});
