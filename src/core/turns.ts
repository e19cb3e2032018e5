/**
 * Long work in turns, so that the event loop can do other things between. The work is a generator
 * that yields where it may pause; run at once it is an ordinary call. Not here: any work.
 */
import { setImmediate } from 'node:timers';

/** Work that gives a T and pauses at each yield. */
export type Pausing<T> = Generator<undefined, T, void>;

/** Tells work that pauses from what is there at once. */
export function isPausing<T>(made: T | Pausing<T>): made is Pausing<T> {
  return typeof made === 'object' && made !== null && 'next' in made;
}

/** Milliseconds after which the event loop gets its turn. */
const TURN_MS = 2;

/** The whole work in this turn. */
export function atOnce<T>(work: Pausing<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/**
 * The work in as many turns of the event loop as it takes.
 * @param proceed called at the start of every turn; what it throws ends the work
 */
export async function inTurns<T>(work: Pausing<T>, proceed: () => void = () => {}): Promise<T> {
  for (;;) {
    proceed();
    const end = performance.now() + TURN_MS;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < end);
    await new Promise(setImmediate);
  }
}

/**
 * Work that one party does in turns and another may need at once: whoever needs its end takes it
 * there.
 */
export class SharedWork<T> {
  private readonly work: Pausing<T>;
  private end: { readonly value: T } | { readonly error: unknown } | undefined;

  constructor(work: Pausing<T>) {
    this.work = work;
  }

  /** What is left of it, for `inTurns`. */
  *turns(): Pausing<T> {
    while (!this.step()) yield;
    return this.value();
  }

  /** The rest of it in this turn. */
  atOnce(): T {
    while (!this.step());
    return this.value();
  }

  /** True when it has ended. */
  private step(): boolean {
    if (this.end !== undefined) return true;
    try {
      const step = this.work.next();
      if (step.done === true) this.end = { value: step.value };
    } catch (error) {
      this.end = { error };
    }
    return this.end !== undefined;
  }

  private value(): T {
    const end = this.end as NonNullable<typeof this.end>;
    if ('error' in end) throw end.error;
    return end.value;
  }
}
