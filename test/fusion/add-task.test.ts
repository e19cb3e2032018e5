/**
 * Tasks added to a network and to a store: what is learned, and that nothing before it changes by a
 * bit. Gradients of masks and golden numbers: ./packnet.golden.test.ts.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeStore, encodeStore, type Store } from '../../src/formats/store/store.js';
import { type AddTaskOptions, addTask } from '../../src/fusion/add-task.js';
import { fuseNetworks } from '../../src/fusion/fuse-networks.js';
import { taskGraph } from '../../src/fusion/store-file.js';
import { storeSizes } from '../../src/fusion/store-sizes.js';
import type { Graph } from '../../src/graph/value.js';
import { constantsOf } from '../../src/nn/state.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder } from '../data/fixtures.js';
import { evaluateGraph } from '../passes/evaluate.js';
import { network, preprocess, sets, x } from './tiny.js';

const result = (store: Store, task: string) => evaluateGraph(taskGraph(store, task), { x }).y!.data;

const common = { preprocess, batchSize: 8, threads: 1 };
const add = (trunk: Graph | Store, options: Partial<AddTaskOptions> & { task: string }) =>
  addTask(trunk, { method: 'packnet', pictures: sets(1, 3), ...common, ...options });

/** As a file gives it. */
const read = (store: Store) => decodeStore(encodeStore(store));

describe('packnet', () => {
  const first = { task: 'first', pictures: sets(7, 4) };
  let two: Store;
  let history: readonly { readonly phase: string; readonly loss: number }[];
  beforeAll(async () => {
    const added = await add(network(1, 4), { task: 'second', trunk: first, epochs: 12 });
    [two, history] = [read(added.store), added.history];
  });

  test('a phase is left out, or nothing is learned', () => {
    expect(history.map(({ phase }) => phase)).toEqual([
      ...Array(6).fill('trunk'),
      ...Array(5).fill('train'),
      'retrain',
    ]);
    for (const phase of ['trunk', 'train']) {
      const own = history.filter((record) => record.phase === phase).map(({ loss }) => loss);
      expect(own.at(-1)).toBeLessThan(own[0]!);
    }
    expect(storeSizes(two).bytes).toMatchObject({ values: 4 * 792, masks: (2 * 792) / 8 });
    const owners = two.weights.map(({ weights }) => weights.method);
    expect(owners).toEqual(['owners', 'owners']);
  });

  test('a third task changes a bit of the first two, or learns nothing of its own', async () => {
    const before = ['first', 'second'].map((task) => result(two, task));
    const three = read((await add(two, { task: 'third', epochs: 2 })).store);
    expect(three.tasks.map(({ name }) => name)).toEqual(['first', 'second', 'third']);
    expect(['first', 'second'].map((task) => result(three, task))).toEqual(before);
    expect(result(three, 'third')).not.toEqual(before[1]);
    // Half of the weights for the first task, half of the rest for the second, and so on.
    const weights = (task: string) => {
      const { data } = constantsOf(taskGraph(three, task))['b.w'] as Tensor<'f32'>;
      return data.filter((value) => value !== 0).length;
    };
    expect(['first', 'second', 'third'].map(weights)).toEqual([288, 432, 504]);
  });

  test('going on gives other bits than going through', async () => {
    const stem = join(temporaryFolder(), 'store');
    const options = { task: 'second', trunk: first, epochs: 4, distill: true } as const;
    const whole = await add(network(1, 4), options);
    const stopped = new AbortController();
    const halfway = add(network(1, 4), {
      ...{ ...options, checkpoint: stem, signal: stopped.signal },
      onEpoch: ({ epoch }) => epoch === 3 && stopped.abort(),
    });
    await expect(halfway).rejects.toThrow('aborted');
    expect(existsSync(`${stem}.train.checkpoint.safetensors`)).toBe(true);
    const on = { ...options, checkpoint: stem, resume: true };
    const resumed = await add(network(1, 4), on);
    expect(encodeStore(resumed.store)).toEqual(encodeStore(whole.store));
    await expect(add(network(1, 4), { ...on, prune: 0.25 })).rejects.toThrow('prune');
  });

  test.each<[string, () => Promise<unknown>]>([
    ['pictures of the trunk', () => add(network(1, 4), { task: 'second' })],
    [
      'a network, or a store that packnet made but received a store of floats',
      async () => add((await add(network(1, 4), classifier)).store, { task: 'third' }),
    ],
    ['prune above 0 and below 1', () => add(network(1, 4), { task: 'b', trunk: first, prune: 1 })],
    ['a name that no task of the trunk has', () => add(two, { task: 'first' })],
    ['no kind for packnet', () => add(two, { task: 'third', kind: 'ternary' })],
    ['epochs of at least 2', () => add(two, { task: 'third', epochs: 1 })],
    ['no trunk task for a store', () => add(two, { task: 'third', trunk: first })],
    [
      'any number of pictures but received 1',
      () => add(network(1, 4, 1), { task: 'second', trunk: first }),
    ],
    [
      'any number of pictures but received 1',
      () => add(network(1, 4, 1), { ...classifier, task: 'second' }),
    ],
    [
      'batchSize of at most',
      () => add(network(1, 4), { ...classifier, task: 'second', batchSize: 10_000 }),
    ],
    [
      "a name of the trunk's task",
      () => add(network(1, 4), { ...classifier, task: 'second', trunk: { ...first, task: 'a/b' } }),
    ],
    ['weights are finished', () => add(two, { task: 'third', method: 'piggyback' })],
  ])('a bad call trains: %s', async (sentence, call) => {
    await expect(call()).rejects.toThrow(sentence);
  });
});

const classifier = {
  ...({ task: 'second', method: 'classifier', epochs: 3, trunk: { task: 'first' } } as const),
};

describe('piggyback', () => {
  test.each(['binary', 'ternary'] as const)('%s masks change the trunk', async (kind) => {
    const trunk = network(1, 4);
    const options = { method: 'piggyback', epochs: 40, kind } as const;
    const begun = await add(trunk, { ...options, task: 'second', trunk: { task: 'first' } });
    const two = read(begun.store);
    const losses = begun.history.map(({ loss }) => loss);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
    expect([...result(two, 'first')]).toEqual([...evaluateGraph(trunk, { x }).y!.data]);
    // Another kind of mask beside it.
    const other = kind === 'binary' ? 'ternary' : 'binary';
    const third = { method: 'piggyback', task: 'third', epochs: 2, kind: other } as const;
    const three = read((await add(two, third)).store);
    expect(three.weights.map(({ weights }) => weights.method)).toEqual(['ternary', 'ternary']);
    for (const task of ['first', 'second']) expect(result(three, task)).toEqual(result(two, task));
    const w = (store: Store, task: string) =>
      (constantsOf(taskGraph(store, task))['a.w'] as Tensor<'f32'>).data;
    const ratios = new Set(w(two, 'second').map((value, i) => value / w(two, 'first')[i]! || 0));
    expect([...ratios].sort()).toEqual(kind === 'binary' ? [0, 1] : [-1, 0, 1]);
  });
});

describe('classifier', () => {
  test('the trunk changes, or the head learns nothing', async () => {
    const trunk = network(1, 4);
    const { store, history } = await add(trunk, { ...classifier, epochs: 60 });
    const two = read(store);
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
    expect([...result(two, 'first')]).toEqual([...evaluateGraph(trunk, { x }).y!.data]);
    expect(storeSizes(two).bitsPerSharedWeight).toBe(32);
    // A third task, by another method, in the same store.
    const { store: more } = await add(two, { method: 'piggyback', task: 'third', epochs: 1 });
    for (const task of ['first', 'second'])
      expect(result(read(more), task)).toEqual(result(two, task));
    const again = await add(read(more), { ...classifier, trunk: undefined, task: 'fourth' });
    expect(result(read(again.store), 'third')).toEqual(result(read(more), 'third'));
  });

  test('batch norms stay, or weights do not', async () => {
    const options = { ...classifier, norms: true, epochs: 20 };
    const { store, history } = await add(network(1, 4), options);
    expect(history.map(({ phase }) => phase)).toEqual(Array(20).fill('norms'));
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
    const own = (task: string) => constantsOf(taskGraph(read(store), task));
    const [first, second] = [own('first'), own('second')];
    expect(second['a.w']).toEqual(first['a.w']);
    expect(second['an.mean']).not.toEqual(first['an.mean']);
    expect(second['bn.gamma']).not.toEqual(first['bn.gamma']);
    expect(storeSizes(read(store)).bitsPerSharedWeight).toBe(32);
  });

  test('features that are kept are computed again, or others are taken for them', async () => {
    const checkpoint = join(temporaryFolder(), 'store');
    const options = { ...classifier, checkpoint };
    const whole = await add(network(1, 4), options);
    const seen: number[] = [];
    const on = { ...options, resume: true, onFeatures: (done: number) => seen.push(done) };
    const resumed = await add(network(1, 4), on);
    expect(seen).toEqual([]);
    expect(encodeStore(resumed.store)).toEqual(encodeStore(whole.store));
    await expect(add(network(2, 4), on)).rejects.toThrow('trunk');
  });

  test('words are taken for floats that are there once', async () => {
    const networks = [
      ['first', network(1, 4)],
      ['second', network(2, 4)],
    ] as const;
    const { store } = fuseNetworks(networks, { method: 'bfp', bits: [8, 8] });
    await expect(add(store, { method: 'classifier', task: 'third' })).rejects.toThrow(
      'a store whose tasks share floats',
    );
  });
});
