/**
 * Waits for runs in flight, for all sessions of this environment. For a moment after a short run began it polls from setImmediate, because
 * being woken by another thread costs more than such a run; after that it sleeps and a finished run wakes it.
 * Not here: what a run is (./session.ts).
 */
import { addon, type NativeProgram } from '../native/addon.js';

/** How long polling may go on after the last submission, and the longest run that is worth polling for, in microseconds. */
const POLL_US = 200;
const SHORT_RUN_US = 100;

type Landing = (nanoseconds: number, aborted: boolean) => void;

const flying = new Map<number, Landing>();
let polling = false;
let pollUntil = 0;
let listening = false;

/**
 * Begins a run and calls `landed` when it has ended, then the caller must `finish` it.
 * @param expectedUs how long it should take, 0 if that is not known
 * @returns the ticket of the run
 */
export function launch(
  program: NativeProgram,
  feeds: readonly NodeJS.TypedArray[],
  profile: boolean,
  expectedUs: number,
  landed: Landing,
): number {
  if (!listening) {
    // Before the first run begins, because the wake-up call is also what keeps the process alive during a run.
    listening = true;
    addon().onWake(collect);
  }
  const ticket = program.start(feeds, profile);
  flying.set(ticket, landed);
  if (expectedUs <= SHORT_RUN_US) {
    pollUntil = performance.now() + POLL_US / 1000;
    if (!polling) {
      polling = true;
      setImmediate(poll);
    }
  } else if (!polling && !addon().park()) {
    // Something has ended already, perhaps this very run: it lands in a later turn, never before the caller knows its ticket.
    polling = true;
    setImmediate(poll);
  }
  return ticket;
}

function poll(): void {
  land();
  if (flying.size > 0 && performance.now() < pollUntil) setImmediate(poll);
  else {
    polling = false;
    sleep();
  }
}

function collect(): void {
  land();
  if (!polling) sleep();
}

/** Asks to be woken; collects first whatever ended meanwhile. */
function sleep(): void {
  while (flying.size > 0 && !addon().park()) land();
}

function land(): void {
  const ended = addon().drain();
  for (let i = 0; i < ended.length; i += 3) {
    const ticket = ended[i] as number;
    const landed = flying.get(ticket);
    flying.delete(ticket);
    landed?.(ended[i + 1] as number, ended[i + 2] === 1);
  }
}
