/**
 * How a process ends in the middle of runs: at once, with its own exit code, and with nothing said by the native side. Fifty times each,
 * at fifty moments of a run, because what can go wrong there is a race.
 */
import { spawn } from 'node:child_process';
import { describe, expect, inject, test } from 'vitest';

const application = inject('application');
const TIMES = 50;
const LIMIT_MS = 1000;
/** A machine that stands still for a while says nothing of us. This process stands still with it, so its own clock tells. */
const STANDSTILL_MS = 250;

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
  /** From the moment it meant to end until it was gone. */
  readonly ms: number;
  /** The longest that this process stood still meanwhile. */
  readonly pause: number;
}

async function end(what: string, delay: number, signal?: NodeJS.Signals): Promise<Ended> {
  for (let attempt = 0; ; attempt++) {
    const ended = await endOnce(what, delay, signal);
    if (ended.pause < STANDSTILL_MS || attempt === 3) return ended;
  }
}

function endOnce(what: string, delay: number, signal?: NodeJS.Signals): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['ending.mjs', what, String(delay)], { cwd: application, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    let now = Number.NaN;
    let [beat, pause] = [performance.now(), 0];
    const pulse = setInterval(() => {
      pause = Math.max(pause, performance.now() - beat);
      beat = performance.now();
    }, 20);
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (!Number.isNaN(now)) return;
      now = performance.now();
      if (signal !== undefined) child.kill(signal);
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    const hung = setTimeout(() => child.kill('SIGKILL'), 20_000);
    child.on('close', (code, killed) => {
      clearTimeout(hung);
      clearInterval(pulse);
      pause = Math.max(pause, performance.now() - beat);
      resolve({ code, signal: killed, output, errors, ms: performance.now() - now, pause });
    });
  });
}

test('an open session does not keep the process alive', async () => {
  const ended = await end('open', 0);
  expect(ended).toMatchObject({ code: 0, signal: null, output: 'now\n', errors: '' });
  expect(ended.ms).toBeLessThan(LIMIT_MS);
});

test('a run in flight does', async () => {
  expect(await end('flight', 0)).toMatchObject({ code: 0, output: 'now\nlanded\n', errors: '' });
});

/** All that Node itself says of an uncaught error. */
const REPORT = /^file:.*\n.*\n.*\n\nError: uncaught\n( {4}at .*\n)+\nNode\.js v.*\n$/;

describe.each<[string, string, Partial<Ended>, RegExp, NodeJS.Signals?]>([
  ['process.exit()', 'exit', { code: 7, signal: null }, /^$/],
  ['an uncaught error', 'error', { code: 1, signal: null }, REPORT],
  ['an unhandled rejection', 'rejection', { code: 1, signal: null }, REPORT],
  ['SIGTERM', 'signal', { code: null, signal: 'SIGTERM' }, /^$/, 'SIGTERM'],
  ['SIGTERM that the program answers with process.exit()', 'handled', { code: 9, signal: null }, /^$/, 'SIGTERM'],
])('%s during a run', (_, what, outcome, report, signal) => {
  test(`ends the process within a second, ${TIMES} times`, async () => {
    for (let i = 0; i < TIMES; i += 2) {
      for (const ended of await Promise.all([end(what, i, signal), end(what, i + 1, signal)])) {
        expect(ended).toMatchObject({ ...outcome, output: 'now\n' });
        expect(ended.errors).toMatch(report);
        expect(ended.ms).toBeLessThan(LIMIT_MS);
      }
    }
  });
});
