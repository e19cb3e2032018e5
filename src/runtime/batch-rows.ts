/**
 * Feeds of several callers as one batch, and its results apart again. Rows are what lies along the
 * first axis. Not here: who runs with whom (./batcher.ts).
 */
import { DTYPES, isSubByte } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { type Sizes, showShape } from '../core/shape.js';
import { type Graph, outputsOf } from '../graph/value.js';
import { Tensor, type TensorLike } from '../tensor/tensor.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { checkFeeds } from './feeds.js';

/** The rows of one caller, in arrays that are still the caller's. */
export interface Rows {
  readonly count: number;
  /** Elements of each input, in the order of the graph's inputs. */
  readonly values: readonly NodeJS.TypedArray[];
  /** Sizes of all symbols but the batch. */
  readonly others: Sizes;
}

const OP = 'Batcher';
const NO_OTHERS: Sizes = Object.freeze({});

/**
 * The symbol that is the batch of every input and output.
 * @throws BitplaneError ERR_ARGUMENT naming an input or output that does not begin with it
 */
export function batchSymbol(graph: Graph): string {
  const [first] = graph.inputs;
  const symbol = first?.shape[0];
  if (first === undefined || typeof symbol !== 'string')
    throw expected(
      'ERR_ARGUMENT',
      'a model whose batch is a symbol, such as [N, 3, 32, 32],',
      first === undefined ? 'no input' : showShape(first.shape),
      { op: OP, node: first?.name },
    );
  const outputs = outputsOf(graph).map(([name, value]) => ({ ...value, name }));
  for (const { name, shape } of [...graph.inputs, ...outputs])
    if (shape[0] !== symbol || shape.indexOf(symbol, 1) >= 0)
      throw expected(
        'ERR_ARGUMENT',
        `the batch, ${symbol}, as the first axis of every input and output and no other`,
        showShape(shape),
        { op: OP, node: name },
      );
  if (Object.keys(graph.updates ?? {}).length > 0)
    throw new BitplaneError(
      'ERR_ARGUMENT',
      'expected a graph without updates of states: rows of one run would share them',
      { op: OP },
    );
  return symbol;
}

/**
 * Reads what callers feed. One row of a model with one input is told by the class and length of its
 * array, a tenth of the time of asking everything of it.
 */
export function rowReader(
  graph: Graph,
  symbol: string,
): (feeds: Readonly<Record<string, unknown>>) => Rows {
  const whole = (feeds: Readonly<Record<string, unknown>>) => rowsOf(graph, symbol, feeds);
  const [input, second] = graph.inputs;
  if (input === undefined || second !== undefined) return whole;
  const { name, dtype } = input;
  const sizes = input.shape.slice(1) as readonly number[];
  if (dtype === 'b1' || isSubByte(dtype) || sizes.some((dim) => typeof dim !== 'number'))
    return whole;
  const { array: Kind } = DTYPES[dtype];
  const length = sizes.reduce((product, dim) => product * dim, 1);
  return (feeds) => {
    const feed = feeds?.[name];
    if (!(feed instanceof Kind) || feed.length !== length || length === 0) return whole(feeds);
    for (const other in feeds) if (other !== name) return whole(feeds);
    return { count: 1, values: [feed], others: NO_OTHERS };
  };
}

/** What a caller feeds, checked. @throws BitplaneError ERR_FEED */
function rowsOf(graph: Graph, symbol: string, feeds: Readonly<Record<string, unknown>>): Rows {
  const { sizes, arrays } = checkFeeds(graph, feeds);
  const { [symbol]: count, ...others } = sizes;
  const values = graph.inputs.map(({ name, dtype }, i) =>
    dtype === 'b1'
      ? valuesOf(Tensor.from(feeds[name] as TensorLike))
      : (arrays[i] as NodeJS.TypedArray),
  );
  return { count: count as number, values, others };
}

/** The rows [from, from + count) of every result; all of them are the results themselves. */
export function rowsOfResults(
  results: Readonly<Record<string, Tensor>>,
  from: number,
  count: number,
): Readonly<Record<string, Tensor>> {
  const entries = Object.entries(results);
  if (entries.every(([, { shape }]) => shape[0] === count)) return results;
  return Object.fromEntries(
    entries.map(([name, { dtype, data, shape, size }]) => {
      const [all, ...rest] = shape as readonly [number, ...number[]];
      const perRow = size / all;
      if (dtype !== 'b1') {
        const own = data.slice(from * perRow, (from + count) * perRow);
        return [name, new Tensor(dtype, own as never, [count, ...rest])];
      }
      const values = valuesOf(results[name] as Tensor);
      const own = values.subarray(from * perRow, (from + count) * perRow);
      return [name, tensorOf(dtype, own, [count, ...rest])];
    }),
  );
}
