/**
 * Helpers of the tests of ops: nodes over literal tensors, the result of an op, the code of an
 * error.
 */
import { BitplaneError } from '../../src/core/errors.js';
import type { Attrs } from '../../src/graph/value.js';
import { opDef } from '../../src/ops/index.js';
import { constant, input, make } from '../../src/ops/make.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf, valuesOf } from '../../src/tensor/values.js';
import { typedShape } from '../typed-shape.js';

export const f32 = (values: ArrayLike<number>, shape: readonly number[]) =>
  tensorOf('f32', values, shape);
export const i32 = (values: ArrayLike<number>, shape: readonly number[]) =>
  tensorOf('i32', values, shape);
/** Bits from numbers: below zero is -1. */
export const b1 = (values: ArrayLike<number>, shape: readonly number[]) =>
  tensorOf('b1', values, shape);

export const CONV = {
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  groups: 1,
  padValue: 0,
};
export const POOL = {
  kernel: [2, 2],
  strides: [2, 2],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  ceil: false,
};

/** The shape rule on inputs such as 'f32[N,4,4,8]', as the same kind of text. */
export function inferred(op: string, inputs: readonly string[], attrs: Attrs = {}): string {
  const node = make(
    op,
    'node',
    inputs.map((text, i) => input(`x${i}`, ...typedShape(text))),
    attrs,
  );
  return `${node.dtype}[${node.shape.join(',')}]`;
}

/** What `evaluate` gives on these tensors. */
export function compute(op: string, tensors: readonly Tensor[], attrs: Attrs = {}): Tensor {
  const node = make(
    op,
    'node',
    tensors.map((tensor, i) => constant(`x${i}`, tensor)),
    attrs,
  );
  const result = opDef(op).evaluate?.(tensors, node.attrs, node);
  if (!(result instanceof Tensor)) throw new Error(`${op} has no evaluate`);
  return result;
}

/** The elements of `compute`, bits as -1 and +1. */
export function values(op: string, tensors: readonly Tensor[], attrs: Attrs = {}): number[] {
  return Array.from(valuesOf(compute(op, tensors, attrs)));
}

/** `ERR_SHAPE conv2d "node": expected ... but received ...` */
export function failure(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof BitplaneError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'no error';
}
