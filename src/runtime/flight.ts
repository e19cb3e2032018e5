/**
 * One run from its feeds to its results: it waits for the states and for an arena, is launched, and
 * lands. An object with methods and not a handful of closures: a run of a small network takes some
 * microseconds, and each closure is a measurable part of them. Not here: whose turn it is
 * (./arena-queue.ts, ./session-states.ts), the native side (./scheduler.ts).
 */
import { BitplaneError } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { allowListeners } from './allow-listeners.js';
import type { ArenaQueue } from './arena-queue.js';
import { aborted, resultArrays, resultTensor } from './feeds.js';
import type { Kept, Programs, Variant } from './programs.js';
import { keepFeeds, type QueuedRun } from './queued-run.js';
import type { ResultTargets } from './result-targets.js';
import { launch } from './scheduler.js';
import type { SessionStates } from './session-states.js';
import type { Guest } from './state-queue.js';

/** What a run uses of its session. */
export interface SessionParts {
  readonly programs: Programs;
  readonly states: SessionStates;
  readonly arenas: ArenaQueue;
}

/** What a run gives: its outputs in the graph's order, and the times of a profile. */
export interface Landed {
  readonly tensors: readonly Tensor[];
  readonly times: Float64Array | undefined;
}

/**
 * Runs a program once.
 * @param profiled the program to time layer by layer, for a profile
 * @param memory where results go, if not into fresh arrays; let go of when the run has ended
 */
export function fly(
  session: SessionParts,
  kept: Kept,
  feeds: readonly NodeJS.TypedArray[],
  signal: AbortSignal | undefined,
  profiled?: Variant,
  memory?: ResultTargets,
): Promise<Landed> {
  return new Promise((resolve, reject) =>
    new Flight(session, kept, feeds, signal, profiled, memory, resolve, reject).enter(),
  );
}

class Flight implements QueuedRun {
  guest: Guest | undefined = undefined;
  isCopied = false;
  private program: Variant;
  private threads = 0;
  private ticket = 0;
  private onAbort: (() => void) | undefined = undefined;

  constructor(
    private readonly session: SessionParts,
    private readonly kept: Kept,
    public feeds: readonly NodeJS.TypedArray[],
    private readonly signal: AbortSignal | undefined,
    private readonly profiled: Variant | undefined,
    private readonly memory: ResultTargets | undefined,
    private readonly resolve: (landed: Landed) => void,
    private readonly reject: (error: BitplaneError) => void,
  ) {
    this.program = kept.shared;
  }

  enter(): void {
    const { states, programs, arenas } = this.session;
    programs.entered(this.kept);
    if (this.signal !== undefined) this.listen(this.signal);
    const { memory } = states;
    if (memory === undefined || this.profiled !== undefined) arenas.enter(this);
    else if (!states.enter(this, memory, () => arenas.enter(this))) keepFeeds(this);
  }

  begin(): void {
    const { programs, arenas } = this.session;
    const { pace } = this.kept;
    try {
      this.program = this.profiled ?? programs.next(this.kept);
      this.threads = pace.threads;
      this.ticket = launch(
        this.program.native,
        this.feeds,
        this.profiled !== undefined,
        pace.expectedUs,
        (nanoseconds, cutShort) => this.landed(nanoseconds, cutShort),
        this.threads,
      );
    } catch (error) {
      this.cancel(nativeError(error));
      arenas.next();
      return;
    }
    arenas.begun();
    programs.launched(this.program);
  }

  cancel(error: BitplaneError): void {
    this.session.programs.left(this.kept);
    this.unlisten();
    this.memory?.letGo();
    this.reject(error);
    this.session.states.leave(this);
  }

  private landed(nanoseconds: number, cutShort: boolean): void {
    const { programs, states, arenas } = this.session;
    const { program, signal } = this;
    arenas.landed();
    this.unlisten();
    // What has changed states has ended, and its results are there.
    const stopped = signal?.aborted === true && (cutShort || !states.changes);
    let targets: NodeJS.TypedArray[] = [];
    let failure: BitplaneError | undefined;
    try {
      if (!stopped) targets = this.memory?.arrays(program.outputs) ?? resultArrays(program.outputs);
    } catch (error) {
      failure = nativeError(error); // no memory for results, or it is gone
    }
    const times = program.native.finish(this.ticket, targets);
    this.memory?.letGo();
    programs.landed(program);
    programs.left(this.kept);
    arenas.next();
    states.leave(this);
    if (stopped) {
      this.reject(aborted(signal));
      return;
    }
    // A profile's clock takes time too.
    if (this.profiled === undefined) this.kept.pace.landed(this.threads, nanoseconds / 1000);
    if (failure !== undefined) {
      this.reject(failure);
      return;
    }
    let tensors: Tensor[];
    try {
      tensors = targets.map((array, i) => {
        const type = program.outputs[i] as Value;
        return this.memory?.tensor(i, type, array) ?? resultTensor(type, array);
      });
    } catch (error) {
      this.reject(nativeError(error));
      return;
    }
    this.resolve({ tensors, times });
  }

  private listen(signal: AbortSignal): void {
    this.onAbort = () => {
      if (this.ticket !== 0) return this.program.native.abort(this.ticket);
      this.session.arenas.leave(this);
      this.cancel(aborted(signal));
    };
    allowListeners(signal);
    signal.addEventListener('abort', this.onAbort, { once: true });
  }

  private unlisten(): void {
    if (this.onAbort !== undefined) this.signal?.removeEventListener('abort', this.onAbort);
  }
}

function nativeError(cause: unknown): BitplaneError {
  if (cause instanceof BitplaneError) return cause;
  return new BitplaneError('ERR_NATIVE', cause instanceof Error ? cause.message : String(cause), {
    op: 'run',
    cause,
  });
}
