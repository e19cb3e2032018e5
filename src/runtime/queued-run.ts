/**
 * A run that may have to wait. Not here: for what (./session.ts, ./state-queue.ts).
 */
import type { StateUser } from './session-states.js';

/** A run that may wait, for states or for an arena. */
export interface QueuedRun extends StateUser {
  feeds: readonly NodeJS.TypedArray[];
  isCopied: boolean;
  begin(): void;
}

/** Feeds may change while a run waits. */
export function keepFeeds(run: QueuedRun): void {
  if (!run.isCopied) run.feeds = run.feeds.map((array) => array.slice());
  run.isCopied = true;
}
