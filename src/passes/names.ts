/**
 * Names for people: what a pass called conv1.dot is conv1 again once nothing else bears that name.
 * Inputs, constants and states keep theirs. Not here: uniqueness (./rewrite.ts sees to it after
 * every pass).
 */
import { type Graph, topological, type Value } from '../graph/value.js';
import { renameValues } from './rewrite.js';

/** The suffixes that passes give to parts of what was one node. */
const SUFFIXES = [
  ...['centred', 'scaled', 'unscaled', 'bits', 'difference', 'cast', 'dot', 'flat', 'reshaped'],
  ...['transposed', 'nhwc', 'nchw', 'sign'],
];
const SUFFIX = new RegExp(`\\.(${SUFFIXES.join('|')})$|#\\d+$`);

/** Passes add a few; a file may hold a name of nothing else. */
const MOST_SUFFIXES = 8;

export function shortenNames(graph: Graph): Graph {
  const order = topological(graph);
  const taken = new Set(order.map((value) => value.name));
  const names = new Map<Value, string>();
  // Results first: of several parts of a node, the last one computed is the closest to it.
  for (let i = order.length - 1; i >= 0; i--) {
    const value = order[i] as Value;
    if (value.inputs.length === 0) continue;
    let name = value.name;
    let base = name;
    for (let suffixes = 0; suffixes < MOST_SUFFIXES; suffixes++) {
      const longer = base;
      base = strip(longer);
      if (base === longer) break;
      if (base !== '' && !taken.has(base)) name = base;
    }
    if (name === value.name) continue;
    taken.delete(value.name);
    taken.add(name);
    names.set(value, name);
  }
  return names.size === 0 ? graph : renameValues(graph, names);
}

function strip(name: string): string {
  return name.replace(SUFFIX, '');
}
