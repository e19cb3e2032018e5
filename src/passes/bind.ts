/**
 * Gives symbols their sizes: graph with 'N' -> graph of batch 4. Not here: choosing the size (the
 * session reads it off the feeds).
 */
import type { Dim, Sizes } from '../core/shape.js';
import { atOnce, type Pausing } from '../core/turns.js';
import { isOpen } from '../graph/open.js';
import { type Attrs, type Graph, mapGraph, topological, type Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import { input, make } from '../ops/make.js';

/**
 * Replaces every symbol of `sizes` in shapes and in shape attributes, and infers all shapes anew.
 * An open graph makes the graph of these sizes itself.
 * @throws BitplaneError where an op cannot have such sizes
 */
export function bind(graph: Graph, sizes: Sizes): Graph {
  return atOnce(binding(graph, sizes));
}

/** `bind` that pauses after every value. */
export function* binding(graph: Graph, sizes: Sizes): Pausing<Graph> {
  if (isOpen(graph)) return yield* graph.open.forSizes(sizes);
  const resolve = (dim: Dim): Dim =>
    typeof dim === 'string' && Object.hasOwn(sizes, dim) ? (sizes[dim] as number) : dim;
  const bound = new Map<Value, Value>();
  for (const value of topological(graph)) {
    if (value.op === 'input')
      bound.set(value, input(value.name, value.dtype, value.shape.map(resolve)));
    else if (value.inputs.length === 0) bound.set(value, value);
    else {
      const inputs = value.inputs.map((source) => bound.get(source) as Value);
      bound.set(value, make(value.op, value.name, inputs, resolveAttrs(value, resolve)));
    }
    yield;
  }
  return mapGraph(graph, (value) => bound.get(value) as Value);
}

/** The attributes of a node; those that are lists of sizes, with sizes for symbols. */
function resolveAttrs({ op, attrs }: Value, resolve: (dim: Dim) => Dim): Attrs {
  const sized = Object.entries(opDef(op).attributes).filter(([, rule]) => rule.sizes);
  if (sized.length === 0) return attrs;
  const resolved = sized.map(([key]) => [key, (attrs[key] as readonly Dim[]).map(resolve)]);
  return { ...attrs, ...Object.fromEntries(resolved) };
}
