/**
 * Floats that a store has once, and what its tasks take of them: whole, by masks, by ternary masks,
 * by owners. The oracle is an array of masks. Not here: training them (../fusion/add-task.test.ts).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { Session } from '../../src/formats/session.js';
import {
  decodeStore,
  encodeStore,
  type Store,
  storedTask,
  taskGraph,
} from '../../src/formats/store/store.js';
import { storeOf, type Taking, templateOf, withTaking } from '../../src/fusion/trunk.js';
import type { Graph } from '../../src/graph/value.js';
import { constantsOf } from '../../src/nn/state.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { constant } from '../../src/ops/make.js';
import { rewrite } from '../../src/passes/rewrite.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { temporaryFolder } from '../data/fixtures.js';
import { random } from '../random.js';

const READER = fileURLToPath(new URL('../../docs/read-store.mjs', import.meta.url));
/** More weights than are kept as floats in memory, and no multiple of 8. */
const SHAPE = [91, 97];
const SIZE = 91 * 97;

function store(): Store {
  const draw = random(3);
  const g = new GraphBuilder();
  const weights = (o: number, k: number, name: string) => {
    const data = Float32Array.from({ length: o * k }, () => draw() - 0.5);
    return g.constant(new Tensor('f32', data, [o, k]), { name });
  };
  const x = g.input('x', 'f32', ['N', 97]);
  const h = g.relu(g.dense(x, weights(91, 97, 'w'), { name: 'a' }));
  return storeOf('one', g.graph([x], { y: g.dense(h, weights(3, 91, 'head'), { name: 'b' }) }));
}

/** The store with a task more that takes its weights so. */
function grown(before: Store, task: string, taking: Taking): Store {
  const { graph, shared } = templateOf(before);
  const { name, weights } = before.weights[0]!;
  return {
    ...before,
    tasks: [...before.tasks, storedTask(task, graph, shared)],
    weights: [{ name, weights: withTaking(weights, taking, before.tasks.length) }],
  };
}

const draw = random(5);
const mask = (levels: readonly number[]) =>
  new Tensor(
    'f32',
    Float32Array.from({ length: SIZE }, () => levels[Math.floor(draw() * levels.length)]!),
    SHAPE,
  );
const binary = mask([0, 1]);
const ternary = mask([-1, 0, 1]);
const owners = new Tensor(
  'u8',
  Uint8Array.from({ length: SIZE }, () => Math.floor(draw() * 4)),
  SHAPE,
);
const begun = store();
const { values } = begun.weights[0]!.weights as { readonly values: Float32Array };
const tensor = new Tensor('f32', values, SHAPE);
const ones = values.map(() => 1);
const owned = (most: number) =>
  Float32Array.from(owners.data, (k) => (k >= 1 && k <= most ? 1 : 0));

const of = (...takings: readonly Taking[]) =>
  takings.reduce((made, taking, i) => grown(made, `task${i + 2}`, taking), begun);
const like = (number: number): Taking => ({ like: number });

/** By what each task multiplies the values. */
const CASES: readonly (readonly [string, Store, readonly Float32Array[]])[] = [
  ['floats', of(like(0), like(0)), [ones, ones, ones]],
  ['masks', of({ mask: binary, kind: 'binary' }, like(1)), [ones, binary.data, binary.data]],
  [
    'ternary',
    of({ mask: binary, kind: 'binary' }, { mask: ternary, kind: 'ternary' }, like(2)),
    [ones, binary.data, ternary.data, ternary.data],
  ],
  ['ternary', of({ mask: ternary, kind: 'ternary' }, like(0)), [ones, ternary.data, ones]],
  [
    'owners',
    of({ owners, values: tensor }, like(0), like(0)),
    [owned(1), owned(2), owned(3), owned(4)],
  ],
];

test.each(CASES)('%s: a task takes other weights than its own', (method, made, factors) => {
  expect(made.weights[0]!.weights.method).toBe(method);
  const bytes = encodeStore(made);
  const read = decodeStore(bytes);
  expect(encodeStore(read)).toEqual(bytes);
  const path = join(temporaryFolder(), 'store.safetensors');
  writeFileSync(path, bytes);
  for (const [k, { name }] of read.tasks.entries()) {
    const expected = values.map((value, i) => (factors[k]![i] === 0 ? 0 : value * factors[k]![i]!));
    const got = (constantsOf(taskGraph(read, name))['w'] as Tensor<'f32'>).data;
    expect([...got]).toEqual([...expected]);
    if (k !== 1) continue;
    const text = execFileSync(process.execPath, [READER, path, name, 'w'], { encoding: 'utf8' });
    expect(JSON.parse(text).map((value: number) => value + 0)).toEqual(
      [...expected].map((value) => value + 0),
    );
  }
});

test.each(CASES)('%s: weights are there again for each task', async (_, made) => {
  const path = join(temporaryFolder(), 'store.safetensors');
  writeFileSync(path, encodeStore(made));
  // Old enough to be read in parts.
  utimesSync(path, 1e9, 1e9 + 0.5);
  const names = made.tasks.map(({ name }) => name);
  const session = await Session.create(path, { task: names[0]!, threads: 1 });
  const x = Float32Array.from({ length: 3 * 97 }, (_, i) => Math.sin(i));
  let first = 0;
  for (const [number, task] of names.entries()) {
    const { y } = await session.run({ x }, { task });
    if (number === 0) first = session.info.residentBytes;
    const graph = decoded(taskGraph(made, task));
    const plain = Session.fromGraph(graph, { threads: 1 });
    expect([task, y!.data]).toEqual([task, (await plain.run({ x }))['y']!.data]);
    await plain.release();
  }
  // Another task has bits of its own and a head, whose floats fill vectors of 16.
  const each = (session.info.residentBytes - first) / (names.length - 1);
  expect(each).toBeLessThan((SIZE * 2) / 8 + 20 * 91 * 4 + 1024);
  await session.release();
});

/** The network with the floats of its weights alone. */
function decoded(graph: Graph): Graph {
  return rewrite(graph, (value) => {
    if (value.op !== 'constant') return undefined;
    const { dtype, data, shape } = value.data as Tensor;
    return constant(value.name, new Tensor(dtype, data.slice(), shape) as Tensor);
  });
}

/** A file whose digests are right and whose tensor is not. */
function forged(made: Store, part: string, change: (data: Uint8Array) => Uint8Array): Uint8Array {
  const { metadata, tensors } = readSafetensors(encodeStore(made));
  const sha = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');
  const parts = new Map(tensors);
  const name = `shared/w.${part}`;
  const data = change(new Uint8Array(parts.get(name)!.data));
  parts.set(name, { dtype: 'U8', shape: [data.length], data });
  const sums = JSON.stringify(
    Object.fromEntries([...parts].map(([tensor, one]) => [tensor, sha(one.data)])),
  );
  const lines = [...parts].map(([n, { dtype, shape }]) => `${n} ${dtype} [${shape.join(',')}]`);
  const digest = sha([metadata.get('bitplane.tasks')!, sums, ...lines.sort()].join('\n'));
  const told = new Map(metadata).set('bitplane.sha256', sums).set('bitplane.digest', digest);
  return writeSafetensors({ metadata: told, tensors: parts });
}

test.each([
  ['owners', 4, (data: Uint8Array) => data.fill(255), 'owners among 4 tasks in "w"'],
  ['owners', 4, (data: Uint8Array) => data.subarray(1), '"shared/w.owners", U8, of 3311 bytes'],
  ['signs', 2, (data: Uint8Array) => data.subarray(1), '"shared/w.signs", U8'],
  ['masks', 1, (data: Uint8Array) => data.subarray(1), '"shared/w.masks", U8'],
] as const)('%s that are none are read', (part, at, change, sentence) => {
  const [, made] = CASES[at]!;
  expect(() => decodeStore(forged(made, part, change))).toThrow(sentence);
});
