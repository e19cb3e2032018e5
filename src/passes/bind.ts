/**
 * Gives symbols their sizes: graph with 'N' -> graph of batch 4. Not here: choosing the size (the
 * session reads it off the feeds).
 */
import type { Dim } from '../core/shape.js';
import { type Attrs, type Graph, mapGraph, topological, type Value } from '../graph/value.js';
import { input, make } from '../ops/make.js';

/** The attributes that hold sizes: of reshape and expand, of slice. */
const SIZED = ['shape', 'ends'];

/**
 * Replaces every symbol of `sizes` in shapes and in shape attributes, and infers all shapes anew.
 */
export function bind(graph: Graph, sizes: Readonly<Record<string, number>>): Graph {
  const resolve = (dim: Dim): Dim => (typeof dim === 'string' ? (sizes[dim] ?? dim) : dim);
  const bound = new Map<Value, Value>();
  for (const value of topological(graph)) {
    if (value.op === 'input')
      bound.set(value, input(value.name, value.dtype, value.shape.map(resolve)));
    else if (value.inputs.length === 0) bound.set(value, value);
    else {
      const inputs = value.inputs.map((source) => bound.get(source) as Value);
      bound.set(value, make(value.op, value.name, inputs, resolveAttrs(value.attrs, resolve)));
    }
  }
  return mapGraph(graph, (value) => bound.get(value) as Value);
}

function resolveAttrs(attrs: Attrs, resolve: (dim: Dim) => Dim): Attrs {
  const sized = SIZED.filter((key) => Array.isArray(attrs[key]));
  return sized.length === 0
    ? attrs
    : {
        ...attrs,
        ...Object.fromEntries(sized.map((key) => [key, (attrs[key] as Dim[]).map(resolve)])),
      };
}
