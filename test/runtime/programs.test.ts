/**
 * Programs of a session: which it keeps, in how much memory, and which it compiles ahead.
 */
import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Graph } from '../../src/graph/value.js';
import { Session } from '../../src/index.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { type Program, SessionConstants } from '../../src/runtime/compile.js';
import { Pace } from '../../src/runtime/pace.js';
import { GraphSession } from '../../src/runtime/session.js';
import { failureOf } from './failure.js';
import { affine, data, expectedOf, LONG_FEED, long, network, picture } from './graphs.js';

afterEach(() => vi.restoreAllMocks());

/** Counts the programs that are compiled while `use` runs. */
async function compiled(use: () => Promise<unknown>): Promise<number> {
  const spy = vi.spyOn(SessionConstants.prototype, 'compiling');
  try {
    await use();
    return spy.mock.calls.length;
  } finally {
    spy.mockRestore();
  }
}

/** y = x * 2 + 1 over a map of 1 MB an image. */
function large() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 512, 512]);
  return g.graph([x], { y: g.reduce(g.tanh(x), 'sum', [1, 2]) });
}
const MB = 2 ** 20;
const largeFeed = (batch: number) => ({ x: new Float32Array(batch * 512 * 512).fill(batch) });

describe('programs are kept', () => {
  test('for as many batch sizes as fit: a second turn compiles nothing', async () => {
    const session = GraphSession.fromGraph(network(), { threads: 2 });
    const rounds = async () => {
      for (let round = 0; round < 3; round++)
        for (let n = 1; n <= 12; n++) await session.run(picture(n, n));
    };
    expect(await compiled(rounds)).toBe(12);
    expect(session.info.programs).toBe(12);
    await session.release();
  });

  test('within the limit over 50 batch sizes; forgotten sizes give the same results', async () => {
    const session = GraphSession.fromGraph(large(), { programBytes: 24 * MB });
    const before = process.memoryUsage().external;
    for (let n = 1; n <= 50; n++) {
      const batch = 1 + ((n * 7) % 10);
      const want = data((await session.run(largeFeed(batch))).y);
      expect(want).toHaveLength(batch);
      expect(session.info.heldBytes).toBeLessThanOrEqual(24 * MB);
      expect(session.info.heldBytes).toBeGreaterThanOrEqual(session.info.arenaBytes);
      expect(data((await session.run(largeFeed(batch))).y)).toEqual(want);
    }
    expect(session.info.programs).toBeGreaterThan(1);
    await session.release();
    expect(session.info).toMatchObject({ programs: 0, heldBytes: 0 });
    // Memory that the collector knows of: feeds and results may still be there, but no arenas.
    expect(process.memoryUsage().external - before).toBeLessThan(600 * MB);
  });

  test('the least recently used is forgotten first', async () => {
    const graph = large();
    const bytes = async (batch: number) => {
      const alone = GraphSession.fromGraph(graph);
      await alone.run(largeFeed(batch));
      const { heldBytes } = alone.info;
      await alone.release();
      return heldBytes;
    };
    const session = GraphSession.fromGraph(graph, {
      programBytes: (await bytes(1)) + (await bytes(2)) + (await bytes(3)),
    });
    for (const n of [1, 2, 3, 1]) await session.run(largeFeed(n)); // 2 is the one used longest ago
    expect(await compiled(() => session.run(largeFeed(4)))).toBe(1);
    expect(await compiled(() => session.run(largeFeed(1)))).toBe(0);
    expect(await compiled(() => session.run(largeFeed(4)))).toBe(0);
    expect(await compiled(() => session.run(largeFeed(2)))).toBe(1);
    await session.release();
  });

  test('one that alone is above the limit runs, and is kept until another is used', async () => {
    const session = GraphSession.fromGraph(large(), { programBytes: 0 });
    expect(
      await compiled(async () => [
        await session.run(largeFeed(1)),
        await session.run(largeFeed(1)),
      ]),
    ).toBe(1);
    expect(session.info.programs).toBe(1);
    await session.run(largeFeed(2));
    expect(session.info.programs).toBe(1);
    await session.release();
  });

  test('while runs of them are in flight or wait, whatever the limit', async () => {
    const session = GraphSession.fromGraph(network(), { programBytes: 0, threads: 1 });
    const sizes = Array.from({ length: 40 }, (_, i) => 1 + (i % 8));
    const want = sizes.map((size) => expectedOf(network(), picture(size, size)));
    const runs = sizes.map((size) => session.run(picture(size, size)));
    expect(session.info.programs).toBe(8);
    expect(await Promise.all(runs)).toEqual(want);
    expect(session.info.programs).toBe(1);
    await session.release();
  });

  test('with the memory of one run, if they are idle and above the limit', async () => {
    const session = GraphSession.fromGraph(large(), { programBytes: 4 * MB });
    await Promise.all(Array.from({ length: 8 }, () => session.run(largeFeed(4))));
    await session.run(largeFeed(4));
    const { heldBytes, arenaBytes } = session.info;
    expect(heldBytes).toBeLessThan(1.5 * arenaBytes);
    await session.release();
  });
});

describe('a program of one thread', () => {
  test('is kept beside the shared one, gives the same bits, and is forgotten with it', async () => {
    const session = GraphSession.fromGraph(network(), { threads: 2, programBytes: MB });
    const want = expectedOf(network(), picture(2));
    const alone = vi.spyOn(Pace.prototype, 'alone', 'get').mockReturnValue(false);
    const threads = vi.spyOn(Pace.prototype, 'threads', 'get').mockReturnValue(2);
    expect(await session.run(picture(2))).toEqual(want);
    const { heldBytes } = session.info;
    alone.mockReturnValue(true);
    threads.mockReturnValue(1);
    const { compiling } = SessionConstants.prototype;
    const programs: Program[] = [];
    const compile = vi.spyOn(SessionConstants.prototype, 'compiling').mockImplementation(function* (
      this: SessionConstants,
      ...given
    ) {
      const program = yield* compiling.apply(this, given);
      programs.push(program);
      return program;
    });
    expect(await session.run(picture(2))).toEqual(want);
    expect(compile.mock.calls.map(([, , target]) => target.threads)).toEqual([1]);
    const start = vi.spyOn((programs[0] as Program).native, 'start');
    expect(await session.run(picture(2))).toEqual(want);
    expect(compile).toHaveBeenCalledTimes(1);
    expect(start).toHaveBeenCalledTimes(1);
    expect(session.info.programs).toBe(2);
    expect(session.info.heldBytes).toBeGreaterThan(1.5 * heldBytes);
    vi.restoreAllMocks();
    await session.run(picture(1, 400)); // above the limit by itself
    expect(session.info.programs).toBe(1);
    await session.release();
  });

  test('does not exist beside a session of one thread', async () => {
    const session = GraphSession.fromGraph(network(), { threads: 1 });
    for (let i = 0; i < 40; i++) await session.run(picture(1));
    expect(session.info.programs).toBe(1);
    await session.release();
  });
});

describe('the memory of a run', () => {
  test('counts once for each run that was in flight at once', async () => {
    const session = GraphSession.fromGraph(large());
    await session.run(largeFeed(4));
    const one = session.info.heldBytes;
    await Promise.all([session.run(largeFeed(4)), session.run(largeFeed(4))]);
    expect(session.info.heldBytes).toBeGreaterThan(1.9 * one - 64 * 1024);
    expect(session.info.heldBytes).toBeLessThan(2.1 * one);
    await session.release();
  });

  test('is not taken by a run that is aborted while it waits', async () => {
    const graph = long(6);
    const session = GraphSession.fromGraph(graph, { isa: 'scalar', threads: 1, optimize: false });
    await session.run(LONG_FEED);
    const controller = new AbortController();
    const first = session.run(LONG_FEED);
    const second = session.run(LONG_FEED);
    const held = session.info.heldBytes;
    const stopped = Array.from({ length: 30 }, () =>
      failureOf(session.run(LONG_FEED, { signal: controller.signal })),
    );
    controller.abort();
    for (const error of await Promise.all(stopped))
      expect(error).toMatchObject({ code: 'ERR_ABORTED' });
    const began = performance.now();
    const last = session.run(LONG_FEED);
    await Promise.all([first, second, last]);
    const spent = performance.now() - began;
    const alone = performance.now();
    await Promise.all([session.run(LONG_FEED), session.run(LONG_FEED), session.run(LONG_FEED)]);
    // Thirty more runs would have taken ten times as long.
    expect(spent).toBeLessThan(4 * (performance.now() - alone));
    // Two runs held memory, and as many may hold it at once as there are cores.
    const most = Math.max(4, availableParallelism()) * (held / 2);
    expect(session.info.heldBytes).toBeLessThanOrEqual(most);
    await session.release();
  });
});

describe('warm', () => {
  test('compiles ahead, so the first runs of these sizes compile nothing', async () => {
    const session = GraphSession.fromGraph(network());
    expect(await compiled(() => session.warm([1, 8, 32]))).toBe(3);
    expect(session.info.programs).toBe(3);
    expect(
      await compiled(async () => [
        await session.run(picture(1, 8)),
        await session.run(picture(1)),
        await session.run(picture(2, 32)),
      ]),
    ).toBe(0);
    expect(await compiled(() => session.warm([8]))).toBe(0);
    await session.release();
  });

  test('leaves the event loop a turn between two programs', async () => {
    const session = GraphSession.fromGraph(network());
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const immediate = () => {
      turns++;
      if (turns < 1e6) setImmediate(immediate);
    };
    setImmediate(immediate);
    await session.warm([1, 2, 3, 4]);
    expect(turns).toBeGreaterThanOrEqual(3);
    clearInterval(count);
    turns = 1e6;
    await session.release();
  });

  test('takes sizes for every symbol of a model, be they several or none', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 'H', 3]);
    const several = GraphSession.fromGraph(g.graph([x], { y: g.relu(x) }));
    await several.warm([
      { N: 2, H: 5 },
      { H: 4, N: 1 },
    ]);
    const { Tensor } = await import('../../src/index.js');
    expect(
      await compiled(() => several.run({ x: new Tensor('f32', new Float32Array(30), [2, 5, 3]) })),
    ).toBe(0);
    expect(await failureOf(several.warm([2]))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/sizes of N, H/),
    });
    expect(await failureOf(several.warm([{ N: 2 }]))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/H to be/),
    });
    expect(await failureOf(several.warm([{ N: 2, H: 1, h: 2 }]))).toMatchObject({
      message: expect.stringMatching(/did you mean "H"/),
    });
    await several.release();

    const fixed = GraphSession.fromGraph(long(1));
    await fixed.warm([1]);
    expect(await compiled(() => fixed.run(LONG_FEED))).toBe(0);
    expect(await failureOf(fixed.warm([2]))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/"x".*but received 2/),
    });
    await fixed.release();
  });

  test.each<[string, unknown]>([
    ['no list', 1],
    ['nothing', undefined],
    ['no size', [0]],
    ['a fraction', [1.5]],
    ['text', ['1']],
    ['null', [null]],
  ])('%s: refused', async (_, sizes) => {
    const session = GraphSession.fromGraph(affine());
    expect(await failureOf(session.warm(sizes as number[]))).toMatchObject({
      code: 'ERR_ARGUMENT',
    });
    await session.release();
  });

  test('refuses sizes that do not fit into programBytes together', async () => {
    const session = GraphSession.fromGraph(large(), { programBytes: 10 * MB });
    expect(await failureOf(session.warm([4, 5, 6]))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/programBytes/),
    });
    await session.warm([4]);
    await session.release();
    expect(await failureOf(session.warm([1]))).toMatchObject({ code: 'ERR_RELEASED' });
  });

  test('as an option of a session compiles the same sizes, by default one of a file', async () => {
    const made: [Graph, object, number, number][] = [
      [affine(), {}, 0, 1],
      [affine(), { programBytes: 0 }, 0, 1],
      [affine(), { warm: false }, 0, 0],
      [affine(), { warm: [] }, 0, 0],
      [affine(), { warm: [1, 2] }, 2, 2],
    ];
    for (const [graph, options, count, ofFile] of made) {
      for (const session of [
        GraphSession.fromGraph(graph, options),
        Session.fromGraph(graph, options),
      ]) {
        expect(session.info.programs).toBe(count);
        await session.release();
      }
      const path = new URL('../golden/numeric-names.onnx', import.meta.url);
      const session = await Session.create(path, options);
      expect(session.info.programs).toBe(ofFile);
      await session.release();
    }
    for (const warm of [true, 1, [0], {}]) {
      expect(() => Session.fromGraph(affine(), { warm } as never)).toThrow(/warm/);
      expect(
        await failureOf(
          Session.create(new URL('../golden/numeric-names.onnx', import.meta.url), {
            warm,
          } as never),
        ),
      ).toMatchObject({
        code: 'ERR_ARGUMENT',
      });
    }
  });

  test('goes on although the session is no longer wanted', async () => {
    const abort = new AbortController();
    const { compiling } = SessionConstants.prototype;
    const spy = vi.spyOn(SessionConstants.prototype, 'compiling').mockImplementation(function (
      this: SessionConstants,
      ...given
    ) {
      if (spy.mock.calls.length === 3) abort.abort('closed');
      return compiling.apply(this, given);
    });
    const release = vi.spyOn(GraphSession.prototype, 'release');
    const path = new URL('../golden/numeric-names.onnx', import.meta.url);
    const warm = Array.from({ length: 20 }, (_, i) => i + 1);
    const failed = await failureOf(Session.create(path, { warm, signal: abort.signal }));
    expect(failed).toMatchObject({ code: 'ERR_ABORTED', cause: 'closed' });
    expect(spy).toHaveBeenCalledTimes(3);
    expect(release).toHaveBeenCalledTimes(1);
  });
});

describe('a session over a graph built in code', () => {
  test.each([GraphSession, Session])('is made although its signal was aborted: %o', (Kind) => {
    const compile = vi.spyOn(SessionConstants.prototype, 'compiling');
    const options = { signal: AbortSignal.abort('closed'), warm: [1] };
    const fails = () => Kind.fromGraph(affine(), options);
    expect(fails).toThrow(
      expect.objectContaining({
        code: 'ERR_ABORTED',
        cause: 'closed',
        message: 'Session: loading was aborted',
      }),
    );
    expect(compile).not.toHaveBeenCalled();
  });

  test('takes what is no signal for one', () => {
    expect(() => Session.fromGraph(affine(), { signal: {} } as never)).toThrow(
      'Session: expected signal to be an AbortSignal but received an object',
    );
  });
});

test.each([-1, 1.5, Number.NaN, '1', null])('programBytes of %j is refused', (programBytes) => {
  expect(() => GraphSession.fromGraph(affine(), { programBytes } as never)).toThrow(/programBytes/);
});

test('release with one run in flight waits for its result', async () => {
  const session = GraphSession.fromGraph(long(4), { isa: 'scalar', threads: 1, optimize: false });
  const run = session.run(LONG_FEED);
  await session.release();
  // It has ended by now: its result comes in this very turn.
  const first = await Promise.race([
    run,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ]);
  expect(data((first as Awaited<typeof run>).y)).toHaveLength(56 * 56 * 32);
  expect(session.info).toMatchObject({ programs: 0, packedBytes: 0, heldBytes: 0 });
});
