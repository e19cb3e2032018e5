/**
 * Decides whether a batch that a file fixes to 1 may have any size: exporters often fix it, and
 * most networks work with any. Not here: importing (./import.ts).
 */
import { type Dim, sameShape } from '../../core/shape.js';
import { type Graph, topological } from '../../graph/value.js';
import type { Item } from './item.js';
import type { Scope } from './scope.js';

/** The symbol of a batch of any size. */
export const BATCH = 'N';

/**
 * True when the batch leads every value that has it, and nothing reduces over it: then each
 * picture's result is its own.
 */
export function keepsBatch(graph: Graph): boolean {
  for (const value of topological(graph)) {
    if (value.shape.indexOf(BATCH, 1) >= 0) return false;
    if (value.inputs[0]?.shape[0] !== BATCH) continue;
    if (value.op === 'reduce' && (value.attrs.axes as readonly number[]).includes(0)) return false;
    if (value.attrs.axis === 0) return false;
  }
  return Object.values(graph.outputs).every((value) => value.shape[0] === BATCH);
}

/**
 * True when every name of the file stands for the same thing whether the batch is free, and then 1,
 * or fixed to 1. Some ops treat a size of 1 differently: Squeeze without axes removes that axis.
 */
export function meansTheSameAtOne(free: Scope, fixed: Scope): boolean {
  // Compared once, because many names may stand for one long list.
  const alike = new Map<object, object>();
  for (const [name, item] of free.entries()) {
    const other = fixed.find(name);
    if (other === undefined) return false;
    const [a, b] =
      item.kind === 'dims' && other.kind === 'dims' ? [item.entries, other.entries] : [item, other];
    if (alike.get(a) === b) continue;
    if (!sameItem(item, other)) return false;
    alike.set(a, b);
  }
  return true;
}

function sameItem(free: Item, fixed: Item): boolean {
  if (free.kind === 'value' || free.kind === 'truth')
    return fixed.kind === free.kind && sameShape(atOne(free.value.shape), fixed.value.shape);
  if (free.kind === 'dims')
    return (
      fixed.kind === 'dims' &&
      sameShape(free.shape, fixed.shape) &&
      sameShape(atOne(free.entries), fixed.entries)
    );
  return fixed.kind === 'tensor' && free.tensor === fixed.tensor;
}

function atOne(dims: readonly Dim[]): Dim[] {
  return dims.map((dim) => (dim === BATCH ? 1 : dim));
}
