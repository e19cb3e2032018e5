/**
 * One session by itself: names, options, results, batch sizes, profiles.
 */
import { describe, expect, test } from 'vitest';
import { supportedIsas } from '../../src/native/isa.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { GraphSession } from '../../src/runtime/session.js';
import type { SessionOptions } from '../../src/runtime/session-types.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { affine, data, expectedOf, network, picture } from './graphs.js';

describe('metadata', () => {
  test('names, dtypes and shapes are those of the graph as written', () => {
    const session = GraphSession.fromGraph(network());
    expect([session.inputNames, session.outputNames]).toEqual([['x'], ['scores', 'map']]);
    expect(session.inputMetadata).toEqual([{ name: 'x', dtype: 'f32', shape: ['N', 6, 6, 5] }]);
    expect(session.outputMetadata).toEqual([
      { name: 'scores', dtype: 'f32', shape: ['N', 10] },
      { name: 'map', dtype: 'f32', shape: ['N', 6, 6, 70] },
    ]);
  });

  test('info tells the instruction set, the threads, and memory after a run', async () => {
    const session = GraphSession.fromGraph(network(), { threads: 2, isa: 'scalar' });
    const none = { arenaBytes: 0, packedBytes: 0, residentBytes: 0, programs: 0, heldBytes: 0 };
    expect(session.info).toMatchObject({
      isa: 'scalar',
      threads: 2,
      ...none,
      programBytes: 2 ** 28,
    });
    await session.run(picture(1));
    expect(session.info.arenaBytes).toBeGreaterThan(6 * 6 * 70 * 4);
    expect(session.info.packedBytes).toBeGreaterThanOrEqual((70 * 9 * 70 + 33 * 9 * 70) / 8);
  });
});

describe('options', () => {
  test.each<[string, unknown, string]>([
    ['no threads', { threads: 0 }, 'ERR_ARGUMENT'],
    ['part of a thread', { threads: 1.5 }, 'ERR_ARGUMENT'],
    ['more threads than there may be', { threads: 65 }, 'ERR_ARGUMENT'],
    ['threads in words', { threads: 'x' }, 'ERR_ARGUMENT'],
    ['threads that are no number', { threads: Number.NaN }, 'ERR_ARGUMENT'],
    ['an unknown instruction set', { isa: 'foo' }, 'ERR_ISA'],
    [
      'an instruction set of another machine',
      { isa: supportedIsas().includes('neon') ? 'avx2' : 'neon' },
      'ERR_ISA',
    ],
  ])('refuses %s', (_, options, code) => {
    expect(() => GraphSession.fromGraph(affine(), options as SessionOptions)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test('BITPLANE_ISA forces an instruction set; a missing one is an error', () => {
    const before = process.env['BITPLANE_ISA'];
    try {
      process.env['BITPLANE_ISA'] = 'scalar';
      expect(GraphSession.fromGraph(affine()).info.isa).toBe('scalar');
      process.env['BITPLANE_ISA'] = supportedIsas().includes('neon') ? 'avx512' : 'neon';
      expect(() => GraphSession.fromGraph(affine())).toThrow(
        expect.objectContaining({ code: 'ERR_ISA', message: expect.stringContaining('scalar') }),
      );
      expect(GraphSession.fromGraph(affine(), { isa: 'scalar' }).info.isa).toBe('scalar');
    } finally {
      if (before === undefined) delete process.env['BITPLANE_ISA'];
      else process.env['BITPLANE_ISA'] = before;
    }
  });

  test('every instruction set and thread count gives the same bits', async () => {
    const graph = network();
    const want = expectedOf(graph, picture(3, 3));
    for (const isa of supportedIsas() as NonNullable<SessionOptions['isa']>[]) {
      for (const threads of [1, 2, 8]) {
        for (const optimize of [true, false]) {
          const session = GraphSession.fromGraph(graph, { isa, threads, optimize });
          expect(await session.run(picture(3, 3))).toEqual(want);
          await session.release();
        }
      }
    }
  });
});

describe('results', () => {
  test('are arrays of their own, which no later run and no other write changes', async () => {
    const session = GraphSession.fromGraph(affine());
    const first = await session.run({ x: Float32Array.of(1, 2, 3) });
    const second = await session.run({ x: Float32Array.of(-5, -6, -7) });
    expect(data(first.y)).toEqual([3, 5, 7]);
    second.y.data.fill(99);
    expect(data((await session.run({ x: Float32Array.of(1, 2, 3) })).y)).toEqual([3, 5, 7]);
    expect([data(first.bits), data(second.bits)]).toEqual([[0], [7]]);
  });

  test('may be inputs, constants, states, one value twice, and views', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2, 3]);
    const bits = g.input('bits', 'b1', ['N', 5]);
    const c = g.constant(tensorOf('i32', [4, 5], [2]));
    const signs = g.constant(tensorOf('b1', [1, -1, -1, 1, -1, 1, 1, 1, -1], [3, 3]));
    const s = g.state(tensorOf('f32', [10, 20, 30], [3]));
    const y = g.relu(x);
    const outputs = {
      x,
      alsoX: x,
      flatX: g.reshape(x, ['N', 6]),
      bits,
      c,
      signs,
      s,
      plus: g.add(x, s),
      y,
      alsoY: y,
      flatY: g.reshape(y, ['N', 6]),
    };
    const feeds = {
      x: tensorOf('f32', [1, -2, 3, -4, 5, -6], [1, 2, 3]),
      bits: tensorOf('b1', [-1, 1, -1, 1, -1], [1, 5]),
    };
    for (const optimize of [true, false]) {
      const r = await GraphSession.fromGraph(g.graph([x, bits], outputs), { optimize }).run(feeds);
      for (const name of ['x', 'alsoX', 'flatX'] as const)
        expect(data(r[name])).toEqual([1, -2, 3, -4, 5, -6]);
      for (const name of ['y', 'alsoY', 'flatY'] as const)
        expect(data(r[name])).toEqual([1, 0, 3, 0, 5, 0]);
      expect([r.flatX.shape, r.flatY.shape]).toEqual([
        [1, 6],
        [1, 6],
      ]);
      expect(data(r.plus)).toEqual([11, 18, 33, 6, 25, 24]);
      expect([data(r.bits), data(r.c), data(r.signs), data(r.s)]).toEqual([
        [21],
        [4, 5],
        [22, 1],
        [10, 20, 30],
      ]);
      expect(r.x.data).not.toBe(r.alsoX.data);
    }
  });

  test('of thresholds are exact up to 2^24, and larger integers are refused as feeds', async () => {
    const make = (limits: number[], flips: number[]) => {
      const g = new GraphBuilder();
      const x = g.input('x', 'i32', [limits.length]);
      const constant = (values: number[]) => g.constant(tensorOf('i32', values, [values.length]));
      return GraphSession.fromGraph(
        g.graph([x], { y: g.cast(g.threshold(x, constant(limits), constant(flips)), 'f32') }),
      );
    };
    const most = 2 ** 24 - 1;
    const { y } = await make([most, most, -most, -most, 0, 0], [0, 1, 0, 1, 0, 1]).run({
      x: Int32Array.of(most - 1, most - 1, -(2 ** 31), 2 ** 31 - 1, -1, 0),
    });
    expect(data(y)).toEqual([-1, 1, -1, -1, -1, -1]);
    await expect(make([2 ** 24 + 1], [0]).run({ x: Int32Array.of(2 ** 24) })).rejects.toMatchObject(
      { code: 'ERR_UNSUPPORTED' },
    );
  });

  test('of operands per image use the images of the view, not of its source', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 4, 4, 8]);
    const image = g.input('image', 'f32', [2, 1, 8]);
    const same = g.constant(
      tensorOf(
        'f32',
        Float32Array.from({ length: 64 }, (_, i) => (i % 9 === 0 ? 1 : 0)),
        [8, 1, 1, 8],
      ),
    );
    const y = g.add(g.relu(g.reshape(g.conv2d(x, same), [2, 8, 8])), image);
    for (const optimize of [true, false]) {
      const session = GraphSession.fromGraph(g.graph([x, image], { y }), { optimize });
      const result = await session.run({
        x: new Float32Array(128),
        image: Float32Array.from({ length: 16 }, (_, i) => i),
      });
      expect(data(result.y)).toEqual(
        Array.from({ length: 128 }, (_, i) => (i % 8) + (i < 64 ? 0 : 8)),
      );
    }
  });

  test('too large for the executor are refused', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    const session = GraphSession.fromGraph(
      g.graph([x], { y: g.reduce(g.expand(x, [3e9]), 'sum', [0]) }),
      { maxBytes: Infinity },
    );
    await expect(session.run({ x: new Float32Array(1) })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
  });
});

describe('batch sizes', () => {
  test('give right results, more of them than programs, in any order and at once', async () => {
    const graph = network();
    const session = GraphSession.fromGraph(graph, { threads: 2 });
    const sizes = [1, 2, 3, 4, 5, 6, 1, 6, 2, 5, 3, 4, 1, 1, 6];
    const want = new Map(sizes.map((size) => [size, expectedOf(graph, picture(size, size))]));
    for (const size of sizes)
      expect(await session.run(picture(size, size))).toEqual(want.get(size));
    const results = await Promise.all(
      [...sizes, ...sizes].map((size) => session.run(picture(size, size))),
    );
    results.forEach((result, i) => {
      expect(result).toEqual(want.get(sizes[i % sizes.length] as number));
    });
  });
});

describe('profile', () => {
  test('times every layer of the network, its operations included', async () => {
    const session = GraphSession.fromGraph(network(), { threads: 1 });
    const layers = await session.profile(5);
    expect(layers.every(({ us, kernel, name }) => us >= 0 && kernel !== '' && name !== '')).toBe(
      true,
    );
    expect(layers.reduce((sum, { macs }) => sum + macs.binary, 0)).toBe(
      36 * 70 * 9 * 70 + 4 * 33 * 9 * 70 + 330,
    );
    expect(layers.reduce((sum, { macs }) => sum + macs.float, 0)).toBe(36 * 70 * 9 * 5);
    expect(new Set(layers.map(({ name }) => name)).size).toBe(layers.length);
  });

  test('takes feeds of any batch, during other runs, and refuses no runs', async () => {
    const session = GraphSession.fromGraph(network(), { threads: 1 });
    const [layers] = await Promise.all([
      session.profile(20, picture(1, 7)),
      ...[1, 2, 3, 4, 5, 6, 8].map((n) => session.run(picture(n, n))),
    ]);
    expect(layers.length).toBeGreaterThan(3);
    expect(layers.every(({ kernel }) => kernel !== '')).toBe(true);
    for (const runs of [0, -1, 1.5, Number.NaN])
      await expect(session.profile(runs)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  });
});

test('a released session refuses everything, and can be released again', async () => {
  const session = GraphSession.fromGraph(affine());
  await session.run({ x: new Float32Array(3) });
  await Promise.all([session.release(), session.release()]);
  await session.release();
  await expect(session.run({ x: new Float32Array(3) })).rejects.toMatchObject({
    code: 'ERR_RELEASED',
  });
  await expect(session.profile()).rejects.toMatchObject({ code: 'ERR_RELEASED' });
  const disposed = GraphSession.fromGraph(affine());
  await disposed[Symbol.asyncDispose]();
  await expect(
    disposed.run({ x: new Tensor('f32', new Float32Array(3), [1, 3]) }),
  ).rejects.toMatchObject({ code: 'ERR_RELEASED' });
});
