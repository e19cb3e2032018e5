/**
 * How many threads a program's runs get, and how long they take. Helpers must be woken, wait for
 * each other after every layer and take a core from others, so a short run gets them only where
 * runs before it say that it pays. Not here: the threads (native/parallel/pool.h); results, which
 * have the same bits for any number of them.
 *
 * A program begins with all threads that it may use. Where its runs are short, half as many are
 * tried, in turns; while fewer are as good, or not much worse, half of those, down to one. What was
 * best is kept, and tried again now and then, because machines get busy and idle.
 */

/**
 * Two numbers of threads take turns of `runs`, `turns` times each. The first runs of a turn find
 * threads asleep or caches dealt out otherwise.
 */
interface Schedule {
  readonly runs: number;
  readonly cold: number;
  readonly turns: number;
  /**
   * Of the samples of a number of threads the shortest so many count; the others met somebody
   * else's work.
   */
  readonly kept: number;
}

const THOROUGH: Schedule = { runs: 6, cold: 2, turns: 2, kept: 5 };
/** For runs of this many microseconds: half the threads would be felt, and hardly ever win. */
const BRIEF_US = 2000;
const BRIEF: Schedule = { runs: 3, cold: 1, turns: 3, kept: 2 };
/** Longer runs pay for their helpers: waking one takes some fifty microseconds. */
const LONG_US = 50_000;
/** The first runs of a program meet cold caches and sleeping threads. */
const COLD_RUNS = 3;
/** More threads must be faster by this factor to be worth their cores. */
const WORTH = 1.05;
/** Where half the threads take longer by this factor, a quarter will not be better. */
const HOPELESS = 1.3;
/** Runs between two trials: twice as many after each that finds what the one before found. */
const FIRST_PERIOD = 256;
const LAST_PERIOD = 32_768;

/** A trial of `fewer` threads against `best`. */
interface Trial {
  readonly best: number;
  readonly fewer: number;
  readonly schedule: Schedule;
  readonly samples: ReadonlyMap<number, number[]>;
  runs: number;
}

export class Pace {
  /** Microseconds of a run by number of threads, a running mean. */
  private readonly means = new Map<number, number>();
  private readonly most: number;
  private chosen: number;
  private trial: Trial | undefined;
  private period = FIRST_PERIOD;
  private left = COLD_RUNS;

  constructor(most: number) {
    this.most = most;
    this.chosen = most;
  }

  /** How many threads the next run gets. */
  get threads(): number {
    const { trial } = this;
    if (trial === undefined) return this.chosen;
    return Math.floor(trial.runs / trial.schedule.runs) % 2 === 0 ? trial.best : trial.fewer;
  }

  /** The next run has one thread, and is short enough to deserve a program that is cut for one. */
  get alone(): boolean {
    return this.threads === 1 && (this.trial === undefined || this.trial.schedule === THOROUGH);
  }

  /**
   * Microseconds that a run of the next number of threads takes; 0 where none has ended, so that
   * the first is polled for.
   */
  get expectedUs(): number {
    return this.means.get(this.threads) ?? this.means.get(this.chosen) ?? 0;
  }

  /** A run of so many threads has taken so long. */
  landed(threads: number, us: number): void {
    const mean = this.means.get(threads);
    this.means.set(threads, mean === undefined ? us : mean + (us - mean) / 8);
    if (this.most === 1) return;
    if (this.trial !== undefined) this.sample(this.trial, threads, us);
    else if (--this.left <= 0 && us < LONG_US)
      this.trial = trialOf(us < BRIEF_US ? THOROUGH : BRIEF, this.most);
  }

  /**
   * A run that began before its turn, or is late, tells as much as any other of its number; only
   * what the turn's own begin with is left out.
   */
  private sample(trial: Trial, threads: number, us: number): void {
    const { schedule, samples } = trial;
    if (trial.runs % schedule.runs >= schedule.cold) samples.get(threads)?.push(us);
    const isTurnOver = ++trial.runs % (2 * schedule.runs) === 0;
    if (!isTurnOver) return;
    const best = typical(samples.get(trial.best), schedule.kept);
    const fewer = typical(samples.get(trial.fewer), schedule.kept);
    if (trial.runs < 2 * schedule.turns * schedule.runs) {
      // Clear at once, while fewer that look as good may be the work of others on a core.
      if (schedule === BRIEF && fewer > best * HOPELESS) this.settle(trial.best);
      return;
    }
    const winner = fewer <= best * WORTH ? trial.fewer : trial.best;
    if (trial.fewer > 1 && fewer < best * HOPELESS)
      this.trial = trialOf(
        Math.min(best, fewer) < BRIEF_US ? THOROUGH : schedule,
        winner,
        trial.fewer,
      );
    else this.settle(winner);
  }

  private settle(threads: number): void {
    // A core that somebody else had for the length of a trial must not be given up for long.
    if (threads !== this.chosen) this.period = FIRST_PERIOD;
    this.chosen = threads;
    this.trial = undefined;
    this.left = this.period;
    this.period = Math.min(2 * this.period, LAST_PERIOD);
  }
}

/** Half of `tried` threads against the best so far. */
function trialOf(schedule: Schedule, best: number, tried = best): Trial {
  const fewer = Math.ceil(tried / 2);
  return {
    best,
    fewer,
    schedule,
    samples: new Map([best, fewer].map((threads) => [threads, []])),
    runs: 0,
  };
}

/**
 * The mean of the shortest `kept`; Infinity where there is none, as where many runs at once were
 * all begun before their turn.
 */
function typical(samples: readonly number[] = [], kept: number): number {
  if (samples.length === 0) return Number.POSITIVE_INFINITY;
  const shortest = [...samples].sort((a, b) => a - b).slice(0, kept);
  return shortest.reduce((sum, us) => sum + us, 0) / shortest.length;
}
