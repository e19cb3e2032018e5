/**
 * Networks as tasks of one store: which weights they share, which networks are refused, what a
 * store takes, and how few bits are found. Not here: files (../formats/store.test.ts), data sets.
 */
import { describe, expect, test } from 'vitest';
import type { Dataset } from '../../src/data/dataset.js';
import { everyOther } from '../../src/data/every-other.js';
import { decodeStore, encodeStore, taskGraph } from '../../src/formats/store/store.js';
import { fewestBits } from '../../src/fusion/fewest-bits.js';
import {
  type FuseNetworksOptions,
  fuseNetworks,
  type Network,
} from '../../src/fusion/fuse-networks.js';
import { claim, prune, weightsOfTask } from '../../src/fusion/packnet.js';
import { maskWith } from '../../src/fusion/piggyback.js';
import { roundedNetwork } from '../../src/fusion/rounded-network.js';
import { storeSizes } from '../../src/fusion/store-sizes.js';
import { type Graph, topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { constant } from '../../src/ops/make.js';
import { optimize } from '../../src/passes/index.js';
import { rewrite } from '../../src/passes/rewrite.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { random } from '../random.js';

interface Shape {
  readonly filters?: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly hidden?: number;
  readonly classes?: number;
  readonly deeper?: boolean;
  readonly bad?: number;
  readonly batch?: string;
}

/** A convolution, a batch norm's scale, a dense layer, a head. */
function network(seed: number, shape: Shape = {}): Graph {
  const { filters = 4, kernel = 3, stride = 1, hidden = 5, classes = 3, bad, batch = 'N' } = shape;
  const draw = random(seed);
  const g = new GraphBuilder();
  const weights = (dims: readonly number[], name: string) => {
    const size = dims.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, () => draw() - 0.5);
    if (name === 'a.w' && bad !== undefined) data[7] = bad;
    return g.constant(new Tensor('f32', data, dims), { name });
  };
  const x = g.input('x', 'f32', [batch, 6, 6, 2]);
  const a = g.conv2d(x, weights([filters, kernel, kernel, 2], 'a.w'), {
    strides: [stride, stride],
    name: 'a',
  });
  const map = g.relu(g.mul(a, weights([filters], 'scale')));
  const features = g.reduce(map, 'mean', [1, 2]);
  let h = g.relu(g.dense(features, weights([hidden, filters], 'b.w'), { name: 'b' }));
  if (shape.deeper) h = g.dense(h, weights([hidden, hidden], 'c.w'), { name: 'c' });
  return g.graph([x], { y: g.dense(h, weights([classes, hidden], 'head.w'), { name: 'head' }) });
}

const BFP = { method: 'bfp', bits: [9, 7] } as const;
const pair = (a: Graph, b: Graph): Network[] => [
  ['first', a],
  ['second', b],
];
const x = new Tensor(
  'f32',
  Float32Array.from({ length: 2 * 72 }, (_, i) => Math.sin(i)),
  [2, 6, 6, 2],
);
const result = (graph: Graph) => evaluateGraph(graph, { x }).y!.data;

describe('networks of one architecture', () => {
  test('a head with other classes, or a batch of another name, is refused', () => {
    const networks = pair(network(1), network(2, { classes: 7, batch: 'batch' }));
    const { store, notes } = fuseNetworks(networks, BFP);
    expect(store.weights.map(({ name }) => name)).toEqual(['a.w', 'b.w']);
    expect(notes).toEqual([]);
    for (const [i, task] of ['first', 'second'].entries())
      expect(result(taskGraph(store, task))).toEqual(
        result(roundedNetwork(networks[i]![1], { method: 'bfp', bits: BFP.bits[i]! })),
      );
  });

  test('ieee754 is another network than the sliced one', () => {
    const networks = pair(network(1), network(2));
    const options = { method: 'ieee754', bits: [14, 12], dither: 'mask' } as const;
    const { store } = fuseNetworks(networks, options);
    for (const [i, bits] of [9, 12].entries())
      expect(result(taskGraph(store, ['first', 'second'][i]!))).toEqual(
        result(roundedNetwork(networks[i]![1], { method: 'ieee754', bits })),
      );
  });

  test('three tasks, or one network twice, which is not said', () => {
    const [a, b] = [network(1), network(2)];
    const networks: Network[] = [...pair(a, b), ['third', network(1, {})]];
    const { store, notes } = fuseNetworks(networks, { method: 'bfp', bits: [9, 7, 5] });
    expect(store.tasks).toHaveLength(3);
    expect(notes).toEqual(['first and third have the same weights: one network under two names']);
  });

  test.each<[string, Shape]>([
    [
      'fuse "a": expected networks of one architecture, conv2d with f32 weights [4, 3, 3, 2] of ' +
        'first, but received conv2d with f32 weights [6, 3, 3, 2] of second ("a")',
      { filters: 6 },
    ],
    ['conv2d with f32 weights [4, 5, 5, 2] of second ("a")', { kernel: 5 }],
    ['expected networks of one architecture, a result [N, 4, 4, 4] of first,', { stride: 2 }],
    [
      'fuse "b": expected networks of one architecture, dense with f32 weights [5, 4] of first, ' +
        'but received dense with f32 weights [8, 4] of second ("b")',
      { hidden: 8 },
    ],
    [
      'fuse "head": expected networks of one architecture, no more layers of first, but received ' +
        'dense with f32 weights [3, 5] of second ("head")',
      { deeper: true },
    ],
    ['fuse "a.w of second": expected finite numbers but received NaN', { bad: Number.NaN }],
    ['fuse "a.w of second": expected finite numbers but received -Infinity', { bad: -Infinity }],
  ])('networks that do not fit are fused: %s', (sentence, shape) => {
    expect(() => fuseNetworks(pair(network(1), network(2, shape)), BFP)).toThrow(sentence);
  });

  test.each<[string, () => Network[], Partial<FuseNetworksOptions>]>([
    [
      'a network for each of 3 widths but received 2',
      () => pair(network(1), network(2)),
      { bits: [1, 2, 3] },
    ],
    [
      'tasks whose names differ',
      () => [
        ['a', network(1)],
        ['a', network(2)],
      ],
      {},
    ],
    [
      'names of tasks of at most 64',
      () => [
        ['a/b', network(1)],
        ['a', network(2)],
      ],
      {},
    ],
    [
      'dither to be mask or noise or random',
      () => pair(network(1), network(2)),
      { dither: 'blue' as never },
    ],
  ])('a bad call is made: %s', (sentence, networks, options) => {
    expect(() => fuseNetworks(networks(), { ...BFP, ...options })).toThrow(sentence);
  });

  test('networks of nothing but a head are fused', () => {
    const g = new GraphBuilder();
    const input = g.input('x', 'f32', ['N', 4]);
    const w = g.constant(new Tensor('f32', new Float32Array(8), [2, 4]));
    const graph = g.graph([input], { y: g.dense(input, w) });
    expect(() => fuseNetworks(pair(graph, graph), BFP)).toThrow('before the last one');
  });
});

describe('masks', () => {
  /** The network with other weights for a layer. */
  const withWeights = (graph: Graph, change: (name: string, w: Tensor<'f32'>) => Tensor<'f32'>) =>
    rewrite(optimize(graph), (value) =>
      value.op === 'constant' && /^[ab].w$/.test(value.name)
        ? constant(value.name, change(value.name, value.data as Tensor<'f32'>))
        : undefined,
    );

  test('a second task of PackNet changes the first, or takes other weights', () => {
    const trained = network(1);
    const owners = new Map<string, Tensor<'u8'>>();
    const pruned = withWeights(trained, (name, w) => {
      const all = claim(new Tensor('u8', new Uint8Array(w.size), w.shape), 1);
      const kept = prune(w, all, { task: 1, share: 0.5 });
      owners.set(name, claim(kept.owners, 2));
      return kept.weights;
    });
    const alone = result(pruned);
    // What the second task trains: what the first has given up.
    const draw = random(9);
    const both = withWeights(pruned, (name, w) => {
      const own = owners.get(name)!.data;
      return new Tensor(
        'f32',
        w.data.map((value, i) => (own[i] === 2 ? draw() - 0.5 : value)),
        w.shape,
      );
    });
    const ofTask = (task: number) =>
      withWeights(both, (name, w) => weightsOfTask(w, owners.get(name)!, task));
    const networks = pair(ofTask(1), ofTask(2));
    const { store } = fuseNetworks(networks, { method: 'masks' });
    const read = decodeStore(encodeStore(store));
    expect(result(taskGraph(read, 'first'))).toEqual(alone);
    expect(result(taskGraph(read, 'second'))).toEqual(result(both));
    expect(result(both)).not.toEqual(alone);
    const sizes = storeSizes(read);
    expect(sizes.bytes).toMatchObject({ values: 4 * 92, masks: (2 * 92) / 8, mantissas: 0 });
    expect(sizes.bitsPerSharedWeight).toBe(34);
    expect(Object.values(sizes.bytes).reduce((a, b) => a + b, 0)).toBe(sizes.total);
  });

  test('masks of Piggyback over one network give other weights', () => {
    const trunk = network(1);
    const masked = (seed: number) => {
      const draw = random(seed);
      return withWeights(trunk, (_, w) =>
        maskWith(
          w,
          new Tensor(
            'f32',
            w.data.map(() => draw() - 0.5),
            w.shape,
          ),
        ),
      );
    };
    const networks = pair(masked(3), masked(4));
    const { store } = fuseNetworks(networks, { method: 'masks' });
    for (const [task, graph] of networks)
      expect(result(taskGraph(store, task))).toEqual(result(graph));
  });

  test('two numbers in one place are one, or widths are taken', () => {
    const networks = pair(network(1), network(2));
    expect(() => fuseNetworks(networks, { method: 'masks' })).toThrow(
      /^fuse "a.w": expected weights that are 0 or the same in all tasks, .* as element 0, but/,
    );
    expect(() => fuseNetworks(networks, { method: 'masks', bits: [1, 1] })).toThrow(
      'fuse: expected no bits for masks',
    );
  });
});

describe('sizes', () => {
  test('a byte of the file is not counted, or counted twice', () => {
    const { store } = fuseNetworks(pair(network(1), network(2, { classes: 7 })), BFP);
    const sizes = storeSizes(store);
    const { bytes } = sizes;
    expect(sizes.total).toBe(encodeStore(store).length);
    expect(Object.values(bytes).reduce((a, b) => a + b, 0)).toBe(sizes.total);
    // Weights 4 3 3 2 + 5 4: 72 and 20.
    expect(bytes).toMatchObject({
      mantissas: (72 * 16) / 8 + (20 * 16) / 8,
      signs: (72 * 2) / 8 + (20 * 2) / 8,
      exponents: 2 * 2 * 2,
      planes: 0,
      heads: 4 * (3 * 5 + 7 * 5),
      others: 2 * 4 * 4,
    });
    expect(sizes.sharedWeights).toBe(92);
    const own = bytes.heads + bytes.others + bytes.header;
    expect(sizes.separateFloats).toBe(2 * 4 * 92 + own);
    const rows = [
      [72, 9],
      [72, 7],
      [20, 9],
      [20, 7],
    ] as const;
    const same = rows.map(([n, w]) => Math.ceil((n * w) / 8) + Math.ceil(n / 8));
    expect(sizes.separateSame).toBe(same.reduce((a, b) => a + b) + bytes.exponents + own);
    expect(sizes.papers).toMatchObject({ paper: 34, ours: 18, formula: 'alpha + 2s' });
  });

  test("the paper's own numbers: 34 and 50 of 64 bits", () => {
    const count = (options: FuseNetworksOptions) =>
      storeSizes(fuseNetworks(pair(network(1), network(2)), options).store).papers;
    expect(count({ method: 'bfp', bits: [12, 11] })).toMatchObject({ paper: 34, ours: 25 });
    expect(count({ method: 'ieee754', bits: [13, 13] })).toMatchObject({ paper: 50, ours: 41 });
  });
});

describe('the fewest bits', () => {
  test('are not found, or something is asked twice', async () => {
    for (let want = 1; want <= 24; want++) {
      const asked: number[] = [];
      const found = await fewestBits(1, 24, async (bits) => {
        asked.push(bits);
        return bits >= want;
      });
      expect(found).toBe(want);
      expect(new Set(asked).size).toBe(asked.length);
      expect(asked.length).toBeLessThanOrEqual(7);
    }
    expect(await fewestBits(1, 24, async () => false)).toBe(24);
    expect(await fewestBits(3, 3, async () => true)).toBe(3);
    await expect(fewestBits(5, 4, async () => true)).rejects.toThrow('in order');
  });

  test('a neighbour below that is enough, beyond one that is not, is left out', async () => {
    const enough = new Set([6, 8, 9, 10, 11, 12]);
    expect(await fewestBits(1, 12, async (bits) => enough.has(bits))).toBe(6);
  });
});

test('the halves of a data set share a picture, or one is in neither', async () => {
  const data: Dataset = {
    name: 'counted',
    classes: ['a'],
    size: 7,
    pictureShape: [1, 1, 1],
    notes: [],
    read: async (from, to) => ({
      pixels: Uint8Array.from({ length: to - from }, (_, i) => from + i),
      labels: new Int32Array(to - from).fill(from),
    }),
  };
  const all = async (half: Dataset) => [...(await half.read(0, half.size)).pixels];
  expect(await all(everyOther(data, 0))).toEqual([0, 2, 4, 6]);
  expect(await all(everyOther(data, 1))).toEqual([1, 3, 5]);
  expect(await all(everyOther(data, 0, 4))).toEqual([0, 2]);
  expect(await all(everyOther(data, 1, 1))).toEqual([]);
  await expect(everyOther(data, 1).read(0, 4)).rejects.toThrow('a range within 0..3');
});

test('a rounded network keeps its weights, or its head changes', () => {
  const rounded = roundedNetwork(network(1), { method: 'bfp', bits: 3 });
  const own = topological(network(1));
  for (const { name, data } of topological(rounded)) {
    if (data === undefined) continue;
    const before = own.find((value) => value.name === name)?.data;
    if (name === 'head.w' || name === 'scale') expect(data).toEqual(before);
    else expect(data).not.toEqual(before);
  }
});
