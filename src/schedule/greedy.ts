/**
 * Greedy list scheduling: of the clusters that are ready the one that leaves the least memory
 * alive, which is bytes made less bytes freed; of equal ones the first in the order given. What
 * must be there at the end, an output or the new value of a state, counts as nothing: it is made
 * some time in any case. A cluster that changes a state waits for every reader of the state, so
 * that it can write in place. Not here: clusters, whether the order is a good one (./order.ts).
 */
import type { Pausing } from '../core/turns.js';
import { type Graph, outputsOf, updatesOf } from '../graph/value.js';
import { isOfRun, type KernelCall, type Memory } from './calls.js';
import { storage } from './epilogue.js';
import { Heap } from './heap.js';
import { memoryBytes } from './memory-bytes.js';

/** Calls that run one after another. */
export interface Cluster {
  readonly calls: readonly KernelCall[];
  /** What they need from others. */
  readonly reads: readonly Memory[];
  /** What they leave for others. */
  readonly stores: readonly Memory[];
}

/** The clusters in the order that is chosen; in near-linear time. Pauses after every choice. */
export function* greedy(graph: Graph, clusters: readonly Cluster[]): Pausing<Cluster[]> {
  const choice = new Choice(graph, clusters);
  yield;
  return yield* choice.run();
}

/** What is known of the memory that clusters read and store. */
interface Track {
  readonly bytes: number;
  /** It must be there at the end, or lies elsewhere: making it costs nothing, and it never dies. */
  readonly free: boolean;
  readonly writers: Set<number>;
  /** How many of the writers have not run. */
  missing: number;
  /** Clusters that read it and have not run. */
  readonly readers: Set<number>;
  made: boolean;
}

class Choice {
  private readonly tracks = new Map<Memory, Track>();
  /** Of each cluster: how much of what it reads is not there. */
  private readonly missing: number[] = [];
  private readonly followers: number[][] = [];
  private readonly done: boolean[] = [];
  private readonly ready = new Heap<number>();
  /** Of clusters that change states: the states whose other readers they wait for. */
  private readonly changes = new Map<number, Track[]>();
  /** Clusters that are ready but for such readers, and by state who waits for its readers. */
  private readonly held = new Set<number>();
  private readonly firstHeld = new Heap<number>();
  private readonly waiting = new Map<Track, number[]>();

  constructor(
    graph: Graph,
    private readonly clusters: readonly Cluster[],
  ) {
    const lasting = new Set<Memory>(outputsOf(graph).map(([, value]) => storage(value)));
    const updates = updatesOf(graph);
    for (const [, next] of updates) lasting.add(storage(next));
    const track = (memory: Memory): Track => {
      let found = this.tracks.get(memory);
      if (found === undefined) {
        const free = !isOfRun(memory) || lasting.has(memory);
        const bytes = memoryBytes(memory.dtype, memory.shape);
        found = { bytes, free, writers: new Set(), readers: new Set(), missing: 0, made: false };
        this.tracks.set(memory, found);
      }
      return found;
    };
    clusters.forEach(({ reads, stores }, i) => {
      for (const memory of reads) track(memory).readers.add(i);
      for (const memory of stores) track(memory).writers.add(i);
      this.followers.push([]);
      this.missing.push(0);
    });
    for (const track of this.tracks.values()) {
      track.missing = track.writers.size;
      if (track.missing > 0) for (const reader of track.readers) this.await(track, reader);
    }
    for (const [state, next] of updates) {
      const read = this.tracks.get(state);
      const [writer] = this.tracks.get(storage(next))?.writers ?? [];
      if (read === undefined || writer === undefined) continue;
      this.changes.set(writer, [...(this.changes.get(writer) ?? []), read]);
      this.waiting.set(read, [...(this.waiting.get(read) ?? []), writer]);
    }
  }

  /** Makes a cluster wait for what it reads. */
  private await({ writers }: Track, reader: number): void {
    if (!writers.has(reader)) {
      this.missing[reader]!++;
      return;
    }
    // It reads back what it has stored itself; others may have stored parts of it.
    for (const writer of writers) {
      if (writer === reader) continue;
      this.followers[writer]!.push(reader);
      this.missing[reader]!++;
    }
  }

  *run(): Pausing<Cluster[]> {
    const result: Cluster[] = [];
    this.clusters.forEach((_, i) => {
      if (this.missing[i] === 0) this.offer(i);
    });
    for (let i = this.next(); i !== undefined; i = this.next()) {
      result.push(this.clusters[i] as Cluster);
      this.finish(i);
      yield;
    }
    return result;
  }

  private next(): number | undefined {
    for (;;) {
      const key = this.ready.least;
      const i = this.ready.pop();
      // Only readers that need what it computes keep it waiting: then it cannot write in place.
      if (i === undefined) {
        let first = this.firstHeld.pop();
        while (first !== undefined && !this.held.has(first)) first = this.firstHeld.pop();
        if (first !== undefined) this.held.delete(first);
        return first;
      }
      // What changed since it was offered has been offered anew.
      if (this.done[i] !== true && this.cost(i) === key) return i;
    }
  }

  private offer(i: number): void {
    const waits = this.changes.get(i)?.some(({ readers }) => {
      return readers.size > 1 || (readers.size === 1 && !readers.has(i));
    });
    if (waits === true) {
      this.held.add(i);
      this.firstHeld.push(i, i);
    } else {
      this.held.delete(i);
      this.ready.push(this.cost(i), i, i);
    }
  }

  private finish(i: number): void {
    this.done[i] = true;
    const { reads, stores } = this.clusters[i] as Cluster;
    const again = new Set<number>();
    const reached = (other: number) => {
      this.missing[other]!--;
      if (this.missing[other] === 0) again.add(other);
    };
    for (const memory of new Set(stores)) {
      const track = this.tracks.get(memory) as Track;
      track.missing--;
      if (track.missing === 0)
        for (const reader of track.readers) if (!track.writers.has(reader)) reached(reader);
      if (!track.made) for (const writer of track.writers) again.add(writer);
      track.made = true;
    }
    for (const memory of new Set(reads)) {
      const track = this.tracks.get(memory) as Track;
      track.readers.delete(i);
      if (track.readers.size === 1) for (const reader of track.readers) again.add(reader);
      if (track.readers.size <= 1)
        for (const writer of this.waiting.get(track) ?? []) again.add(writer);
    }
    for (const follower of this.followers[i] as number[]) reached(follower);
    for (const other of again)
      if (this.done[other] !== true && this.missing[other] === 0) this.offer(other);
  }

  /** Bytes that it makes, less those that it frees. */
  private cost(i: number): number {
    const { reads, stores } = this.clusters[i] as Cluster;
    let sum = 0;
    for (const memory of new Set(stores)) {
      const { free, made, bytes, readers } = this.tracks.get(memory) as Track;
      if (!free && !made && readers.size > 0) sum += bytes;
    }
    for (const memory of new Set(reads)) {
      const { free, bytes, readers } = this.tracks.get(memory) as Track;
      if (!free && readers.size === 1) sum -= bytes;
    }
    return sum;
  }
}
