/**
 * Feeds that run() takes and feeds that it refuses: names, dtypes, shapes, lengths, arrays of every
 * kind of memory.
 */
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf, valuesOf } from '../../src/tensor/values.js';
import { affine, data } from './graphs.js';

// Feeds as an untyped caller gives them.
type Loose = { run(feeds: unknown): Promise<Record<string, Tensor>> };
const loose = (session: unknown) => session as Loose;

function pair(): Loose {
  const g = new GraphBuilder();
  const a = g.input('a', 'f32', ['N', 2]);
  const b = g.input('b', 'i32', ['N', 'M']);
  return loose(
    GraphSession.fromGraph(g.graph([a, b], { a: g.neg(a), b: g.cast(b, 'f32') }), { threads: 1 }),
  );
}

const f32 = (shape: number[]) =>
  new Tensor('f32', new Float32Array(shape.reduce((p, d) => p * d, 1)), shape);
const i32 = (shape: number[]) =>
  new Tensor('i32', new Int32Array(shape.reduce((p, d) => p * d, 1)), shape);

function detached(): Float32Array {
  const array = new Float32Array(6);
  structuredClone(array, { transfer: [array.buffer] });
  return array;
}

function detachedTensor(): Tensor {
  const tensor = f32([2, 3]);
  structuredClone(tensor.data, { transfer: [tensor.data.buffer as ArrayBuffer] });
  return tensor;
}

describe('refuses with ERR_FEED', () => {
  const session = loose(GraphSession.fromGraph(affine(), { threads: 1 }));
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'run: expected an object of feeds by input name but received undefined'],
    ['null', null, 'run: expected an object of feeds by input name but received null'],
    [
      'an array in place of feeds',
      new Float32Array(3),
      'run: expected an object of feeds by input name',
    ],
    [
      'a Tensor in place of feeds',
      f32([1, 3]),
      'run: expected an object of feeds by input name but received a Tensor',
    ],
    ['no feed', {}, 'run "x": expected a feed of f32[N, 3] but received'],
    [
      'an unknown name',
      { x: f32([1, 3]), image: f32([1, 3]) },
      'expected feeds for "x" but received',
    ],
    ['another dtype', { x: i32([1, 3]) }, 'run "x": expected f32[N, 3] but received dtype i32'],
    [
      'another kind of array',
      { x: new Float64Array(3) },
      'run "x": expected a Tensor or Float32Array of f32[N, 3] but received a Float64Array',
    ],
    [
      'a list',
      { x: [1, 2, 3] },
      'run "x": expected a Tensor or Float32Array of f32[N, 3] but received [1, 2, 3]',
    ],
    ['another rank', { x: f32([3]) }, 'run "x": expected f32[N, 3] but received shape [3]'],
    ['another size', { x: f32([1, 4]) }, 'run "x": expected f32[N, 3] but received shape [1, 4]'],
    ['a batch of none', { x: f32([0, 3]) }, 'run "x": expected N to be 1 or more but received 0'],
    [
      'half a row',
      { x: new Float32Array(7) },
      'run "x": expected a multiple of 3 elements for f32[N, 3] but received 7',
    ],
    [
      'no elements',
      { x: new Float32Array(0) },
      'run "x": expected a multiple of 3 elements for f32[N, 3] but received 0',
    ],
    [
      'a detached array',
      { x: detached() },
      'run "x": expected a multiple of 3 elements for f32[N, 3] but received 0',
    ],
    ['a detached Tensor', { x: detachedTensor() }, 'run "x": expected f32[N, 3] but received'],
  ])('%s', async (_, feeds, message) => {
    const error = await session.run(feeds).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ERR_FEED' });
    expect((error as Error).message).toContain(message);
    expect(data((await session.run({ x: Float32Array.of(1, 2, 3) }))['y'] as Tensor)).toEqual([
      3, 5, 7,
    ]);
  });

  test.each<[string, unknown, string]>([
    [
      'two sizes of one symbol',
      { a: f32([2, 2]), b: i32([3, 1]) },
      'run "b": expected N = 2, as the feed of "a" has it, but received N = 3',
    ],
    [
      'an array whose symbols its length cannot tell',
      { a: new Float32Array(4), b: new Int32Array(6) },
      '',
    ],
    [
      'a length that another feed rules out',
      { a: f32([4, 2]), b: new Int32Array(6) },
      'run "b": expected a multiple of 4 elements for i32[N, M] but received 6',
    ],
  ])('%s', async (name, feeds, message) => {
    if (name.startsWith('an array whose')) {
      // b alone cannot be told, but a gives N, and then M follows.
      expect((await pair().run(feeds))['b']?.shape).toEqual([2, 3]);
      return;
    }
    await expect(pair().run(feeds)).rejects.toMatchObject({
      code: 'ERR_FEED',
      message: expect.stringContaining(message),
    });
  });

  test('bits as an array, whose length does not tell the number of bits', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'b1', ['N', 8]);
    const bits = loose(GraphSession.fromGraph(g.graph([x], { y: g.cast(x, 'f32') })));
    await expect(bits.run({ x: new Uint8Array(1) })).rejects.toMatchObject({
      code: 'ERR_FEED',
      message: expect.stringContaining('a Tensor of b1[N, 8]'),
    });
  });
});

describe('takes', () => {
  const session = loose(GraphSession.fromGraph(affine(), { threads: 1 }));
  const values = [0, 1, 2, 3, 4, 5];
  const want = values.map((v) => 2 * v + 1);
  const filled = (array: Float32Array) => {
    array.set(values);
    return array;
  };

  test.each<[string, unknown]>([
    ['a Tensor', new Tensor('f32', Float32Array.from(values), [2, 3])],
    ['a plain array, its batch by its length', Float32Array.from(values)],
    ['a view into a larger buffer', filled(new Float32Array(new ArrayBuffer(64), 20, 6))],
    ['memory that threads share', filled(new Float32Array(new SharedArrayBuffer(24)))],
    [
      'memory that can grow',
      filled(
        new Float32Array(
          Reflect.construct(ArrayBuffer, [24, { maxByteLength: 48 }]) as ArrayBuffer,
        ),
      ),
    ],
  ])('%s', async (_, x) => {
    const { y } = await session.run({ x });
    expect([y?.shape, data(y as Tensor)]).toEqual([[2, 3], want]);
  });

  test('feeds that the caller changes while the run waits', async () => {
    const runs = Array.from({ length: 40 }, (_, i) => {
      const x = new Float32Array(3).fill(i);
      const run = session.run({ x });
      x.fill(-1000);
      return run;
    });
    const results = await Promise.all(runs);
    expect(results.map(({ y }) => data(y as Tensor)[0])).toEqual(runs.map((_, i) => 2 * i + 1));
  });

  test('a scalar, and maps without elements', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', []);
    const none = g.input('none', 'f32', [2, 0, 3]);
    const graph = g.graph([x, none], {
      y: g.add(x, 1),
      z: g.sign(g.relu(none)),
      p: g.pad(none, [0, 1, 0, 0, 0, 0], 4),
      s: g.reduce(none, 'sum', [1]),
    });
    const { y, z, p, s } = await loose(GraphSession.fromGraph(graph)).run({
      x: Float32Array.of(4),
      none: new Float32Array(0),
    });
    expect([y, z, p, s].map((t) => [t?.shape, data(t as Tensor)])).toEqual([
      [[], [5]],
      [[2, 0, 3], []],
      [
        [2, 1, 3],
        [4, 4, 4, 4, 4, 4],
      ],
      [
        [2, 3],
        [0, 0, 0, 0, 0, 0],
      ],
    ]);
  });
});

describe('bits', () => {
  test.each([1, 2, 7, 8, 63, 64, 65, 127, 128, 129])(
    'of %i channels go in and out as they are',
    async (channels) => {
      const g = new GraphBuilder();
      const x = g.input('x', 'b1', ['N', 3, channels]);
      const session = GraphSession.fromGraph(
        g.graph([x], { values: g.cast(x, 'f32'), again: g.sign(g.cast(x, 'f32')), same: x }),
      );
      const signs = Float32Array.from({ length: 2 * 3 * channels }, (_, i) =>
        (i * 7919) % 11 < 5 ? -1 : 1,
      );
      const tensor = tensorOf('b1', signs, [2, 3, channels]);
      const { values, again, same } = await session.run({ x: tensor });
      expect(values.data).toEqual(signs);
      expect(again.data).toEqual(tensor.data);
      expect(same.data).toEqual(tensor.data);
      expect(Array.from(valuesOf(again))).toEqual(Array.from(signs));
    },
  );

  test('of NaN, zeros and infinities are the same on every instruction set', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [6]);
    const graph = g.graph([x], { y: g.cast(g.sign(x), 'f32') });
    for (const isa of ['scalar', undefined] as const) {
      const session = GraphSession.fromGraph(graph, isa === undefined ? {} : { isa });
      const { y } = await session.run({
        x: Float32Array.of(
          Number.NaN,
          -0,
          0,
          Number.NEGATIVE_INFINITY,
          Number.POSITIVE_INFINITY,
          -1e-45,
        ),
      });
      expect(data(y)).toEqual([1, 1, 1, -1, 1, -1]);
    }
  });
});
