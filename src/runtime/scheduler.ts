/**
 * Waits for runs in flight, for all sessions of this environment. For a moment after a short run
 * began it polls from setImmediate, because being woken by another thread costs more than such a
 * run; after that it sleeps and a finished run wakes it. Not here: what a run is (./session.ts).
 *
 * Its clock and its timer come from modules, not from globals: test runners replace those, and take
 * them away when a test file ends.
 */
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { addon, type NativeAddon, type NativeProgram } from '../native/addon.js';
import { cores } from '../native/cores.js';

/**
 * How long polling may go on after the last submission, and the longest run that is worth polling
 * for, in microseconds.
 */
const POLL_US = 200;
const SHORT_RUN_US = 100;
/**
 * A run known to be shorter than this wakes nobody: a worker that is awake takes it, else it is
 * computed here in the next turn of the event loop. Waking a sleeping worker takes this thread
 * alone longer than that. One at a time; further ones go to the workers.
 */
const TINY_RUN_US = 20;
/**
 * A run known to take longer calls before it ends, so that waking this thread does not lengthen it;
 * this thread polls until the run ends. Wake-up lead = min(AHEAD_SHARE x run, AHEAD_US): a small
 * share keeps polling cheap, and within AHEAD_US this thread surely wakes.
 */
const CALLING_RUN_US = 1000;
const AHEAD_SHARE = 1 / 20;
const AHEAD_US = 100;

/** @param stopped true if it was aborted in time */
type Landing = (nanoseconds: number, stopped: boolean) => void;

/** What waits here, of all sessions. */
interface Flights {
  readonly flying: Map<number, Landing>;
  polling: boolean;
  pollUntil: number;
  /** The ticket of the tiny run that no worker was woken for, 0 for none. */
  tiny: number;
}

/**
 * The state belongs to the addon, not to this module: where modules are reloaded (a test runner's
 * registry, `import('...?v=2')`) each copy of this one gets the same addon, which has one wake-up
 * call and one list of finished runs. Whichever copy collects, every run lands.
 */
const WAITING = Symbol.for('bitplane.waiting');
let flights: Flights | undefined;

function sharedState(): Flights {
  const native: NativeAddon & { [WAITING]?: Flights } = addon();
  const shared = native[WAITING];
  if (shared !== undefined) return shared;
  // Before the first run begins, because the wake-up call is also what keeps the process alive
  // during a run.
  native.onWake(collect, cores());
  const fresh = { flying: new Map<number, Landing>(), polling: false, pollUntil: 0, tiny: 0 };
  native[WAITING] = fresh;
  return fresh;
}

/**
 * Begins a run and calls `landed` when it has ended, then the caller must `finish` it.
 * @param expectedUs how long it should take, 0 if that is not known
 * @param threads how many may share it, 0 for all that the program was built for
 * @returns the ticket of the run
 */
export function launch(
  program: NativeProgram,
  feeds: readonly NodeJS.TypedArray[],
  profile: boolean,
  expectedUs: number,
  landed: Landing,
  threads = 0,
): number {
  flights ??= sharedState();
  const tiny = expectedUs > 0 && expectedUs < TINY_RUN_US && flights.tiny === 0;
  const calling =
    expectedUs >= CALLING_RUN_US ? expectedUs - Math.min(AHEAD_US, expectedUs * AHEAD_SHARE) : 0;
  const ticket = program.start(feeds, profile, tiny, calling, threads);
  flights.flying.set(ticket, landed);
  if (tiny) flights.tiny = ticket;
  if (expectedUs <= SHORT_RUN_US) {
    flights.pollUntil = performance.now() + POLL_US / 1000;
    beginPolling(flights);
  } else if (!flights.polling && !addon().park()) {
    // Something has ended already, perhaps this very run: it lands in a later turn, never before
    // the caller knows its ticket.
    beginPolling(flights);
  }
  return ticket;
}

function beginPolling(state: Flights): void {
  if (state.polling) return;
  state.polling = true;
  setImmediate(poll, state);
}

function poll(state: Flights): void {
  if (state.tiny !== 0) {
    addon().runHere(state.tiny);
    state.tiny = 0;
  }
  land(state);
  // A tiny run that has begun while others landed waits for the next turn, whatever the time:
  // nobody else would wake a worker for it.
  if (state.flying.size > 0 && (state.tiny !== 0 || performance.now() < state.pollUntil))
    setImmediate(poll, state);
  else {
    state.polling = false;
    sleep(state);
  }
}

/** A worker calls: runs have ended, or one is about to. */
function collect(): void {
  const state = sharedState();
  const ended = land(state);
  if (state.polling) return;
  if (ended === 0 && state.flying.size > 0) {
    state.pollUntil = performance.now() + POLL_US / 1000;
    beginPolling(state);
  } else sleep(state);
}

/** Asks to be woken; collects first whatever ended meanwhile. */
function sleep(state: Flights): void {
  while (state.flying.size > 0 && !addon().park()) land(state);
}

/** Hands out what has ended, and says how many runs that was. */
function land({ flying }: Flights): number {
  const ended = addon().drain();
  for (let i = 0; i < ended.length; i += 3) {
    const ticket = ended[i] as number;
    const landed = flying.get(ticket);
    flying.delete(ticket);
    landed?.(ended[i + 1] as number, ended[i + 2] === 1);
  }
  return ended.length / 3;
}
