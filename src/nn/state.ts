/**
 * The state of a model: its parameters' numbers, by name. A plain record, so that any container can
 * hold it. Not here: files (src/formats/tensors.ts), other projects' names (src/zoo).
 */
import { requireObject } from '../core/checks.js';
import { BitplaneError, expected } from '../core/errors.js';
import { elementCount, sameShape, showShape } from '../core/shape.js';
import { type Graph, topological } from '../graph/value.js';
import { isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';
import { randomStream } from './random.js';
import type { Parameter } from './scope.js';

/** The parameters and running statistics of a model: tensors of f32 by name. */
export type State = Readonly<Record<string, Tensor<'f32'>>>;
/** A state from this thread or another: see TensorLike. */
export type StateLike = Readonly<Record<string, TensorLike<'f32'>>>;

/** @throws BitplaneError ERR_ARGUMENT if it is no model */
export function requireModel(model: { readonly parameters: readonly Parameter[] }): void {
  if (!Array.isArray(model?.parameters))
    throw expected('ERR_ARGUMENT', 'a model', model, { op: 'state' });
}

/**
 * The state that the initializers give. Every parameter has its own stream of random numbers, so an
 * added layer changes no other layer's numbers.
 */
export function initialState(parameters: readonly Parameter[], seed: number): State {
  return Object.fromEntries(
    parameters.map(({ name, shape, init }) => {
      const data = new Float32Array(elementCount(shape));
      init(data, shape, randomStream(seed, name));
      return [name, new Tensor('f32', data, shape)];
    }),
  );
}

/**
 * The constants of a graph by name: of `model.graph(state)` the state itself, but for weights that
 * stand there in bits.
 */
export function constantsOf(graph: Graph): Readonly<Record<string, Tensor>> {
  const constants = topological(graph).filter(({ op }) => op === 'constant');
  return Object.fromEntries(constants.map(({ name, data }) => [name, data as Tensor]));
}

/**
 * @throws BitplaneError ERR_ARGUMENT listing every tensor that is missing, unknown, or of another
 * dtype or shape
 */
export function checkState(parameters: readonly Parameter[], state: StateLike): void {
  requireObject(state, 'a state: tensors by name', { op: 'state' });
  const wanted = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const problems = [
    ...parameters.flatMap(({ name, shape }) => {
      if (!Object.hasOwn(state, name)) return [`missing ${name} f32 ${showShape(shape)}`];
      const tensor: TensorLike = state[name] as TensorLike;
      if (!isTensorLike(tensor)) return [`${name} must be a Tensor`];
      if (tensor.dtype === 'f32' && sameShape(tensor.shape, shape)) return [];
      return [
        `${name} must be f32 ${showShape(shape)} but is ${tensor.dtype} ${showShape(tensor.shape)}`,
      ];
    }),
    ...Object.keys(state)
      .filter((name) => !wanted.has(name))
      .map((name) => `unknown ${name}`),
  ];
  if (problems.length > 0)
    throw new BitplaneError(
      'ERR_ARGUMENT',
      `the state does not fit the model: ${problems.join('; ')}`,
      { op: 'state' },
    );
}
