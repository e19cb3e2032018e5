/**
 * Names in a file are anybody's: those that every JavaScript object has already, and those that are not words, work like any other.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTensors, writeTensors } from '../../src/formats/tensors.js';
import { Session, saveModel, Tensor } from '../../src/index.js';
import { encodeOnnx, floats } from './onnx-encoder.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'names-'));
});
afterAll(() => rm(folder, { recursive: true }));

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', '0', 'a b', '"', '\n', '.', '../x', 'größe', '\u2028'];

const addition = (x: string, w: string, y: string, batch: string) =>
  encodeOnnx({
    nodes: [{ op: 'Add', inputs: [x, w], outputs: [y] }],
    inputs: Object.fromEntries([[x, [batch, 4]]]),
    outputs: Object.fromEntries([[y, [batch, 4]]]),
    initializers: Object.fromEntries([[w, floats([4], [1, 2, 3, 4])]]),
  });

test.each(NAMES)('%j, of an input, an output, a constant and a dimension', async (name) => {
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
      const feeds = Object.fromEntries([[x, new Tensor('f32', Float32Array.of(10, 20, 30, 40, 50, 60, 70, 80), [2, 4])]]);
      const [[found, sums] = []] = Object.entries(await each.run(feeds));
      expect([found, sums?.shape, [...(sums?.data ?? [])]]).toEqual([y, [2, 4], [11, 22, 33, 44, 51, 62, 73, 84]]);
      await expect(each.run({}), 'what objects inherit is no feed').rejects.toMatchObject({ code: 'ERR_FEED', node: x });
      await each.release();
    }
  }
});

test('of tensors in a file', async () => {
  const path = join(folder, 'tensors.safetensors');
  const tensors = Object.fromEntries(NAMES.map((name, i) => [name, new Tensor('f32', Float32Array.of(i), [1])]));
  await writeTensors(tensors, path);
  const found = await readTensors(path);
  expect(Object.keys(found).sort()).toEqual([...NAMES].sort());
  for (const [name, { data }] of Object.entries(tensors)) expect(Object.getOwnPropertyDescriptor(found, name)?.value.data).toEqual(data);
});
