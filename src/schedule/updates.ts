/**
 * How the new values of states get to where states lie, so that every reader sees the old ones. An
 * update is written in place where the call that computes it comes after every reader of the state,
 * or is the last itself and reads it element by element; else it lies in the memory of the run and
 * is copied at the end. Not here: the order of calls (./order.ts), who may run when (src/runtime).
 */
import { type Graph, outputsOf, type Update, updatesOf, type Value } from '../graph/value.js';
import { type Call, type CopyCall, copyCall, type Memory, scratch } from './calls.js';
import { storage } from './epilogue.js';
import { mayOverwrite } from './overwrites.js';

export interface PlacedUpdates {
  /** The states in whose memory these values are written. */
  readonly homes: ReadonlyMap<Memory, Value>;
  /** The number of the first call that writes a state; that of all calls where none does. */
  readonly commit: number;
  /** Old values that are needed after that: copied before call number `commit`. */
  readonly before: readonly CopyCall[];
  /** To come after all calls. */
  readonly after: readonly CopyCall[];
}

/** @param calls of the graph, in the order in which they run */
export function placeUpdates(graph: Graph, calls: readonly Call[]): PlacedUpdates {
  const updates = updatesOf(graph).filter(([state, next]) => storage(next) !== state);
  const homes = homesOf(graph, calls, updates);
  const commit = calls.findIndex(({ stores }) => stores.some((memory) => homes.has(memory)));
  const changing = new Set(updates.map(([state]) => state));
  const before: CopyCall[] = [];
  const after: CopyCall[] = [];
  const old = new Map<Value, Memory>();
  for (const [state, next] of updates) {
    const value = storage(next);
    if (homes.get(value) === state) continue;
    let from: Memory = value;
    if (changing.has(value)) {
      from = old.get(value) ?? scratch(`${value.name}.old`, value.dtype, value.shape);
      if (!old.has(value)) before.push(copyCall(value, from));
      old.set(value, from);
    }
    after.push(copyCall(from, state));
  }
  return { homes, commit: commit < 0 ? calls.length : commit, before, after };
}

function homesOf(
  graph: Graph,
  calls: readonly Call[],
  updates: readonly Update[],
): Map<Memory, Value> {
  const homes = new Map<Memory, Value>();
  if (updates.length === 0) return homes;
  const outputs = new Set<Memory>(outputsOf(graph).map(([, value]) => storage(value)));
  const writers = new Map<Memory, number[]>();
  const lastRead = new Map<Memory, number>();
  // What is read by strips has to lie in the memory of the run.
  const inStrips = new Set<Memory>();
  calls.forEach((call, i) => {
    for (const memory of call.stores) writers.set(memory, [...(writers.get(memory) ?? []), i]);
    for (const memory of call.reads) {
      lastRead.set(memory, i);
      if (call.kind === 'strips') inStrips.add(memory);
    }
  });
  for (const [state, next] of updates) {
    const value = storage(next);
    const [at, ...others] = writers.get(value) ?? [];
    if (at === undefined || others.length > 0 || homes.has(value)) continue;
    const call = calls[at] as Call;
    if (call.kind !== 'kernel' || outputs.has(value) || inStrips.has(value)) continue;
    const read = lastRead.get(state) ?? -1;
    if (read < at || (read === at && mayOverwrite(call, value, state))) homes.set(value, state);
  }
  return homes;
}
