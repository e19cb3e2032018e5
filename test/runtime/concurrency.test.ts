/**
 * Concurrent runs of one session and of several, stopped by signals and by release().
 */
import { afterEach, describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { GraphSession } from '../../src/runtime/session.js';
import { affine, data, expectedOf, LONG_FEED, long, network, picture } from './graphs.js';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const LAYERS = 400;

/** Settles as a word, so that nothing is left unhandled. */
function outcome(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'result',
    (error: unknown) => (error instanceof BitplaneError ? error.code : String(error)),
  );
}

const open: GraphSession[] = [];

function longSession(layers = LAYERS): GraphSession {
  const session = GraphSession.fromGraph(long(layers), {
    isa: 'scalar',
    threads: 1,
    optimize: false,
  });
  open.push(session);
  return session;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.release()));
});

describe('at once', () => {
  test('200 runs at once give the same results as one by one', async () => {
    const graph = network();
    const session = GraphSession.fromGraph(graph, { threads: 3 });
    const feeds = Array.from({ length: 200 }, (_, i) => picture(i % 40));
    const serial: Awaited<ReturnType<typeof session.run>>[] = [];
    for (const feed of feeds.slice(0, 40)) serial.push(await session.run(feed));
    expect(serial[5]).toEqual(expectedOf(graph, picture(5)));
    const results = await Promise.all(feeds.map((feed) => session.run(feed)));
    results.forEach((result, i) => {
      expect(result).toEqual(serial[i % 40]);
    });
  });

  test('several sessions give the same results while others are created and released', async () => {
    const graph = network();
    const want = [1, 2, 3].map((n) => expectedOf(graph, picture(n, n)));
    const sessions = [1, 2, 3, 8].map((threads) => GraphSession.fromGraph(graph, { threads }));
    const lasting = sessions.map(async (session) => {
      for (let i = 0; i < 12; i++)
        expect(await session.run(picture(1 + (i % 3), 1 + (i % 3)))).toEqual(want[i % 3]);
    });
    const passing = Array.from({ length: 12 }, async (_, i) => {
      const session = GraphSession.fromGraph(graph, { threads: 1 + (i % 4) });
      const run = session.run(picture(2, 2));
      await session.release();
      expect(await run).toEqual(want[1]);
    });
    await Promise.all([...lasting, ...passing]);
  });

  test('runs that begin while workers or JavaScript fall asleep all end', async () => {
    const sessions = [1, 2, 3].map((threads) => GraphSession.fromGraph(affine(), { threads }));
    const feeds = [1, 9000].map((batch) => ({ x: new Float32Array(3 * batch).fill(batch) }));
    for (let i = 0; i < 1500; i++) {
      const session = sessions[i % 3] as (typeof sessions)[0];
      const results = await Promise.all(
        Array.from({ length: 1 + (i % 4) }, () =>
          session.run(feeds[i % 17 === 0 ? 1 : 0] as { x: Float32Array }),
        ),
      );
      for (const { y } of results) expect(y.data.at(-1)).toBe(i % 17 === 0 ? 18001 : 3);
      // From 0 to 350 microseconds, half of them without leaving the turn.
      const until = performance.now() + ((i * 37) % 351) / 1000;
      while (performance.now() < until) if (i % 2 === 0) await new Promise(setImmediate);
    }
  });

  test('timers fire in time during runs', async () => {
    const session = longSession(40);
    await session.run(LONG_FEED);
    const runs = Array.from({ length: 6 }, () => session.run(LONG_FEED));
    let done = false;
    void Promise.all(runs).then(() => {
      done = true;
    });
    const lags: number[] = [];
    while (!done && lags.length < 200) {
      const before = performance.now();
      await sleep(2);
      lags.push(performance.now() - before - 2);
    }
    await Promise.all(runs);
    lags.sort((a, b) => a - b);
    // The median: other processes may hold both cores for any single tick.
    expect(lags[lags.length >> 1]).toBeLessThan(10);
  });
});

describe('a signal', () => {
  test('that has fired stops a run before it begins; the reason is the cause', async () => {
    const session = GraphSession.fromGraph(affine());
    const reason = new Error('enough');
    const error = await session
      .run({ x: new Float32Array(3) }, { signal: AbortSignal.abort(reason) })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ERR_ABORTED', cause: reason });
  });

  test('that fires in the middle stops a run between its steps', async () => {
    const session = longSession();
    const controller = new AbortController();
    let settled = false;
    const run = session.run(LONG_FEED, { signal: controller.signal }).catch((e: unknown) => e);
    void run.then(() => {
      settled = true;
    });
    // Of two runs that began together, on a worker each, the one that is stopped is done while the
    // other goes on.
    const other = new AbortController();
    let otherSettled = false;
    const stopOther = outcome(session.run(LONG_FEED, { signal: other.signal })).finally(() => {
      otherSettled = true;
    });
    await sleep(60);
    expect(settled).toBe(false);
    controller.abort('stop');
    expect(await run).toMatchObject({ code: 'ERR_ABORTED', cause: 'stop' });
    expect(otherSettled).toBe(false);
    other.abort();
    expect(await stopOther).toBe('ERR_ABORTED');
  });

  test('that fires at once, in the same turn, stops it too', async () => {
    const session = longSession();
    const controller = new AbortController();
    const run = outcome(session.run(LONG_FEED, { signal: controller.signal }));
    controller.abort();
    expect(await run).toBe('ERR_ABORTED');
  });

  test('that fires afterwards changes nothing, and no listener stays', async () => {
    const session = GraphSession.fromGraph(affine());
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    }) as typeof add;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    }) as typeof remove;
    const results = await Promise.all(
      Array.from({ length: 30 }, () => session.run({ x: Float32Array.of(1, 2, 3) }, { signal })),
    );
    controller.abort();
    expect(results.every(({ y }) => data(y).join() === '3,5,7')).toBe(true);
    expect(listeners).toBe(0);
  });

  test('stops runs in the queue without waiting for those before them', async () => {
    const session = longSession();
    const first = new AbortController();
    const second = new AbortController();
    const running = Array.from({ length: 64 }, () =>
      outcome(session.run(LONG_FEED, { signal: first.signal })),
    );
    const queued = Array.from({ length: 10 }, () =>
      outcome(session.run(LONG_FEED, { signal: second.signal })),
    );
    let ended = 0;
    for (const run of running) void run.then(() => ended++);
    second.abort();
    const stopped = await Promise.all(queued);
    const endedBefore = ended;
    first.abort();
    expect(new Set(stopped)).toEqual(new Set(['ERR_ABORTED']));
    expect(endedBefore).toBe(0);
    expect(new Set(await Promise.all(running))).toEqual(new Set(['ERR_ABORTED']));
  });

  test('ends a run at once that no worker has begun, and frees its memory', async () => {
    // Six sessions of two runs each: the pool has a worker a core, so that most of the runs wait
    // for one.
    const sessions = Array.from({ length: 6 }, () => longSession());
    const running = new AbortController();
    const last = new AbortController();
    const runs = sessions
      .slice(0, -1)
      .flatMap((session) =>
        [1, 2].map(() => outcome(session.run(LONG_FEED, { signal: running.signal }))),
      );
    let ended = 0;
    for (const run of runs) void run.then(() => ended++);
    const session = sessions.at(-1) as GraphSession;
    const stopped = [1, 2].map(() => outcome(session.run(LONG_FEED, { signal: last.signal })));
    const held = session.info.heldBytes;
    await sleep(20);
    last.abort();
    expect(await Promise.all(stopped)).toEqual(['ERR_ABORTED', 'ERR_ABORTED']);
    expect(ended).toBe(0);
    const again = new AbortController();
    const next = outcome(session.run(LONG_FEED, { signal: again.signal }));
    expect(session.info.heldBytes).toBe(held);
    again.abort();
    running.abort();
    expect(new Set([...(await Promise.all(runs)), await next])).toEqual(new Set(['ERR_ABORTED']));
  });

  test('leaves a session whose next runs are right', async () => {
    const graph = network();
    const session = GraphSession.fromGraph(graph, { threads: 2 });
    const want = expectedOf(graph, picture(1));
    for (let i = 0; i < 60; i++) {
      const controller = new AbortController();
      const stopped = outcome(session.run(picture(2), { signal: controller.signal }));
      const kept = session.run(picture(1));
      if (i % 3 === 0) controller.abort();
      else if (i % 3 === 1) queueMicrotask(() => controller.abort());
      else setImmediate(() => controller.abort());
      expect(['result', 'ERR_ABORTED']).toContain(await stopped);
      expect(await kept).toEqual(want);
    }
  });
});

describe('release', () => {
  test('waits for runs that have begun and refuses waiting ones', async () => {
    const session = longSession(8);
    const runs = Array.from({ length: 80 }, () => outcome(session.run(LONG_FEED)));
    await session.release();
    const outcomes = await Promise.all(runs);
    expect(new Set(outcomes)).toEqual(new Set(['result', 'ERR_RELEASED']));
    expect(outcomes.lastIndexOf('result')).toBeLessThan(outcomes.indexOf('ERR_RELEASED'));
    expect(await outcome(session.run(LONG_FEED))).toBe('ERR_RELEASED');
  });

  test('ends a profile in progress', async () => {
    const session = longSession(8);
    const profile = outcome(session.profile(1000));
    await sleep(30);
    await session.release();
    expect(await profile).toBe('ERR_RELEASED');
  });
});
