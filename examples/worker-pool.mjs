// Runs batches in a pool of worker threads, and holds the results against those of one session: the
// same bits. Sessions have threads of their own, so workers are for the JavaScript around a run,
// such as reading and preparing pictures; one thread a session keeps them out of each other's way.
//
//   npm install bitplane
//   node worker-pool.mjs MODEL [WORKERS=2] [RUNS=8]
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Session, Tensor } from 'bitplane';

/** Seeded numbers in the shape of the model's only input, in place of real work. */
function feedsOf(session, seed) {
  const [{ name, shape }] = session.inputMetadata;
  const sizes = shape.map((size) => (typeof size === 'number' ? size : 1));
  const count = sizes.reduce((product, size) => product * size, 1);
  const numbers = Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 0.7));
  return { [name]: new Tensor('f32', numbers, sizes) };
}

async function main() {
  const [model, workers = '2', runs = '8'] = process.argv.slice(2);
  const waiting = Array.from({ length: Number(runs) }, (_, i) => i + 1);
  const results = new Map();
  const pool = Array.from({ length: Number(workers) }, async () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: model });
    // A worker asks for work, then gets the next piece with each answer.
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      worker.postMessage(seed);
      const [answer] = await once(worker, 'message');
      // Messages keep no class: a tensor arrives as { dtype, data, shape }.
      results.set(seed, Tensor.from(answer));
    }
    await worker.terminate();
  });
  await Promise.all(pool);

  const session = await Session.create(model);
  const digest = createHash('sha256');
  for (const [seed, { data }] of [...results].sort(([a], [b]) => a - b)) {
    const alone = await session.run(feedsOf(session, seed));
    const same = Buffer.from(alone[session.outputNames[0]].data.buffer).equals(
      Buffer.from(data.buffer),
    );
    if (!same) throw new Error(`run ${seed} has other bits in a worker`);
    digest.update(data);
  }
  await session.release();
  console.log(`${results.size} runs in ${workers} workers, ${digest.digest('hex').slice(0, 16)}`);
}

async function work() {
  const session = await Session.create(workerData, { threads: 1 });
  parentPort.on('message', async (seed) => {
    const results = await session.run(feedsOf(session, seed));
    const tensor = results[session.outputNames[0]];
    // Given over, not copied.
    parentPort.postMessage(tensor, [tensor.data.buffer]);
  });
}

await (isMainThread ? main() : work());
