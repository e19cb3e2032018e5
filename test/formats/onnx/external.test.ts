/**
 * Data of a model in files beside it: which files are read, which are refused, and that no more is
 * read than the shapes need. Not here: whole models (../cases-golden.test.ts).
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, expect, test } from 'vitest';
import type { BitplaneError } from '../../../src/core/errors.js';
import { type LoadOptions, loadModel } from '../../../src/formats/model.js';
import { Session } from '../../../src/formats/session.js';
import { topological } from '../../../src/graph/value.js';
import { encodeOnnx, type TensorSpec } from '../onnx-encoder.js';

const top = mkdtempSync(join(tmpdir(), 'bitplane-external-'));
afterAll(() => rmSync(top, { recursive: true, force: true }));
const folder = join(top, 'model');
mkdirSync(join(folder, 'parts'), { recursive: true });
const DATA = Float32Array.of(9, 1, 2, 3, 4, 5);
for (const path of ['w.bin', 'parts/w.bin', '../w.bin', '.. w.bin'])
  writeFileSync(join(folder, path), new Uint8Array(DATA.buffer));
symlinkSync('w.bin', join(folder, 'link'));
symlinkSync('../w.bin', join(folder, 'way-out'));
symlinkSync('..', join(folder, 'up'));

/** y = x + c, where c lies as the entries say. */
function modelOf(externalData: Record<string, string>, more: Partial<TensorSpec> = {}): Uint8Array {
  return encodeOnnx({
    nodes: [{ op: 'Add', inputs: ['x', 'c'], outputs: ['y'] }],
    inputs: { x: ['N', 4] },
    outputs: { y: ['N', 4] },
    initializers: { c: { dims: [4], dataType: 1, external: true, externalData, ...more } },
  });
}
let files = 0;
function pathOf(...model: Parameters<typeof modelOf>): string {
  const path = join(folder, `${files++}.onnx`);
  writeFileSync(path, modelOf(...model));
  return path;
}
async function constant(source: string | URL): Promise<number[]> {
  const graph = await loadModel(source);
  return [...topological(graph).find(({ name }) => name === 'c')!.data!.data];
}
async function failure(path: string | Uint8Array, options?: LoadOptions): Promise<BitplaneError> {
  return loadModel(path, options).then(
    () => expect.unreachable(),
    (error) => error,
  );
}

const AT_4 = { location: 'w.bin', offset: '4', length: '16' };
test.each([
  ['a part of a file', AT_4, [1, 2, 3, 4]],
  ['a part without a length', { location: 'w.bin', offset: '8' }, [2, 3, 4, 5]],
  ['a part without an offset', { location: 'w.bin', length: '16' }, [9, 1, 2, 3]],
  ['a file in a folder of the folder', { location: 'parts/w.bin' }, [9, 1, 2, 3]],
  ['a file by ./', { location: './w.bin' }, [9, 1, 2, 3]],
  ['a link within the folder', { location: 'link' }, [9, 1, 2, 3]],
  ['a name that only begins with dots', { location: '.. w.bin' }, [9, 1, 2, 3]],
  ['unknown entries beside', { ...AT_4, checksum: 'abc' }, [1, 2, 3, 4]],
])('%s is what the constant holds', async (_, data, wanted) => {
  expect(await constant(pathOf(data))).toEqual(wanted);
});

test('URLs and gzipped files find their data too, and onnxruntime computes the same', async () => {
  const path = pathOf(AT_4);
  expect(await constant(pathToFileURL(path))).toEqual([1, 2, 3, 4]);
  const zipped = join(folder, 'zipped.onnx.gz');
  writeFileSync(zipped, gzipSync(modelOf(AT_4)));
  expect(await constant(zipped)).toEqual([1, 2, 3, 4]);
  const x = Float32Array.of(0.5, -1, 2, 8);
  const session = await Session.create(path);
  const { y } = await session.run({ x });
  await session.release();
  const reference = await InferenceSession.create(path, { intraOpNumThreads: 1 });
  const wanted = await reference.run({ x: new OrtTensor('float32', x, [1, 4]) });
  await reference.release();
  expect([...y!.data]).toEqual([...(wanted.y!.data as Float32Array)]);
});

test('a Constant node has its data in another file too', async () => {
  const tensor = { dims: [4], dataType: 1, external: true, externalData: AT_4 };
  const path = join(folder, 'node.onnx');
  writeFileSync(
    path,
    encodeOnnx({
      nodes: [
        {
          op: 'Constant',
          name: 'c',
          inputs: [],
          outputs: ['c'],
          attributes: { value: { tensor } },
        },
        { op: 'Add', inputs: ['x', 'c'], outputs: ['y'] },
      ],
      inputs: { x: ['N', 4] },
      outputs: { y: undefined },
    }),
  );
  expect(await constant(path)).toEqual([1, 2, 3, 4]);
});

test.each([
  ['..', '../w.bin'],
  ['.. after a folder', 'parts/../../w.bin'],
  ['.. behind backslashes', '..\\w.bin'],
  ['an absolute path', join(folder, 'w.bin')],
  ['a path of a drive', 'C:\\w.bin'],
  ['a path within a drive', 'c:w.bin'],
  ['a link to a file outside', 'way-out'],
  ['a link to a folder outside', 'up/w.bin'],
  ['the folder itself', '.'],
  ['a NUL', 'w.bin\0'],
])('%s leads to no file', async (_, location) => {
  expect(await failure(pathOf({ location }))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    op: 'initializer',
    node: 'c',
    message: expect.stringContaining("expected data in the model's own folder but received"),
  });
});

test.each([
  ['no location', {}, {}, 'ERR_FORMAT', /the location of its data but received "none"/],
  [
    'more than the file has',
    { ...AT_4, offset: '12' },
    {},
    'ERR_FORMAT',
    /28 bytes or more but rec/,
  ],
  [
    'a length of another shape',
    { ...AT_4, length: '12' },
    {},
    'ERR_FORMAT',
    /16 bytes of data for/,
  ],
  [
    'a negative offset',
    { ...AT_4, offset: '-4' },
    {},
    'ERR_FORMAT',
    /offset to be a number of byt/,
  ],
  ['a fraction', { ...AT_4, offset: '4.5' }, {}, 'ERR_FORMAT', /offset to be a number of bytes/],
  [
    'an offset beyond 2^53',
    { ...AT_4, offset: '9'.repeat(16) },
    {},
    'ERR_FORMAT',
    /number of bytes/,
  ],
  ['a type of strings', AT_4, { dataType: 8 }, 'ERR_UNSUPPORTED', /STRING/],
  ['a missing file', { location: 'none' }, {}, 'ERR_IO', /"none" beside the model, could not/],
  ['a folder', { location: 'parts' }, {}, 'ERR_IO', /a regular file but received a folder/],
] as const)('%s is named', async (_, data, more, code, message) => {
  expect(await failure(pathOf(data, more))).toMatchObject({
    name: 'BitplaneError',
    code,
    message: expect.stringMatching(message),
  });
});

test('a model of bytes says how to bring its data', async () => {
  expect(await failure(modelOf(AT_4))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringContaining('give the model by its path'),
  });
});

test('files and data beyond the limits are refused before they are read', async () => {
  const shape = { dims: [2 ** 20, 2 ** 19] };
  expect(await failure(pathOf({ location: 'w.bin' }, shape), { maxBytes: 2 ** 30 })).toMatchObject({
    code: 'ERR_LIMIT',
    message: expect.stringContaining('maxBytes'),
  });
  const path = pathOf(AT_4);
  writeFileSync(join(folder, 'large.bin'), new Uint8Array(4096));
  expect(await failure(pathOf({ location: 'large.bin' }), { maxFileBytes: 4000 })).toMatchObject({
    code: 'ERR_LIMIT',
    message: expect.stringContaining('maxFileBytes'),
  });
  expect(await failure(path, { maxFileBytes: 4000 }).catch(() => 'loads')).toBe('loads');
});

test('data that tensors share counts once', async () => {
  const c = { dims: [4], dataType: 1, external: true, externalData: AT_4 };
  const names = Array.from({ length: 100 }, (_, i) => `c${i}`);
  const path = join(folder, 'shared.onnx');
  writeFileSync(
    path,
    encodeOnnx({
      nodes: [{ op: 'Sum', inputs: ['x', ...names], outputs: ['y'] }],
      inputs: { x: ['N', 4] },
      outputs: { y: undefined },
      initializers: Object.fromEntries(names.map((name) => [name, c])),
    }),
  );
  const graph = await loadModel(path, { maxBytes: 160 });
  expect(topological(graph).filter(({ op }) => op === 'constant')).toHaveLength(100);
});
