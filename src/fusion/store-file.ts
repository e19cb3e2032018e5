/**
 * Stores as files, and the networks of their tasks. Not here: the format (src/formats/store).
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import * as format from '../formats/store/store.js';
import { writeFileAtomic } from '../formats/write-file.js';
import type { Graph } from '../graph/value.js';
import { DITHERS, type Dither } from '../quant/formats/fused.js';

/** Writes a store whole or not at all. @throws BitplaneError ERR_ARGUMENT, ERR_IO */
export async function saveStore(store: format.Store, path: string | URL): Promise<void> {
  await writeFileAtomic(path, format.encodeStore(requireStore(store)));
}

/** How the graph of a task is read from a store. */
export interface TaskGraphOptions {
  /** Default: that of the store. */
  readonly dither?: Dither | undefined;
  /** Of the dither `random`. Default: that of the store. */
  readonly seed?: number | undefined;
}

/**
 * The network of a task, an ordinary one. Large weights stay in their words until someone asks for
 * them.
 * @throws BitplaneError ERR_ARGUMENT for a task that the store does not have
 */
export function taskGraph(
  store: format.Store,
  task: string,
  options: TaskGraphOptions = {},
): Graph {
  requireOptions(options, { dither: true, seed: true }, { op: 'taskGraph' });
  const { dither = requireStore(store).dither, seed = store.seed } = options;
  requireOneOf(dither, DITHERS, 'dither', { op: 'taskGraph' });
  if (!Number.isInteger(seed))
    throw expected('ERR_ARGUMENT', 'a whole seed', seed, { op: 'taskGraph' });
  return format.taskGraph(store, task, { dither, seed });
}

/** @throws BitplaneError ERR_ARGUMENT for what is no store */
export function requireStore(store: format.Store): format.Store {
  const { tasks, weights } = (store ?? {}) as Partial<format.Store>;
  if (!Array.isArray(tasks) || !Array.isArray(weights))
    throw expected('ERR_ARGUMENT', 'a store', store, { op: 'store' });
  return store;
}
