/**
 * Stores: several networks in one set of weights, in one safetensors file (docs/store.md describes
 * it to the bit). What the tasks share is tensors `shared/...`; what a task has for itself (its
 * head, batch norms, biases) is tensors `task/NAME/...`; the graphs are JSON in the metadata.
 *
 *   bitplane.store  = "1", the first entry, so that the file's beginning tells what it is
 *   bitplane.tasks  = { "dither", "seed", "weights": [...], "tasks": [...] }
 *   bitplane.sha256 = { tensor: digest of its bytes in hexadecimal }
 *   bitplane.digest = of the two texts above, and of every tensor's name, dtype and shape
 *
 * Not here: words and planes (./shared-weights.ts), which weights are shared (src/fusion).
 */
import { reading } from '../../core/border.js';
import { crypto } from '../../core/builtins.js';
import { byteLength, type DType } from '../../core/dtype.js';
import { BitplaneError, expected } from '../../core/errors.js';
import { type Limits, UNLIMITED } from '../../core/limits.js';
import { elementCount } from '../../core/shape.js';
import type { Graph } from '../../graph/value.js';
import { DITHERS, type Dither } from '../../quant/formats/fused.js';
import { type ByteSource, storedTensor } from '../../tensor/stored.js';
import type { Tensor } from '../../tensor/tensor.js';
import { decodeGraph, modelParts, tensorOver } from '../safetensors/model.js';
import {
  looksLikeSafetensors,
  readSafetensors,
  type Safetensors,
  type Span,
  type StoredTensor,
  writeSafetensors,
} from '../safetensors/safetensors.js';
import { lengthOf, sourceOfTensor } from './bits.js';
import { encodeShared, readShared, type SharedEntry } from './encode-shared.js';
import { withFewBits } from './few-bits.js';
import type { Reading, SharedWeights } from './shared-weights.js';
import { weightsOfTask } from './task-weights.js';

const FORMAT = '1';
const MARK = 'bitplane.store';
const TASKS = 'bitplane.tasks';
const SHA256 = 'bitplane.sha256';
const DIGEST = 'bitplane.digest';
/** The mark stands at most this far behind the file's beginning. */
export const MARK_BYTES = 64;
/** The name of a task: a word, which names of tensors can hold. */
export const TASK_NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** Weights that all tasks share, under the name that the first task has for them. */
export interface NamedWeights {
  /** Of the first task. */
  readonly name: string;
  /** In words, or as floats with masks. */
  readonly weights: SharedWeights;
}

/** One of the networks of a store. */
export interface StoredTask {
  /** What `task` calls it. */
  readonly name: string;
  /** Its network, as ../safetensors/model.ts has it, without the tensors that are shared. */
  readonly parts: Safetensors;
  /** The places in `Store.weights` of its constants, by their names. */
  readonly shared: ReadonlyMap<string, number>;
}

/** Several networks in one set of words: see docs/store.md. */
export interface Store extends Reading {
  /** In the order of their numbers. */
  readonly tasks: readonly StoredTask[];
  /** What the tasks share. */
  readonly weights: readonly NamedWeights[];
}

/** A graph as a task of a store. @param shared the places of its constants, by their names */
export function storedTask(
  name: string,
  graph: Graph,
  shared: ReadonlyMap<string, number>,
): StoredTask {
  const { metadata, tensors } = modelParts(graph);
  const own = new Map([...tensors].filter(([constant]) => !shared.has(constant)));
  return { name, parts: { metadata, tensors: own }, shared };
}

/** True where the first bytes say that a file is a store; it may still be malformed. */
export function looksLikeStore(bytes: Uint8Array): boolean {
  if (!looksLikeSafetensors(bytes)) return false;
  const start = bytes.subarray(0, MARK_BYTES);
  return Buffer.from(start.buffer, start.byteOffset, start.length).includes(`"${MARK}"`);
}

/** The number of a task. @throws BitplaneError ERR_ARGUMENT that lists the tasks */
export function taskNumber(store: Store, task: string | undefined, node?: string): number {
  const number = store.tasks.findIndex(({ name }) => name === task);
  if (number >= 0) return number;
  const names = store.tasks.map(({ name }) => name).join(', ');
  throw expected('ERR_ARGUMENT', `task to be one of ${names}`, task, { op: 'store', node });
}

/** How the graph of a task is made. */
export interface TaskGraphSettings extends Partial<Reading> {
  /** The name of the store in errors. */
  readonly node?: string | undefined;
  readonly limits?: Limits;
  /** Shared weights as constants of floats alone, none as integers and scales. Default false. */
  readonly floats?: boolean;
}

/** Whether no bits below its own take part in a task's weights: below the last there are none. */
export function isReadAlone(store: Store, number: number, dither: Dither = store.dither): boolean {
  return dither === 'mask' || number === store.tasks.length - 1;
}

/**
 * The network of a task. Its large shared weights stay in their words: each is read when someone
 * asks for it, and the store's bytes stay in memory for as long.
 * @throws BitplaneError ERR_ARGUMENT for a task that the store does not have, ERR_FORMAT, ERR_LIMIT
 */
export function taskGraph(
  store: Store,
  task: string | undefined,
  {
    node,
    limits = UNLIMITED,
    dither = store.dither,
    seed = store.seed,
    floats = false,
  }: TaskGraphSettings = {},
): Graph {
  const number = taskNumber(store, task, node);
  const { parts, shared } = store.tasks[number] as StoredTask;
  // A file of the task alone, as its header would have it; what a span holds is found by where it
  // begins.
  const spans = new Map<string, Span>();
  const held: {
    readonly begin: number;
    readonly end: number;
    bytes: () => Uint8Array;
    whole?: () => Tensor;
    source?: ByteSource | undefined;
  }[] = [];
  let end = 0;
  const add = (
    name: string,
    { dtype, shape }: Pick<Span, 'dtype' | 'shape'>,
    length: number,
    rest: Omit<(typeof held)[0], 'begin' | 'end'>,
  ) => {
    spans.set(name, { dtype, shape, begin: end, end: end + length });
    held.push({ begin: end, end: end + length, ...rest });
    end += length;
  };
  for (const [name, tensor] of parts.tensors)
    add(name, tensor, lengthOf(tensor), {
      bytes: () => tensor.data,
      source: sourceOfTensor(tensor),
    });
  for (const [name, place] of shared) {
    const { weights } = store.weights[place] as NamedWeights;
    const isBits = weights.method === 'bits';
    const length = byteLength(isBits ? 'b1' : 'f32', elementCount(weights.shape));
    let made: Tensor | undefined;
    const whole = () => {
      made ??= weightsOfTask(weights, number, { dither, seed });
      return made;
    };
    const header = isBits
      ? { dtype: 'U8', shape: [length] }
      : { dtype: 'F32', shape: weights.shape };
    add(name, header, length, { whole, bytes: () => whole().data as Uint8Array });
  }
  const fetch = (span: Span, dtype: DType, shape: readonly number[]) => {
    const found = held.find((one) => span.end <= one.end) as (typeof held)[0];
    const { whole, bytes, begin, source } = found;
    if (whole !== undefined && (dtype === 'f32' || dtype === 'b1')) return whole();
    const from = span.begin - begin;
    if (source !== undefined)
      return storedTensor(dtype, shape, { read: (to, at) => source.read(to, from + at) });
    const all = bytes();
    return tensorOver(all.subarray(from, from + span.end - span.begin), dtype, shape, false);
  };
  return reading({ op: 'store', node }, () => {
    const graph = decodeGraph({ metadata: parts.metadata, spans }, fetch, limits);
    if (floats || !isReadAlone(store, number, dither)) return graph;
    const find = (constant: string) => store.weights[shared.get(constant) ?? -1]?.weights;
    return withFewBits(graph, number, find);
  });
}

/** Bytes of the tensors of a store in memory. */
export function storeBytes({ tasks, weights }: Store): number {
  let bytes = 0;
  for (const { parts } of tasks)
    for (const { data } of parts.tensors.values()) bytes += data.length;
  for (const { name, weights: shared } of weights)
    for (const [, { data }] of encodeShared(name, shared).parts) bytes += data.length;
  return bytes;
}

/** The whole file. */
export function encodeStore({ tasks, weights, dither, seed }: Store): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  const entries = weights.map(({ name, weights: shared }): SharedEntry => {
    const { entry, parts } = encodeShared(name, shared);
    for (const [part, tensor] of parts) tensors.set(part, tensor);
    return entry;
  });
  const described = tasks.map(({ name, parts, shared }) => {
    for (const [constant, tensor] of parts.tensors) tensors.set(`task/${name}/${constant}`, tensor);
    return {
      name,
      metadata: Object.fromEntries(parts.metadata),
      shared: Object.fromEntries(shared),
    };
  });
  const text = JSON.stringify({ dither, seed, weights: entries, tasks: described });
  const sums = JSON.stringify(
    Object.fromEntries([...tensors].map(([name, { data }]) => [name, sha256(data)])),
  );
  const metadata = new Map([
    [MARK, FORMAT],
    [TASKS, text],
    [SHA256, sums],
    [DIGEST, digestOf(text, sums, tensors)],
  ]);
  return writeSafetensors({ metadata, tensors });
}

/**
 * The store of a file; its tensors are views of the bytes, which nobody may change any more.
 * @param node its name in errors
 * @throws BitplaneError ERR_FORMAT where it is truncated, altered or malformed, ERR_UNSUPPORTED
 * where it is newer
 */
export function decodeStore(bytes: Uint8Array, node?: string): Store {
  const site = { op: 'store', node };
  return reading(site, () => {
    const { metadata, tensors } = named(node, () => readSafetensors(bytes));
    const { text, known } = requireDescription(metadata, tensors, node);
    for (const [name, { data }] of tensors) requireSum(known, name, sha256(data), node);
    return contents(JSON.parse(text), tensors, node);
  });
}

/** Errors of the container name the store. */
export function named<T>(node: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof BitplaneError)) throw cause;
    throw new BitplaneError(cause.code, cause.message, { op: 'store', node, cause });
  }
}

type Headers = ReadonlyMap<string, Pick<StoredTensor, 'dtype' | 'shape'>>;

/** The description of a store, and the digests of its tensors, which are those that it names. */
export function requireDescription(
  metadata: ReadonlyMap<string, string>,
  headers: Headers,
  node: string | undefined,
): { readonly text: string; readonly known: Record<string, unknown> } {
  if (metadata.get(MARK) !== FORMAT)
    throw expected('ERR_UNSUPPORTED', `a store of format ${FORMAT}`, metadata.get(MARK), {
      op: 'store',
      node,
    });
  const text = metadata.get(TASKS) ?? '';
  const sums = metadata.get(SHA256) ?? '';
  if (metadata.get(DIGEST) !== digestOf(text, sums, headers))
    throw altered('its description', node);
  return { text, known: object(JSON.parse(sums)) };
}

export function requireSum(
  known: Record<string, unknown>,
  name: string,
  sum: string,
  node: string | undefined,
): void {
  if (known[name] !== sum) throw altered(`tensor ${JSON.stringify(name)}`, node);
}

function altered(what: string, node: string | undefined): BitplaneError {
  const sentence = `${what} does not have its SHA-256: the file was altered or damaged`;
  return new BitplaneError('ERR_FORMAT', sentence, { op: 'store', node });
}

/** The store of a description and its tensors. @throws BitplaneError ERR_FORMAT */
export function contents(
  description: unknown,
  tensors: ReadonlyMap<string, StoredTensor>,
  node: string | undefined,
): Store {
  const json = object(description);
  const { dither, seed } = json;
  if (!DITHERS.includes(dither as Dither) || !Number.isInteger(seed))
    throw broken('a dither and a seed', dither, node);
  const described = list(json.tasks).map(object);
  const unread = new Map(tensors);
  const weights = list(json.weights).map((entry) =>
    readShared(object(entry) as unknown as SharedEntry, described.length, unread, node),
  );
  const tasks = described.map((task): StoredTask => {
    const { name } = task;
    if (typeof name !== 'string' || !TASK_NAME.test(name))
      throw broken('names of tasks', name, node);
    const shared = new Map(
      Object.entries(object(task.shared)).map(([constant, place]) => {
        if (!Number.isInteger(place) || weights[place as number] === undefined)
          throw broken('places of shared weights', place, node);
        return [constant, place as number] as const;
      }),
    );
    const prefix = `task/${name}/`;
    const own = [...unread].filter(([tensor]) => tensor.startsWith(prefix));
    for (const [tensor] of own) unread.delete(tensor);
    const metadata = new Map(
      Object.entries(object(task.metadata)).map(([key, value]) => [key, String(value)]),
    );
    return {
      name,
      parts: {
        metadata,
        tensors: new Map(own.map(([tensor, stored]) => [tensor.slice(prefix.length), stored])),
      },
      shared,
    };
  });
  if (tasks.length < 2 || new Set(tasks.map(({ name }) => name)).size !== tasks.length)
    throw broken('two tasks or more, whose names differ', tasks.length, node);
  const [extra] = unread.keys();
  if (extra !== undefined) throw broken('only tensors of its tasks', extra, node);
  return { tasks, weights, dither: dither as Dither, seed: seed as number };
}

function sha256(bytes: Uint8Array | string): string {
  return crypto().createHash('sha256').update(bytes).digest('hex');
}

function digestOf(tasks: string, sums: string, headers: Headers): string {
  const lines = [...headers]
    .map(([name, { dtype, shape }]) => `${name} ${dtype} [${shape.join(',')}]`)
    .sort();
  return sha256([tasks, sums, ...lines].join('\n'));
}

function object(value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw expected('ERR_FORMAT', 'a JSON object', value, { op: 'store' });
  return value as Record<string, unknown>;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw expected('ERR_FORMAT', 'a JSON array', value, { op: 'store' });
  return value;
}

function broken(what: string, received: unknown, node: string | undefined): BitplaneError {
  return expected('ERR_FORMAT', what, received, { op: 'store', node });
}
