/**
 * The measurements of ./index.ts, in a process that does nothing else and can collect garbage on
 * demand. Prints them as JSON.
 */
import { Session, Tensor } from 'bitplane';
import { chainGraph } from '../chain/bitplane.js';
import { oneOp } from '../programs.js';
import { residentBytes } from './resident.js';

export interface Memory {
  runsMiB: number;
  cyclesMiB: number;
}

const residentMiB = async () => (await residentBytes()) / 2 ** 20;

/** The memory that `count` repetitions add after `warmup` repetitions. */
async function gained(warmup: number, count: number, job: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < warmup; i++) await job();
  const before = await residentMiB();
  for (let i = 0; i < count; i++) await job();
  return (await residentMiB()) - before;
}

const session = await Session.fromGraph(oneOp());
const x = new Float32Array(16).fill(1);
const runsMiB = await gained(20_000, 100_000, () => session.run({ x }));
await session.release();

const graph = chainGraph({ channels: 64, size: 14 });
const image = new Tensor('b1', new Uint8Array((64 * 14 * 14) / 8), [1, 14, 14, 64]);
// The warm-up lasts until the JavaScript heap has its working size; that growth is Node's own.
const cyclesMiB = await gained(600, 1000, async () => {
  const one = await Session.fromGraph(graph);
  await one.run({ x: image });
  await one.release();
});

console.log(JSON.stringify({ runsMiB, cyclesMiB } satisfies Memory));
