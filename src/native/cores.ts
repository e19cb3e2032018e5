/**
 * How many threads can run at once on this machine. Asked of Node and not by the addon: Deno runs
 * Node's addons too, but has not that function of libuv. Not here: how many a run uses.
 */
import { availableParallelism } from 'node:os';

let known: number | undefined;

/** Asked once: newer versions of libuv read files to tell. */
export function cores(): number {
  known ??= availableParallelism();
  return known;
}
