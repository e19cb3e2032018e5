/**
 * Files of named tensors: which tensors of a state dict and of an ONNX file are read, which are
 * left out, and tensors with permuted axes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { permuted, readTensors, writeTensors } from '../../src/formats/tensors.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { encodeOnnx, floats, int64s } from './onnx-encoder.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tensors-'));
});
afterAll(() => rm(folder, { recursive: true }));

const f32 = (shape: readonly number[], ...data: number[]) =>
  new Tensor('f32', Float32Array.from(data), shape);
const stored = (dtype: string, shape: readonly number[], data: ArrayBufferView) => ({
  dtype,
  shape,
  data: new Uint8Array(data.buffer),
});

describe('of a safetensors file', () => {
  const file = (tensors: Parameters<typeof writeSafetensors>[0]['tensors']) =>
    writeSafetensors({ metadata: new Map(), tensors });
  test('floats are read, integers and flags are left out', async () => {
    const bytes = file(
      new Map([
        ['w', stored('F32', [2, 1], Float32Array.of(1.5, -2))],
        ...['I8', 'U8', 'BOOL'].map(
          (dtype) => [dtype, stored(dtype, [1], Uint8Array.of(1))] as const,
        ),
        ...['I16', 'U16'].map((dtype) => [dtype, stored(dtype, [1], Uint16Array.of(1))] as const),
        ...['I32', 'U32'].map((dtype) => [dtype, stored(dtype, [1], Int32Array.of(1))] as const),
        ...['I64', 'U64'].map(
          (dtype) => [dtype, stored(dtype, [1], BigInt64Array.of(1n))] as const,
        ),
      ]),
    );
    expect(await readTensors(bytes)).toEqual({ w: f32([2, 1], 1.5, -2) });
  });
  test.each([
    ['F16', 2],
    ['BF16', 2],
    ['F64', 8],
    ['F8_E5M2', 1],
  ])('%s is refused by name', async (dtype, size) => {
    const bytes = file(new Map([['w', stored(dtype, [1], new Uint8Array(size))]]));
    await expect(readTensors(bytes)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      op: 'safetensors',
      node: 'w',
      message: expect.stringContaining(`tensors of F32 but received "${dtype}"`),
    });
  });
  test('a tensor is no view of the file', async () => {
    const bytes = file(new Map([['w', stored('F32', [1], Float32Array.of(3))]]));
    const { w } = await readTensors(bytes);
    bytes.fill(0);
    expect(w).toEqual(f32([1], 3));
  });
  test('by path, by URL, and from bytes of any alignment', async () => {
    const path = join(folder, 'one.safetensors');
    await writeTensors({ a: f32([], 7), b: f32([2], 1, 2) }, pathToFileURL(path));
    const { readFile } = await import('node:fs/promises');
    const odd = Buffer.concat([Buffer.from('x'), await readFile(path)]).subarray(1);
    for (const source of [path, pathToFileURL(path), odd])
      expect(await readTensors(source)).toEqual({ a: f32([], 7), b: f32([2], 1, 2) });
  });
  test('writes F32 without metadata, and of a view only its elements', async () => {
    const path = join(folder, 'view.safetensors');
    await writeTensors(
      { v: new Tensor('f32', Float32Array.of(0, 1, 2, 3).subarray(1, 3), [2]) },
      path,
    );
    const { readFile } = await import('node:fs/promises');
    const { metadata, tensors } = readSafetensors(await readFile(path));
    expect(metadata.size).toBe(0);
    expect(tensors.get('v')).toEqual({
      dtype: 'F32',
      shape: [2],
      data: Buffer.from(Float32Array.of(1, 2).buffer),
    });
  });
});

test('of an ONNX file: its float initializers', async () => {
  const bytes = encodeOnnx({
    nodes: [],
    inputs: {},
    outputs: {},
    initializers: {
      'layer.weight': { dims: [1, 2], floats: [1, 2], raw: true },
      'layer.bias': floats([2], [3, 4]),
      steps: int64s(5),
      d: { dims: [1], doubles: [1] },
    },
  });
  expect(await readTensors(bytes)).toEqual({
    'layer.weight': f32([1, 2], 1, 2),
    'layer.bias': f32([2], 3, 4),
  });
  expect(await readTensors(encodeOnnx({ nodes: [], inputs: {}, outputs: {} }))).toEqual({});
});

describe('wrong arguments', () => {
  test.each([
    [undefined],
    [7],
    [''],
    [new URL('https://example.com/x')],
    [[1]],
    [new Float32Array(2)],
  ])('%j is no source', async (source) => {
    await expect(readTensors(source as never)).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      op: 'tensors',
      message: expect.stringContaining('a path, a file: URL or bytes'),
    });
  });
  test('a missing file and a folder are ERR_IO', async () => {
    await expect(readTensors(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'ERR_IO' });
    await expect(readTensors(folder)).rejects.toMatchObject({ code: 'ERR_IO' });
  });
  test('a file that is neither safetensors nor ONNX is refused', async () => {
    const path = join(folder, 'text');
    await writeFile(path, 'a text that is no model');
    for (const source of [path, new Uint8Array(0)])
      await expect(readTensors(source)).rejects.toMatchObject({
        code: 'ERR_FORMAT',
        op: 'tensors',
        message: expect.stringContaining('neither'),
      });
  });
  test.each([
    [undefined, /tensors by name/],
    [{ w: undefined }, /"w": expected a Tensor of f32/],
    [{ w: new Tensor('i8', new Int8Array(1), [1]) }, /"w": expected a Tensor of f32/],
    [{ w: new Float32Array(1) }, /"w": expected a Tensor of f32/],
  ])('%j is not written', async (tensors, sentence) => {
    await expect(writeTensors(tensors as never, join(folder, 'none'))).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(sentence),
    });
    await expect(readTensors(join(folder, 'none'))).rejects.toMatchObject({ code: 'ERR_IO' });
  });
});

describe('permuted', () => {
  /** Element by element, from the definition: axis i of the result is axis perm[i]. */
  function oracle({ data, shape }: Tensor<'f32'>, perm: readonly number[]): number[] {
    const target = perm.map((axis) => shape[axis]!);
    return Array.from({ length: data.length }, (_, i) => {
      const index = new Array<number>(shape.length).fill(0);
      let rest = i;
      for (let axis = target.length - 1; axis >= 0; axis--) {
        index[perm[axis]!] = rest % target[axis]!;
        rest = Math.floor(rest / target[axis]!);
      }
      return data[index.reduce((at, place, axis) => at * shape[axis]! + place, 0)]!;
    });
  }
  test.each([
    [
      [2, 3],
      [1, 0],
    ],
    [
      [2, 3],
      [0, 1],
    ],
    [
      [2, 3, 4],
      [2, 0, 1],
    ],
    [
      [2, 3, 4],
      [1, 2, 0],
    ],
    [
      [3, 2, 4, 5],
      [0, 2, 3, 1],
    ],
    [
      [3, 2, 4, 5],
      [3, 2, 1, 0],
    ],
    [
      [1, 4, 1, 3],
      [3, 0, 1, 2],
    ],
    [[5], [0]],
    [[], []],
  ])('%j by %j', (shape, perm) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const x = f32(shape, ...Array.from({ length: count }, (_, i) => i));
    const y = permuted(x, perm);
    expect(y.shape).toEqual(perm.map((axis) => shape[axis]));
    expect([...y.data]).toEqual(oracle(x, perm));
  });
  test('of an empty tensor is empty', () =>
    expect(permuted(f32([2, 0, 3]), [2, 0, 1])).toEqual(f32([3, 2, 0])));
});

test('tensors in a map are refused, not written as an empty file', async () => {
  const path = join(folder, 'map.safetensors');
  const map = new Map([['a', f32([1], 1)]]);
  await expect(writeTensors(map as never, path)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
});
