/**
 * Runs of many callers in batches: each gets the bits of its own run, whatever the others do. The
 * network mixes the numbers of a row, so that rows that were mixed up show.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ops/builder.js';
import { BatchTimes, batchSizes, chooseSize, SizeTimes } from '../../src/runtime/batch-sizes.js';
import { Batcher } from '../../src/runtime/batcher.js';
import type { BatcherOptions } from '../../src/runtime/batcher-options.js';
import { GraphSession } from '../../src/runtime/session.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';

const WIDTH = 24;
const open: (GraphSession | Batcher)[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

/** x [N, 24] -> y [N, 5] of floats, and its signs b1 [N, 5]. */
function networkSession(): GraphSession {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', WIDTH]);
  const weights = Float32Array.from({ length: 5 * WIDTH }, (_, i) => Math.sin(i * i));
  const y = g.dense(x, g.constant(new Tensor('f32', weights, [5, WIDTH])));
  const session = GraphSession.fromGraph(g.graph([x], { y, signs: g.sign(y) }));
  open.unshift(session as GraphSession);
  return session as GraphSession;
}
function batcherOf(session: GraphSession, options?: BatcherOptions): Batcher {
  const batcher = new Batcher(session, options);
  open.unshift(batcher);
  return batcher;
}
const row = (seed: number, count = 1) =>
  Float32Array.from({ length: count * WIDTH }, (_, i) => Math.sin(seed * 1000 + i));
const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

describe('Batcher', () => {
  test('callers of the same turn share a run, and each gets its own rows', async () => {
    const session = networkSession();
    const batcher = batcherOf(session, { maxBatch: 8 });
    await batcher.ready;
    const feeds = Array.from({ length: 11 }, (_, i) => ({ x: row(i) }));
    const results = await Promise.all(feeds.map((feed) => batcher.run(feed)));
    expect(batcher.info).toMatchObject({ rows: 11, waiting: 0, running: 0 });
    expect(batcher.info.runs).toBeLessThan(6);
    for (const [i, result] of results.entries()) {
      expect(result.y?.shape).toEqual([1, 5]);
      expect(result).toEqual(await session.run(feeds[i] as never));
    }
  });

  test('a lone call begins at once, and one that comes then begins beside it', async () => {
    const session = networkSession();
    const begun: number[] = [];
    const run = session.run.bind(session) as (feeds: never) => Promise<never>;
    session.run = ((feeds: { x: Tensor }) => {
      begun.push(feeds.x.shape[0] as number);
      return run(feeds as never);
    }) as never;
    const batcher = batcherOf(session);
    await batcher.ready;
    const first = batcher.run({ x: row(1) });
    expect(begun).toEqual([1]);
    const second = batcher.run({ x: row(2) });
    expect(begun).toEqual([1]);
    await new Promise(setImmediate);
    await Promise.all([first, second]);
    expect(begun).toEqual([1, 1]);
    await batcher.run({ x: row(3) });
    expect(batcher.info).toMatchObject({ runs: 3, rows: 3, padding: 0 });
  });

  test('rows keep their order and their callers when they move between blocks', async () => {
    const session = networkSession();
    const batcher = batcherOf(session, { maxBatch: 4 });
    await batcher.ready;
    // Blocks of four rows: 3, 2 + 2, 1 + 1 + 1, 4, 2; and of those that wait, two go.
    const counts = [1, 3, 2, 2, 1, 1, 1, 4, 2];
    const going = new AbortController();
    const results = counts.map((count, i) =>
      batcher.run(
        { x: new Tensor('f32', row(i, count), [count, WIDTH]) },
        i === 3 || i === 5 ? { signal: going.signal } : {},
      ),
    );
    going.abort();
    const outcomes = await Promise.allSettled(results);
    for (const [i, count] of counts.entries()) {
      const outcome = outcomes[i] as PromiseSettledResult<unknown>;
      expect(outcome.status, `call ${i}`).toBe(i === 3 || i === 5 ? 'rejected' : 'fulfilled');
      if (outcome.status === 'fulfilled')
        expect(outcome.value, `call ${i}`).toEqual(await session.run({ x: row(i, count) }));
    }
  });

  test('more rows than maxBatch run by themselves, and closing waits for them', async () => {
    const session = networkSession();
    const batcher = batcherOf(session, { maxBatch: 2 });
    const feeds = { x: new Tensor('f32', row(3, 200), [200, WIDTH]) };
    let ended = false;
    const result = batcher.run(feeds).finally(() => {
      ended = true;
    });
    await batcher.close();
    expect(ended).toBe(true);
    expect(await result).toEqual(await session.run(feeds as never));
    expect(batcher.info).toMatchObject({ runs: 1, rows: 200, padding: 0 });

    const controller = new AbortController();
    const aborted = batcherOf(session, { maxBatch: 2, signal: controller.signal }).run(feeds);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('a feed may change after the call', async () => {
    const session = networkSession();
    const batcher = batcherOf(session);
    const x = row(1);
    const result = batcher.run({ x });
    x.fill(0);
    expect(await result).toEqual(await session.run({ x: row(1) }));
  });

  test('bits, other symbols and several rows a caller', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'b1', ['N', 'L', 3]);
    const bias = g.input('bias', 'f32', ['N', 1, 3]);
    const y = g.add(g.cast(x, 'f32'), bias);
    const session = GraphSession.fromGraph(g.graph([x, bias], { y }));
    open.unshift(session as never);
    const batcher = batcherOf(session as never, { maxBatch: 4 });
    const feed = (seed: number, count: number, length: number) => {
      const values = Array.from({ length: count * length * 3 }, (_, i) => Math.sin(seed + i * i));
      return {
        x: tensorOf('b1', values, [count, length, 3]),
        bias: new Tensor('f32', Float32Array.from(values.slice(0, 3 * count)), [count, 1, 3]),
      };
    };
    const feeds = [feed(1, 1, 2), feed(2, 2, 5), feed(3, 1, 2), feed(4, 3, 5), feed(5, 6, 5)];
    const results = await Promise.all(feeds.map((each) => batcher.run(each as never)));
    for (const [i, each] of feeds.entries())
      expect(results[i], `feed ${i}`).toEqual(await session.run(each as never));
  });

  test('a wrong feed is told to its caller only', async () => {
    const batcher = batcherOf(networkSession());
    const good = batcher.run({ x: row(1) });
    const bad = [
      batcher.run({ x: new Float32Array(5) }),
      batcher.run({ z: row(1) }),
      batcher.run({ x: new Tensor('f32', row(1), [WIDTH, 1]) }),
    ];
    for (const each of bad) await expect(each).rejects.toMatchObject({ code: 'ERR_FEED' });
    expect((await good).y?.shape).toEqual([1, 5]);
    expect(batcher.info).toMatchObject({ runs: 1, rows: 1 });
  });

  test('a batch that fails runs again one by one', async () => {
    const session = networkSession();
    const run = session.run.bind(session) as (feeds: never) => Promise<never>;
    const poison = 7777;
    session.run = ((feeds: { x: Tensor }) =>
      feeds.x.data.includes(poison)
        ? Promise.reject(new Error('the machine is out of luck'))
        : run(feeds as never)) as never;
    const batcher = batcherOf(session);
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map((seed) => {
        const x = row(seed);
        if (seed === 2) x[0] = poison;
        return batcher.run({ x });
      }),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('an abort of one leaves the others, waiting or running', async () => {
    const session = networkSession();
    const batcher = batcherOf(session, { maxDelayMs: 20 });
    const first = new AbortController();
    const second = new AbortController();
    const gone = batcher.run({ x: row(1) }, { signal: first.signal });
    const late = batcher.run({ x: row(2) }, { signal: second.signal });
    const stays = batcher.run({ x: row(3) });
    first.abort(new Error('not any more'));
    await expect(gone).rejects.toMatchObject({
      code: 'ERR_ABORTED',
      cause: new Error('not any more'),
    });
    session.run = ((run) => (feeds: never, options: never) => {
      setTimeout(() => second.abort(), 0);
      return tick().then(() => run.call(session, feeds, options));
    })(session.run) as never;
    await expect(late).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect((await stays).y?.shape).toEqual([1, 5]);
    expect(batcher.info).toMatchObject({ runs: 1, rows: 2 });
  });

  test('a run that nobody waits for any more is aborted', async () => {
    const session = networkSession();
    let signal: AbortSignal | undefined;
    session.run = ((_: never, options: { signal: AbortSignal }) => {
      signal = options.signal;
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('stopped')));
      });
    }) as never;
    const batcher = batcherOf(session);
    const controller = new AbortController();
    const calls = [1, 2].map((i) => batcher.run({ x: row(i) }, { signal: controller.signal }));
    await tick();
    expect(signal?.aborted).toBe(false);
    controller.abort();
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(signal?.aborted).toBe(true);
  });

  test('waits for others so long as it was told to, and no longer for a whole batch', async () => {
    const batcher = batcherOf(networkSession(), { maxBatch: 3, maxDelayMs: 60_000 });
    const [a, b] = [batcher.run({ x: row(1) }), batcher.run({ x: row(2) })];
    await tick();
    expect(batcher.info).toMatchObject({ waiting: 2, runs: 0 });
    const c = batcher.run({ x: row(3) });
    await Promise.all([a, b, c]);
    expect(batcher.info).toMatchObject({ waiting: 0, rows: 3 });
    const lone = batcherOf(networkSession(), { maxDelayMs: 5 });
    await lone.run({ x: row(1) });
    expect(lone.info).toMatchObject({ runs: 1, rows: 1 });
  });

  test('close lets what waits run, then refuses; its signal aborts everything', async () => {
    const batcher = batcherOf(networkSession(), { maxDelayMs: 60_000 });
    const waits = batcher.run({ x: row(1) });
    await batcher.close();
    expect((await waits).y?.shape).toEqual([1, 5]);
    await expect(batcher.run({ x: row(1) })).rejects.toMatchObject({ code: 'ERR_RELEASED' });
    await batcher.close();

    const controller = new AbortController();
    const { signal } = controller;
    const other = batcherOf(networkSession(), { maxDelayMs: 60_000, signal });
    const [first, second] = [other.run({ x: row(1) }), other.run({ x: row(2) })];
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'ERR_ABORTED', op: 'Batcher' });
    await expect(second).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(other.run({ x: row(1) })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await other.close();
  });

  test('a released session is told to every caller', async () => {
    const session = networkSession();
    const batcher = batcherOf(session);
    await session.release();
    const calls = [1, 2].map((i) => batcher.run({ x: row(i) }));
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'ERR_RELEASED' });
  });

  test('random callers, sizes and aborts: an answer has the bits of a run of its own', async () => {
    const session = networkSession();
    const call = fc.record({
      seed: fc.nat(1000),
      rows: fc.constantFrom(1, 1, 1, 2, 3, 9),
      // Turns of the event loop before the call, and before it is aborted.
      after: fc.nat(3),
      abort: fc.option(fc.nat(3), { nil: undefined, freq: 4 }),
      bad: fc.constantFrom(false, false, false, true),
    });
    const options = fc.record({
      maxBatch: fc.integer({ min: 1, max: 9 }),
      maxDelayMs: fc.constantFrom(0, 0, 1),
    });
    const turns = async (count: number) => {
      for (let i = 0; i < count; i++) await new Promise(setImmediate);
    };
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 30 }), options, async (calls, chosen) => {
        const batcher = new Batcher(session, chosen);
        const outcomes = await Promise.all(
          calls.map(async ({ seed, rows, after, abort, bad }) => {
            await turns(after);
            const controller = new AbortController();
            if (abort !== undefined) void turns(abort).then(() => controller.abort());
            const x = bad ? row(seed).subarray(1) : row(seed, rows);
            return batcher.run({ x }, { signal: controller.signal }).then(
              (result) => ({ result }),
              (error) => ({ code: error.code as string }),
            );
          }),
        );
        await batcher.close();
        expect(batcher.info).toMatchObject({ waiting: 0, running: 0 });
        for (const [i, outcome] of outcomes.entries()) {
          const { seed, rows, abort, bad } = calls[i] as (typeof calls)[number];
          if ('result' in outcome) {
            expect(bad).toBe(false);
            expect(outcome.result).toEqual(await session.run({ x: row(seed, rows) }));
          } else if (bad) expect(['ERR_FEED', 'ERR_ABORTED']).toContain(outcome.code);
          else {
            expect(outcome.code).toBe('ERR_ABORTED');
            expect(abort).toBeDefined();
          }
        }
      }),
      { seed: 11, numRuns: 40 },
    );
  });

  test('models that cannot be batched are refused by name', () => {
    const build = (shape: (number | string)[], over: 'N' | 'none', extra = false) => {
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', shape as never);
      const y = over === 'N' ? g.relu(x) : g.reduce(x, 'mean', [0]);
      const other = extra ? [g.input('z', 'f32', [1, 4])] : [];
      const outputs = extra ? { y: g.add(y, other[0] as never) } : { y };
      return GraphSession.fromGraph(g.graph([x, ...other], outputs as never)) as GraphSession;
    };
    const refused = (session: GraphSession) => {
      open.unshift(session);
      return () => new Batcher(session);
    };
    expect(refused(build([1, 4], 'N'))).toThrow(
      /Batcher "x": expected a model whose batch is a symbol, such as .* but received \[1, 4\]/,
    );
    expect(refused(build(['N', 4], 'none'))).toThrow(/Batcher "y": expected the batch, N, as/);
    expect(refused(build(['N', 4], 'N', true))).toThrow(/Batcher "z": expected the batch, N, as/);
    const session = networkSession();
    expect(() => new Batcher(session, { maxBatch: 0 })).toThrow(/maxBatch from 1 to 1024/);
    expect(() => new Batcher(session, { maxDelayMs: Number.NaN })).toThrow(/maxDelayMs from 0/);
    expect(() => new Batcher(session, { maxDelay: 1 } as never)).toThrow(/"maxDelayMs"/);
    expect(() => new Batcher({} as never)).toThrow(/expected a session/);
    const signal = AbortSignal.abort();
    expect(() => new Batcher(session, { signal })).toThrow(/the batcher was aborted/);
  });
});

describe('the size of a batch', () => {
  const sizes = batchSizes(12);
  const size = (rows: number, compiled: number[], us: Record<number, number> = {}) =>
    chooseSize(
      sizes,
      rows,
      (each) => compiled.includes(each),
      (each) => us[each],
    );

  test('sizes are powers of two and the largest', () => {
    expect(sizes).toEqual([1, 2, 4, 8, 12]);
    expect(batchSizes(1)).toEqual([1]);
    expect(batchSizes(16)).toEqual([1, 2, 4, 8, 16]);
  });

  test('a larger one that has a program runs partly empty where that is cheaper a row', () => {
    const all = [1, 2, 4, 8, 12];
    expect(size(5, all, { 4: 100, 8: 110 })).toBe(8);
    expect(size(5, all, { 4: 100, 8: 140 })).toBe(4);
    expect(size(4, all, { 4: 100, 8: 1 })).toBe(4);
    expect([size(5, all), size(7, all)]).toEqual([4, 8]);
    expect(size(3, [12])).toBe(12);
    expect(size(9, [1, 4])).toBe(4);
    expect(size(3, [])).toBe(4);
    expect(size(30, all)).toBe(12);
    expect(size(30, [])).toBe(12);
  });

  test('two halves run side by side while they end sooner than a whole', () => {
    const times = new BatchTimes();
    expect(times.preferHalves(8, 4)).toBe(true); // to see
    times.landed(4, 700, false);
    expect(times.preferHalves(8, 4)).toBe(false); // to see the other
    times.landed(8, 800, true);
    expect(times.preferHalves(8, 4)).toBe(true);
    times.landed(8, 600, true);
    expect(times.preferHalves(8, 4)).toBe(false);
    expect([times.of(8), times.of(4), times.of(2)]).toEqual([600, 700, undefined]);
  });

  test('one slow run changes little', () => {
    const times = new SizeTimes();
    for (const us of [100, 90, 6490]) times.landed(4, us);
    expect(times.of(4)).toBe(190);
    expect(times.of(8)).toBe(undefined);
  });
});
