/**
 * Sessions over stores: a task's results are those of its decoded network to the bit, weights are
 * in memory once for all tasks, and what is large stays in the file until it is packed. Not here:
 * kernels (../native/fconv.test.ts), files (./store.test.ts).
 */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import { decodeStore, encodeStore, type Store, taskGraph } from '../../src/formats/store/store.js';
import { type FuseNetworksOptions, fuseNetworks } from '../../src/fusion/fuse-networks.js';
import { storeSizes } from '../../src/fusion/store-sizes.js';
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder } from '../data/fixtures.js';
import { random } from '../random.js';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});

/** Two convolutions, one depthwise, a dense layer and a head of its own. */
function network(seed: number, { scale = 1, mask = (w: number) => w } = {}): Graph {
  const draw = random(seed);
  const g = new GraphBuilder();
  const weights = (shape: readonly number[], name: string, own = mask) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, () => own((draw() + draw() - 1) * scale));
    return g.constant(new Tensor('f32', data, shape), { name }) as Value<'f32'>;
  };
  const x = g.input('x', 'f32', ['N', 8, 8, 5]);
  const pads = [1, 1, 1, 1] as const;
  const a = g.relu(g.conv2d(x, weights([67, 3, 3, 5], 'a.w'), { pads, name: 'a' }));
  const b = g.conv2d(a, weights([67, 3, 3, 1], 'b.w'), { pads, groups: 67, name: 'b' });
  const c = g.relu(g.conv2d(b, weights([33, 1, 1, 67], 'c.w'), { name: 'c' }));
  const d = g.dense(g.reshape(c, [-1, 8 * 8 * 33]), weights([19, 8 * 8 * 33], 'd.w'), {
    name: 'd',
  });
  const head = weights([3 + seed, 19], 'head.w', (w) => w);
  return g.graph([x], { y: g.dense(d, head, { name: 'head' }) });
}

function fused(options: FuseNetworksOptions, more: readonly Graph[] = []): Store {
  const graphs = [network(1), network(2), ...more];
  const names = ['first', 'second', 'third'];
  return fuseNetworks(
    graphs.map((graph, i) => [names[i]!, graph] as const),
    options,
  ).store;
}

/** Masks over one network: the second task has some weights more than the first. */
function masked(): Store {
  const rank = (w: number) => Math.abs(Math.trunc(w * 1000)) % 4;
  const first = network(1, { mask: (w) => (rank(w) === 0 ? w : 0) });
  const second = network(1, { mask: (w) => (rank(w) <= 1 ? w : 0) });
  return fuseNetworks(
    [
      ['first', first],
      ['second', second],
    ],
    { method: 'masks' },
  ).store;
}

const x = Float32Array.from({ length: 3 * 320 }, (_, i) => Math.sin(i * 1.7) * 2);

/** Writes a store whose file is old enough to be read in parts. */
function written(store: Store, name = 's.safetensors'): string {
  const path = join(dir, name);
  writeFileSync(path, encodeStore(store));
  utimesSync(path, 1e9, 1e9 + 0.5);
  return path;
}

/** A task's network with plain floats, as a model of its own. */
const decoded = (store: Store, task: string) => decodeModel(encodeModel(taskGraph(store, task)));

async function runOf(graph: Graph, threads: number) {
  const session = Session.fromGraph(graph, { threads });
  const { y } = await session.run({ x });
  const kernels = session.kernels().map(({ kernel }) => kernel.split('_')[0] as string);
  await session.release();
  return { y: y!.data, kernels };
}

const CASES: readonly (readonly [what: string, store: () => Store, kernels: readonly string[]])[] =
  [
    ['block floats', () => fused({ method: 'bfp', bits: [12, 11] }), ['fconv', 'fconv']],
    [
      'an exponent a channel',
      () => fused({ method: 'bfp', bits: [24, 8], granularity: 'channel' }),
      ['fconv', 'fconv'],
    ],
    [
      'an exponent a block',
      () => fused({ method: 'bfp', bits: [4, 9], granularity: { block: 16 } }),
      ['fconv', 'fconv'],
    ],
    ['few bits', () => fused({ method: 'bfp', bits: [7, 12] }), ['wconv', 'fconv']],
    [
      'block floats over noise',
      () => fused({ method: 'bfp', bits: [9, 10], dither: 'noise' }),
      ['fconv', 'fconv'],
    ],
    [
      'block floats over more noise than a float holds',
      () => fused({ method: 'bfp', bits: [12, 13], dither: 'noise' }),
      ['conv', 'fconv'],
    ],
    ['fields over noise', () => fused({ method: 'ieee754', bits: [11, 11] }), ['fconv', 'fconv']],
    [
      'fields of three tasks',
      () => fused({ method: 'ieee754', bits: [12, 5, 7] }, [network(3)]),
      ['fconv', 'fconv', 'fconv'],
    ],
    [
      'fields over random bits',
      () => fused({ method: 'ieee754', bits: [9, 4], dither: 'random', seed: 3 }),
      ['fconv', 'fconv'],
    ],
    ['masks', masked, ['fconv', 'fconv']],
  ];

describe.each(CASES)('%s', (_, make, kernels) => {
  test.each([1, 3])(
    'a run differs from that of the decoded network, threads %i',
    async (threads) => {
      const store = make();
      const session = await Session.create(written(store), { task: 'first', threads });
      const tasks = store.tasks.map(({ name }) => name);
      const runs = await Promise.all(tasks.map((task) => session.run({ x }, { task })));
      for (const [i, task] of tasks.entries()) {
        const want = await runOf(decoded(store, task), threads);
        expect([task, runs[i]!.y!.data]).toEqual([task, want.y]);
        expect(want.kernels).not.toContain('fconv');
        const used = session.kernels({ task }).map(({ kernel }) => kernel.split('_')[0]);
        expect(used).toContain(kernels[i]);
        // Depthwise weights, and those of the head.
        expect(used.filter((kernel) => /^d?w?conv$/.test(kernel!)).length).toBeLessThanOrEqual(5);
      }
      await session.release();
    },
  );
});

test('zeros below 0, the least floats, or a tensor of zeros have other bits', async () => {
  for (const scale of [2 ** -126, 2 ** -140, 2 ** 120, 0]) {
    const graphs = [network(1, { scale }), network(2, { scale, mask: (w) => -Math.abs(w) })];
    const store = fuseNetworks(
      graphs.map((graph, i) => [['first', 'second'][i]!, graph] as const),
      { method: 'bfp', bits: [9, 12] },
    ).store;
    const session = await Session.create(encodeStore(store), { task: 'first' });
    for (const task of ['first', 'second']) {
      const { y } = await session.run({ x }, { task });
      expect([scale, y!.data]).toEqual([scale, (await runOf(decoded(store, task), 1)).y]);
    }
    await session.release();
  }
});

/** As large as that words are most of it; its layers fill vectors of every instruction set. */
function wide(seed: number, mask = (w: number) => w): Graph {
  const draw = random(seed);
  const g = new GraphBuilder();
  const weights = (shape: readonly number[], name: string) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, () => mask(draw() - 0.5));
    return g.constant(new Tensor('f32', data, shape), { name }) as Value<'f32'>;
  };
  const input = g.input('x', 'f32', ['N', 4, 4, 64]);
  const a = g.conv2d(input, weights([128, 3, 3, 64], 'a.w'), { name: 'a' });
  const y = g.conv2d(a, weights([64, 1, 1, 128], 'b.w'), { name: 'b' });
  return g.graph([input], { y: g.dense(g.reshape(y, [-1, 256]), weights([2, 256], 'h.w')) });
}
const largeStore = (options: FuseNetworksOptions) =>
  fuseNetworks(
    [
      ['first', wide(1)],
      ['second', wide(options.method === 'masks' ? 1 : 2)],
    ],
    options,
  ).store;

describe('resident', () => {
  test.each<readonly [string, FuseNetworksOptions, number]>([
    ['block floats', { method: 'bfp', bits: [12, 11] }, 0.6],
    // The first task reads the bits of the second, and masks the same values.
    ['fields over noise', { method: 'ieee754', bits: [11, 11] }, 1.01],
    ['masks', { method: 'masks' }, 1],
  ])('weights take more than the store: %s', async (_, options, share) => {
    const store = largeStore(options);
    const { total, bytes } = storeSizes(store);
    const session = await Session.create(written(store), { task: 'first' });
    const feeds = { x: new Float32Array(1024) };
    const one = session.info.residentBytes;
    await Promise.all(['first', 'second'].map((task) => session.run(feeds, { task })));
    const both = session.info.residentBytes;
    expect(one).toBeLessThan(share * both);
    expect(both).toBeGreaterThan(total - bytes.header);
    expect(both).toBeLessThan(1.1 * (total - bytes.header));
    // Other sizes share them.
    await session.run({ x: new Float32Array(5 * 1024) }, { task: 'second' });
    expect(session.info.residentBytes).toBe(both);
    await session.release();
    expect(session.info.packedBytes).toBe(0);
  });

  test('floats of more than 256 KB are in the memory of a run', async () => {
    const store = largeStore({ method: 'bfp', bits: [12, 11] });
    const session = await Session.create(written(store), { task: 'first', threads: 1 });
    const plain = Session.fromGraph(decoded(store, 'first'), { threads: 1 });
    plain.kernels();
    const own = (held: Session) => held.info.heldBytes - held.info.arenaBytes;
    // All floats of this network are 320 KiB; one panel is at most 24 KiB.
    expect(own(session) - own(plain)).toBeLessThan(64 * 1024);
    await Promise.all([session.release(), plain.release()]);
  });

  test('bytes that no file holds are not counted', async () => {
    const store = largeStore({ method: 'bfp', bits: [12, 11] });
    const bytes = encodeStore(store);
    const session = await Session.create(bytes, { task: 'first' });
    const { residentBytes, packedBytes } = session.info;
    const { total, bytes: of } = storeSizes(store);
    expect(residentBytes - packedBytes).toBe(total - of.header);
    await session.release();
  });
});

test('warming a task compiles another, or packs again what tasks share', async () => {
  const store = largeStore({ method: 'bfp', bits: [12, 11] });
  const session = await Session.create(written(store), { task: 'first' });
  // Two programs in the making at once, over the same packed weights.
  await Promise.all([session.warm([3]), session.warm([2, 3], { task: 'second' })]);
  const { packedBytes, programs } = session.info;
  expect(programs).toBe(2);
  await session.run({ x: new Float32Array(3 * 1024) }, { task: 'second' });
  await session.run({ x: new Float32Array(2 * 1024) });
  expect(session.info.packedBytes).toBe(packedBytes);
  await expect(session.warm([1], { task: 'third' })).rejects.toThrow('one of first, second');
  await session.release();
});

test('a store that is altered after it was opened gives other weights', async () => {
  const store = largeStore({ method: 'bfp', bits: [12, 11] });
  const path = written(store);
  const session = await Session.create(path, { task: 'first' });
  const feeds = { x: new Float32Array(1024) };
  const bytes = encodeStore(store);
  bytes[bytes.length - 100]! ^= 1;
  writeFileSync(path, bytes);
  await session.run(feeds);
  await expect(session.run(feeds, { task: 'second' })).rejects.toMatchObject({ code: 'ERR_IO' });
  await session.run(feeds, { task: 'first' });
  expect(() => session.kernels({ task: 'third' })).toThrow('task to be one of first, second');
  await session.release();
});

test('an altered or cut file is opened, in memory or not', async () => {
  const bytes = encodeStore(fused({ method: 'bfp', bits: [12, 11] }));
  const path = join(dir, 'damaged.safetensors');
  const draw = random(5);
  for (let i = 0; i < 40; i++) {
    const damaged = bytes.slice();
    const at = 64 + Math.floor(draw() * (bytes.length - 64));
    damaged[at]! ^= 1 << (i & 7);
    writeFileSync(path, i % 3 === 0 ? damaged.subarray(0, at) : damaged);
    utimesSync(path, 1e9, 1e9 + 0.5);
    const error = await Session.create(path, { task: 'first' }).catch((caught) => caught);
    expect(error.message).toContain(`store "${path}"`);
  }
  expect(() => decodeStore(bytes)).not.toThrow();
});
