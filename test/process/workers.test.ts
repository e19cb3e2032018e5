/**
 * Workers that end in the middle of runs: their process lives on, keeps no memory of them, and
 * every worker computes the same bits.
 */
import { expect, inject, test } from 'vitest';
import { type Ended, ended } from '../child.js';
import { node } from '../package/sandbox.js';

interface Outcome {
  readonly digests: string[];
  readonly codes: number[];
  readonly slowest: number;
  readonly memory: number[];
}

const terminated = (...numbers: [rounds: number, workers: number, every: number]) =>
  outcomeOf<Outcome>('terminated.mjs', numbers);

async function outcomeOf<T>(program: string, numbers: readonly number[]): Promise<Ended & T> {
  const end = await ended(['--expose-gc', program, ...numbers.map(String)], {
    cwd: inject('application'),
  });
  if (end.output === '')
    throw new Error(`the process ended with ${end.code ?? end.signal}: ${end.errors}`);
  return { ...end, ...JSON.parse(end.output) };
}

/** worker.terminate() gives 1. */
const QUIET = { code: 0, errors: '', codes: [1] };

test('a worker terminated during runs, 50 times at 50 moments, ends within a second', async () => {
  const outcome = await terminated(50, 1, 2);
  expect(outcome).toMatchObject(QUIET);
  expect(outcome.digests).toHaveLength(1);
  expect(outcome.slowest).toBeLessThan(1000);
}, 120_000);

test('a process survives workers that are terminated at any moment', async () => {
  const outcome = await outcomeOf<{ codes: number[] }>('early.mjs', [300]);
  expect(outcome).toMatchObject({ code: 0, errors: '' });
  // 0 where the worker had not begun.
  expect(outcome.codes.filter((code) => code !== 0 && code !== 1)).toEqual([]);
  expect(outcome.codes).toContain(1);
}, 300_000);

test.each([
  ['process.exit() in the worker', 'exit', { code: 5, error: null }],
  ['an error after a run', 'error', { code: 1, error: 'after a run' }],
  ['worker.terminate()', 'terminate', { code: 1, error: null }],
])(
  '%s, with 200 runs in flight, ends only the worker, within a second',
  async (_, what, expected) => {
    const { code, stdout, stderr } = node(inject('application'), ['inside.mjs', what]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { ms, ...outcome } = JSON.parse(stdout);
    expect(outcome).toEqual(expected);
    expect(ms).toBeLessThan(1000);
  },
);

test('eight workers terminated 200 times give the same bits and keep no memory', async () => {
  const outcome = await terminated(200, 8, 0);
  expect(outcome).toMatchObject(QUIET);
  expect(outcome.digests).toHaveLength(1);
  expect(outcome.slowest).toBeLessThan(1000);
  // After fifty rounds the allocator has met every order of events. A worker that left its arena or
  // a stack would cost 1200 of either.
  const median = (from: number, to: number) =>
    outcome.memory.slice(from, to).sort((a, b) => a - b)[(to - from) >> 1] as number;
  const growth = (median(150, 200) - median(50, 100)) / 1e6;
  expect(growth).toBeLessThan(5);
}, 900_000);
