/**
 * How long a network takes packed and in float, measured beside each other. Not here: printing it.
 */

import type { Runner, Tensors } from '../runtime/run-rows.js';
import type { Io } from './io.js';
import { startProgress } from './progress.js';
import { summarize, timeCalls, warmUp } from './statistics.js';

const ROUNDS = 5;
/** Runs of a single picture in a round. */
const SINGLE: Times = { packed: 100, float: 10 };

/** A number of each network: the microseconds of a run, or how many runs. */
export interface Times {
  readonly packed: number;
  readonly float: number;
}

/**
 * The median run of the best round. Both networks take turns and the best round counts, because
 * other work on the machine slows some rounds.
 */
export async function timeInTurns(
  runners: { readonly packed: Runner; readonly float: Runner },
  feeds: Tensors,
  io: Io,
  runs: Times = SINGLE,
): Promise<Times> {
  const times = { packed: Number.POSITIVE_INFINITY, float: Number.POSITIVE_INFINITY };
  const progress = startProgress(io, 'timing', ROUNDS);
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['packed', 'float'] as const) {
      const run = () => runners[name].run(feeds);
      await warmUp(run, 20);
      const { medianUs } = summarize(await timeCalls(run, runs[name]));
      times[name] = Math.min(times[name], medianUs);
    }
    progress.update(round + 1);
  }
  progress.finish();
  return times;
}
