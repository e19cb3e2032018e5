/**
 * From a bound graph to its schedule: which calls compute it, in which order. Not here: how many
 * bytes that takes (./memory-plan.ts), instructions (src/runtime).
 */
import { type Graph, outputsOf, type Value } from '../graph/value.js';
import { type Call, copyCall, type Memory, scratch } from './calls.js';
import { storage } from './epilogue.js';
import { fuse } from './fuse.js';
import { cutStrips } from './strips.js';

export interface Schedule {
  /** In the order in which they run. */
  readonly calls: readonly Call[];
  /** Where each output of the graph lies at the end, in the graph's order. */
  readonly outputs: readonly Memory[];
}

/**
 * @param threads of a run: several would wait for each other at the end of every strip (two take
 * 7% longer for a stem of 112 rows), so only runs of one are cut into strips
 */
export function schedule(graph: Graph, threads: number): Schedule {
  const fused = fuse(graph);
  const calls: Call[] = threads === 1 ? cutStrips(fused, graph) : fused;
  // A result that no kernel writes (an input or a constant handed through) gets memory and a copy
  // of its own.
  const copies = new Map<Value, Call>();
  const outputs = outputsOf(graph).map(([, value]): Memory => {
    if (storage(value).inputs.length > 0) return value;
    const copy =
      copies.get(value) ?? copyCall(storage(value), scratch(value.name, value.dtype, value.shape));
    copies.set(value, copy);
    return copy.stores[0] as Memory;
  });
  return { calls: [...calls, ...copies.values()], outputs };
}
