/**
 * What of a graph is quantized, before any number is known: the products with float weights, the
 * maps that they read, and who reads each in which spec. Not here: ranges (./calibrate.ts), the
 * graph afterwards (./quantize-graph.ts).
 *
 * A map is quantized where it is made, behind its activation, so that the product that makes it can
 * store codes: poolings of maxima, borders of zeros and reshapes between it and its reader work on
 * codes, exactly, because they choose among numbers and 0 has a code. In a residual block the sum
 * reads its shortcut as codes too, since the next block's product reads that map; the other operand
 * of the sum, a product with its bias, stays float and in registers. Behind a concatenation all
 * parts have one scale, because the whole is quantized.
 */
import { type Graph, topological, type Value } from '../../graph/value.js';
import { isOp, opDef } from '../../ops/index.js';
import { hasFloatWeights, onlyReaders } from '../../passes/absorb-affines.js';
import { isConstantExpression } from '../../passes/constants.js';
import type { QuantSpec } from '../spec.js';
import type { LayerSpecs, Settings } from './options.js';

/** A product, and what it is to become. */
export interface PlannedLayer {
  readonly product: Value;
  readonly specs: LayerSpecs;
  readonly isEnd: boolean;
  /** The map that it reads, possibly through poolings and borders; none if that stays float. */
  readonly reads: Value | undefined;
}

/** An operand that becomes codes: operand `index` of `reader`. */
export interface Edge {
  readonly reader: Value;
  readonly index: number;
  readonly spec: QuantSpec;
}

export interface Plan {
  readonly layers: readonly PlannedLayer[];
  /** Who reads each map that is quantized. */
  readonly edges: ReadonlyMap<Value, readonly Edge[]>;
}

export function planOf(graph: Graph, settings: Settings): Plan {
  const order = topological(graph);
  const products = order.filter(hasFloatWeights);
  settings.requireUsed(products.map(({ name }) => name));
  const ends = endsOf(order);
  const readers = onlyReaders(graph);
  const edges = new Map<Value, Edge[]>();
  const layers = products.map((product) => {
    const isEnd = ends.has(product);
    const specs = settings.layer(product.name, isEnd);
    const spec = specs.activations;
    const read = spec === undefined ? undefined : readBy(product, readers);
    if (read !== undefined && spec !== undefined)
      edges.set(read.map, [...(edges.get(read.map) ?? []), { ...read.at, spec }]);
    return { product, specs, isEnd, reads: read?.map };
  });
  addShortcuts(order, readers, edges, settings.shortcuts);
  return { layers, edges };
}

/** The products before which, or behind which, there is no other. */
function endsOf(order: readonly Value[]): ReadonlySet<Value> {
  const isProduct = (value: Value) => value.inputs.length > 0 && opDef(value.op).macs !== undefined;
  const behind = new Set<Value>();
  for (const value of order)
    if (value.inputs.some((input) => behind.has(input) || isProduct(input))) behind.add(value);
  const before = new Set<Value>();
  for (const value of [...order].reverse()) {
    if (!before.has(value) && !isProduct(value)) continue;
    for (const input of value.inputs) before.add(input);
  }
  return new Set(
    order.filter((value) => isProduct(value) && (!behind.has(value) || !before.has(value))),
  );
}

/** The map to quantize for a product, and the operand that reads it; undefined where none is. */
function readBy(
  product: Value,
  readers: ReadonlyMap<Value, Value>,
): { readonly map: Value; readonly at: Pick<Edge, 'reader' | 'index'> } | undefined {
  let reader = product;
  let map = product.inputs[0] as Value;
  if (isConstantExpression(map) || holdsCodes(map)) return undefined;
  while (readers.has(map) && keepsCodes(map)) {
    reader = map;
    map = map.inputs[0] as Value;
  }
  return { map, at: { reader, index: 0 } };
}

/** True for ops that give codes of codes: they choose among numbers, or put zeros around them. */
function keepsCodes(value: Value): boolean {
  if (isOp(value, 'pad')) return value.attrs.value === 0;
  return isOp(value, 'maxPool2d') || isOp(value, 'reshape');
}

/** True for (cast(q) - zero) * scale, and what only moves it: it needs no further codes. */
function holdsCodes(value: Value): boolean {
  let at = value;
  while (keepsCodes(at) || isOp(at, 'mul') || isOp(at, 'sub')) at = at.inputs[0] as Value;
  return isOp(at, 'cast') && (at.inputs[0] as Value).dtype !== 'f32';
}

/** Sums that read a map which a product reads too take codes of it. */
function addShortcuts(
  order: readonly Value[],
  readers: ReadonlyMap<Value, Value>,
  edges: Map<Value, Edge[]>,
  spec: QuantSpec | undefined,
): void {
  if (spec === undefined) return;
  for (const reader of order) {
    for (const [index, map] of reader.inputs.entries()) {
      const known = edges.get(map);
      if (known === undefined || known.some((edge) => edge.reader === reader)) continue;
      if (!endsInSum(reader, readers)) continue;
      // The codes that a product reads serve, if there are enough of them.
      const fine = known.find((edge) => edge.spec.bits >= spec.bits);
      known.push({ reader, index, spec: fine?.spec ?? spec });
    }
  }
}

function endsInSum(value: Value, readers: ReadonlyMap<Value, Value>): boolean {
  let at: Value | undefined = value;
  while (at !== undefined && (keepsCodes(at) || isOp(at, 'slice'))) at = readers.get(at);
  return at !== undefined && isOp(at, 'add');
}
