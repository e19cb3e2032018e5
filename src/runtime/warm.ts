/**
 * The sizes that a session is asked to compile for before it runs any. Not here: compiling.
 */
import { requireObject, unknownName } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { isSize, showShape } from '../core/shape.js';
import type { Graph } from '../graph/value.js';
import type { Sizes } from './feeds.js';

const SITE = { op: 'warm' };

/** @throws BitplaneError ERR_ARGUMENT for what is neither a list nor false */
export function requireWarm(warm: unknown): void {
  if (warm !== undefined && warm !== false && !Array.isArray(warm))
    throw expected('ERR_ARGUMENT', 'warm to be a list of sizes or false', warm, SITE);
}

/** What the feeds of a run would say, for each entry. @throws BitplaneError ERR_ARGUMENT */
export function warmSizes(graph: Graph, entries: readonly unknown[]): Sizes[] {
  if (!Array.isArray(entries)) throw expected('ERR_ARGUMENT', 'a list of sizes', entries, SITE);
  const symbols = symbolsOf(graph);
  return entries.map((entry) =>
    typeof entry === 'number' ? ofBatch(graph, symbols, entry) : ofSymbols(symbols, entry),
  );
}

/** Every symbol as 1. */
export function unitSizes(graph: Graph): Sizes {
  return sizesOf(symbolsOf(graph), () => 1);
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

function ofSymbols(symbols: readonly string[], entry: unknown): Sizes {
  requireObject(entry, 'batch sizes, or objects of sizes by symbol', SITE);
  const sizes = entry as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(sizes))
    if (!symbols.includes(name)) throw unknownName('sizes of', name, symbols, SITE);
  return sizesOf(symbols, (symbol) => {
    const size = Object.hasOwn(sizes, symbol) ? sizes[symbol] : undefined;
    requireSize(symbol, size);
    return size as number;
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

function symbolsOf(graph: Graph): string[] {
  return [
    ...new Set(graph.inputs.flatMap(({ shape }) => shape.filter((dim) => typeof dim === 'string'))),
  ];
}
