/**
 * The rules of the IR, checked: what holds of every graph after every pass. Not here: what makes a
 * graph runnable (lowering decides).
 *
 * 1. Every value is frozen, and its name is its own.
 * 2. Every op is known, and its rule gives the dtype and shape that the value says it has.
 * 3. Every input that is reached is declared; a declared input is an input.
 * 4. A constant or state holds a tensor of its dtype and shape.
 * 5. There is at least one output or update.
 * 6. An update is of a state of the graph, and has its dtype and shape.
 * 7. The graph is not open: its ops are there (src/graph/open.ts).
 */
import { BitplaneError, expected } from '../core/errors.js';
import { sameShape } from '../core/shape.js';
import { isOpen, openError } from '../graph/open.js';
import { type Graph, requireGraph, topological, updatesOf, type Value } from '../graph/value.js';
import { inferNode, isMade } from './make.js';
import type { Inferred } from './op.js';
import { showType } from './print.js';

/**
 * Checks that a graph is one: every value has the dtype and shape that its op gives, names
 * differ, outputs are there.
 * @throws BitplaneError ERR_GRAPH naming the first value that breaks a rule; ERR_SHAPE for an open
 * graph, with the way out
 */
export function verify(graph: Graph): void {
  requireGraph(graph);
  if (isOpen(graph)) throw openError(graph);
  const updates = updatesOf(graph);
  if (Object.keys(graph.outputs).length === 0 && updates.length === 0)
    throw expected('ERR_GRAPH', 'at least one output', 'none');
  for (const [state, next] of updates) {
    if (state.dtype === next.dtype && sameShape(state.shape, next.shape)) continue;
    throw expected('ERR_GRAPH', `an update of ${showType(state)}`, showType(next), {
      op: 'state',
      node: state.name,
    });
  }
  const declared = new Set<Value>(graph.inputs);
  if (declared.size !== graph.inputs.length) {
    throw expected(
      'ERR_GRAPH',
      'every input once',
      graph.inputs.map((input) => input.name),
    );
  }
  const names = new Map<string, Value>();
  for (const value of topological(graph)) {
    const site = { op: value.op, node: value.name };
    const namesake = names.get(value.name);
    if (namesake !== undefined)
      throw expected('ERR_GRAPH', 'a name of its own', `that of another ${namesake.op}`, site);
    names.set(value.name, value);
    if (!Object.isFrozen(value))
      throw expected('ERR_GRAPH', 'a frozen value, as make gives it', 'one that can change', site);
    if ((value.op === 'input') !== declared.has(value)) {
      throw expected(
        'ERR_GRAPH',
        'every input, and nothing else, among the inputs of the graph',
        declared.has(value) ? value.op : 'one left out',
        site,
      );
    }
    if (isMade(value)) continue; // rules 2 and 4, once and for all
    const type = typeOf(value);
    if (type.dtype !== value.dtype || !sameShape(type.shape, value.shape)) {
      throw expected('ERR_GRAPH', `a result of ${showType(type)}`, showType(value), site);
    }
  }
}

/** What the value ought to be. */
function typeOf(value: Value): Inferred {
  if (value.op === 'input') return value;
  if (value.op === 'constant' || value.op === 'state') {
    if (value.data === undefined)
      throw expected('ERR_GRAPH', 'a tensor as its data', 'none', {
        op: value.op,
        node: value.name,
      });
    return value.data;
  }
  try {
    return inferNode(value.op, value.name, value.inputs, value.attrs);
  } catch (cause) {
    if (!(cause instanceof BitplaneError)) throw cause;
    throw new BitplaneError(
      'ERR_GRAPH',
      `expected a node that fits its op but received one that does not: ${cause.message}`,
      { cause },
    );
  }
}
