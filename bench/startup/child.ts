/**
 * One start, in a process that does nothing else: importing the package, then a session of the file
 * that the first argument names, without its first program where the second is `cold`. Prints JSON.
 */
import { performance } from 'node:perf_hooks';

export interface Startup {
  /** Milliseconds that pass, and milliseconds of CPU time of all threads. */
  readonly importing: Spent;
  readonly creating: Spent;
  /** Milliseconds between two turns of the event loop while the session is made, at most. */
  readonly heldMs: number;
}

export interface Spent {
  readonly ms: number;
  readonly cpuMs: number;
}

async function spent(work: () => Promise<unknown>): Promise<Spent> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpuMs: (user + system) / 1000 };
}

const [file, first] = process.argv.slice(2) as [string, string];
const importing = await spent(() => import('bitplane'));
const { Session } = await import('bitplane');

let heldMs = 0;
let last = performance.now();
let isDone = false;
const turn = () => {
  const now = performance.now();
  heldMs = Math.max(heldMs, now - last);
  last = now;
  if (!isDone) setImmediate(turn);
};
setImmediate(turn);
const options = first === 'cold' ? { warm: false as const } : {};
let session: { release(): Promise<void> } | undefined;
const creating = await spent(async () => {
  session = await Session.create(file, options);
});
isDone = true;
turn();
await session?.release();
console.log(JSON.stringify({ importing, creating, heldMs } satisfies Startup));
