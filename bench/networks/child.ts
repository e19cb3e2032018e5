/**
 * Peak resident memory that opening and running one model file adds to a process that has loaded
 * bitplane: node child.js FILE. Prints JSON.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'bitplane';

export interface Peak {
  readonly mb: number;
}

function status(field: string): number {
  const line = readFileSync('/proc/self/status', 'utf8').match(
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'),
  );
  return (Number(line?.[1]) * 1024) / 1e6;
}

const [, , file] = process.argv as [string, string, string];
globalThis.gc?.();
const before = status('VmRSS');
const session = await Session.create(file, { threads: 1 });
const [input] = session.inputNames as [string];
const x = new Float32Array(3 * 224 * 224);
for (let i = 0; i < 30; i++) await session.run({ [input]: x });
const peak = status('VmHWM');
await session.release();
console.log(JSON.stringify({ mb: peak - before } satisfies Peak));
