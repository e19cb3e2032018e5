/**
 * The states of a session: where they live, and when its runs may use them. Not here: running
 * (./session.ts), the order of runs (./state-queue.ts).
 */
import { BitplaneError } from '../core/errors.js';
import { type Graph, statesOf, updatesOf } from '../graph/value.js';
import { StateMemory } from './state-memory.js';
import type { Guest } from './state-queue.js';
import { memoryOf, type StateStore } from './state-store.js';

/** A run, as far as states concern it. */
export interface StateUser {
  guest: Guest | undefined;
  cancel(error: BitplaneError): void;
}

export class SessionStates {
  /** Undefined for a graph without states and a session without a store. */
  readonly memory: StateMemory | undefined;
  /** Every run changes states. */
  readonly changes: boolean;
  private readonly names: readonly string[];
  private readonly owned: boolean;
  private readonly guests = new Set<Guest>();

  /** @throws BitplaneError ERR_ARGUMENT, ERR_GRAPH, ERR_RELEASED for a store that does not fit */
  constructor(graph: Graph, store: StateStore | undefined) {
    const states = statesOf(graph);
    this.names = states.map(({ name }) => name);
    this.changes = updatesOf(graph).length > 0;
    this.owned = store === undefined;
    if (store !== undefined) {
      this.memory = memoryOf(store);
      this.memory.requireStates(states);
      this.requireHeld();
    } else this.memory = states.length === 0 ? undefined : new StateMemory(states);
  }

  /** @throws BitplaneError ERR_RELEASED naming a state whose store was released */
  requireHeld(): void {
    for (const name of this.names) this.memory?.requireHeld(name);
  }

  /** Calls `start` as soon as the states are the run's to use; false if it has to wait. */
  enter(run: StateUser, memory: StateMemory, start: () => void): boolean {
    const guest: Guest = {
      changes: this.changes,
      place: 'outside',
      admit: () => {
        this.guests.delete(guest);
        start();
      },
      refuse: (error) => run.cancel(error ?? this.storeReleased()),
    };
    run.guest = guest;
    this.guests.add(guest);
    return memory.queue.enter(guest);
  }

  /** The run uses the states no more, or waits for them no more. */
  leave({ guest }: StateUser): void {
    if (guest === undefined) return;
    this.guests.delete(guest);
    this.memory?.queue.leave(guest);
  }

  /** Does something while no other run uses the states, and puts back what it has changed. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const { memory } = this;
    if (memory === undefined) return work();
    const user: StateUser = { guest: undefined, cancel: () => undefined };
    await new Promise<void>((resolve, reject) => {
      user.cancel = reject;
      this.enter(user, memory, resolve);
    });
    // It may have been released since.
    if (memory.isReleased) {
      this.leave(user);
      throw this.storeReleased();
    }
    const restore = this.changes ? memory.saved() : () => undefined;
    try {
      return await work();
    } finally {
      if (!memory.isReleased) restore();
      this.leave(user);
    }
  }

  /** Ends the waiting of this session's runs. */
  refuse(error: BitplaneError): void {
    for (const guest of [...this.guests]) {
      this.guests.delete(guest);
      if (this.memory?.queue.leave(guest) === true) guest.refuse(error);
    }
  }

  /** Frees the states that are the session's own. */
  release(): void {
    if (this.owned) this.memory?.release();
  }

  private storeReleased(): BitplaneError {
    return new BitplaneError('ERR_RELEASED', 'the store of this state was released', {
      op: 'state',
      node: this.names[0],
    });
  }
}
