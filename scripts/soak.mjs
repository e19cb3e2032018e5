#!/usr/bin/env node
/**
 * The life of a server in a few minutes: sessions opened and released, runs of several batch sizes
 * and thread counts at once, aborts, worker threads started and terminated in the middle of runs.
 * Every result must be the same bits as the first of its kind, and memory, descriptors and threads
 * must not grow. Exit code 1 if they do. Linux only, where a process can count its descriptors and
 * threads. Not here: speed.
 *
 *   node --expose-gc scripts/soak.mjs [--time SECONDS]     default 900
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import * as bitplane from '../dist/index.js';
import { everyKernel, numbers, sameResults } from './faults/model.mjs';

/** The last third of the samples may lie this much above the second. */
const GROWTH = 0.05;
const SAMPLES = 60;

const { values } = parseArgs({ options: { time: { type: 'string', default: '900' } } });
const seconds = Number(values.time);
const { graph, feeds } = everyKernel(bitplane);
const folder = mkdtempSync(join(tmpdir(), 'bitplane-soak-'));
const path = join(folder, 'model.safetensors');
const random = numbers(Date.now() & 0xffff);
const upTo = (count) => Math.floor(((random() + 1) / 2) * count);
const counts = { runs: 0, aborted: 0, sessions: 0, workers: 0, differences: 0, errors: 0 };
const wanted = new Map();
const problems = [];

const resident = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
const threads = () => readdirSync('/proc/self/task').length;
const descriptors = () => readdirSync('/proc/self/fd').length;

try {
  await bitplane.saveModel(graph, path);
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  // A warm-up: the addon, its threads and code that V8 has compiled stay in memory for good.
  const warm = performance.now() + Math.min(120, seconds / 5) * 1000;
  for (let rounds = 0; rounds < 60 || performance.now() < warm; rounds++) await round();
  await rest();
  const before = { descriptors: descriptors(), threads: threads() };
  const samples = [];
  const begin = performance.now();
  for (let next = 0; performance.now() - begin < seconds * 1000; ) {
    await round();
    if (performance.now() - begin < next) continue;
    globalThis.gc?.(); // what it has not collected yet is no growth
    samples.push(resident());
    next += (seconds * 1000) / SAMPLES;
  }
  await rest();
  const after = { descriptors: descriptors(), threads: threads() };
  judge(samples, before, after);
}

/** Sessions side by side, from the file and from the graph, then a worker that is stopped. */
async function round() {
  await Promise.all([
    life(() => bitplane.Session.create(path, { threads: 1 + upTo(3) })),
    life(async () => bitplane.Session.fromGraph(graph, { threads: 1 + upTo(3) })),
  ]);
  if (upTo(4) === 0) await worker();
}

async function life(open) {
  counts.sessions++;
  const session = await open();
  const batches = Array.from({ length: 1 + upTo(6) }, () => 1 + upTo(3));
  await Promise.all(batches.map((batch) => run(session, batch)));
  await session.release();
}

async function run(session, batch) {
  const stop = upTo(4) === 0 ? new AbortController() : undefined;
  const running = session.run(feeds(batch), { signal: stop?.signal });
  if (stop !== undefined) setTimeout(() => stop.abort(), upTo(3));
  try {
    const results = await running;
    counts.runs++;
    const want = wanted.get(batch);
    if (want === undefined) wanted.set(batch, results);
    else if (!sameResults(results, want)) counts.differences++;
  } catch (error) {
    if (error.code === 'ERR_ABORTED' && stop !== undefined) counts.aborted++;
    else {
      counts.errors++;
      problems.push(String(error.stack ?? error));
    }
  }
}

/** Runs without end in a thread of its own, and is stopped in the middle of them. */
async function worker() {
  counts.workers++;
  const code = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData.entry).then(async ({ Session }) => {
      const session = await Session.create(workerData.path, { threads: 2 });
      parentPort.postMessage('open');
      for (;;) await Promise.all([1, 2].map((n) => session.run({ x: new Float32Array(243 * n) })));
    });`;
  const thread = new Worker(code, {
    eval: true,
    workerData: { path, entry: new URL('../dist/index.js', import.meta.url).href },
  });
  await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject));
  await sleep(upTo(20));
  await thread.terminate();
}

/** Lets threads end and the collector work. */
async function rest() {
  globalThis.gc?.();
  await sleep(500);
}

function judge(samples, before, after) {
  const third = Math.floor(samples.length / 3);
  const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
  const [second, last] = [mean(samples.slice(third, 2 * third)), mean(samples.slice(2 * third))];
  console.table(counts);
  console.log(
    `resident MB: ${second.toFixed(1)} in the second third, ${last.toFixed(1)} in the last ` +
      `(${((last / second - 1) * 100).toFixed(1)} %)`,
  );
  console.log(
    `descriptors ${before.descriptors} -> ${after.descriptors}, ` +
      `threads ${before.threads} -> ${after.threads}`,
  );
  if (counts.differences > 0) problems.push(`${counts.differences} results differ`);
  if (third > 0 && last > second * (1 + GROWTH)) problems.push('memory grows');
  if (after.descriptors > before.descriptors) problems.push('descriptors are left open');
  if (after.threads > before.threads) problems.push('threads are left');
  for (const problem of problems) console.log(problem);
  console.log(
    problems.length === 0 ? 'nothing differs, nothing grows' : `${problems.length} problems`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
