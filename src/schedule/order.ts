/**
 * In which order the calls of a schedule run. The walk from a graph's outputs, in which they come
 * here, takes what an output needs as a whole before the next output: of a training step it pulls
 * the whole backward pass first, and keeps every gradient until the weight gradient of its layer is
 * taken. Not here: the greedy choice (./greedy.ts), which ops share a call (./fuse.ts).
 *
 * Three orders are compared: the walk; greedy, call by call; and greedy over clusters, where a call
 * that works for one other call alone comes right before that one, so that what is ready early and
 * needed late (a transposed weight) is not made early. The one with the lowest worst moment wins,
 * and the walk where it is as good: greedy choices can lose.
 */
import { atOnce, type Pausing } from '../core/turns.js';
import { type Graph, outputsOf } from '../graph/value.js';
import { isOfRun, type KernelCall, type Memory } from './calls.js';
import { storage } from './epilogue.js';
import { type Cluster, greedy } from './greedy.js';
import { memoryBytes } from './memory-bytes.js';
import { overwrites } from './overwrites.js';
import { placeUpdates } from './updates.js';

/** Takes near-linear time. */
export function order(graph: Graph, walk: readonly KernelCall[]): readonly KernelCall[] {
  return atOnce(ordering(graph, walk));
}

/** `order` that pauses after every call of each of its steps. */
export function* ordering(
  graph: Graph,
  walk: readonly KernelCall[],
): Pausing<readonly KernelCall[]> {
  if (walk.length < 2) return walk;
  const single = walk.map((call) => ({ calls: [call], reads: call.reads, stores: call.stores }));
  yield;
  const others: (readonly KernelCall[])[] = [];
  const clustered = yield* clustersOf(graph, walk);
  yield;
  for (const clusters of [single, clustered]) {
    const calls = (yield* greedy(graph, clusters)).flatMap((cluster) => cluster.calls);
    if (calls.some((call, i) => call !== walk[i])) others.push(calls);
  }
  if (others.length === 0) return walk;
  let best = walk;
  let least = yield* peakOf(graph, walk);
  for (const calls of others) {
    const peak = yield* peakOf(graph, calls);
    if (peak < least) [best, least] = [calls, peak];
  }
  return best;
}

/**
 * The calls, each with those that work for it alone. Only the last call of a cluster has readers
 * outside of it, so that clusters depend on one another without circles.
 */
function* clustersOf(graph: Graph, walk: readonly KernelCall[]): Pausing<Cluster[]> {
  const lasting = lastingOf(graph);
  const readers = new Map<Memory, Set<number>>();
  const writers = new Map<Memory, Set<number>>();
  for (const [i, { reads, stores }] of walk.entries()) {
    for (const memory of reads) readers.set(memory, (readers.get(memory) ?? new Set()).add(i));
    for (const memory of stores) writers.set(memory, (writers.get(memory) ?? new Set()).add(i));
    yield;
  }
  /** The last call of the cluster of each. */
  const roots: number[] = [];
  for (let i = walk.length - 1; i >= 0; i--) {
    const { stores } = walk[i] as KernelCall;
    const users = new Set(stores.flatMap((memory) => [...(readers.get(memory) ?? [])]));
    const [user, ...others] = [...users].filter((other) => other !== i);
    const alone = user !== undefined && others.length === 0 && user > i;
    roots[i] = alone && !stores.some((memory) => lasting.has(memory)) ? roots[user]! : i;
    yield;
  }
  const members = new Map<number, number[]>();
  walk.forEach((_, i) => {
    const known = members.get(roots[i]!);
    if (known === undefined) members.set(roots[i]!, [i]);
    else known.push(i);
  });
  const clusters: Cluster[] = [];
  for (const own of members.values()) {
    const calls = own.map((i) => walk[i] as KernelCall);
    const those = new Set(own);
    // Of a concatenation others may write parts: its reader waits for them.
    const isInside = (memory: Memory) => [...writers.get(memory)!].every((i) => those.has(i));
    const inside = new Set<Memory>(
      calls.slice(0, -1).flatMap(({ stores }) => stores.filter(isInside)),
    );
    const reads = new Set<Memory>(calls.flatMap((call) => call.reads));
    const { stores } = calls.at(-1) as KernelCall;
    const outside = [...reads].filter((memory) => !inside.has(memory));
    clusters.push({ calls, reads: outside, stores });
    yield;
  }
  return clusters;
}

/** What must be there at the end. */
function lastingOf(graph: Graph): Set<Memory> {
  const results = outputsOf(graph).map(([, value]) => value);
  return new Set([...results, ...Object.values(graph.updates ?? {})].map(storage));
}

/** Bytes of the memory of a run that are alive at the worst moment. */
export function peakBytes(graph: Graph, calls: readonly KernelCall[]): number {
  return atOnce(peakOf(graph, calls));
}

function* peakOf(graph: Graph, calls: readonly KernelCall[]): Pausing<number> {
  const lasting = lastingOf(graph);
  const { homes, after } = placeUpdates(graph, calls);
  for (const { from } of after) lasting.add(from);
  const counts = (memory: Memory) => isOfRun(memory) && !homes.has(memory);
  const last = new Map<Memory, number>();
  calls.forEach(({ reads, stores }, i) => {
    for (const memory of [...reads, ...stores]) if (!lasting.has(memory)) last.set(memory, i);
  });
  const seen = new Set<Memory>(graph.inputs);
  let alive = graph.inputs.reduce((sum, value) => sum + bytesOf(value), 0);
  let peak = alive;
  for (const [i, call] of calls.entries()) {
    yield;
    for (const memory of call.stores) {
      if (!counts(memory) || seen.has(memory)) continue;
      seen.add(memory);
      alive += bytesOf(memory);
    }
    let shared = 0;
    for (const [result, operand] of overwrites(call))
      if (counts(result) && last.get(operand) === i) shared += bytesOf(operand);
    peak = Math.max(peak, alive - shared);
    for (const memory of new Set<Memory>([...call.reads, ...call.stores]))
      if (counts(memory) && last.get(memory) === i) alive -= bytesOf(memory);
  }
  return peak;
}

function bytesOf({ dtype, shape }: Memory): number {
  return memoryBytes(dtype, shape);
}
