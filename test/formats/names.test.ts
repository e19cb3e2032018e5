/**
 * A file may use any name: names that every JavaScript object already has, and whole numbers, work
 * like any other.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTensors, writeTensors } from '../../src/formats/tensors.js';
import {
  GraphBuilder,
  loadModel,
  mergeAffines,
  print,
  Session,
  saveModel,
  Tensor,
  verify,
} from '../../src/index.js';
import { bind } from '../../src/passes/bind.js';
import { encodeOnnx, floats } from './onnx-encoder.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'names-'));
});
afterAll(() => rm(folder, { recursive: true }));

const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'then',
  '0',
  'a b',
  '"',
  '\n',
  '.',
  '../x',
  'größe',
  '\u2028',
];

const addition = (x: string, w: string, y: string, batch: string) =>
  encodeOnnx({
    nodes: [{ op: 'Add', inputs: [x, w], outputs: [y] }],
    inputs: Object.fromEntries([[x, [batch, 4]]]),
    outputs: Object.fromEntries([[y, [batch, 4]]]),
    initializers: Object.fromEntries([[w, floats([4], [1, 2, 3, 4])]]),
  });

test.each(NAMES)('%j may name an input, an output, a constant and a dimension', async (name) => {
  const path = join(folder, 'model.safetensors');
  for (const [x, w, y] of [
    [name, 'w', 'y'],
    ['x', name, 'y'],
    ['x', 'w', name],
  ] as const) {
    const session = await Session.create(addition(x, w, y, name));
    await saveModel(session.graph, path);
    const again = await Session.create(path);
    for (const each of [session, again]) {
      expect([each.inputNames, each.outputNames]).toEqual([[x], [y]]);
      const feeds = Object.fromEntries([
        [x, new Tensor('f32', Float32Array.of(10, 20, 30, 40, 50, 60, 70, 80), [2, 4])],
      ]);
      const [[found, sums] = []] = Object.entries(await each.run(feeds));
      expect([found, sums?.shape, [...(sums?.data ?? [])]]).toEqual([
        y,
        [2, 4],
        [11, 22, 33, 44, 51, 62, 73, 84],
      ]);
      await expect(each.run({}), 'what objects inherit is no feed').rejects.toMatchObject({
        code: 'ERR_FEED',
        node: x,
      });
      await each.release();
    }
  }
});

test('any name may name a tensor in a file', async () => {
  const path = join(folder, 'tensors.safetensors');
  const tensors = Object.fromEntries(
    NAMES.map((name, i) => [name, new Tensor('f32', Float32Array.of(i), [1])]),
  );
  await writeTensors(tensors, path);
  const found = await readTensors(path);
  expect(Object.keys(found).sort()).toEqual([...NAMES].sort());
  for (const [name, { data }] of Object.entries(tensors))
    expect(Object.getOwnPropertyDescriptor(found, name)?.value.data).toEqual(data);
});

/**
 * Whole numbers, which every JavaScript object lists first and in ascending order, among other
 * names.
 */
const ORDER = ['boxes', '495', '__proto__', '21', 'labels', '0'];

/** Every output is its input times its place, counted from 1. */
function numbered(): Uint8Array {
  return encodeOnnx({
    nodes: ORDER.map((name, i) => ({ op: 'Mul', inputs: [`in${name}`, `w${i}`], outputs: [name] })),
    inputs: new Map(ORDER.map((name) => [`in${name}`, ['N', 2]])),
    outputs: new Map(ORDER.map((name) => [name, ['N', 2]])),
    initializers: Object.fromEntries(ORDER.map((_, i) => [`w${i}`, floats([1], [i + 1])])),
  });
}

test('outputs keep the order of the file through import, passes, files and printing', async () => {
  const path = join(folder, 'numbered.safetensors');
  const imported = await loadModel(numbered());
  await saveModel(imported, path);
  const graphs = [
    imported,
    mergeAffines(imported),
    await loadModel(path),
    bind(imported, { N: 1 }),
  ];
  for (const graph of graphs) {
    expect(graph.outputNames).toEqual(ORDER);
    expect(print(graph)).toMatch(
      /return \{boxes: .*, 495: .*, __proto__: .*, 21: .*, labels: .*, 0: .*\}/,
    );
    verify(graph);
    for (const optimized of [true, false]) {
      const session = Session.fromGraph(graph, { optimize: optimized });
      expect(session.outputNames).toEqual(ORDER);
      expect(session.outputMetadata.map(({ name }) => name)).toEqual(ORDER);
      const feeds = Object.fromEntries(
        ORDER.map((name) => [`in${name}`, new Tensor('f32', Float32Array.of(1, 10), [1, 2])]),
      );
      const results = await session.run(feeds);
      for (const [i, name] of ORDER.entries())
        expect(
          [...(Object.getOwnPropertyDescriptor(results, name)?.value.data ?? [])],
          name,
        ).toEqual([i + 1, 10 * (i + 1)]);
      await session.release();
    }
  }
});

test('inputs keep the order of the file', async () => {
  const path = join(folder, 'inputs.safetensors');
  const bytes = encodeOnnx({
    nodes: [{ op: 'Concat', inputs: ORDER, outputs: ['y'], attributes: { axis: 1 } }],
    inputs: new Map(ORDER.map((name) => [name, ['N', 1]])),
    outputs: { y: ['N', ORDER.length] },
  });
  await saveModel(await loadModel(bytes), path);
  for (const session of [await Session.create(bytes), await Session.create(path)]) {
    expect(session.inputNames).toEqual(ORDER);
    const { y } = await session.run(
      Object.fromEntries(
        ORDER.map((name, i) => [name, new Tensor('f32', Float32Array.of(i), [1, 1])]),
      ),
    );
    expect([...(y?.data ?? [])]).toEqual([0, 1, 2, 3, 4, 5]);
    await session.release();
  }
});

test('outputs of a model from an old PyTorch exporter keep their golden values', async () => {
  const session = await Session.create(new URL('../golden/numeric-names.onnx', import.meta.url));
  expect(session.outputNames).toEqual(['495', '21', 'boxes']);
  const results = await session.run({ x: Float32Array.of(-1, 2, -3, 4) });
  expect(
    Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, [...data]])),
  ).toEqual({
    '495': [1, -2, 3, -4],
    '21': [0, 2, 0, 4],
    boxes: [1, 2, 3, 4],
  });
  await session.release();
});

test('a graph whose outputNames are not its outputs is refused', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1]);
  const graph = g.graph([x], { 7: g.abs(x), y: g.neg(x) });
  expect(graph.outputNames).toEqual(['7', 'y']);
  expect(() => verify({ ...graph, outputNames: ['y', '7'] })).not.toThrow();
  for (const outputNames of [['y'], ['y', 'y'], ['y', '7', 'z'], ['y', 'z'], 'y7', null])
    expect(() => verify({ ...graph, outputNames: outputNames as string[] })).toThrow(/outputNames/);
});
