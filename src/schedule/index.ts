/**
 * From a bound graph to its schedule: which calls compute it, in which order, and what of it lies
 * in the memory of states. Not here: how many bytes that takes (./memory-plan.ts), instructions
 * (src/runtime).
 */
import { atOnce, type Pausing } from '../core/turns.js';
import { type Graph, outputsOf, type Value } from '../graph/value.js';
import { type Call, type CopyCall, copyCall, isScratch, type Memory, scratch } from './calls.js';
import { storage } from './epilogue.js';
import { fusing } from './fuse.js';
import { ordering } from './order.js';
import { cutStrips } from './strips.js';
import { placeUpdates } from './updates.js';

export interface Schedule {
  /** In the order in which they run. */
  readonly calls: readonly Call[];
  /** Where each output of the graph lies at the end, in the graph's order. */
  readonly outputs: readonly Memory[];
  /** The states in whose memory values are written. */
  readonly homes: ReadonlyMap<Memory, Value>;
  /** The first call that writes a state: from there on a run cannot be taken back. */
  readonly commit: Call | undefined;
}

/**
 * @param threads of a run: several would wait for each other at the end of every strip (two take
 * 7% longer for a stem of 112 rows), so only runs of one are cut into strips
 */
export function schedule(graph: Graph, threads: number): Schedule {
  return atOnce(scheduling(graph, threads));
}

/** `schedule` that pauses after every call of each of its steps. */
export function* scheduling(graph: Graph, threads: number): Pausing<Schedule> {
  const fused = yield* ordering(graph, yield* fusing(graph));
  yield;
  const computing: readonly Call[] = threads === 1 ? cutStrips(fused, graph) : fused;
  yield;
  const { homes, commit, before, after } = placeUpdates(graph, computing);
  const handed = handedThrough(graph);
  // Outputs that are states are what these were before the run.
  const isOfState = ({ from }: CopyCall) => !isScratch(from) && from.op === 'state';
  const early = handed.copies.filter(isOfState);
  const late = handed.copies.filter((copy) => !isOfState(copy));
  const calls = [
    ...computing.slice(0, commit),
    ...before,
    ...early,
    ...computing.slice(commit),
    ...late,
    ...after,
  ];
  return {
    calls,
    outputs: handed.outputs,
    homes,
    commit: computing[commit] ?? after[0],
  };
}

/**
 * A result that no kernel writes (an input, a constant or a state handed through) gets memory and a
 * copy of its own.
 */
function handedThrough(graph: Graph): { copies: CopyCall[]; outputs: Memory[] } {
  const copies = new Map<Value, CopyCall>();
  const outputs = outputsOf(graph).map(([, value]): Memory => {
    if (storage(value).inputs.length > 0) return value;
    const copy =
      copies.get(value) ?? copyCall(storage(value), scratch(value.name, value.dtype, value.shape));
    copies.set(value, copy);
    return copy.to;
  });
  return { copies: [...copies.values()], outputs };
}
