/**
 * Which graphs `optimize` has made, in this process or in the one that wrote a file: its passes
 * would find nothing more to do. Not here: the passes.
 */
import type { Graph } from '../graph/value.js';

/**
 * What a file says of a graph that the passes of today have made. Raised where they learn to make
 * more of one, so that older files get it too. A file that says so wrongly has a slower network,
 * and no other.
 */
export const OPTIMIZED_BY = '1';

const optimized = new WeakSet<Graph>();

export function markOptimized<G extends Graph>(graph: G): G {
  optimized.add(graph);
  return graph;
}

export function isOptimized(graph: Graph): boolean {
  return optimized.has(graph);
}
