/**
 * `node inside.mjs CASE`: a worker with runs in flight and more of them waiting ends as the case says. Prints, as JSON, its exit code, the error
 * that its parent got, and how long its end took, in milliseconds.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const now = () => parentPort.postMessage('now');
const CASES = {
  /** It ends itself. */
  exit() {
    now();
    process.exit(5);
  },
  /** What follows a run throws. */
  error(short) {
    void short.then(() => {
      now();
      throw new Error('after a run');
    });
  },
  /** Its parent terminates it. */
  terminate: now,
};

async function work() {
  const { GraphBuilder, Session, Tensor } = await import('bitplane');
  const sessionOf = (layers) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1, 56, 56, 64]);
    const w = g.constant(new Tensor('f32', new Float32Array(64 * 9 * 64).fill(1e-3), [64, 3, 3, 64]));
    let y = x;
    for (let i = 0; i < layers; i++) y = g.conv2d(y, w, { pads: [1, 1, 1, 1] });
    return Session.fromGraph(g.graph([x], { y }), { isa: 'scalar', threads: 2, optimize: false });
  };
  const x = new Float32Array(56 * 56 * 64).fill(1);
  const short = sessionOf(1).run({ x });
  const long = sessionOf(300);
  for (let i = 0; i < 200; i++) void long.run({ x });
  setTimeout(CASES[workerData], 100, short);
}

async function main(what) {
  const worker = new Worker(new URL(import.meta.url), { workerData: what });
  let [began, error] = [0, null];
  worker.on('error', ({ message }) => {
    error = message;
  });
  worker.on('message', () => {
    began = performance.now();
    if (what === 'terminate') void worker.terminate();
  });
  const code = await new Promise((resolve) => worker.on('exit', resolve));
  console.log(JSON.stringify({ code, error, ms: performance.now() - began }));
}

if (isMainThread) await main(process.argv[2]);
else await work();
