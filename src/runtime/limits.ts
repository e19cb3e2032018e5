/**
 * The limits of a model that others may have written: options and defaults, and what a program is
 * held to before anything is allocated for it. Not here: limits without an option
 * (src/core/limits.ts), the limits of readers.
 */
import type { DType } from '../core/dtype.js';
import { expected } from '../core/errors.js';
import { type Limits, overLimit, showBytes } from '../core/limits.js';
import { type Graph, topological, type Value } from '../graph/value.js';
import { machineBytes } from '../native/memory.js';
import { isScratch, type Memory } from '../schedule/calls.js';
import { memoryBytes } from '../schedule/memory-bytes.js';

/** How much a model may ask for. */
export interface LimitOptions {
  /**
   * The most values a graph may have: inputs, constants, states and results of ops. Default: 20,000
   * of a graph that comes from a file, any number of one built in code.
   */
  readonly maxNodes?: number | undefined;
  /**
   * The most bytes that a model may ask for: packed weights together with the memory and results of
   * one run, and what is computed from constants on the way. Default: a quarter of the memory of
   * the machine or container.
   */
  readonly maxBytes?: number | undefined;
}

const DEFAULT_NODES = 20_000;
const MEMORY_SHARE = 1 / 4;
/** What an import may fill without a caller's word. */
const DEFAULT_MADE = 64 * 2 ** 20;

/** @throws BitplaneError ERR_ARGUMENT */
export function limitsOf({ maxNodes, maxBytes }: LimitOptions, op: string): Limits {
  requireLimit('maxNodes', maxNodes, op);
  requireLimit('maxBytes', maxBytes, op);
  const bytes = maxBytes ?? Math.floor(machineBytes() * MEMORY_SHARE);
  return {
    maxNodes: maxNodes ?? DEFAULT_NODES,
    maxBytes: bytes,
    madeBytes: maxBytes ?? Math.min(bytes, DEFAULT_MADE),
  };
}

function requireLimit(name: string, value: unknown, op: string): void {
  if (
    value === undefined ||
    value === Infinity ||
    (Number.isSafeInteger(value) && (value as number) >= 1)
  )
    return;
  throw expected('ERR_ARGUMENT', `${name} to be a whole number of 1 or more, or Infinity,`, value, {
    op,
  });
}

/**
 * Holds a graph built in code to the limit that its caller gives; readers count values as they make
 * them. @throws BitplaneError ERR_LIMIT
 */
export function requireNodes(graph: Graph, maxNodes: number | undefined, op: string): void {
  if (maxNodes === undefined) return;
  const count = topological(graph).length;
  if (count > maxNodes)
    throw overLimit('maxNodes', `at most ${maxNodes} values in the graph`, String(count), { op });
}

/** What one run takes, as planned. */
export interface Demand {
  readonly arenaBytes: number;
  readonly values: Iterable<Memory>;
  readonly outputs: readonly Value[];
  /** Bytes of the constants that the session has so far. */
  readonly constantBytes: number;
}

/**
 * Bytes that all constants of the session may take beside such a run. @throws BitplaneError
 * ERR_LIMIT naming the largest value in memory
 */
export function memoryLeft(
  { arenaBytes, values, outputs, constantBytes }: Demand,
  { maxBytes }: Limits,
): number {
  const results = outputs.reduce((sum, value) => sum + bytesOf(value), 0);
  const left = maxBytes - arenaBytes - results;
  if (left >= constantBytes) return left;
  let largest: Memory | undefined;
  for (const value of values)
    if (largest === undefined || bytesOf(value) > bytesOf(largest)) largest = value;
  const parts =
    `${showBytes(arenaBytes)} of memory, ${showBytes(results)} of results ` +
    `and ${showBytes(constantBytes)} of weights`;
  throw overLimit('maxBytes', `a run of at most ${showBytes(maxBytes)}`, `one of ${parts}`, {
    op: largest === undefined || isScratch(largest) ? 'run' : largest.op,
    node: largest?.name,
  });
}

/**
 * @param bytes what the kernels of a run need for themselves, on all threads
 * @throws BitplaneError ERR_LIMIT where that alone is more than a run may take
 */
export function requireScratch(bytes: number, { maxBytes }: Limits): void {
  if (bytes <= maxBytes) return;
  const run = `one whose kernels need ${showBytes(bytes)} beside its values`;
  throw overLimit('maxBytes', `a run of at most ${showBytes(maxBytes)}`, run, { op: 'run' });
}

/** @throws BitplaneError ERR_LIMIT naming the first value that alone is more than a run may take */
export function requireRoom(values: readonly Memory[], limits: Limits): void {
  for (const value of values) {
    const demand = { arenaBytes: bytesOf(value), values: [value], outputs: [], constantBytes: 0 };
    if (demand.arenaBytes > limits.maxBytes) memoryLeft(demand, limits);
  }
}

/**
 * About what weights [O, ..., I] take once they are packed: outputs in whole vectors of 16, bits of
 * a pixel in whole words. Not exact: each kernel has a layout of its own.
 */
export function packedBytes({
  dtype,
  shape,
}: {
  readonly dtype: DType;
  readonly shape: readonly number[];
}): number {
  const [outputs = 1] = shape;
  const whole = [Math.ceil(outputs / LANES) * LANES, ...shape.slice(1)];
  return memoryBytes(dtype, whole);
}

const LANES = 16;

function bytesOf(value: Memory): number {
  return memoryBytes(value.dtype, value.shape);
}
