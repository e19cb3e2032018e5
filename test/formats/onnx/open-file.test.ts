/**
 * ONNX files whose large tensors stay in them until they are packed: the same results as of the
 * bytes, when the file is closed, what becomes of one that changes, and that the event loop goes on
 * meanwhile. Not here: the same of safetensors (../open-model.test.ts).
 */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Session } from '../../../src/formats/session.js';
import { type Graph, topological } from '../../../src/graph/value.js';
import { sourceOf } from '../../../src/tensor/stored.js';
import type { Tensor } from '../../../src/tensor/tensor.js';
import { Numbers } from '../../passes/fixtures.js';
import { openAt } from '../descriptors.js';
import { encodeOnnx, type TensorSpec } from '../onnx-encoder.js';

const folder = mkdtempSync(join(tmpdir(), 'bitplane-open-onnx-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

const [C, SIZE] = [96, 4];
const [INT8, DEQUANTIZED] = [3, 64];

function tensor(tensor: Tensor): TensorSpec {
  const type = tensor.dtype === 'i8' ? { dataType: INT8 } : {};
  return { dims: tensor.shape, bytes: tensor.data, raw: true, dataType: 1, ...type };
}

/** Floats, signs, integers and a matrix that is turned around, each 32 KiB or more, and a bias. */
function model(seed: number): Uint8Array {
  const n = new Numbers(seed);
  const initializers = {
    floats: tensor(n.floats([C, C, 3, 3])),
    signs: tensor(n.fill([C, C, 3, 3], () => n.pick(-1, 1))),
    bias: tensor(n.floats([C])),
    matrix: tensor(n.floats([C * SIZE * SIZE, DEQUANTIZED])),
    q: {
      dims: [DEQUANTIZED, 600],
      bytes: Int8Array.from({ length: DEQUANTIZED * 600 }, () => n.int(-128, 127)),
      dataType: INT8,
      raw: true,
    },
    scale: tensor(n.fill([], () => 0.01)),
    zero: { dims: [], bytes: Int8Array.of(0), dataType: INT8, raw: true },
    flat: { dims: [2], int64s: [0, -1] },
  };
  const conv = { pads: [1, 1, 1, 1] };
  return encodeOnnx({
    inputs: { x: ['N', C, SIZE, SIZE] },
    outputs: { y: ['N', 600] },
    initializers,
    nodes: [
      { op: 'Conv', inputs: ['x', 'floats', 'bias'], outputs: ['a'], attributes: conv },
      { op: 'Sign', inputs: ['a'], outputs: ['s'] },
      { op: 'Conv', inputs: ['s', 'signs'], outputs: ['b'], attributes: conv },
      { op: 'Reshape', inputs: ['b', 'flat'], outputs: ['f'] },
      { op: 'MatMul', inputs: ['f', 'matrix'], outputs: ['m'] },
      { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['d'] },
      { op: 'MatMul', inputs: ['m', 'd'], outputs: ['y'] },
    ],
  });
}

/** A file that was written long ago. */
function fileOf(bytes: Uint8Array): string {
  const path = join(folder, `${files++}.onnx`);
  writeFileSync(path, bytes);
  const then = Date.now() / 1000 - 60;
  utimesSync(path, then, then);
  return path;
}

const feeds = (batch: number) => ({ x: new Numbers(batch).floats([batch, C, SIZE, SIZE]) });

async function outputOf(session: Session, batch: number): Promise<Float32Array> {
  return ((await session.run(feeds(batch) as never)) as { y: Tensor<'f32'> }).y.data;
}

const stored = (graph: Graph) =>
  topological(graph).filter(({ data }) => data !== undefined && sourceOf(data) !== undefined);

describe('an ONNX file', () => {
  const bytes = model(1);

  test.each([
    ['optimized', {}],
    ['as it is', { optimize: false }],
    ['on the oracles', { isa: 'reference' as 'scalar' }],
  ])('%s gives the bits that its bytes give, for every batch', async (_, options) => {
    const each = { threads: 1, ...options };
    const whole = await Session.create(bytes, each);
    const session = await Session.create(fileOf(bytes), each);
    for (const batch of [1, 3]) {
      const [got, wanted] = [await outputOf(session, batch), await outputOf(whole, batch)];
      expect(got.some((y) => y !== 0)).toBe(true);
      expect(got).toEqual(wanted);
    }
    await session.release();
    await whole.release();
  });

  test('has its large floats and integers in it, in whatever order they are packed', async () => {
    const session = await Session.create(fileOf(bytes), { threads: 1 });
    expect(stored(session.graph).length).toBeGreaterThanOrEqual(3);
    const whole = await Session.create(bytes, { threads: 1 });
    const same = topological(whole.graph);
    for (const [i, { name, data }] of topological(session.graph).entries()) {
      expect(same[i]!.name).toBe(name);
      if (data === undefined) continue;
      expect(Buffer.from(data.data.buffer).equals(Buffer.from(same[i]!.data!.data.buffer))).toBe(
        true,
      );
    }
    await session.release();
    await whole.release();
  });

  test('written over is an error for what is not packed yet, not other weights', async () => {
    const path = fileOf(bytes);
    const session = await Session.create(path, { threads: 1, warm: false });
    writeFileSync(path, model(2));
    await expect(outputOf(session, 1)).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining('changed after it was opened'),
    });
    await session.release();
  });

  test.each([1000, 100_000, -1])('cut to %i bytes is malformed', async (size) => {
    await expect(Session.create(fileOf(bytes.slice(0, size)))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
    });
  });

  const isLinux = process.platform === 'linux';
  test.runIf(isLinux)('is open until the session is released', async () => {
    const path = fileOf(bytes);
    const session = await Session.create(path, { threads: 1 });
    expect(openAt(path)).toBe(1);
    await session.release();
    expect(openAt(path)).toBe(0);
  });

  test.runIf(isLinux)('of which all is in memory, or nothing is right, is closed', async () => {
    const n = new Numbers(3);
    const small = encodeOnnx({
      inputs: { x: ['N', 8] },
      outputs: { y: ['N', 8] },
      initializers: { unused: tensor(n.floats([2 ** 17])) },
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    });
    const path = fileOf(small);
    const session = await Session.create(path, { threads: 1 });
    expect(openAt(path)).toBe(0);
    await session.release();
    const cut = fileOf(bytes.slice(0, -1));
    await expect(Session.create(cut)).rejects.toThrow();
    expect(openAt(cut)).toBe(0);
    const other = fileOf(bytes);
    await expect(Session.create(other, { shapes: { z: [1] } })).rejects.toThrow();
    expect(openAt(other)).toBe(0);
  });
});

test.each([
  ['a file', (bytes: Uint8Array) => fileOf(bytes)],
  ['bytes', (bytes: Uint8Array) => bytes],
])('the event loop goes on while %s is read', async (_, source) => {
  const layers = 2000;
  const nodes = Array.from({ length: layers }, (_, i) => ({
    op: i % 2 === 0 ? 'Relu' : 'Neg',
    inputs: [i === 0 ? 'x' : `v${i - 1}`],
    outputs: [i === layers - 1 ? 'y' : `v${i}`],
  }));
  const n = new Numbers(5);
  const initializers = { unused: tensor(n.floats([2 ** 17])) };
  const bytes = encodeOnnx({
    inputs: { x: ['N', 8] },
    outputs: { y: ['N', 8] },
    nodes,
    initializers,
  });
  let turns = 0;
  let done = false;
  const turn = () => {
    turns++;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  const session = await Session.create(source(bytes), { threads: 1, optimize: false, warm: false });
  done = true;
  expect(turns).toBeGreaterThan(3);
  await session.release();
});
