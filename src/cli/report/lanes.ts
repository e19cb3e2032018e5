/**
 * Lines beside a list, as those beside a list of commits: each value runs down a lane of its own
 * from its row to the last row that reads it. Not here: how they are drawn (./network-page.ts).
 */

export interface Lanes {
  /** Of each row. */
  readonly lane: readonly number[];
  /** How many there are. */
  readonly count: number;
}

/**
 * A row takes the lane of a value that nobody reads after it, the leftmost of them, so that chains
 * are straight; else the leftmost lane that is free. @param from the rows above that each row reads
 */
export function lanesOf(from: readonly (readonly number[])[]): Lanes {
  const lastUse = from.map((_, row) => row);
  for (const [row, read] of from.entries())
    for (const above of read) lastUse[above] = Math.max(lastUse[above] as number, row);
  const lane: number[] = [];
  /** The row whose value each lane carries. */
  const carried: (number | undefined)[] = [];
  for (const [row, read] of from.entries()) {
    const ending = read.filter((above) => lastUse[above] === row).map((above) => lane[above] ?? 0);
    for (const one of ending) carried[one] = undefined;
    const gap = carried.indexOf(undefined);
    const free = gap < 0 ? carried.length : gap;
    const own = ending.length === 0 ? free : ending.reduce((a, b) => Math.min(a, b));
    lane.push(own);
    carried[own] = (lastUse[row] as number) > row ? row : undefined;
  }
  return { lane, count: carried.length };
}
