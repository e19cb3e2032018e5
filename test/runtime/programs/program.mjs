/**
 * The program of the tests of processes: `node program.mjs <case>` as a process, with the case as
 * its data as a worker. Runs the built package.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { GraphBuilder, Session } from 'bitplane';
import { FEEDS as LONG, slowSession } from '../../process/programs/slow.mjs';

/** Seconds of work. */
const long = () => slowSession(300);

function short() {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 3]);
  return Session.fromGraph(g.graph([x], { y: g.add(g.mul(x, 2), 1) }), { threads: 2 });
}

const say = (word) => (isMainThread ? console.log(word) : parentPort.postMessage(word));
const later = (act) => setTimeout(act, 100);

const CASES = {
  /** Nothing runs: the process ends by itself, though the session is open. */
  async idle() {
    const { y } = await short().run({ x: Float32Array.of(1, 2, 3) });
    say(Array.from(y.data).join());
  },
  /** The promise alone keeps the process alive. */
  async flying() {
    await slowSession(4).run(LONG);
    say('landed');
  },
  async exit() {
    void long().run(LONG);
    later(() => process.exit(7));
  },
  async exitAtOnce() {
    void long().run(LONG);
    process.exit(8);
  },
  async throws() {
    void long().run(LONG);
    later(() => {
      throw new Error('uncaught');
    });
  },
  async aborts() {
    const controller = new AbortController();
    later(() => controller.abort());
    await long()
      .run(LONG, { signal: controller.signal })
      .catch((error) => say(error.code));
  },
  /** Many small runs of several batch sizes; says a checksum. */
  async many() {
    const session = short();
    let sum = 0;
    for (let round = 0; round < 50; round++) {
      const results = await Promise.all(
        [1, 2, 3, 4, 5, 6].map((n) => session.run({ x: new Float32Array(3 * n).fill(round) })),
      );
      sum += results.flatMap(({ y }) => Array.from(y.data)).reduce((a, b) => a + b, 0);
    }
    await session.release();
    say(sum);
  },
  /** Runs until it is terminated. */
  async endless() {
    const session = long();
    const quick = short();
    say('running');
    void session.run(LONG);
    for (;;) await quick.run({ x: new Float32Array(3) });
  },
};

// No top-level await: see ../../process/programs/terminated.mjs.
void CASES[isMainThread ? process.argv[2] : workerData]();
