/**
 * What a graph costs, layer by layer, for one image: multiply-accumulates by kind and bytes of
 * constants. Not here: time (a profile of a run), and how it is printed.
 */
import { byteLength, type DType } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import { elementCount } from '../core/shape.js';
import { type Graph, topological, type Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import type { Macs } from '../ops/op.js';
import { bind } from './bind.js';
import { isConstantExpression } from './constants.js';

export interface Layer {
  readonly name: string;
  readonly op: string;
  /** Of the first input. */
  readonly inputDtype: DType;
  /** Of the weights as they are stored; null for an op without constants. */
  readonly weightDtype: DType | null;
  readonly dtype: DType;
  /** As declared, symbols included. */
  readonly shape: Shape;
  readonly macs: Macs;
  /** Bytes on disk of the constants that the node reads. */
  readonly weightBytes: number;
}

export interface LayerTotals {
  readonly macs: Macs;
  /** Each constant counted once. */
  readonly weightBytes: number;
}

export interface Analysis {
  readonly rows: readonly Layer[];
  readonly totals: LayerTotals;
}

const NONE: Macs = { binary: 0, integer: 0, float: 0 };

/**
 * One row for each node that runs, in order. The leading size of every input counts as 1, so that
 * numbers are per image; where another size is a symbol, the work cannot be counted and stands as
 * 0.
 */
export function layers(graph: Graph): Analysis {
  const symbols = graph.inputs
    .map((input) => input.shape[0])
    .filter((dim) => typeof dim === 'string');
  const nodes = runningNodes(graph);
  const bound = runningNodes(bind(graph, Object.fromEntries(symbols.map((symbol) => [symbol, 1]))));
  const rows = nodes.map((node, i) => layer(node, macsOf(bound[i] as Value)));
  const macs = rows.reduce((sum, row) => addMacs(sum, row.macs), NONE);
  const stored = new Set(nodes.flatMap(constantsOf));
  return { rows, totals: { macs, weightBytes: bytesOf([...stored]) } };
}

function macsOf(node: Value): Macs {
  const sized = [node, ...node.inputs].every((value) =>
    value.shape.every((dim) => typeof dim === 'number'),
  );
  return (sized ? opDef(node.op).macs?.(node) : undefined) ?? NONE;
}

function layer(node: Value, macs: Macs): Layer {
  const constants = constantsOf(node);
  const [first] = node.inputs as [Value];
  // Of several constants the largest is the weights; the others are scales and shifts.
  const weights = constants.reduce<Value | undefined>(
    (a, b) => (a === undefined || elementCount(b.shape) > elementCount(a.shape) ? b : a),
    undefined,
  );
  const { name, op, dtype, shape } = node;
  return {
    name,
    op,
    inputDtype: first.dtype,
    weightDtype: weights?.dtype ?? null,
    dtype,
    shape,
    macs,
    weightBytes: bytesOf(constants),
  };
}

/** Ops that do not depend on constants alone. */
function runningNodes(graph: Graph): Value[] {
  return topological(graph).filter(
    (value) => value.inputs.length > 0 && !isConstantExpression(value),
  );
}

/**
 * The constants and states that a node reads, through constant expressions such as the cast of a
 * binary weight.
 */
function constantsOf(node: Value): Value[] {
  const seen = new Set<Value>();
  const found: Value[] = [];
  const pending = [...node.inputs].reverse();
  for (let input = pending.pop(); input !== undefined; input = pending.pop()) {
    if (input.op === 'constant' || input.op === 'state') found.push(input);
    // Each expression once: its operands may be shared, and theirs again.
    else if (isConstantExpression(input) && !seen.has(input)) {
      seen.add(input);
      for (const operand of [...input.inputs].reverse()) pending.push(operand);
    }
  }
  return found;
}

function bytesOf(values: readonly Value[]): number {
  return [...new Set(values)].reduce(
    (sum, { dtype, shape }) => sum + byteLength(dtype, elementCount(shape)),
    0,
  );
}

function addMacs(a: Macs, b: Macs): Macs {
  return { binary: a.binary + b.binary, integer: a.integer + b.integer, float: a.float + b.float };
}
