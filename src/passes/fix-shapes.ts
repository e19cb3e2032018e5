/**
 * A model for fixed shapes of its inputs. Not here: which sizes follow (src/graph/shapes.ts).
 */
import type { ErrorSite } from '../core/errors.js';
import { type Shapes, sizesOf } from '../graph/shapes.js';
import type { Graph } from '../graph/value.js';
import { bind } from './bind.js';

/**
 * The graph with sizes for the symbols that `shapes` fix; other symbols stay.
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE where a shape does not fit, or an op cannot have it
 */
export function fixShapes(graph: Graph, shapes: Shapes, site: ErrorSite): Graph {
  const sizes = sizesOf(graph.inputs, shapes, site);
  return Object.keys(sizes).length === 0 ? graph : bind(graph, sizes);
}
