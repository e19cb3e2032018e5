/**
 * The limits of a session: options, defaults, and a check of a run's memory before it is allocated.
 */
import { totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { loadModel } from '../../src/formats/model.js';
import { encodeModel } from '../../src/formats/safetensors/model.js';
import { Session } from '../../src/formats/session.js';
import { machineBytes } from '../../src/native/memory.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { limitsOf, packedBytes } from '../../src/runtime/limits.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { failure } from '../ops/nodes.js';

/** relu of n rows of 1024 floats beside one another. */
function wide() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 1024]);
  return g.graph([x], { y: g.concat([g.exp(x), g.tanh(x)], 1, { name: 'joined' }) });
}

const rows = (count: number) => new Float32Array(count * 1024);

describe('options', () => {
  test.each(['maxNodes', 'maxBytes'])(
    '%s takes whole numbers of 1 or more, or Infinity',
    async (name) => {
      for (const value of [0, -1, 1.5, Number.NaN, '8', null, {}]) {
        const options = { [name]: value };
        expect(failure(() => Session.fromGraph(wide(), options))).toMatch(
          new RegExp(`^ERR_ARGUMENT Session: expected ${name} to be`),
        );
        await expect(loadModel(encodeModel(wide()), options)).rejects.toMatchObject({
          code: 'ERR_ARGUMENT',
        });
      }
      for (const value of [2 ** 40, Infinity, undefined])
        await Session.fromGraph(wide(), { [name]: value }).release();
    },
  );

  test('by default a quarter of the memory that this process may use', () => {
    expect(machineBytes()).toBeGreaterThan(2 ** 20);
    expect(machineBytes()).toBeLessThanOrEqual(totalmem());
    expect(limitsOf({}, 'x').maxBytes).toBe(Math.floor(machineBytes() / 4));
    expect(limitsOf({}, 'x')).toMatchObject({ maxNodes: 20_000 });
    expect(limitsOf({ maxBytes: 2 ** 40 }, 'x').madeBytes).toBe(2 ** 40);
  });
});

describe('maxNodes', () => {
  test('a file of more values is read, or one of as many is refused', async () => {
    const model = encodeModel(wide());
    await expect(loadModel(model, { maxNodes: 3 })).rejects.toMatchObject({
      code: 'ERR_LIMIT',
      message: expect.stringMatching(/maxNodes/),
    });
    await expect(loadModel(model, { maxNodes: 4 })).resolves.toBeDefined();
    await (await Session.create(model, { maxNodes: 4 })).release();
  });

  test('a limit of the caller is ignored for a graph built in code', async () => {
    expect(failure(() => Session.fromGraph(wide(), { maxNodes: 3 }))).toBe(
      'ERR_LIMIT Session: expected at most 3 values in the graph but received 4; ' +
        'the option maxNodes raises the limit',
    );
    await Session.fromGraph(wide(), { maxNodes: 4 }).release();
  });

  test('a graph built in code is held to the limit of files', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    let y = g.relu(x);
    for (let i = 0; i < 20_000; i++) y = g.relu(y);
    await Session.fromGraph(g.graph([x], { y })).release();
  });
});

describe('maxBytes', () => {
  test('refuses a batch that takes more, and runs the next that fits', async () => {
    const session = Session.fromGraph(wide(), { maxBytes: 2 ** 20 });
    await expect(session.run({ x: rows(64) })).rejects.toMatchObject({
      code: 'ERR_LIMIT',
      node: 'joined',
      message: expect.stringMatching(
        /^concat "joined": expected a run of at most 1\.0 MiB but .*; the option maxBytes raises/,
      ),
    });
    expect((await session.run({ x: rows(8) })).y.shape).toEqual([8, 2048]);
    await session.release();
  });

  test('counts weights, packed and repeated ones', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4096]);
    const w = g.constant(
      new Tensor(
        'f32',
        Float32Array.from({ length: 64 * 4096 }, (_, i) => i % 5),
        [64, 4096],
      ),
      { name: 'w' },
    );
    const graph = g.graph([x], { y: g.dense(x, w, { name: 'd' }) });
    const few = Session.fromGraph(graph, { maxBytes: 2 ** 20 });
    await expect(few.run({ x: rows(4) })).rejects.toMatchObject({ code: 'ERR_LIMIT', node: 'd' });
    const enough = Session.fromGraph(graph, { maxBytes: 2 ** 21 });
    expect((await enough.run({ x: rows(4) })).y.shape).toEqual([1, 64]);
    await Promise.all([few.release(), enough.release()]);
  });

  test('counts bits that become floats before they do', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 2 ** 18]);
    const bits = g.constant(new Tensor('b1', new Uint8Array(2 ** 15), [1, 2 ** 18]));
    const graph = g.graph([x], { y: g.add(x, g.cast(bits, 'f32', { name: 'floats' })) });
    expect(failure(() => Session.fromGraph(graph, { maxBytes: 2 ** 19 }))).toMatch(
      /^ERR_LIMIT cast "floats": .* maxBytes/,
    );
  });

  test('packed weights are counted in whole vectors and words', () => {
    expect(packedBytes({ dtype: 'f32', shape: [1, 10] })).toBe(16 * 10 * 4);
    expect(packedBytes({ dtype: 'b1', shape: [17, 3, 3, 1] })).toBe(32 * 9 * 8);
  });
});

test('what kernels need beside the values counts too: a strip of a far dilated window', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 1, 1, 2]);
  const w = g.constant(new Tensor('f32', new Float32Array(4 * 21 * 2).fill(1), [4, 7, 3, 2]));
  const options = { pads: [6 * 65536, 2000, 0, 0], dilations: [65536, 1000] } as const;
  const graph = g.graph([x], { y: g.conv2d(x, w, options) });
  const session = Session.fromGraph(graph, { threads: 1, maxBytes: 5e8 });
  expect(() => session.kernels()).toThrow(
    expect.objectContaining({
      code: 'ERR_LIMIT',
      message: expect.stringContaining('kernels need'),
    }),
  );
});
