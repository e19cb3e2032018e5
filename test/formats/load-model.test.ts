/**
 * Opening models: which data is copied, which files the import option affects, and the boundaries
 * between tensors that stay in their file and those in memory. Not here: files that change under a
 * session (./open-model.test.ts), formats.
 */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { LastingFile } from '../../src/formats/lasting-file.js';
import { loadModel, openModel } from '../../src/formats/model.js';
import { decodeModel, encodeModel, tensorOver } from '../../src/formats/safetensors/model.js';
import { openModelFile } from '../../src/formats/safetensors/model-file.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { Session } from '../../src/formats/session.js';
import { type Graph, topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { sourceOf } from '../../src/tensor/stored.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { encodeOnnx, floats } from './onnx-encoder.js';

const folder = mkdtempSync(join(tmpdir(), 'bitplane-load-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** A file that was written long ago. */
function fileOf(bytes: Uint8Array): string {
  const path = join(folder, `${files++}`);
  writeFileSync(path, bytes);
  const then = Date.now() / 1000 - 60;
  utimesSync(path, then, then);
  return path;
}

/** y = x + c, and c alone. */
function sum(c: Tensor<'f32'>): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', c.size]);
  return g.graph([x], { y: g.add(x, g.constant(c, { name: 'c' })) });
}
const numbers = (count: number) =>
  new Tensor(
    'f32',
    Float32Array.from({ length: count }, (_, i) => i),
    [count],
  );
const c = (graph: Graph) => topological(graph).find(({ name }) => name === 'c')!.data!;
const relu = encodeOnnx({
  nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
  inputs: { x: ['N', 4] },
  outputs: { y: undefined },
});

describe('whose bytes', () => {
  test('the bytes of a caller are copied, in whatever form it gives them', async () => {
    for (const wrap of [
      (bytes: Uint8Array) => bytes,
      (bytes: Uint8Array) => bytes.buffer as ArrayBuffer,
    ]) {
      const bytes = Uint8Array.from(encodeModel(sum(numbers(4))));
      const graph = await loadModel(wrap(bytes));
      bytes.fill(255);
      expect([...c(graph).data]).toEqual([0, 1, 2, 3]);
    }
  });
  test('bytes that loadModel read or inflated itself are not copied', async () => {
    const bytes = encodeModel(sum(numbers(4)));
    for (const source of [fileOf(bytes), fileOf(gzipSync(bytes)), gzipSync(bytes)])
      expect(c(await loadModel(source)).data.byteLength).toBeLessThan(
        c(await loadModel(source)).data.buffer.byteLength,
      );
    expect(c(decodeModel(bytes)).data.buffer.byteLength).toBe(16);
    expect(c(decodeModel(Uint8Array.from(bytes), { owned: true })).data.buffer.byteLength).toBe(
      bytes.length,
    );
  });
  test('a view where the elements are aligned, a copy where they are not', () => {
    const buffer = new Uint8Array(32).fill(1);
    expect(tensorOver(buffer.subarray(8, 16), 'f32', [2], true).data.buffer).toBe(buffer.buffer);
    expect(tensorOver(buffer.subarray(6, 14), 'f32', [2], true).data.buffer).not.toBe(
      buffer.buffer,
    );
    expect(tensorOver(buffer.subarray(7, 9), 'i8', [2], true).data.buffer).toBe(buffer.buffer);
    expect(tensorOver(buffer.subarray(8, 16), 'f32', [2], false).data.buffer).not.toBe(
      buffer.buffer,
    );
    expect(tensorOver(buffer.subarray(8, 16), 'f32', [2], true)).toEqual(
      tensorOver(buffer.subarray(6, 14), 'f32', [2], false),
    );
  });
});

describe('the first bytes tell the format', () => {
  test.each([
    ['1f', Buffer.of(0x1f)],
    ['1f and not 8b', Buffer.concat([Buffer.of(0x1f, 0x8c), gzipSync(relu).subarray(2)])],
    ['8b and not 1f', Buffer.concat([Buffer.of(0x1e, 0x8b), gzipSync(relu).subarray(2)])],
  ])('%s is no gzip', async (_, bytes) => {
    await expect(loadModel(bytes)).rejects.toMatchObject({ code: 'ERR_FORMAT', op: 'onnx' });
  });
  test('gzip that does not inflate is named as such, with its file', async () => {
    const path = fileOf(gzipSync(relu).subarray(0, 20));
    await expect(loadModel(path)).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      op: 'model',
      node: path,
      message: expect.stringContaining('malformed or inflates to more than 67108864 bytes'),
    });
  });
  test('small files may inflate to 64 MB, larger ones 256fold, whatever is in them', async () => {
    const zeros = gzipSync(Buffer.alloc(2 ** 26 - 2 ** 20));
    await expect(loadModel(zeros)).rejects.toMatchObject({
      message: expect.not.stringContaining('gzip'),
    });
    await expect(loadModel(gzipSync(Buffer.alloc(2 ** 26 + 1)))).rejects.toMatchObject({
      message: expect.stringContaining('67108864'),
    });
    // A quarter of a megabyte that does not shrink allows more than 64 MB.
    const noise = Buffer.from(
      Float64Array.from({ length: 37_500 }, (_, i) => Math.sin(i * i)).buffer,
    );
    const mixed = gzipSync(Buffer.concat([noise, Buffer.alloc(2 ** 26)]));
    expect(mixed.length * 256).toBeGreaterThan(2 ** 26 + noise.length);
    await expect(loadModel(mixed)).rejects.toMatchObject({
      message: expect.not.stringContaining('gzip'),
    });
  });
  test('errors name a path, or the address of a URL', async () => {
    const path = join(folder, 'nowhere');
    await expect(loadModel(path)).rejects.toMatchObject({
      code: 'ERR_IO',
      op: 'model',
      node: path,
      cause: expect.objectContaining({ code: 'ENOENT' }),
    });
    const url = new URL('https://example.com/m.onnx');
    await expect(loadModel(url)).rejects.toMatchObject({ code: 'ERR_IO', node: url.href });
    await expect(loadModel(fileOf(Buffer.from('a text')))).rejects.toMatchObject({
      op: 'onnx',
      node: expect.stringContaining(folder),
    });
    await expect(loadModel(undefined as never)).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      op: 'model',
      message: expect.stringContaining('a path, a URL or bytes'),
    });
  });
});

describe('giving up', () => {
  const why = new Error('no longer wanted');
  test("is an error whose cause is the signal's reason", async () => {
    const path = fileOf(encodeModel(sum(numbers(4))));
    const aborted = {
      code: 'ERR_ABORTED',
      op: 'model',
      message: expect.stringContaining('loading was aborted'),
    };
    for (const open of [loadModel, openModel]) {
      await expect(open(path, { signal: AbortSignal.abort(why) })).rejects.toMatchObject({
        ...aborted,
        node: path,
        cause: why,
      });
      await expect(open(relu, { signal: AbortSignal.abort(why) })).rejects.toMatchObject({
        ...aborted,
        cause: why,
      });
    }
  });
  test('ends between the pieces of a large file, which is then closed', async () => {
    const path = fileOf(encodeModel(sum(numbers(2 ** 18))));
    let asked = 0;
    // The border of every reader turns any other exception into a BitplaneError.
    const stop = new BitplaneError('ERR_ABORTED', 'no longer wanted');
    const proceed = () => {
      if (++asked === 3) throw stop;
    };
    await expect(openModelFile(path, proceed)).rejects.toBe(stop);
    expect(asked).toBe(3);
  });
});

describe('tensors stay in their file', () => {
  const open = async (bytes: Uint8Array) => (await openModelFile(fileOf(bytes), () => undefined))!;
  test.each([
    [2 ** 13 - 1, false],
    [2 ** 13, true],
    [2 ** 13 + 1, true],
  ])('of %i floats: %s', async (count, stays) => {
    const { graph, close } = await open(encodeModel(sum(numbers(count))));
    expect(sourceOf(c(graph)) !== undefined).toBe(stays);
    expect(c(graph).data).toEqual(numbers(count).data);
    await close();
  });
  test('errors of a broken file do not say which file', async () => {
    const bytes = encodeModel(sum(numbers(3)));
    const cut = fileOf(bytes.subarray(0, 60));
    const foreign = fileOf(writeSafetensors({ metadata: new Map(), tensors: new Map() }));
    for (const path of [cut, foreign])
      for (const opening of [openModelFile(path, () => undefined), loadModel(path)])
        await expect(opening).rejects.toMatchObject({
          code: 'ERR_FORMAT',
          message: expect.stringContaining(path),
        });
  });
  test('behind a header of any length, read in one part or two', async () => {
    const bytes = encodeModel(sum(numbers(3)));
    const { metadata, tensors } = readSafetensors(bytes);
    for (const length of [2 ** 16 - 2000, 2 ** 16, 2 ** 17]) {
      const long = writeSafetensors({
        metadata: new Map([...metadata, ['more', 'x'.repeat(length)]]),
        tensors,
      });
      const { graph, close } = await open(long);
      expect([...c(graph).data]).toEqual([0, 1, 2]);
      await close();
    }
  });
  test('across the pieces in which a file is read', async () => {
    // Small tensors of sizes that end everywhere around multiples of 256 KB.
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 1]);
    const sizes = Array.from({ length: 40 }, (_, i) => 8191 - ((i * 37) % 64));
    const parts = sizes.map((size, i) =>
      g.constant(
        new Tensor(
          'f32',
          Float32Array.from({ length: size }, (_, k) => i * 10_000 + k),
          [size],
        ),
        { name: `c${i}` },
      ),
    );
    const { graph, close } = await open(
      encodeModel(g.graph([x], Object.fromEntries(parts.map((part, i) => [`y${i}`, part])))),
    );
    for (const [i, size] of sizes.entries()) {
      const { data } = topological(graph).find(({ name }) => name === `c${i}`)!.data!;
      expect([data.length, data[0], data[size - 1], data[size >> 1]]).toEqual([
        size,
        i * 10_000,
        i * 10_000 + size - 1,
        i * 10_000 + (size >> 1),
      ]);
    }
    await close();
  });
  test('but a missing file, a folder or another format is not kept open', async () => {
    for (const path of [join(folder, 'nowhere'), folder, fileOf(relu), fileOf(new Uint8Array(0))])
      expect(await openModelFile(path, () => undefined)).toBeUndefined();
  });
  test('that changes while it is read is an error', async () => {
    for (const change of [
      (path: string) => writeFileSync(path, '!', { flag: 'a' }),
      (path: string) => writeFileSync(path, Uint8Array.of(5, 4, 3, 2, 1)),
    ]) {
      const path = fileOf(Uint8Array.of(1, 2, 3, 4, 5));
      const file = (await LastingFile.open(path))!;
      expect([...(await file.read(0, new Uint8Array(2)))]).toEqual([1, 2]);
      change(path);
      await expect(file.read(0, new Uint8Array(2))).rejects.toMatchObject({
        code: 'ERR_IO',
        message: expect.stringContaining('changed after it was opened'),
      });
      expect(() => file.readSync(0, new Uint8Array(2))).toThrow(/changed after it was opened/);
      await file.close();
    }
  });
  test('a part of a file is read, and one beyond its end is an error', async () => {
    const file = (await LastingFile.open(fileOf(Uint8Array.of(1, 2, 3, 4, 5))))!;
    expect(file.size).toBe(5);
    expect([...(await file.read(1, new Uint8Array(3)))]).toEqual([2, 3, 4]);
    const target = new Uint8Array(2);
    file.readSync(3, target);
    expect([...target]).toEqual([4, 5]);
    await expect(file.read(4, new Uint8Array(2))).rejects.toMatchObject({
      code: 'ERR_IO',
      op: 'model',
      message: expect.stringContaining('changed after it was opened'),
    });
    expect(() => file.readSync(4, target)).toThrow(
      expect.objectContaining({ code: 'ERR_IO', node: expect.stringContaining(folder) }),
    );
    await file.close();
    await file.close();
    await expect(file.read(0, target)).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/could not be read \((?!it was changed)/),
    });
    expect(() => file.readSync(0, target)).toThrow(
      expect.objectContaining({
        code: 'ERR_RELEASED',
        message: expect.stringContaining('was released'),
      }),
    );
  });
});

describe('the axis of MultiThreshold', () => {
  const file = encodeOnnx({
    nodes: [
      {
        op: 'MultiThreshold',
        domain: 'qonnx.custom_op.general',
        inputs: ['x', 't'],
        outputs: ['y'],
      },
    ],
    inputs: { x: ['N', 2, 2] },
    outputs: { y: undefined },
    initializers: { t: floats([2, 1], [0, 10]) },
  });
  const x = new Tensor('f32', Float32Array.of(5, 5, 5, 5), [1, 2, 2]);
  test.each([
    [undefined, [1, 1, 0, 0]],
    ['layout', [1, 1, 0, 0]],
    ['last', [1, 0, 1, 0]],
  ] as const)('%s', async (multiThresholdAxis, wanted) => {
    const created = await Session.create(file, { multiThresholdAxis, threads: 1 });
    const loaded = Session.fromGraph(await loadModel(fileOf(file), { multiThresholdAxis }));
    for (const session of [created, loaded]) {
      const { y } = (await session.run({ x })) as Record<string, Tensor>;
      expect([...y!.data]).toEqual(wanted);
      await session.release();
    }
  });
  test.each([['first'], [1]])('refuses %j for any file', async (multiThresholdAxis) => {
    const refused = {
      code: 'ERR_ARGUMENT',
      message: expect.stringContaining('multiThresholdAxis to be layout or last'),
    };
    for (const source of [file, fileOf(encodeModel(sum(numbers(4))))]) {
      for (const open of [loadModel, Session.create]) {
        await expect(open(source as string, { multiThresholdAxis } as never)).rejects.toMatchObject(
          refused,
        );
      }
    }
  });
});
