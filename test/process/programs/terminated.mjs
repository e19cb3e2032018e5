/**
 * `node terminated.mjs ROUNDS THREADS [EVERY]`: in each round starts that many workers, each of
 * which loads the package, runs, reports a digest and runs on; then terminates them in the middle
 * of it, EVERY milliseconds later in each round. Prints, as JSON, the digests met, the exit codes,
 * the slowest end and the resident memory after every round.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

async function work() {
  const { GraphBuilder, Session, Tensor } = await import('bitplane');
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 28, 28, 32]);
  const w = g.constant(
    new Tensor(
      'b1',
      Uint8Array.from({ length: (64 * 9 * 32) / 8 }, (_, i) => i * 151),
      [64, 3, 3, 32],
    ),
  );
  const dots = g.cast(g.conv2d(g.sign(x), w, { pads: [1, 1, 1, 1] }), 'f32');
  const session = Session.fromGraph(g.graph([x], { y: g.tanh(g.mul(dots, 0.01)) }), { threads: 2 });
  const run = (n) =>
    session.run({
      x: Float32Array.from({ length: n * 28 * 28 * 32 }, (_, i) => ((i * 7919) % 13) - 6),
    });
  const hash = createHash('sha256');
  for (const { y } of await Promise.all([run(1), run(2), run(1)]))
    hash.update(new Uint8Array(y.data.buffer));
  parentPort.postMessage(hash.digest('hex'));
  for (;;) await Promise.all([run(1), run(1)]);
}

async function main([rounds, threads, every = '0']) {
  const file = fileURLToPath(import.meta.url);
  const digests = new Set();
  const codes = new Set();
  const memory = [];
  let slowest = 0;
  // A machine that stands still for a while says nothing of us: such a round counts for everything
  // but its time.
  let [beat, pause] = [performance.now(), 0];
  setInterval(() => {
    pause = Math.max(pause, performance.now() - beat);
    beat = performance.now();
  }, 20).unref();
  for (let round = 0; round < Number(rounds); round++) {
    const workers = Array.from({ length: Number(threads) }, () => new Worker(file));
    for (const worker of workers) worker.on('error', (error) => digests.add(String(error)));
    const answers = workers.map(
      (worker) => new Promise((resolve) => worker.once('message', resolve)),
    );
    for (const digest of await Promise.all(answers)) digests.add(digest);
    await new Promise((resolve) => setTimeout(resolve, round * Number(every)));
    const began = performance.now();
    pause = 0;
    for (const code of await Promise.all(workers.map((worker) => worker.terminate())))
      codes.add(code);
    if (pause < 250) slowest = Math.max(slowest, performance.now() - began);
    globalThis.gc?.();
    memory.push(process.memoryUsage.rss());
  }
  console.log(JSON.stringify({ digests: [...digests], codes: [...codes], slowest, memory }));
}

// No top-level await: on Node 20 and 22 terminating a worker just where such a module begins aborts
// the whole process (V8).
void (isMainThread ? main(process.argv.slice(2)) : work());
