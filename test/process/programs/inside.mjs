/**
 * `node inside.mjs CASE`: a worker with runs in flight and more of them waiting ends as the case
 * says. Prints, as JSON, its exit code, the error that its parent got, and how long its end took,
 * in milliseconds.
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
  const { FEEDS, slowSession } = await import('./slow.mjs');
  const short = slowSession(1).run(FEEDS);
  const long = slowSession(300);
  for (let i = 0; i < 200; i++) void long.run(FEEDS);
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

// No top-level await: see ./terminated.mjs.
void (isMainThread ? main(process.argv[2]) : work());
