/**
 * The measurements of ./index.ts, in a process that does nothing else. Prints them as JSON.
 */
import { performance } from 'node:perf_hooks';
import { Session } from 'bitplane';
import { bitplaneChain } from '../chain/bitplane.js';
import { quantile, sleep } from '../measure.js';
import { oneOp } from '../programs.js';

export interface Latency {
  backToBackUs: number;
  backToBackP99Us: number;
  afterIdleUs: number;
  afterIdleP90Us: number;
  idleCpuUs: number;
  baselineCpuUs: number;
  timerLagMs: number;
  inFlightMs: number;
}

const IDLE_SECONDS = 3;
const ATTEMPTS = 3;

async function timed(job: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await job();
  return (performance.now() - start) * 1000;
}

/** Microseconds of CPU time, all threads of the process together, per idle second. */
async function idleCpu(): Promise<number> {
  await sleep(200);
  const before = process.cpuUsage();
  await sleep(IDLE_SECONDS * 1000);
  const used = process.cpuUsage(before);
  return (used.user + used.system) / IDLE_SECONDS;
}

/** The latest that a 1 ms timer fires while 200 runs are in flight, and how long those took. */
async function timerLag(run: () => Promise<unknown>): Promise<{ lag: number; elapsed: number }> {
  let lag = 0;
  let due = performance.now() + 1;
  const timer = setInterval(() => {
    const now = performance.now();
    lag = Math.max(lag, now - due);
    due = now + 1;
  }, 1);
  await sleep(5);
  lag = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: 200 }, run));
  const elapsed = performance.now() - start;
  await sleep(2);
  clearInterval(timer);
  return { lag, elapsed };
}

const baselineCpuUs = await idleCpu();

const session = await Session.fromGraph(oneOp());
const x = new Float32Array(16).fill(1);
const run = () => session.run({ x });
for (let i = 0; i < 5000; i++) await run();
const backToBack: number[] = [];
for (let i = 0; i < 20_000; i++) backToBack.push(await timed(run));
const afterIdle: number[] = [];
for (let i = 0; i < 200; i++) {
  await sleep(10);
  afterIdle.push(await timed(run));
}
const idleCpuUs = await idleCpu();
await session.release();

const chain = await bitplaneChain({ channels: 256, size: 14 }, 1);
for (let i = 0; i < 10; i++) await chain.run();
const lags = [];
for (let i = 0; i < ATTEMPTS; i++) lags.push(await timerLag(chain.run));
await chain.release();
const best = lags.reduce((a, b) => (b.lag < a.lag ? b : a));

const result: Latency = {
  backToBackUs: quantile(backToBack, 0.5),
  backToBackP99Us: quantile(backToBack, 0.99),
  afterIdleUs: quantile(afterIdle, 0.5),
  afterIdleP90Us: quantile(afterIdle, 0.9),
  idleCpuUs,
  baselineCpuUs,
  timerLagMs: best.lag,
  inFlightMs: best.elapsed,
};
console.log(JSON.stringify(result));
