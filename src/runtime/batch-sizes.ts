/**
 * Which size of a batch runs when some rows wait, and whether they run as two batches side by side.
 * Sizes are powers of two and the largest: each costs a program. Not here: batches (./batcher.ts).
 */

/** 1, 2, 4, ... and `most`. */
export function batchSizes(most: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < most; size *= 2) sizes.push(size);
  return [...sizes, most];
}

/**
 * The size to run now, where `rows` wait. Of the sizes that have a program: the least that holds
 * all rows, partly empty, or the greatest that they fill, which leaves some to the next run;
 * whichever takes less time a row. Without any, the least that holds all, which is compiled then.
 * @param rows from 1 on
 * @param isCompiled whether a size has a program
 * @param us microseconds of a run, undefined where none was timed
 */
export function chooseSize(
  sizes: readonly number[],
  rows: number,
  isCompiled: (size: number) => boolean,
  us: (size: number) => number | undefined,
): number {
  if (sizes.includes(rows) && isCompiled(rows)) return rows;
  const most = sizes.at(-1) as number;
  const known = sizes.filter(isCompiled);
  const up = known.find((size) => size >= rows);
  const down = known.findLast((size) => size <= rows);
  if (up === undefined && down === undefined) return sizes.find((size) => size >= rows) ?? most;
  if (up === undefined || down === undefined || up === down) return (up ?? down) as number;
  const [long, short] = [us(up), us(down)];
  // Not timed yet: a run of twice the size takes less than twice the time.
  if (long === undefined || short === undefined) return up - rows < rows - down ? up : down;
  return long / rows < short / down ? up : down;
}

/** How long runs of each size take: near the shortest, because others use the machine too. */
export class SizeTimes {
  private readonly typical = new Map<number, number>();

  /** Microseconds; undefined where no run was timed. */
  of(size: number): number | undefined {
    return this.typical.get(size);
  }

  /** A run has taken so long: a shorter one counts at once, a longer one a little. */
  landed(size: number, us: number): void {
    const before = this.typical.get(size);
    const next = before === undefined || us < before ? us : before + (us - before) / SLOW;
    this.typical.set(size, next);
  }
}

const SLOW = 64;

/** How long runs of each size take alone, and beside another. */
export class BatchTimes {
  private readonly alone = new SizeTimes();
  private readonly beside = new SizeTimes();

  /** Microseconds of a run; undefined where none was timed. */
  of(size: number): number | undefined {
    return this.alone.of(size) ?? this.beside.of(size);
  }

  landed(size: number, us: number, isAlone: boolean): void {
    (isAlone ? this.alone : this.beside).landed(size, us);
  }

  /**
   * Whether two runs of `half`, side by side, end sooner than one of `whole`. What was never timed
   * is tried. A run that is used is timed on, and counts as longer where the machine gets busier,
   * so the other way gets its turn again.
   */
  preferHalves(whole: number, half: number): boolean {
    const two = this.beside.of(half);
    const one = this.alone.of(whole);
    if (two === undefined) return true;
    return one !== undefined && two < one;
  }
}
