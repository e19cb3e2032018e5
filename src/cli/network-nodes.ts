/**
 * What a page draws of a graph: a node for every input and every value that a run computes, whom
 * each reads, and what it costs. Not here: the page (report/network-page.ts).
 */
import { showShape } from '../core/shape.js';
import { type Graph, outputsOf, topological, type Value } from '../graph/value.js';
import { layers } from '../passes/analyze.js';
import { isConstantExpression } from '../passes/constants.js';
import type { NetworkNode } from './report/network-page.js';

/** In the order of a run. @param kernels names of kernels by those of their layers */
export function networkNodes(
  graph: Graph,
  kernels: ReadonlyMap<string, string>,
): readonly NetworkNode[] {
  const costs = new Map(layers(graph).rows.map((row) => [row.name, row]));
  const running = topological(graph).filter(
    (value) => value.inputs.length > 0 && !isConstantExpression(value),
  );
  const drawn: readonly Value[] = [...graph.inputs, ...running];
  const places = new Map(drawn.map((value, i) => [value, i]));
  const named = new Map<Value, string[]>();
  for (const [name, value] of outputsOf(graph))
    named.set(value, [...(named.get(value) ?? []), name]);
  return drawn.map((value): NetworkNode => {
    const { name, op, dtype, shape } = value;
    const cost = costs.get(name);
    const others = value.inputs.filter((input) => !places.has(input));
    return {
      name,
      op,
      dtype,
      shape: showShape(shape),
      from: [...new Set(value.inputs)].flatMap((input) => places.get(input) ?? []),
      constants: others.map((input) => `${input.dtype} ${showShape(input.shape)}`),
      weightDtype: cost?.weightDtype ?? null,
      macs: cost?.macs ?? { binary: 0, integer: 0, float: 0 },
      weightBytes: cost?.weightBytes ?? 0,
      kernel: kernels.get(name) ?? null,
      outputs: named.get(value) ?? [],
    };
  });
}
