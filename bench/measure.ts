/**
 * Timing on a shared machine: short interleaved repeats, of which the best counts. Not here: what
 * is timed.
 */
import { performance } from 'node:perf_hooks';

export type Job = () => unknown;

/**
 * Microseconds per call of each job: the best of `rounds` averages over at least `ms` milliseconds.
 * The jobs take turns, so that a slow moment of the machine falls on all of them, and their ratios
 * hold.
 * @param restMs between two turns, where threads of the one before may still be spinning
 */
export async function race<K extends string>(
  jobs: Readonly<Record<K, Job>>,
  rounds = 40,
  ms = 8,
  restMs = 0,
): Promise<Record<K, number>> {
  const names = Object.keys(jobs) as K[];
  const best = await raceAll(
    names.map((name) => jobs[name]),
    rounds,
    ms,
    restMs,
  );
  return Object.fromEntries(names.map((name, i) => [name, best[i]])) as Record<K, number>;
}

/** The same of jobs in a list. */
export async function raceAll(
  jobs: readonly Job[],
  rounds: number,
  ms: number,
  restMs = 0,
): Promise<number[]> {
  const best = jobs.map(() => Number.POSITIVE_INFINITY);
  const turn = async (job: Job) => {
    if (restMs > 0) await sleep(restMs);
    return await repeat(job, ms);
  };
  for (const job of jobs) await turn(job);
  for (let round = 0; round < rounds; round++)
    for (const [i, job] of jobs.entries()) best[i] = Math.min(best[i] as number, await turn(job));
  return best;
}

/** Average microseconds per call over at least `ms` milliseconds. */
async function repeat(job: Job, ms: number): Promise<number> {
  const start = performance.now();
  let count = 0;
  let elapsed = 0;
  do {
    await job();
    count++;
    elapsed = performance.now() - start;
  } while (elapsed < ms);
  return (elapsed * 1000) / count;
}

/** The middle of the values, and its neighbour at quantile q of them. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
