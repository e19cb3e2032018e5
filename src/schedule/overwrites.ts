/**
 * Which results of a call may be written over one of its operands. Not here: whether the operand
 * is needed later (./memory-plan.ts).
 */
import type { Value } from '../graph/value.js';
import { isOfRun, type KernelCall } from './calls.js';
import { operandsOf, storage } from './epilogue.js';
import { Heap } from './heap.js';
import { memoryBytes } from './memory-bytes.js';

/** An operand that is read element by element, and nowhere else. */
interface Operand {
  readonly value: Value;
  /** Place in the order of choice. */
  readonly rank: number;
  /** The last step that reads it. */
  lastRead: number;
}

/**
 * Pairs [result, operand]: the result may take the operand's place if the operand is not needed
 * after the call. Epilogues work element by element, so that is safe where both lie alike, the
 * call reads the operand only through its epilogue (windows and weights see neighbours), and every
 * read stands before the store. Of several the one read first is chosen, and last the map that
 * flows in.
 */
export function overwrites(call: KernelCall): [Value, Value][] {
  const readers = candidatesOf(call, (value) => isOfRun(value));
  /** Operands in the order in which they are read for the last time. */
  const dying = [...readers.values()].sort((a, b) => a.lastRead - b.lastRead);
  /** Those that are read no more, by size. */
  const dead = new Map<number, Heap<Value>>();
  const pairs: [Value, Value][] = [];
  let next = 0;
  for (const [at, step] of call.epilogue.entries()) {
    if (step.kind !== 'store' || step.value.dtype !== 'f32' || step.into !== undefined) continue;
    for (; next < dying.length && dying[next]!.lastRead < at; next++) {
      const { value, rank } = dying[next]!;
      const bytes = memoryBytes('f32', value.shape);
      const heap = dead.get(bytes) ?? new Heap();
      dead.set(bytes, heap);
      heap.push(rank, value);
    }
    const operand = dead.get(memoryBytes('f32', step.value.shape))?.pop();
    if (operand !== undefined) pairs.push([step.value, operand]);
  }
  return pairs;
}

/** True where `result` may be written over `operand`, whatever memory that has. */
export function mayOverwrite(call: KernelCall, result: Value, operand: Value): boolean {
  const at = call.epilogue.findIndex(
    (step) => step.kind === 'store' && step.value === result && step.into === undefined,
  );
  const read = candidatesOf(call, (value) => value === operand).get(operand);
  return result.dtype === 'f32' && at >= 0 && read !== undefined && read.lastRead < at;
}

function candidatesOf(
  call: KernelCall,
  isWanted: (operand: Value) => boolean,
): Map<Value, Operand> {
  const excluded = new Set<Value>([
    ...(call.map ? [] : call.anchor.inputs.map(storage)),
    ...call.stores,
  ]);
  const found = new Map<Value, Operand>();
  const read = (value: Value, at: number, rank: number) => {
    const known = found.get(value);
    if (known === undefined) found.set(value, { value, rank, lastRead: at });
    else known.lastRead = at;
  };
  for (const [at, step] of call.epilogue.entries()) {
    for (const operand of operandsOf(step)) {
      const value = storage(operand.value);
      if (operand.layout === 'tensor') read(value, at, at);
      else excluded.add(value);
    }
  }
  const flowing = storage(call.anchor);
  if (call.map && !found.has(flowing)) read(flowing, -1, call.epilogue.length);
  for (const value of found.keys())
    if (excluded.has(value) || value.dtype !== 'f32' || !isWanted(value)) found.delete(value);
  return found;
}
