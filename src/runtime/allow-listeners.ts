/**
 * Signals that many listen to. Not here: what they stop.
 */
import { setMaxListeners } from 'node:events';

/** One signal may stop any number of runs; Node warns of a leak from the eleventh on. */
export function allowListeners(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal);
  } catch {
    // No signal of Node's, but of a test environment's own (jsdom): that one has no such limit.
  }
}
