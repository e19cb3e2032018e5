/**
 * The runs of a session that wait for an arena: so many are in flight at once, the others begin in
 * the order in which they came. Not here: what a run does (./flight.ts), waiting for states
 * (./state-queue.ts).
 */
import type { BitplaneError } from '../core/errors.js';
import { keepFeeds, type QueuedRun } from './queued-run.js';

export class ArenaQueue {
  private readonly waiting: QueuedRun[] = [];
  private readonly idle: (() => void)[] = [];
  private flying = 0;

  /** @param most how many runs are in flight at once */
  constructor(private readonly most: number) {}

  /** Begins a run, or lets it wait. */
  enter(run: QueuedRun): void {
    if (this.flying < this.most) run.begin();
    else {
      keepFeeds(run);
      this.waiting.push(run);
    }
  }

  /** A run waits no more. */
  leave(run: QueuedRun): void {
    const place = this.waiting.indexOf(run);
    if (place >= 0) this.waiting.splice(place, 1);
  }

  /** A run has an arena now. */
  begun(): void {
    this.flying++;
  }

  /** It needs its arena no more. */
  landed(): void {
    this.flying--;
  }

  /** Begins the run that waits first, or tells who waits for quiet. */
  next(): void {
    if (this.flying < this.most) this.waiting.shift()?.begin();
    if (this.flying === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Ends all waiting. */
  cancel(error: () => BitplaneError): void {
    for (const run of this.waiting.splice(0)) run.cancel(error());
  }

  /** When no run is in flight. */
  async quiet(): Promise<void> {
    if (this.flying > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
  }
}
