/**
 * `node early.mjs WORKERS`: starts that many workers of ./terminated.mjs, eight at once, and
 * terminates each at another moment of the first 200 ms of its code: before it has loaded the
 * package, while it loads, while it builds a session, while it runs. Node's own start of a worker
 * comes before that and is not tested. Prints their exit codes as JSON.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const file = fileURLToPath(new URL('terminated.mjs', import.meta.url));
const total = Number(process.argv[2]);
const codes = new Set();
let started = 0;

async function startAndTerminate() {
  while (started < total) {
    const moment = (started++ * 7) % 200;
    const worker = new Worker(file);
    worker.on('error', (error) => codes.add(String(error)));
    await new Promise((resolve) => worker.once('online', resolve));
    await new Promise((resolve) => setTimeout(resolve, moment));
    codes.add(await worker.terminate());
  }
}

await Promise.all(Array.from({ length: 8 }, startAndTerminate));
console.log(JSON.stringify({ codes: [...codes] }));
