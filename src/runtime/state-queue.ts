/**
 * Who may use the states of a store now: any number of runs that only read them, or one that
 * changes them, in the order in which they came, of all sessions that share the store. Not here:
 * the memory (./state-memory.ts).
 */
import type { BitplaneError } from '../core/errors.js';

/** A run that wants to use the states. */
export interface Guest {
  /** True if it changes states. */
  readonly changes: boolean;
  /** Kept by the queue. */
  place: 'outside' | 'waiting' | 'inside';
  /** Its turn has come; called once, perhaps at once. */
  admit(): void;
  /** It will never be admitted; without an error because the states are gone. */
  refuse(error?: BitplaneError): void;
}

export class StateQueue {
  private readonly waiting: Guest[] = [];
  private readers = 0;
  private writing = false;

  /** Admits the guest as soon as its turn comes. Returns false if it has to wait. */
  enter(guest: Guest): boolean {
    guest.place = 'waiting';
    this.waiting.push(guest);
    this.next();
    return guest.place !== 'waiting';
  }

  /** A guest is done, or waits no more; returns true if it was waiting. */
  leave(guest: Guest): boolean {
    const { place } = guest;
    guest.place = 'outside';
    if (place === 'outside') return false;
    if (place === 'waiting') this.waiting.splice(this.waiting.indexOf(guest), 1);
    else if (guest.changes) this.writing = false;
    else this.readers--;
    this.next();
    return place === 'waiting';
  }

  /** Refuses all that wait. */
  refuse(): void {
    for (const guest of this.waiting.splice(0)) {
      guest.place = 'outside';
      guest.refuse();
    }
  }

  /** Nobody changes states now; and nobody reads them, if the question is of a change. */
  isFree(changes: boolean): boolean {
    return !this.writing && (!changes || this.readers === 0);
  }

  private next(): void {
    for (let guest = this.waiting[0]; guest !== undefined; guest = this.waiting[0]) {
      if (!this.isFree(guest.changes)) return;
      this.waiting.shift();
      guest.place = 'inside';
      if (guest.changes) this.writing = true;
      else this.readers++;
      guest.admit();
    }
  }
}
