/**
 * Many callers of one network, cnv-w1a1 with 2 threads: pictures a second and the time that 99 % of
 * calls take at most, each call a run of its own beside a Batcher's; and beside whole batches that
 * somebody had at hand, which no Batcher can surpass.
 */
import { performance } from 'node:perf_hooks';
import { Batcher, Session, zoo } from 'bitplane';
import { quantile } from '../measure.js';
import type { Row, Workload } from '../report.js';

const THREADS = 2;
const CALLERS = [1, 8, 64];
const BATCH = 16;
/** Turns that the two take, and their length; the best of each counts. */
const ROUNDS = 12;
const TURN_MS = 250;

interface Load {
  /** Calls that were answered. */
  readonly perSecond: number;
  readonly p99Ms: number;
}

/**
 * So many callers for one turn, each with the next call as soon as its last is answered.
 * @param pictures of one call
 */
async function load(callers: number, call: () => Promise<unknown>, pictures = 1): Promise<Load> {
  const times: number[] = [];
  const began = performance.now();
  const caller = async () => {
    while (performance.now() - began < TURN_MS) {
      const from = performance.now();
      await call();
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - began) / 1000;
  return { perSecond: (pictures * times.length) / seconds, p99Ms: quantile(times, 0.99) };
}

function better(a: Load | undefined, b: Load): Load {
  if (a === undefined) return b;
  return {
    perSecond: Math.max(a.perSecond, b.perSecond),
    p99Ms: Math.min(a.p99Ms, b.p99Ms),
  };
}

export const batching: Workload = {
  name: 'batching',
  async rows(): Promise<Row[]> {
    const session = Session.fromGraph(zoo.zooGraph('cnv'), { threads: THREADS });
    const batcher = new Batcher(session);
    const feeds = { image: Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)) };
    const whole = { image: Float32Array.from({ length: BATCH * 3072 }, (_, i) => Math.sin(i)) };
    const single = () => session.run(feeds);
    const batched = () => batcher.run(feeds);
    const wholes = () => session.run(whole);
    try {
      await batcher.ready;
      await load(8, batched);
      const rows: Row[] = [];
      for (const callers of CALLERS) {
        let [own, shared, most]: (Load | undefined)[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          own = better(own, await load(callers, single));
          shared = better(shared, await load(callers, batched));
          if (isMost(callers)) most = better(most, await load(2, wholes, BATCH));
        }
        rows.push(...rowsOf(callers, own as Load, shared as Load));
        if (most !== undefined) rows.push(boundOf(callers, own as Load, most));
      }
      return rows;
    } finally {
      await batcher.close();
      await session.release();
    }
  },
};

function isMost(callers: number): boolean {
  return callers === Math.max(...CALLERS);
}

/** Without the cost of gathering rows: the networks' own gain from batches. */
function boundOf(callers: number, own: Load, most: Load): Row {
  return {
    what: `two batches of ${BATCH} in flight / single runs of ${callers} callers`,
    value: most.perSecond / own.perSecond,
    unit: 'x',
    note: `${Math.round(most.perSecond)} / ${Math.round(own.perSecond)} pictures a second`,
  };
}

function rowsOf(callers: number, own: Load, shared: Load): Row[] {
  const what = `${callers} caller${callers === 1 ? '' : 's'}, Batcher / single runs`;
  const isGoal = isMost(callers);
  return [
    {
      what: `${what}: pictures a second`,
      value: shared.perSecond / own.perSecond,
      unit: 'x',
      ...(isGoal && { goal: { min: 2 } }),
      note: `${Math.round(shared.perSecond)} / ${Math.round(own.perSecond)}`,
    },
    {
      what: `${what}: p99`,
      value: shared.p99Ms / own.p99Ms,
      unit: 'x',
      ...(isGoal && { goal: { max: 1 } }),
      note: `${shared.p99Ms.toFixed(2)} ms / ${own.p99Ms.toFixed(2)} ms`,
    },
  ];
}
