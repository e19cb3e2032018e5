/**
 * From what a user feeds to the arrays that a program takes, and back: names, dtypes, shapes and
 * the batch are checked here, before anything crosses to C++. Not here: running.
 */
import { carries, DTYPES, type DType, isSubByte } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { type Shape, type Sizes, showShape } from '../core/shape.js';
import type { Graph, Value } from '../graph/value.js';
import { memoryBytes } from '../schedule/memory-bytes.js';
import { packWords, unpackWords } from '../tensor/layout.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';

export interface CheckedFeeds {
  readonly sizes: Sizes;
  /** In the order of the graph's inputs, in the layout of native memory. */
  readonly arrays: readonly NodeJS.TypedArray[];
}

const OP = 'run';

/** @throws BitplaneError ERR_FEED naming the input and what it takes */
export function checkFeeds(graph: Graph, feeds: Readonly<Record<string, unknown>>): CheckedFeeds {
  if (
    feeds === null ||
    typeof feeds !== 'object' ||
    isTensorLike(feeds) ||
    ArrayBuffer.isView(feeds)
  ) {
    throw expected('ERR_FEED', 'an object of feeds by input name', feeds, { op: OP });
  }
  const names = graph.inputs.map((input) => input.name);
  for (const name of Object.keys(feeds)) {
    if (!names.includes(name))
      throw expected(
        'ERR_FEED',
        `feeds for ${names.map((n) => `"${n}"`).join(', ')}`,
        `one for "${name}"`,
        { op: OP },
      );
  }
  const sizes: Record<string, number> = Object.create(null);
  const arrays = graph.inputs.map((input) => {
    const feed = Object.hasOwn(feeds, input.name) ? feeds[input.name] : undefined;
    if (feed === undefined)
      throw expected('ERR_FEED', `a feed of ${describe(input)}`, 'none', {
        op: OP,
        node: input.name,
      });
    if (isTensorLike(feed)) return fromTensor(input, feed, sizes, graph);
    return fromArray(input, feed, sizes);
  });
  return { sizes, arrays };
}

function describe(input: Value): string {
  return `${input.dtype}${showShape(input.shape)}`;
}

function fromTensor(
  input: Value,
  feed: TensorLike,
  sizes: Record<string, number>,
  graph: Graph,
): NodeJS.TypedArray {
  const site = { op: OP, node: input.name };
  const tensor = feed instanceof Tensor ? feed : checked(input, feed);
  if (tensor.dtype !== input.dtype)
    throw expected('ERR_FEED', describe(input), `dtype ${tensor.dtype}`, site);
  const fits =
    tensor.shape.length === input.shape.length &&
    input.shape.every((dim, i) => matchDim(dim, tensor.shape[i] as number, sizes, input, graph));
  if (!fits) throw expected('ERR_FEED', describe(input), `shape ${showShape(tensor.shape)}`, site);
  if (tensor.data.length === 0 && tensor.size > 0)
    throw expected('ERR_FEED', describe(input), 'a detached array', site);
  return input.dtype === 'b1' ? packWords(tensor.data as Uint8Array, tensor.shape) : tensor.data;
}

/** A tensor of which nothing is known, such as one from another thread. */
function checked(input: Value, feed: TensorLike): Tensor {
  const site = { op: OP, node: input.name };
  try {
    return Tensor.from(feed);
  } catch (cause) {
    if (!(cause instanceof BitplaneError)) throw cause;
    throw new BitplaneError(
      'ERR_FEED',
      `expected ${describe(input)} but received what is no tensor (${cause.message})`,
      {
        ...site,
        cause,
      },
    );
  }
}

function matchDim(
  dim: number | string,
  size: number,
  sizes: Record<string, number>,
  input: Value,
  graph: Graph,
): boolean {
  if (typeof dim === 'number') return dim === size;
  const known = sizes[dim];
  if (known !== undefined && known !== size) {
    // Feeds are read in the order of the inputs.
    const first = graph.inputs.find(({ shape }) => shape.includes(dim)) as Value;
    const of = first === input ? 'another axis' : `the feed of "${first.name}"`;
    throw expected('ERR_FEED', `${dim} = ${known}, as ${of} has it,`, `${dim} = ${size}`, {
      op: OP,
      node: input.name,
    });
  }
  if (size < 1)
    throw expected('ERR_FEED', `${dim} to be 1 or more`, size, { op: OP, node: input.name });
  sizes[dim] = size;
  return true;
}

/** INT64 of a file is i32 here, so a feed of it is narrowed, where it fits. */
function narrowed(input: Value, feed: BigInt64Array): Int32Array {
  const outside = feed.find((value) => BigInt.asIntN(32, value) !== value);
  if (outside !== undefined)
    throw expected('ERR_FEED', 'integers of 32 bits', String(outside), {
      op: OP,
      node: input.name,
    });
  return Int32Array.from(feed, Number);
}

/** Told by its kind, not its class, which another realm has its own of. */
function isBigInts(feed: unknown): feed is BigInt64Array {
  return Object.prototype.toString.call(feed) === '[object BigInt64Array]';
}

function fromArray(input: Value, given: unknown, sizes: Record<string, number>): NodeJS.TypedArray {
  const feed = input.dtype === 'i32' && isBigInts(given) ? narrowed(input, given) : given;
  const site = { op: OP, node: input.name };
  const { array: Kind } = DTYPES[input.dtype];
  if (input.dtype === 'b1')
    throw expected('ERR_FEED', `a Tensor of ${describe(input)}`, feed, site);
  if (!carries(input.dtype, feed))
    throw expected('ERR_FEED', `a Tensor or ${Kind.name} of ${describe(input)}`, feed, site);
  const open = input.shape.filter(
    (dim): dim is string => typeof dim === 'string' && sizes[dim] === undefined,
  );
  if (new Set(open).size > 1 || open.length > 1) {
    throw expected(
      'ERR_FEED',
      `a Tensor, because ${open.join(' and ')} cannot be told from a length,`,
      feed,
      site,
    );
  }
  const known = input.shape.reduce<number>(
    (product, dim) => product * (typeof dim === 'number' ? dim : (sizes[dim] ?? 1)),
    1,
  );
  const [symbol] = open;
  const size = feed.length / known;
  if (symbol === undefined ? feed.length !== known : !Number.isInteger(size) || size < 1) {
    throw expected(
      'ERR_FEED',
      `${symbol === undefined ? '' : 'a multiple of '}${known} elements for ${describe(input)}`,
      feed.length,
      site,
    );
  }
  if (symbol !== undefined) sizes[symbol] = size;
  // The array of an integer of fewer than 8 bits may hold more than the dtype does.
  if (isSubByte(input.dtype))
    checked(input, { dtype: input.dtype, data: feed, shape: [feed.length] } as TensorLike);
  return feed;
}

/** Arrays that a finished run copies its results into. */
export function resultArrays(outputs: readonly Value[]): NodeJS.TypedArray[] {
  return outputs.map(({ dtype, shape }) => resultArray(dtype, shape));
}

/** An array for a value as it lies in native memory. */
export function resultArray(dtype: DType, shape: Shape): NodeJS.TypedArray {
  const { array: Kind } = DTYPES[dtype];
  return new Kind(memoryBytes(dtype, shape) / Kind.BYTES_PER_ELEMENT);
}

/** The tensor of such an array. */
export function resultTensor(
  type: { readonly dtype: DType; readonly shape: Shape },
  array: NodeJS.TypedArray,
): Tensor {
  const shape = type.shape as readonly number[];
  if (type.dtype === 'b1') return new Tensor('b1', unpackWords(array as Uint8Array, shape), shape);
  return new Tensor(type.dtype, array as never, shape);
}

export function aborted(signal: AbortSignal): BitplaneError {
  return new BitplaneError('ERR_ABORTED', 'the run was aborted', { op: OP, cause: signal.reason });
}

const OWN = { enumerable: true, configurable: true, writable: true } as const;

/** Outputs by name. */
export function byName(
  names: readonly string[],
  tensors: readonly Tensor[],
): Record<string, Tensor> {
  const results: Record<string, Tensor> = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    // Assigning to that name would set the object's prototype.
    if (name === '__proto__')
      Object.defineProperty(results, name, { ...OWN, value: tensors[i] as Tensor });
    else results[name] = tensors[i] as Tensor;
  }
  return results;
}
