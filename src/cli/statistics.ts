/** Order statistics of timings. Not here: taking them. */

export interface Timing {
  readonly medianUs: number;
  readonly minUs: number;
  /** The quartiles: half of the values lie between them. */
  readonly p25Us: number;
  readonly p75Us: number;
  readonly p99Us: number;
}

/**
 * Median (mean of the middle two), minimum, and percentiles by nearest rank. `us` holds at
 * least one value.
 */
export function summarize(us: readonly number[]): Timing {
  const sorted = [...us].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] as number;
  const half = sorted.length / 2;
  return {
    medianUs: Number.isInteger(half) ? (at(half - 1) + at(half)) / 2 : at(Math.floor(half)),
    minUs: at(0),
    p25Us: at(Math.ceil(sorted.length * 0.25) - 1),
    p75Us: at(Math.ceil(sorted.length * 0.75) - 1),
    p99Us: at(Math.ceil(sorted.length * 0.99) - 1),
  };
}

/** Microseconds of each of `repeat` awaited calls, one after another. */
export async function timeCalls(call: () => Promise<unknown>, repeat: number): Promise<number[]> {
  const us: number[] = [];
  for (let i = 0; i < repeat; i++) {
    const began = performance.now();
    await call();
    us.push((performance.now() - began) * 1000);
  }
  return us;
}

/**
 * Untimed calls, which fill caches, allocate buffers and raise clock rates. At least two, then as
 * many as fit into `ms`.
 */
export async function warmUp(call: () => Promise<unknown>, ms = 100): Promise<void> {
  const until = performance.now() + ms;
  await call();
  do await call();
  while (performance.now() < until);
}
