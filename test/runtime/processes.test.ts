/**
 * Sessions at the end of their process or worker: what keeps a process alive, what ends it, and how
 * fast. Runs the built package.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ended, ended } from '../child.js';

const PROGRAM = join(import.meta.dirname, 'programs', 'program.mjs');

async function node(what: string): Promise<Ended & { readonly ms: number }> {
  const began = performance.now();
  const { output, ...rest } = await ended([PROGRAM, what], { limitMs: 15_000 });
  return { ...rest, output: output.trim(), ms: performance.now() - began };
}

describe('a process', () => {
  let startup = 0;
  beforeAll(async () => {
    startup = Math.min((await node('idle')).ms, (await node('idle')).ms);
  });

  test('ends by itself while a session is open', async () => {
    expect(await node('idle')).toMatchObject({ code: 0, output: '3,5,7', errors: '' });
  });

  test('lives for a run in flight', async () => {
    expect(await node('flying')).toMatchObject({ code: 0, output: 'landed', errors: '' });
  });

  // Each begins seconds of work and means to end 100 ms later.
  test.each([
    ['process.exit()', 'exit', 7],
    ['process.exit() in the turn of the run', 'exitAtOnce', 8],
    ['an uncaught error', 'throws', 1],
    ['a signal', 'aborts', 0],
  ])('ends within a second by %s, with its code', async (_, what, code) => {
    const end = await node(what);
    expect(end).toMatchObject({ code, signal: null });
    expect(end.ms - startup).toBeLessThan(1100);
    if (what === 'aborts') expect(end.output).toBe('ERR_ABORTED');
  });
});

describe('workers', () => {
  const start = (what: string) => new Worker(PROGRAM, { workerData: what });
  const message = (worker: Worker) =>
    new Promise<unknown>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  const exit = (worker: Worker) => new Promise<number>((resolve) => worker.once('exit', resolve));

  test('load and run at the same time, and end by themselves', async () => {
    const workers = Array.from({ length: 6 }, () => start('many'));
    const [sums, codes] = await Promise.all([
      Promise.all(workers.map(message)),
      Promise.all(workers.map(exit)),
    ]);
    // 50 rounds of 63 elements, each 2 * round + 1.
    expect(sums).toEqual(workers.map(() => 63 * 50 * 50));
    expect(codes).toEqual(workers.map(() => 0));
  });

  test('end within a second when terminated in the middle of runs, repeatedly', async () => {
    for (let round = 0; round < 4; round++) {
      const workers = [start('endless'), start('endless')];
      await Promise.all(workers.map(message));
      await new Promise((resolve) => setTimeout(resolve, 20 * round));
      const began = performance.now();
      await Promise.all(workers.map((worker) => worker.terminate()));
      expect(performance.now() - began).toBeLessThan(1000);
    }
  });
});
