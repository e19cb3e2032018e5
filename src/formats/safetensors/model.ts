/**
 * bitplane's own model files: the graph as JSON in the metadata of a safetensors file, its
 * constants and states as tensors. Not here: the container (./safetensors.ts); making the weights
 * small (they are stored in the dtype that the graph gives them).
 *
 *   bitplane.format = "1"
 *   bitplane.optimized = "1", where the graph is what `optimize` makes (src/passes/optimized.ts)
 *   bitplane.graph  = { "nodes": [{ "op", "name", ... }], "inputs": [name],
 *                       "outputs": [[name, value]], "updates": [[state, value]] }
 *
 * Any other entry of the file's metadata is the graph's: the recipe, the ONNX file's metadata, the
 * author's own entries.
 *
 * Nodes come in topological order. An input has dtype and shape. A constant or state has a tensor
 * of its name, and dtype and shape where those of the tensor differ. An op has inputs, by place in
 * the list or by name, and attrs if there are any. Shapes of ops are inferred, so that a file
 * cannot lie about them. A b1 constant is a U8 tensor: element i is bit i mod 8 of byte i / 8, a
 * set bit means -1, and only the last byte is padded with 0. So are integers of n < 8 bits, n bits
 * each (src/tensor/low-bits.ts).
 */
import { reading } from '../../core/border.js';
import {
  byteLength,
  DTYPE_LIST,
  DTYPES,
  type DType,
  type DTypeArray,
  type Integer,
  isSubByte,
} from '../../core/dtype.js';
import { BitplaneError, expected } from '../../core/errors.js';
import { type Limits, MAX_NAME, overLimit, UNLIMITED } from '../../core/limits.js';
import { elementCount, isSize } from '../../core/shape.js';
import {
  type Attrs,
  type Graph,
  graphOf,
  type Input,
  outputsOf,
  topological,
  updatesOf,
  type Value,
} from '../../graph/value.js';
import { constant, input, make, state } from '../../ops/make.js';
import { verify } from '../../ops/verify.js';
import { isOptimized, markOptimized, OPTIMIZED_BY } from '../../passes/optimized.js';
import { packLowBits, unpackLowBits } from '../../tensor/low-bits.js';
import { Tensor } from '../../tensor/tensor.js';
import { writeFileAtomic } from '../write-file.js';
import { fromJson, toJson } from './json-numbers.js';
import {
  dataOffset,
  type Header,
  LENGTH_BYTES,
  readHeader,
  type Safetensors,
  type Span,
  type StoredTensor,
  writeSafetensors,
} from './safetensors.js';

const FORMAT = '1';
/** The entries that are the model itself. */
const OPTIMIZED = 'bitplane.optimized';
const OWN: ReadonlySet<string> = new Set(['bitplane.format', 'bitplane.graph', OPTIMIZED]);
/** The dtypes that safetensors has too; tensors of the others are U8 tensors of packed bits. */
const STORED: Readonly<Partial<Record<DType, string>>> = {
  f32: 'F32',
  i32: 'I32',
  i8: 'I8',
  u8: 'U8',
};

function storedAs(dtype: DType): string {
  return STORED[dtype] ?? 'U8';
}

/** The nodes decoded so far, by name and by place in the list. */
type Known = Map<string | number, Value>;

/**
 * Writes a graph as bitplane's own safetensors file: binary weights in a bit each. The file is
 * whole or not there.
 * @throws BitplaneError ERR_IO
 */
export async function saveModel(graph: Graph, path: string | URL): Promise<void> {
  await writeFileAtomic(path, encodeModel(graph));
}

export function encodeModel(graph: Graph): Uint8Array {
  return writeSafetensors(modelParts(graph));
}

/** What `encodeModel` writes, before it is one file. */
export function modelParts(graph: Graph): Safetensors {
  verify(graph);
  const tensors = new Map<string, StoredTensor>();
  const order = topological(graph);
  const places = new Map(order.map((value, place) => [value, place]));
  const nodes = order.map((value) => {
    const { op, name, dtype, shape, data } = value;
    if (name.length > MAX_NAME)
      throw expected('ERR_GRAPH', `a name of at most ${MAX_NAME} characters`, name.length, {
        op,
        node: `${name.slice(0, 40)}...`,
      });
    if (data !== undefined) {
      const array = isSubByte(dtype) ? packLowBits(dtype as Integer, data.data) : data.data;
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      tensors.set(name, {
        dtype: storedAs(dtype),
        shape: dtype in STORED ? data.shape : [bytes.length],
        data: bytes,
      });
    }
    // The tensor's own header has dtype and shape, except for packed bits, which are stored as
    // bytes.
    if (data !== undefined && dtype in STORED) return { op, name };
    if (value.inputs.length === 0) return { op, name, dtype, shape };
    const inputs = value.inputs.map((operand) => places.get(operand));
    return Object.keys(value.attrs).length === 0
      ? { op, name, inputs }
      : { op, name, inputs, attrs: toJson(value.attrs) };
  });
  const updates = updatesOf(graph).map(([state, next]) => [state.name, next.name]);
  const json = {
    nodes,
    inputs: graph.inputs.map(({ name }) => name),
    outputs: outputsOf(graph).map(([name, value]) => [name, value.name]),
    ...(updates.length > 0 && { updates }),
  };
  const carried = Object.entries(graph.metadata ?? {});
  const taken = carried.find(([name]) => OWN.has(name));
  if (taken !== undefined)
    throw expected(
      'ERR_ARGUMENT',
      `metadata under other names than ${[...OWN].join(' and ')}`,
      taken[0],
      { op: 'model' },
    );
  const metadata = new Map([
    ['bitplane.format', FORMAT],
    ['bitplane.graph', JSON.stringify(json)],
    ...carried,
  ]);
  if (isOptimized(graph)) metadata.set(OPTIMIZED, OPTIMIZED_BY);
  return { metadata, tensors };
}

/**
 * @param options `owned`: nobody else has the bytes or will change them, so that constants may be
 * views of them
 * @throws BitplaneError ERR_FORMAT for a malformed file, ERR_LIMIT, ERR_UNSUPPORTED for a newer
 * one, and whatever making its nodes throws
 */
export function decodeModel(
  bytes: Uint8Array,
  {
    owned = false,
    limits = UNLIMITED,
  }: { readonly owned?: boolean; readonly limits?: Limits } = {},
): Graph {
  return reading({ op: 'model' }, () => decodeWhole(bytes, owned, limits));
}

function decodeWhole(bytes: Uint8Array, owned: boolean, limits: Limits): Graph {
  const dataAt = dataOffset(bytes, bytes.length);
  const header = readHeader(bytes.subarray(LENGTH_BYTES, dataAt), bytes.length - dataAt);
  const fetch: Fetch = ({ begin, end }, dtype, shape) =>
    tensorOver(bytes.subarray(dataAt + begin, dataAt + end), dtype, shape, owned);
  return decodeGraph(header, fetch, limits);
}

/** Gives the tensor of a span, whose dtype and size fit. */
export type Fetch = (span: Span, dtype: DType, shape: readonly number[]) => Tensor;

/**
 * The text of the graph in a file's metadata, before anything is read for it.
 * @throws BitplaneError ERR_FORMAT where there is none, ERR_UNSUPPORTED where it is newer
 */
export function requireModel(metadata: ReadonlyMap<string, string>): string {
  const format = metadata.get('bitplane.format');
  const text = metadata.get('bitplane.graph');
  if (format === undefined || text === undefined)
    throw broken('the safetensors file holds no bitplane model');
  if (format !== FORMAT)
    throw expected('ERR_UNSUPPORTED', `format ${FORMAT}`, format, { op: 'model' });
  return text;
}

/** The graph of a file whose header has been read; throws as `decodeModel` does. */
export function decodeGraph(
  { metadata, spans }: Header,
  fetch: Fetch,
  { maxNodes }: Limits,
): Graph {
  const json = object(parse(requireModel(metadata)), 'graph');

  const nodes = list(json.nodes, 'nodes');
  if (nodes.length > maxNodes)
    throw overLimit('maxNodes', `at most ${maxNodes} nodes`, String(nodes.length), { op: 'model' });

  const unread = new Map(spans);
  const values: Known = new Map();
  for (const [place, entry] of nodes.entries()) {
    const node = object(entry, 'node');
    const name = word(node.name, 'a name');
    if (values.has(name)) throw expected('ERR_FORMAT', 'names that differ', name, { op: 'model' });
    const value = decodeNode(name, node, values, { spans: unread, fetch });
    values.set(name, value);
    values.set(place, value);
  }
  const [extra] = unread.keys();
  if (extra !== undefined)
    throw expected('ERR_FORMAT', 'only tensors that the graph names', extra, { op: 'model' });

  const find = (name: unknown) => known(values, name, { op: 'model' });
  const inputs = list(json.inputs, 'inputs').map(find) as Input[];
  const outputs = list(json.outputs, 'outputs').map((pair) => {
    const [name, value] = list(pair, 'output');
    return [word(name, 'a name'), find(value)] as const;
  });
  if (new Set(outputs.map(([name]) => name)).size !== outputs.length)
    throw broken('expected outputs with names that differ');
  const updates = (json.updates === undefined ? [] : list(json.updates, 'updates')).map((pair) => {
    const [state, next] = list(pair, 'update').map(find);
    if (state?.op !== 'state' || next === undefined)
      throw broken('expected every update to be of a state');
    return [state, next] as const;
  });
  if (new Set(updates.map(([state]) => state)).size !== updates.length)
    throw broken('expected every state to be updated once');
  const carried = [...metadata].filter(([name]) => !OWN.has(name));
  const graph = graphOf(inputs, outputs, Object.fromEntries(carried), updates);
  verify(graph);
  return metadata.get(OPTIMIZED) === OPTIMIZED_BY ? markOptimized(graph) : graph;
}

/** The tensors of a file that no node has claimed yet, and how to get one. */
interface Unread {
  readonly spans: Map<string, Span>;
  readonly fetch: Fetch;
}

function decodeNode(
  name: string,
  node: Record<string, unknown>,
  values: Known,
  unread: Unread,
): Value {
  const op = word(node.op, 'an op');
  if (op === 'input' || op === 'constant' || op === 'state') {
    const stored =
      op === 'input' || node.dtype !== undefined || node.shape !== undefined
        ? undefined
        : unread.spans.get(name);
    const dtype = (
      stored === undefined ? word(node.dtype, 'a dtype') : ownDtype(name, stored)
    ) as DType;
    const shape = stored?.shape ?? list(node.shape, 'shape');
    if (op === 'input') return input(name, dtype, shape as (number | string)[]);
    const tensor = decodeTensor(name, dtype, shape, unread);
    return op === 'constant' ? constant(name, tensor) : state(name, tensor);
  }
  const inputs = list(node.inputs, 'inputs').map((operand) =>
    known(values, operand, { op, node: name }),
  );
  return make(
    op,
    name,
    inputs,
    node.attrs === undefined ? {} : (object(fromJson(node.attrs), 'attrs') as Attrs),
  );
}

/** The dtype from the tensor's header, where the node omits it. */
function ownDtype(name: string, { dtype }: Span): DType {
  const own = (Object.keys(STORED) as DType[]).find((key) => STORED[key] === dtype);
  if (own === undefined)
    throw expected('ERR_FORMAT', `a tensor of ${Object.values(STORED).join(', ')}`, dtype, {
      op: 'model',
      node: name,
    });
  return own;
}

/** Takes the tensor out of `spans`, so that the unused tensors remain at the end. */
function decodeTensor(
  name: string,
  dtype: DType,
  shape: readonly unknown[],
  { spans, fetch }: Unread,
): Tensor {
  const site = { op: 'model', node: name };
  if (!Object.hasOwn(DTYPES, dtype))
    throw expected('ERR_FORMAT', `a dtype of ${DTYPE_LIST}`, dtype, site);
  if (!shape.every(isSize)) throw expected('ERR_FORMAT', 'a shape of sizes', shape, site);
  const span = spans.get(name);
  spans.delete(name);
  const bytes = byteLength(dtype, elementCount(shape));
  if (span === undefined || span.dtype !== storedAs(dtype) || span.end - span.begin !== bytes) {
    throw expected(
      'ERR_FORMAT',
      `a tensor ${storedAs(dtype)} of ${bytes} bytes`,
      span === undefined ? 'none' : `${span.dtype} of ${span.end - span.begin}`,
      site,
    );
  }
  const tensor = fetch(span, dtype, shape);
  const used = (elementCount(shape) * DTYPES[dtype].bits) % 8;
  const last = () => fetch({ ...span, begin: span.end - 1 }, 'u8', [1]).data[0] as number;
  if (used !== 0 && last() >> used !== 0)
    throw new BitplaneError('ERR_FORMAT', 'expected zeros after the last bit', site);
  return tensor;
}

/**
 * The tensor of these bytes: a view of them if they are `owned` and aligned, else a copy, which the
 * caller cannot change.
 */
export function tensorOver(
  bytes: Uint8Array,
  dtype: DType,
  shape: readonly number[],
  owned: boolean,
): Tensor {
  if (isSubByte(dtype)) {
    const integer = dtype as Integer;
    return new Tensor(integer, unpackLowBits(integer, bytes, 0, elementCount(shape)), shape);
  }
  const { array: Kind } = DTYPES[dtype];
  const { buffer, byteOffset, length } = bytes;
  // Not slice(), because a Node Buffer's slice() shares memory.
  const data = (
    owned && byteOffset % Kind.BYTES_PER_ELEMENT === 0
      ? new Kind(buffer as ArrayBuffer, byteOffset, length / Kind.BYTES_PER_ELEMENT)
      : new Kind(new Uint8Array(bytes).buffer)
  ) as DTypeArray;
  return new Tensor(dtype, data, shape);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BitplaneError('ERR_FORMAT', 'expected bitplane.graph to be JSON', {
      op: 'model',
      cause,
    });
  }
}

function known(values: Known, name: unknown, site: { op: string; node?: string }): Value {
  const value = typeof name === 'string' || typeof name === 'number' ? values.get(name) : undefined;
  if (value === undefined)
    throw expected('ERR_FORMAT', 'the name or place of an earlier node', name, site);
  return value;
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw expected('ERR_FORMAT', `${what} to be a JSON object`, value, { op: 'model' });
  return value as Record<string, unknown>;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value))
    throw expected('ERR_FORMAT', `${what} to be a JSON array`, value, { op: 'model' });
  return value;
}

function word(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '')
    throw expected('ERR_FORMAT', what, value, { op: 'model' });
  if (value.length > MAX_NAME)
    throw expected('ERR_FORMAT', `${what} of at most ${MAX_NAME} characters`, value.length, {
      op: 'model',
    });
  return value;
}

function broken(sentence: string): BitplaneError {
  return new BitplaneError('ERR_FORMAT', sentence, { op: 'model' });
}
