/**
 * Runs a graph node by node with the ops' own formulas, without passes or kernels: the meaning of
 * an imported graph. Not here: speed.
 */
import type { Dim, Shape } from '../../src/core/shape.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { inferNode } from '../../src/ops/make.js';
import { evaluate } from '../../src/passes/evaluate.js';
import type { Tensor } from '../../src/tensor/tensor.js';

/** The outputs for these feeds. Symbols take the sizes that the feeds have. */
export function interpret(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const sizes = new Map<string, number>();
  for (const value of graph.inputs) {
    value.shape.forEach((dim, axis) => {
      if (typeof dim === 'string') sizes.set(dim, feeds[value.name]?.shape[axis] as number);
    });
  }
  const resolve = (dim: Dim) => (typeof dim === 'string' ? (sizes.get(dim) as number) : dim);
  const tensors = new Map<Value, Tensor>();
  for (const value of topological(graph)) tensors.set(value, run(value));
  return Object.fromEntries(
    Object.entries(graph.outputs).map(([name, value]) => [name, tensors.get(value) as Tensor]),
  );

  function run(value: Value): Tensor {
    if (value.data !== undefined) return value.data;
    if (value.op === 'input') return feeds[value.name] as Tensor;
    const inputs = value.inputs.map((operand) => tensors.get(operand) as Tensor);
    const bound = inputs.map((tensor, i) => ({
      ...(value.inputs[i] as Value),
      shape: tensor.shape as Shape,
    }));
    const attrs = Object.fromEntries(
      Object.entries(value.attrs).map(([key, item]) => [
        key,
        key === 'shape' || key === 'ends' ? (item as Dim[]).map(resolve) : item,
      ]),
    );
    return evaluate(value.op, inputs, attrs, inferNode(value.op, value.name, bound, attrs));
  }
}
