/**
 * How many threads can run at once on this machine. Asks Node instead of libuv, because Deno runs
 * Node's addons without that function of libuv. Not here: how many a run uses.
 */
import { availableParallelism } from 'node:os';

let known: number | undefined;

/** Asked once, because newer versions of libuv read files for the answer. */
export function cores(): number {
  known ??= availableParallelism();
  return known;
}
