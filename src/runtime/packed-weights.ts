/**
 * The constants of a session, or of several that share weights, such as those of a store's tasks:
 * each is packed once, by whoever needs it first, and freed when the last session has left. Not
 * here: packing (./compile.ts).
 */
import type { SharedWork } from '../core/turns.js';
import { SessionConstants } from './compile.js';

export class PackedWeights {
  constants = new SessionConstants();
  private readonly users = new Set<object>();
  /** What is compiled in turns at this time. */
  private underWay: SharedWork<unknown> | undefined;

  /** Somebody packs weights here from now on. */
  join(user: object): void {
    this.users.add(user);
  }

  /** Whoever joined has no program any more. */
  leave(user: object): void {
    this.users.delete(user);
    if (this.users.size > 0) return;
    this.underWay = undefined;
    this.constants.release();
    this.constants = new SessionConstants();
  }

  begin(work: SharedWork<unknown>): void {
    this.underWay = work;
  }

  end(work: SharedWork<unknown>): void {
    if (this.underWay === work) this.underWay = undefined;
  }

  /** Ends what is compiled in turns: two programs are never made at a time. */
  settle(): void {
    const { underWay } = this;
    this.underWay = undefined;
    try {
      underWay?.atOnce();
    } catch {
      // Whoever began it is told.
    }
  }
}
