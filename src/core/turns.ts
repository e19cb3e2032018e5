/**
 * Long work in turns, so that the event loop can do other things between. The work is a generator
 * that yields where it may pause; run at once it is an ordinary call. Not here: any work.
 */
import { setImmediate } from 'node:timers';

/** Work that gives a T and pauses at each yield. */
export type Pausing<T> = Generator<undefined, T, void>;

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
