/**
 * A process that ends in the middle of runs ends at once, with its own exit code, and without a
 * message of the native side. Fifty times each, at fifty moments of a run, because what can go
 * wrong there is a race.
 */
import type { ChildProcess } from 'node:child_process';
import { describe, expect, inject, test } from 'vitest';
import { type Ended, ended } from '../child.js';

const application = inject('application');
const TIMES = 50;
const LIMIT_MS = 1000;
/**
 * A machine that stalls must not fail this test. This process stalls with it, so its own timer
 * tells how long.
 */
const STANDSTILL_MS = 250;

interface Ending extends Ended {
  /** From the moment it meant to end until it was gone. */
  readonly ms: number;
  /** The longest that this process stood still meanwhile. */
  readonly pause: number;
}

async function end(what: string, delay: number, signal?: NodeJS.Signals): Promise<Ending> {
  for (let attempt = 0; ; attempt++) {
    const ending = await endOnce(what, delay, signal);
    if (ending.pause < STANDSTILL_MS || attempt === 3) return ending;
  }
}

async function endOnce(what: string, delay: number, signal?: NodeJS.Signals): Promise<Ending> {
  let now = Number.NaN;
  let [beat, pause] = [performance.now(), 0];
  const rest = () => {
    pause = Math.max(pause, performance.now() - beat);
    beat = performance.now();
  };
  const pulse = setInterval(rest, 20);
  const onOutput = (child: ChildProcess) => {
    if (!Number.isNaN(now)) return;
    now = performance.now();
    if (signal !== undefined) child.kill(signal);
  };
  const result = await ended(['ending.mjs', what, String(delay)], {
    cwd: application,
    limitMs: 20_000,
    onOutput,
  });
  clearInterval(pulse);
  rest();
  return { ...result, ms: performance.now() - now, pause };
}

test('an open session does not keep the process alive', async () => {
  const ending = await end('open', 0);
  expect(ending).toMatchObject({ code: 0, signal: null, output: 'now\n', errors: '' });
  expect(ending.ms).toBeLessThan(LIMIT_MS);
});

test('a run in flight does', async () => {
  expect(await end('flight', 0)).toMatchObject({ code: 0, output: 'now\nlanded\n', errors: '' });
});

/** All that Node itself says of an uncaught error. */
const REPORT = /^file:.*\n.*\n.*\n\nError: uncaught\n( {4}at .*\n)+\nNode\.js v.*\n$/;

describe.each<[string, string, Partial<Ending>, RegExp, NodeJS.Signals?]>([
  ['process.exit()', 'exit', { code: 7, signal: null }, /^$/],
  ['an uncaught error', 'error', { code: 1, signal: null }, REPORT],
  ['an unhandled rejection', 'rejection', { code: 1, signal: null }, REPORT],
  ['SIGTERM', 'signal', { code: null, signal: 'SIGTERM' }, /^$/, 'SIGTERM'],
  [
    'SIGTERM that the program answers with process.exit()',
    'handled',
    { code: 9, signal: null },
    /^$/,
    'SIGTERM',
  ],
])('%s during a run', (_, what, outcome, report, signal) => {
  test(`ends the process within a second, ${TIMES} times`, async () => {
    for (let i = 0; i < TIMES; i += 2) {
      for (const ending of await Promise.all([end(what, i, signal), end(what, i + 1, signal)])) {
        expect(ending).toMatchObject({ ...outcome, output: 'now\n' });
        expect(ending.errors).toMatch(report);
        expect(ending.ms).toBeLessThan(LIMIT_MS);
      }
    }
  });
});
