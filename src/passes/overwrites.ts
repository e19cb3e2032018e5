/**
 * Which results of a kernel may be written over one of its operands. Not here: whether the operand
 * is needed later (./plan.ts).
 */
import type { Value } from '../graph/value.js';
import type { Kernel } from './fuse.js';
import { Heap } from './heap.js';
import { operandsOf, storage } from './links.js';
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
 * after the kernel. Chains work element by element, so that is safe where both lie alike, the
 * kernel reads the operand only through its chain (windows and weights see neighbours), and every
 * read stands before the store. Of several the one read first is chosen, and last the map that
 * flows in.
 */
export function overwrites(kernel: Kernel): [Value, Value][] {
  const readers = candidatesOf(kernel);
  /** Operands in the order in which they are read for the last time. */
  const dying = [...readers.values()].sort((a, b) => a.lastRead - b.lastRead);
  /** Those that are read no more, by size. */
  const dead = new Map<number, Heap<Value>>();
  const pairs: [Value, Value][] = [];
  let next = 0;
  for (const [at, link] of kernel.chain.entries()) {
    if (link.kind !== 'store' || link.value.dtype !== 'f32' || link.into !== undefined) continue;
    for (; next < dying.length && dying[next]!.lastRead < at; next++) {
      const { value, rank } = dying[next]!;
      const bytes = memoryBytes('f32', value.shape);
      const heap = dead.get(bytes) ?? new Heap();
      dead.set(bytes, heap);
      heap.push(rank, value);
    }
    const operand = dead.get(memoryBytes('f32', link.value.shape))?.pop();
    if (operand !== undefined) pairs.push([link.value, operand]);
  }
  return pairs;
}

function candidatesOf(kernel: Kernel): Map<Value, Operand> {
  const excluded = new Set<Value>([
    ...(kernel.map ? [] : kernel.anchor.inputs.map(storage)),
    ...kernel.stores,
  ]);
  const found = new Map<Value, Operand>();
  const read = (value: Value, at: number, rank: number) => {
    const known = found.get(value);
    if (known === undefined) found.set(value, { value, rank, lastRead: at });
    else known.lastRead = at;
  };
  for (const [at, link] of kernel.chain.entries()) {
    for (const operand of operandsOf(link)) {
      const value = storage(operand.value);
      if (operand.layout === 'tensor') read(value, at, at);
      else excluded.add(value);
    }
  }
  const flowing = storage(kernel.anchor);
  if (kernel.map && !found.has(flowing)) read(flowing, -1, kernel.chain.length);
  for (const value of found.keys())
    if (excluded.has(value) || value.dtype !== 'f32' || value.op === 'constant')
      found.delete(value);
  return found;
}
