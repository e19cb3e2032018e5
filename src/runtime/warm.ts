/**
 * The sizes that a session is asked to compile for before it runs any. Not here: compiling.
 */
import { requireObject, unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { isSize, type Sizes, showShape } from '../core/shape.js';
import { symbolsOf } from '../graph/open.js';
import { requireShapes, type Shapes, sizesOf as sizesOfShapes } from '../graph/shapes.js';
import type { Graph } from '../graph/value.js';

const SITE = { op: 'warm' };

/** @throws BitplaneError ERR_ARGUMENT for what is neither a list nor false */
export function requireWarm(warm: unknown): void {
  if (warm !== undefined && warm !== false && !Array.isArray(warm))
    throw expected('ERR_ARGUMENT', 'warm to be a list of sizes or false', warm, SITE);
}

/** What the feeds of a run would say, for each entry. @throws BitplaneError ERR_ARGUMENT */
export function warmSizes(graph: Graph, entries: readonly unknown[]): Sizes[] {
  if (!Array.isArray(entries)) throw expected('ERR_ARGUMENT', 'a list of sizes', entries, SITE);
  const symbols = symbolsOf(graph.inputs);
  return entries.map((entry) =>
    typeof entry === 'number' ? ofBatch(graph, symbols, entry) : ofNames(graph, symbols, entry),
  );
}

/** Every symbol as 1. */
export function unitSizes(graph: Graph): Sizes {
  return sizesOf(symbolsOf(graph.inputs), () => 1);
}

function ofBatch(graph: Graph, symbols: readonly string[], batch: number): Sizes {
  requireSize('a batch size', batch);
  if (symbols.length > 1)
    throw expected(
      'ERR_ARGUMENT',
      `an object with the sizes of ${symbols.join(', ')}, because the model has several`,
      batch,
      SITE,
    );
  const fixed = graph.inputs.find(
    ({ shape }) => symbols.length === 0 && shape.length > 0 && shape[0] !== batch,
  );
  if (fixed !== undefined)
    throw expected(
      'ERR_ARGUMENT',
      `the batch of input "${fixed.name}", which is ${showShape(fixed.shape)} always,`,
      batch,
      SITE,
    );
  return sizesOf(symbols, () => batch);
}

/** Sizes by symbol, shapes by input, or some of each. */
function ofNames(graph: Graph, symbols: readonly string[], entry: unknown): Sizes {
  requireObject(entry, 'batch sizes, or objects of sizes by symbol or shapes by input', SITE);
  const given = Object.entries(entry as object) as [string, unknown][];
  const shapes = Object.fromEntries(given.filter(([, value]) => Array.isArray(value)));
  requireShapes(shapes, SITE);
  const sizes: Record<string, unknown> = Object.assign(
    Object.create(null),
    sizesOfShapes(graph.inputs, shapes as Shapes, SITE),
  );
  for (const [name, size] of given) {
    if (Array.isArray(size)) continue;
    if (!symbols.includes(name)) throw unknownName('sizes of', name, symbols, SITE);
    if (Object.hasOwn(sizes, name) && sizes[name] !== size)
      throw expected('ERR_ARGUMENT', `${name} = ${sizes[name]}, as a shape has it,`, size, SITE);
    sizes[name] = size;
  }
  return sizesOf(symbols, (symbol) => {
    requireSize(symbol, sizes[symbol]);
    return sizes[symbol] as number;
  });
}

function requireSize(what: string, size: unknown): void {
  if (!isSize(size) || size === 0)
    throw expected('ERR_ARGUMENT', `${what} to be a whole number of 1 or more`, size, SITE);
}

/** In the order in which the feeds of a run name them, without the names that every object has. */
function sizesOf(symbols: readonly string[], size: (symbol: string) => number): Sizes {
  const sizes: Record<string, number> = Object.create(null);
  for (const symbol of symbols) sizes[symbol] = size(symbol);
  return sizes;
}
