/**
 * Small programs for the measurements that are not about kernels.
 */
import { type Graph, GraphBuilder } from 'bitplane';

/** One op on sixteen floats. */
export function oneOp(): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [1, 16]);
  return g.graph([x], { y: g.relu(x) });
}
