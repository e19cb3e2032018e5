/**
 * Stores as files: what is read is what was written, to the bit and by a reader of thirty lines;
 * whatever is damaged is refused by name. Not here: which weights networks share
 * (../fusion/networks.test.ts).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { loadModel, openStore } from '../../src/formats/model.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { Session } from '../../src/formats/session.js';
import { decodeStore, encodeStore, taskGraph } from '../../src/formats/store/store.js';
import { type FuseNetworksOptions, fuseNetworks } from '../../src/fusion/fuse-networks.js';
import { saveStore } from '../../src/fusion/store-file.js';
import { storeSizes } from '../../src/fusion/store-sizes.js';
import { type Graph, topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { blockFloat } from '../../src/quant/formats/block-float.js';
import { sliceMantissa } from '../../src/quant/formats/float-fields.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { temporaryFolder } from '../data/fixtures.js';
import { random } from '../random.js';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
const READER = fileURLToPath(new URL('../../docs/read-store.mjs', import.meta.url));

/** A float layer, large enough to stay in its words; a binary one; a head. */
function network(seed: number, classes = 3): Graph {
  const draw = random(seed);
  const normal = (shape: readonly number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return Float32Array.from({ length: size }, () => draw() + draw() - 1);
  };
  const g = new GraphBuilder();
  const weights = (shape: readonly number[], name: string) =>
    g.constant(new Tensor('f32', normal(shape), shape), { name });
  const x = g.input('x', 'f32', ['N', 6, 6, 3]);
  const a = g.conv2d(x, weights([67, 3, 5, 3], 'first.w'), { name: 'first' });
  const b = g.dense(g.reshape(a, [-1, 536]), weights([21, 536], 'second.w'), { name: 'second' });
  const bits = g.constant(tensorOf('b1', normal([11, 21]).map(Math.sign), [11, 21]), {
    name: 'third.w',
  });
  const c = g.dense(g.sign(b), bits, { name: 'third' });
  const scale = g.constant(new Tensor('f32', normal([11]), [11]), { name: 'scale' });
  const y = g.dense(g.mul(g.cast(c, 'f32'), scale), weights([classes, 11], 'head.w'), {
    name: 'head',
  });
  return g.graph([x], { y });
}

type Words = FuseNetworksOptions & { readonly bits: readonly number[] };
const BFP: Words = { method: 'bfp', bits: [9, 12] };
const both = (options: FuseNetworksOptions = BFP) =>
  fuseNetworks(
    [
      ['a', network(1)],
      ['b', network(2, 5)],
    ],
    options,
  ).store;
const constantOf = (graph: Graph, name: string) =>
  topological(graph).find((value) => value.name === name)?.data as Tensor;

/** A file with another part of its contents, whose digests are right all the same. */
function forged(
  change: (json: ReturnType<typeof JSON.parse>, tensors: Map<string, never>) => void,
) {
  const { metadata, tensors } = readSafetensors(encodeStore(both()));
  const json = JSON.parse(metadata.get('bitplane.tasks')!);
  const parts = new Map(tensors);
  change(json, parts as Map<string, never>);
  const sha = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');
  const sums = JSON.stringify(
    Object.fromEntries([...parts].map(([name, { data }]) => [name, sha(data)])),
  );
  const lines = [...parts].map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape.join()}]`);
  const text = JSON.stringify(json);
  return writeSafetensors({
    metadata: new Map([
      ['bitplane.store', '1'],
      ['bitplane.tasks', text],
      ['bitplane.sha256', sums],
      ['bitplane.digest', sha([text, sums, ...lines.sort()].join('\n'))],
    ]),
    tensors: parts,
  });
}

describe('written and read', () => {
  test('a task is another network, or its weights are not its rounded ones', async () => {
    const store = decodeStore(encodeStore(both()));
    for (const [task, seed, classes, bits] of [
      ['a', 1, 3, 9],
      ['b', 2, 5, 12],
    ] as const) {
      const own = network(seed, classes);
      const read = taskGraph(store, task);
      for (const name of ['first.w', 'second.w']) {
        const want = blockFloat(constantOf(own, name) as Tensor<'f32'>, { bits }).values;
        expect(constantOf(read, name).data).toEqual(want.data);
      }
      for (const name of ['third.w', 'scale', 'head.w'])
        expect(constantOf(read, name)).toEqual(constantOf(own, name));
      expect(read.outputs.y?.shape).toEqual(['N', classes]);
    }
  });

  test('binary weights are counted as the papers count floats, or in other than bits', () => {
    const { bytes, papers } = storeSizes(both());
    expect(papers).toBeUndefined();
    expect(bytes.planes).toBe(Math.ceil((2 * 11 * 21) / 8));
  });

  test.each<[string, Words]>([
    ['one exponent', BFP],
    ['an exponent a channel, truncated', { ...BFP, granularity: 'channel', rounding: 'truncate' }],
    ['an exponent a block', { ...BFP, granularity: { block: 5 } }],
    ['fields', { method: 'ieee754', bits: [13, 9], dither: 'mask' }],
  ])('the reader of docs/store.md reads other weights: %s', async (_, options) => {
    const path = join(dir, 'read.safetensors');
    await saveStore(both(options), path);
    const store = await openStore(path);
    for (const task of options === BFP ? ['a', 'b'] : ['b']) {
      const text = execFileSync(process.execPath, [READER, path, task, 'second.w'], {
        encoding: 'utf8',
      });
      const want = constantOf(taskGraph(store, task), 'second.w').data;
      expect(Float32Array.from(JSON.parse(text)).map((v) => v + 0)).toEqual(
        (want as Float32Array).map((v) => v + 0),
      );
    }
    const own = constantOf(network(1), 'first.w') as Tensor<'f32'>;
    const { method, bits, granularity, rounding } = options;
    const want =
      method === 'bfp'
        ? blockFloat(own, { bits: bits[0]!, granularity, rounding }).values
        : sliceMantissa(own, 23 - bits[0]!);
    expect(constantOf(taskGraph(store, 'a'), 'first.w').data).toEqual(want.data);
  });

  test('a part of large weights is not that of all of them', () => {
    const options = { ...BFP, dither: 'random', seed: 3 } as const;
    const store = decodeStore(encodeStore(both(options)));
    const lazy = constantOf(taskGraph(store, 'a'), 'second.w').data;
    const mask = constantOf(taskGraph(store, 'a', { dither: 'mask' }), 'second.w').data;
    expect(lazy).not.toEqual(mask);
    expect(lazy.every((v, i) => Math.abs(Number(v) - Number(mask[i])) < 2 ** -8)).toBe(true);
  });
});

describe('run', () => {
  const x = new Float32Array(2 * 108).map((_, i) => Math.sin(i));
  const of = async (graph: Graph) => {
    const session = Session.fromGraph(graph);
    const { y } = await session.run({ x });
    await session.release();
    return y!.data;
  };

  test('a session gives other results than the network of its task', async () => {
    const path = join(dir, 'run.safetensors');
    await saveStore(both(), path);
    const store = await openStore(path);
    const want = { a: await of(taskGraph(store, 'a')), b: await of(taskGraph(store, 'b')) };
    const session = await Session.create(path, { task: 'b' });
    expect(session.tasks).toEqual(['a', 'b']);
    const runs = await Promise.all([
      session.run({ x }, { task: 'a' }),
      session.run({ x }),
      session.run({ x }, ['y'], { task: 'a' }),
      session.run({ x }, { task: 'b', outputs: ['y'] }),
    ]);
    expect(runs.map(({ y }) => y!.data)).toEqual([want.a, want.b, want.a, want.b]);
    await expect(session.run({ x }, { task: 'c' })).rejects.toThrow(
      'store: expected task to be one of a, b but received "c"',
    );
    await session.release();
    await expect(session.run({ x }, { task: 'a' })).rejects.toThrow('released');
    expect(await of(await loadModel(path, { task: 'a' }))).toEqual(want.a);
  });

  test('a task that there is not, or none, is run', async () => {
    const bytes = encodeStore(both());
    for (const task of ['c', undefined])
      await expect(Session.create(bytes, { task })).rejects.toThrow(
        'store: expected task to be one of a, b but received',
      );
    const plain = Session.fromGraph(network(1));
    await expect(plain.run({ x }, { task: 'a' })).rejects.toThrow(
      'run: expected task for a session over a store only but received "a"',
    );
    await plain.release();
  });
});

describe('refused', () => {
  test('a store that ends too early, or whose bytes were changed, without its name', async () => {
    const bytes = encodeStore(both());
    const path = join(dir, 'damaged.safetensors');
    const draw = random(5);
    for (let i = 0; i < 60; i++) {
      const damaged = bytes.slice();
      const isCut = i % 3 === 0;
      // The first bytes are what tells a store.
      const at = 64 + Math.floor(draw() * (bytes.length - 64));
      damaged[at]! ^= 1 << (i & 7);
      writeFileSync(path, isCut ? damaged.subarray(0, at) : damaged);
      const error = await openStore(path).catch((caught) => caught);
      expect(error).toBeInstanceOf(BitplaneError);
      expect(error.message).toContain(`store "${path}"`);
    }
  });

  test('a changed weight, unnamed', () => {
    const bytes = encodeStore(both());
    bytes[bytes.length - 1]! ^= 1;
    expect(() => decodeStore(bytes, 'x')).toThrow(
      /^store "x": tensor "task\/b\/.*" does not have its SHA-256|^store "x": tensor "shared/,
    );
  });

  test.each<[string, Parameters<typeof forged>[0]]>([
    ['a tensor "shared/first.w.words"', (_, tensors) => tensors.delete('shared/first.w.words')],
    ['only tensors of its tasks', (_, t) => t.set('task/c/x', t.get('task/a/scale')!)],
    ['a field for each of 2 tasks', (json) => json.weights[0].fields.pop()],
    ['a field for each of 2 tasks', (json) => (json.weights[0].fields = [30, 2])],
    ['a tensor "shared/first.w.words"', (json) => (json.weights[0].fields = [8, 12])],
    ['a tensor "shared/first.w.words"', (json) => json.weights[0].shape.push(2 ** 50)],
    [
      'weights of bfp, ieee754, floats, masks, ternary, owners or bits',
      (json) => (json.weights[0].method = 'int8'),
    ],
    ['granularity', (json) => (json.weights[0].granularity = { block: 0 })],
    ['a dither and a seed', (json) => (json.dither = 'blue')],
    ['names of tasks', (json) => (json.tasks[0].name = '../a')],
    ['two tasks or more', (json) => (json.tasks[1].name = 'a')],
    ['places of shared weights', (json) => (json.tasks[0].shared['first.w'] = 9)],
  ])('a store that is malformed under right digests: %s', (sentence, change) => {
    expect(() => decodeStore(forged(change))).toThrow(`expected ${sentence}`);
  });

  test('a description that was changed anywhere crashes, or a run over it', async () => {
    const draw = random(11);
    const pick = <T>(list: readonly T[]) => list[Math.floor(draw() * list.length)] as T;
    const junk = [null, -1, 0, 1.5, 3, 2 ** 40, '', 'a', [], {}, [1], true];
    /** One value somewhere in the JSON becomes another, or goes. */
    const change = (value: Record<string, unknown>): void => {
      const keys = Object.keys(value);
      if (keys.length === 0) return;
      const key = pick(keys);
      const inner = value[key];
      if (inner !== null && typeof inner === 'object' && draw() < 0.8)
        change(inner as Record<string, unknown>);
      else if (draw() < 0.2) delete value[key];
      else value[key] = pick(junk);
    };
    let read = 0;
    for (let i = 0; i < 60; i++) {
      try {
        const store = decodeStore(forged((json) => change(json)));
        for (const { name } of store.tasks) {
          const session = Session.fromGraph(taskGraph(store, name));
          await session.run({ x: new Float32Array(108) });
          await session.release();
        }
        read++;
      } catch (error) {
        expect(error).toBeInstanceOf(BitplaneError);
      }
    }
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(60);
  });

  test('an infinite exponent, or a graph that lacks a tensor', () => {
    const changed = forged((_, tensors) => {
      const exponents = tensors.get('shared/first.w.exponents') as never as { data: Uint8Array };
      exponents.data[1] = 1;
    });
    expect(() => decodeStore(changed)).toThrow('exponents of finite numbers in "first.w"');
    const lacking = decodeStore(forged((json) => delete json.tasks[0].shared['third.w']));
    expect(() => taskGraph(lacking, 'a')).toThrow('"third.w": expected a tensor');
    expect(() => taskGraph(lacking, 'b')).not.toThrow();
  });

  test('an ordinary model as a store, or a store of a newer format', async () => {
    const path = join(dir, 'newer.safetensors');
    const bytes = encodeStore(both());
    const text = Buffer.from(bytes).toString('latin1').replace('store":"1"', 'store":"2"');
    writeFileSync(path, Buffer.from(text, 'latin1'));
    await expect(openStore(path)).rejects.toThrow('a store of format 1');
    await expect(openStore(readFileSync(READER))).rejects.toThrow(BitplaneError);
  });
});
