/**
 * A finished graph within another one that is being built: its outputs, computed from given values
 * in place of its inputs. Not here: models of src/nn, which build themselves into a graph.
 */
import { expected } from '../core/errors.js';
import { type Graph, outputsOf, topological, type Value } from '../graph/value.js';
import type { GraphBuilder } from './builder.js';

/**
 * The outputs of `graph` by name, its inputs being `values` by name. What it makes is called
 * `${prefix}/...`. Its states stay what they are, updates are left out.
 * @throws BitplaneError ERR_ARGUMENT for an input without a value; ERR_SHAPE and its like where a
 * value does not fit
 */
export function inline(
  g: GraphBuilder,
  graph: Graph,
  values: Readonly<Record<string, Value>>,
  prefix: string,
): Readonly<Record<string, Value>> {
  const made = new Map<Value, Value>();
  for (const value of topological(graph)) made.set(value, copied(g, value, values, prefix, made));
  return Object.fromEntries(outputsOf(graph).map(([name, value]) => [name, made.get(value)!]));
}

function copied(
  g: GraphBuilder,
  value: Value,
  values: Readonly<Record<string, Value>>,
  prefix: string,
  made: ReadonlyMap<Value, Value>,
): Value {
  const name = g.unused(`${prefix}/${value.name}`);
  if (value.op === 'input') {
    if (!Object.hasOwn(values, value.name))
      throw expected('ERR_ARGUMENT', 'a value for every input of the graph', 'none', {
        op: 'input',
        node: value.name,
      });
    return values[value.name] as Value;
  }
  if (value.op === 'constant') return g.constant(value.data!, { name });
  if (value.op === 'state') return value;
  return g.op(
    value.op,
    value.inputs.map((input) => made.get(input)!),
    value.attrs,
    { name },
  );
}
