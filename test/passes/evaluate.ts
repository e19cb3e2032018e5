/**
 * Interprets a graph by the ops' own formulas, slowly: every pass must keep these values. Not a
 * test.
 */
import type { Dim } from '../../src/core/shape.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { evaluate } from '../../src/passes/evaluate.js';
import type { Tensor } from '../../src/tensor/tensor.js';

/** The outputs of the graph on these feeds; symbols take the sizes that the feeds have. */
export function evaluateGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const sizes = new Map<Dim, number>();
  const results = new Map<Value, Tensor>();
  for (const input of graph.inputs) {
    const feed = feeds[input.name] as Tensor;
    results.set(input, feed);
    input.shape.forEach((dim, axis) => {
      if (typeof dim === 'string') sizes.set(dim, feed.shape[axis] as number);
    });
  }
  for (const value of topological(graph)) {
    if (results.has(value)) continue;
    if (value.data !== undefined) {
      results.set(value, value.data);
      continue;
    }
    const shape = value.shape.map((dim) =>
      typeof dim === 'string' ? (sizes.get(dim) as number) : dim,
    );
    const inputs = value.inputs.map((input) => results.get(input) as Tensor);
    results.set(value, evaluate(value.op, inputs, value.attrs, { dtype: value.dtype, shape }));
  }
  return Object.fromEntries(
    Object.entries(graph.outputs).map(([name, value]) => [name, results.get(value) as Tensor]),
  );
}
