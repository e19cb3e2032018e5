/**
 * Who may use the states of a store now: any number of runs that only read them, or one that
 * changes them, in the order in which they came, of all sessions that share the store. Not here:
 * the memory (./state-memory.ts).
 */

/** A run that wants to use the states. */
export interface Guest {
  /** True if it changes states. */
  readonly changes: boolean;
  /** Its turn has come; called once, perhaps at once. */
  admit(): void;
  /** It will never be admitted. */
  refuse(): void;
}

export class StateQueue {
  private readonly waiting: Guest[] = [];
  private readers = 0;
  private writing = false;

  /** Admits the guest as soon as its turn comes. Returns false if it has to wait. */
  enter(guest: Guest): boolean {
    this.waiting.push(guest);
    this.next();
    return !this.waiting.includes(guest);
  }

  /** Takes a guest out that waits; false if it does not wait any more. */
  remove(guest: Guest): boolean {
    const place = this.waiting.indexOf(guest);
    if (place < 0) return false;
    this.waiting.splice(place, 1);
    this.next();
    return true;
  }

  /** An admitted guest is done. */
  leave({ changes }: Guest): void {
    if (changes) this.writing = false;
    else this.readers--;
    this.next();
  }

  /** Refuses all that wait. */
  refuse(): void {
    for (const guest of this.waiting.splice(0)) guest.refuse();
  }

  /** Nobody changes states now; and nobody reads them, if the question is of a change. */
  isFree(changes: boolean): boolean {
    return !this.writing && (!changes || this.readers === 0);
  }

  private next(): void {
    for (let guest = this.waiting[0]; guest !== undefined; guest = this.waiting[0]) {
      if (!this.isFree(guest.changes)) return;
      this.waiting.shift();
      if (guest.changes) this.writing = true;
      else this.readers++;
      guest.admit();
    }
  }
}
