/**
 * Models whose weights stay in their file until they are packed: the results of a session after the
 * file is replaced, deleted, cut or written over, how much of the file is in memory, and when it is
 * closed. Not here: the format (safetensors.test.ts).
 */
import {
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import { readSafetensors, writeSafetensors } from '../../src/formats/safetensors/safetensors.js';
import { Session } from '../../src/formats/session.js';
import { type Graph, topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { sourceOf } from '../../src/tensor/stored.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { Numbers } from '../passes/fixtures.js';
import { openAt } from './descriptors.js';

const folder = mkdtempSync(join(tmpdir(), 'bitplane-open-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const WIDTH = 256;

/**
 * Large weights of every kind: bits and floats to pack, bits whose last byte is not full, an
 * operand read as it is, and a result.
 */
function graphOf(seed: number): Graph {
  const n = new Numbers(seed);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, WIDTH]);
  const weights = g.constant(n.bits([WIDTH, 3, 3, WIDTH]), { name: 'weights' });
  const dots = g.cast(g.conv2d(g.sign(x), weights, { pads: [1, 1, 1, 1] }), 'f32');
  const bias = g.constant(n.floats([6, 6, WIDTH]), { name: 'bias' });
  const y = g.reshape(g.add(dots, bias), ['N', 36 * WIDTH]);
  const w = g.constant(n.floats([7, 36 * WIDTH]), { name: 'w' });
  const odd = g.constant(n.bits([39, 36 * WIDTH + 3]), { name: 'odd' });
  return optimize(g.graph([x], { scores: g.dense(y, w), odd, signs: g.cast(g.sign(y), 'f32') }));
}

/** A file that was written long ago. */
function fileOf(graph: Graph, bytes = encodeModel(graph)): string {
  const path = join(folder, `${files++}.safetensors`);
  writeFileSync(path, bytes);
  const then = Date.now() / 1000 - 60;
  utimesSync(path, then, then);
  return path;
}

const feeds = (batch: number) => ({ x: new Numbers(batch).floats([batch, 6, 6, WIDTH]) });
type Results = Record<string, Tensor>;

const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const sameBytes = (a: Tensor, b: Tensor) => bytesOf(a).equals(bytesOf(b));

async function expectRuns(
  session: Session,
  graph: Graph,
  batch: number,
  options: object = {},
): Promise<void> {
  const whole = Session.fromGraph(decodeModel(encodeModel(graph)), { threads: 1, ...options });
  const wanted = (await whole.run(feeds(batch) as never)) as Results;
  const got = (await session.run(feeds(batch) as never)) as Results;
  for (const name of Object.keys(wanted))
    expect(sameBytes(got[name]!, wanted[name]!), name).toBe(true);
  await whole.release();
}

const stored = (graph: Graph) =>
  topological(graph).filter(({ data }) => data !== undefined && sourceOf(data) !== undefined);
const changed = expect.objectContaining({
  code: 'ERR_IO',
  message: expect.stringContaining('changed after it was opened'),
});

describe('a model file', () => {
  const graph = graphOf(1);
  const other = graphOf(2);

  test.each([
    ['path', (path: string) => path],
    ['URL', pathToFileURL],
  ])('by its %s: large weights stay in it', async (_, as) => {
    const session = await Session.create(as(fileOf(graph)), { threads: 2 });
    expect(
      stored(session.graph)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['bias', 'odd', 'w', 'weights']);
    for (const batch of [1, 3, 1]) await expectRuns(session, graph, batch);
    for (const { name, data } of stored(session.graph)) {
      const original = topological(graph).find((value) => value.name === name)!.data!;
      expect(sameBytes(data!, original), name).toBe(true);
      expect(data!.shape).toEqual(original.shape);
    }
    await session.release();
  });

  test.each([
    ['without optimization', { optimize: false }],
    ['on the oracles, which keep weights as they came', { isa: 'reference' as 'scalar' }],
  ])('%s', async (_, options) => {
    const session = await Session.create(fileOf(graph), { threads: 1, ...options });
    await expectRuns(session, graph, 2, options);
    await session.release();
  });

  // An open file can be neither on Windows.
  test.skipIf(process.platform === 'win32').each([
    ['replaced', (path: string) => renameSync(fileOf(other), path)],
    ['deleted', (path: string) => rmSync(path)],
  ])('%s after it was opened is still itself', async (_, change) => {
    const path = fileOf(graph);
    const session = await Session.create(path, { threads: 1 });
    change(path);
    for (const batch of [1, 2]) await expectRuns(session, graph, batch);
    await session.release();
  });

  test.each([
    ['cut', (path: string) => truncateSync(path, 100_000)],
    ['emptied', (path: string) => writeFileSync(path, '')],
    ['written over', (path: string) => writeFileSync(path, encodeModel(other))],
    ['longer', (path: string) => writeFileSync(path, '!', { flag: 'a' })],
  ])('%s after it was opened is an error, not other weights', async (_, change) => {
    const path = fileOf(graph);
    const session = await Session.create(path, { threads: 1, warm: false });
    change(path);
    await expect(session.run(feeds(1) as never)).rejects.toEqual(changed);
    await expect(session.run(feeds(2) as never)).rejects.toEqual(changed);
    expect(() => stored(session.graph)[0]!.data!.data).toThrow(changed);
    await session.release();
  });

  test('written over after a run: that batch size still runs', async () => {
    const path = fileOf(graph);
    const session = await Session.create(path, { threads: 1 });
    await expectRuns(session, graph, 1);
    writeFileSync(path, encodeModel(other));
    await expectRuns(session, graph, 1);
    await expect(session.run(feeds(2) as never)).rejects.toEqual(changed);
    await expectRuns(session, graph, 1);
    await session.release();
  });

  test.each([
    ['this very moment', () => Date.now() / 1000],
    ['within the second, where stamps are whole seconds', () => Math.floor(Date.now() / 1000) - 1],
  ])('written to %s is read whole: its stamp would not tell another change', async (_, stamp) => {
    const path = fileOf(graph);
    const then = stamp();
    utimesSync(path, then, then);
    const session = await Session.create(path, { threads: 1 });
    writeFileSync(path, encodeModel(other));
    expect(stored(session.graph)).toEqual([]);
    await expectRuns(session, graph, 1);
    await session.release();
  });

  test('of many small tensors is wholly in memory, in whatever pieces it was read', async () => {
    const n = new Numbers(9);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 7001]);
    const terms = Array.from({ length: 60 }, (_, i) =>
      g.constant(n.floats([7001 - (i % 2)]), { name: `c${i}` }),
    );
    const results = Object.fromEntries(
      terms.map((term, i) => [`y${i}`, i % 2 === 0 ? g.add(x, term) : term]),
    );
    const many = g.graph([x], results);
    const session = await Session.create(fileOf(many), { threads: 1 });
    expect(stored(session.graph)).toEqual([]);
    const got = (await session.run({ x: new Float32Array(7001).fill(-0) } as never)) as Results;
    terms.forEach(({ data }, i) => {
      expect(sameBytes(got[`y${i}`]!, data!), `y${i}`).toBe(true);
    });
    await session.release();
  });

  test('malformed in a large tensor is an error when it is opened', async () => {
    const { metadata, tensors } = readSafetensors(encodeModel(graph));
    const bytes = writeSafetensors({ metadata, tensors });
    const { data } = readSafetensors(bytes).tensors.get('odd')!;
    data[data.length - 1]! |= 0x80; // beyond the last bit
    await expect(Session.create(fileOf(graph, bytes))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      node: 'odd',
    });
  });

  test.each([9, 1000, 100_000, -1])(
    'cut to %i bytes is an error when it is opened',
    async (size) => {
      const path = fileOf(graph, encodeModel(graph).slice(0, size));
      await expect(Session.create(path)).rejects.toMatchObject({ code: 'ERR_FORMAT' });
      expect(openAt(path)).toBe(0);
    },
  );

  test('is not opened once the signal has fired', async () => {
    const path = fileOf(graph);
    await expect(Session.create(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    expect(openAt(path)).toBe(0);
  });
});

describe.runIf(process.platform === 'linux')('its descriptor', () => {
  const graph = graphOf(3);

  test('is open until the session is released', async () => {
    const path = fileOf(graph);
    const session = await Session.create(path, { threads: 1 });
    expect(openAt(path)).toBe(1);
    await session.run(feeds(1) as never);
    await Promise.all([session.release(), session.release()]);
    expect(openAt(path)).toBe(0);
    expect(() => stored(session.graph)[0]!.data!.data).toThrow(
      expect.objectContaining({ code: 'ERR_RELEASED' }),
    );
  });

  test('is closed if the session cannot be made', async () => {
    const path = fileOf(graph);
    await expect(Session.create(path, { threads: 0 })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    });
    expect(openAt(path)).toBe(0);
  });

  test('is closed when the session is garbage-collected', async () => {
    const path = fileOf(graph);
    await (async () =>
      void (await (await Session.create(path, { threads: 1 })).run(feeds(1) as never)))();
    for (let i = 0; i < 100 && openAt(path) > 0; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(openAt(path)).toBe(0);
  });
});

test('no more than a small part of the weights is ever in JavaScript memory', async () => {
  const n = new Numbers(4);
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, 512]);
  const dots = g.cast(
    g.conv2d(g.sign(x), g.constant(n.bits([512, 3, 3, 512])), { pads: [1, 1, 1, 1] }),
    'f32',
  );
  const y = g.dense(g.reshape(dots, ['N', 36 * 512]), g.constant(n.floats([64, 36 * 512])));
  const path = fileOf(optimize(g.graph([x], { y })));
  const feed = { x: n.floats([1, 6, 6, 512]) } as never;
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const session = await Session.create(path, { threads: 1 });
  await session.run(feed);
  // No garbage collection was forced since, so arrays that were read and dropped would still count.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(statSync(path).size / 8);
  await session.release();
});
