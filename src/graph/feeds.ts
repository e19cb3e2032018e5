/**
 * The feeds and results of a graph as types: the compiler checks names and dtypes of a graph built
 * in code, and lets every name pass for a graph from a file. Types only; src/runtime checks feeds
 * at run time.
 */
import type { DType, DTypeArray } from '../core/dtype.js';
import type { TensorLike, TensorOf } from '../tensor/tensor.js';
import type { Graph } from './value.js';

/**
 * A typed array takes the declared shape, its batch inferred from its length. The length of a byte
 * array does not tell how many bits it holds, so b1 takes a tensor.
 */
export type Feed<D extends DType = DType> =
  | TensorLike<D>
  | DTypeArray<Exclude<D, 'b1'>>
  | ('i32' extends D ? BigInt64Array : never);

/**
 * `{ x: Tensor<'f32'> | Float32Array }` for a graph with the one input x; any names for a graph
 * without static types.
 */
export type Feeds<G extends Graph = Graph> = {
  readonly [I in G['inputs'][number] as I['name']]: Feed<I['dtype']>;
};

/** The names of a graph's outputs: any for a graph without static types. */
export type OutputName<G extends Graph = Graph> = `${keyof G['outputs'] & (string | number)}`;

/**
 * `{ y: Tensor<'f32'> }` for a graph with the one output y; any names for a graph without static
 * types.
 */
export type Results<G extends Graph = Graph> = {
  readonly [K in keyof G['outputs']]: TensorOf<G['outputs'][K]['dtype']>;
};

/** The results of the outputs that a run was asked for. */
export type Chosen<G extends Graph, K extends string> = {
  readonly [N in K]: ResultOf<Results<G>, N>;
};

/** The result of a name; TypeScript takes the key `7` for a number, which is the name '7'. */
export type ResultOf<R, N extends string> = N extends keyof R
  ? R[N]
  : N extends `${infer M extends number & keyof R}`
    ? R[M]
    : never;
