/**
 * How many threads short runs get: simulated machines, whose runs take as long as a formula says.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { randomStream } from '../../src/nn/random.js';
import { Pace } from '../../src/runtime/pace.js';
import { GraphSession } from '../../src/runtime/session.js';
import { network, picture } from './graphs.js';

/** Microseconds of a run of `work` that may be shared: each helper costs `helper`. */
type Machine = (threads: number) => number;
const machine =
  (work: number, helper: number): Machine =>
  (threads) =>
    work / threads + helper * (threads - 1);

/** Runs so often, and counts how often each number of threads was used. */
function simulate(pace: Pace, runs: number, time: Machine): Map<number, number> {
  const used = new Map<number, number>();
  for (let i = 0; i < runs; i++) {
    const { threads } = pace;
    used.set(threads, (used.get(threads) ?? 0) + 1);
    pace.landed(threads, time(threads));
  }
  return used;
}

/** The number of threads that nearly all of the last runs had. */
function settled(pace: Pace, time: Machine, runs = 400): number {
  simulate(pace, runs, time);
  const used = simulate(pace, 200, time);
  return [...used].sort((a, b) => b[1] - a[1])[0]?.[0] as number;
}

describe('runs', () => {
  test.each<[string, number, Machine, number]>([
    ['that helpers only hold up get none', 2, machine(60, 40), 1],
    ['nor on a machine of 64 cores', 64, machine(60, 40), 1],
    [
      'that helpers do not hold up, but do not speed up by a twentieth, get none',
      2,
      (n) => (n === 1 ? 100 : 97),
      1,
    ],
    ['that are faster with a helper have it', 2, machine(400, 40), 2],
    ['that are fastest with some threads have those', 16, machine(800, 50), 4],
    ['that are fastest with all threads have all', 16, machine(1900, 1), 16],
    ['of three threads try two and one', 3, machine(60, 40), 1],
    ['of milliseconds keep all threads', 8, machine(80_000, 40), 8],
    ['of tenths of a second keep all threads', 8, machine(1e6, 40), 8],
  ])('%s', (_, most, time, threads) => {
    expect(settled(new Pace(most), time)).toBe(threads);
  });

  test('of one thread are never tried with another number', () => {
    expect([...simulate(new Pace(1), 2000, machine(60, 40)).keys()]).toEqual([1]);
  });

  test('that are long are not tried with fewer threads, and very few of medium length are', () => {
    expect([...simulate(new Pace(8), 2000, machine(1e6, 40)).keys()]).toEqual([8]);
    expect(simulate(new Pace(8), 2000, machine(80_000, 40))).toEqual(
      new Map([
        [8, 1988],
        [4, 12],
      ]),
    );
  });

  test('never get more threads than they may', () => {
    for (const most of [2, 3, 5, 6, 7, 12, 64])
      for (const work of [20, 200, 2000, 20_000])
        for (const threads of simulate(new Pace(most), 3000, machine(work, 30)).keys()) {
          expect(threads).toBeLessThanOrEqual(most);
          expect(threads).toBeGreaterThanOrEqual(1);
        }
  });

  test('are trials for less than a tenth at first, less than a hundredth later', () => {
    const pace = new Pace(2);
    const time = machine(60, 40);
    simulate(pace, 300, time);
    expect(simulate(pace, 1000, time).get(2)).toBeLessThan(100);
    simulate(pace, 50_000, time);
    expect(simulate(pace, 50_000, time).get(2)).toBeLessThan(500);
  });

  test('are judged right although another process delays one in six', () => {
    let right = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomStream(seed, 'noise');
      const noisy =
        (time: Machine): Machine =>
        (threads) =>
          time(threads) * (1 + 0.03 * random()) + (random() < 1 / 6 ? 3000 : 0);
      right += Number(settled(new Pace(2), noisy(machine(60, 40)), 40) === 1);
      right += Number(settled(new Pace(2), noisy(machine(900, 40)), 40) === 2);
    }
    expect(right).toBeGreaterThanOrEqual(38);
  });

  test('of milliseconds keep their threads although a core was taken during a turn', () => {
    for (const taken of [0, 4, 8]) {
      const pace = new Pace(2);
      let runs = 0;
      const time: Machine = (threads) => (runs++ < 3 + taken || threads === 1 ? 15_000 : 8000);
      expect(settled(pace, time, 40)).toBe(2);
    }
  });

  test('are soon tried again where the last trial found something new', () => {
    const pace = new Pace(2);
    simulate(pace, 20_000, machine(400, 20));
    expect(settled(pace, machine(400, 500), 20_000)).toBe(1);
    expect(settled(pace, machine(400, 20), 600)).toBe(2);
  });

  test('are tried again where the machine has changed', () => {
    const pace = new Pace(2);
    expect(settled(pace, machine(400, 500))).toBe(1);
    expect(settled(pace, machine(400, 20), 2000)).toBe(2);
    expect(settled(pace, machine(400, 500), 10_000)).toBe(1);
  });
});

test('the expected time is that of the next number of threads, if it has run', () => {
  const pace = new Pace(2);
  expect(pace.expectedUs).toBe(0);
  simulate(pace, 400, machine(60, 40));
  expect(pace.threads).toBe(1);
  expect(pace.expectedUs).toBeCloseTo(60);
});

describe('the bits of results', () => {
  afterEach(() => vi.restoreAllMocks());

  test('are the same for any number of threads', async () => {
    const session = GraphSession.fromGraph(network(), { threads: 4 });
    const found: unknown[] = [];
    for (const threads of [4, 3, 2, 1]) {
      vi.spyOn(Pace.prototype, 'threads', 'get').mockReturnValue(threads);
      found.push(await session.run(picture(3, 7)));
    }
    for (const results of found) expect(results).toEqual(found[0]);
    await session.release();
  });
});
