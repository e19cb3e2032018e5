/**
 * One node on tensors, by the op's own formula: what constant folding computes, and what tests hold
 * passes against. Not here: speed. Every result comes from OpDef.scalar or OpDef.evaluate.
 */
import { BitplaneError } from '../core/errors.js';
import { elementCount } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import type { Inferred } from '../ops/op.js';
import { elementsTouched } from '../ops/work.js';
import { sourceOf } from '../tensor/stored.js';
import { Tensor } from '../tensor/tensor.js';

/** The result of `op` on tensors. `result` is its type with every size a number. */
export function evaluate(
  op: string,
  inputs: readonly Tensor[],
  attrs: Attrs,
  result: Inferred,
): Tensor {
  const def = opDef(op);
  if (def.evaluate !== undefined)
    return def.evaluate(def.moves ? inputs : inputs.map(read), attrs, result);
  if (def.scalar === undefined)
    throw new BitplaneError('ERR_UNSUPPORTED', 'expected an op that has a reference formula', {
      op,
    });
  return elementwise(def.scalar(attrs), inputs, result.shape as readonly number[]);
}

/** A tensor in memory: formulas ask it for each element. */
function read(tensor: Tensor): Tensor {
  return sourceOf(tensor) === undefined
    ? tensor
    : new Tensor(tensor.dtype, tensor.data, tensor.shape);
}

/** True where `evaluate` can compute the op. */
export function canEvaluate(op: string): boolean {
  const def = opDef(op);
  return def.evaluate !== undefined || def.scalar !== undefined;
}

/** What `evaluate` costs, in elements touched. Every size of the node is a number. */
export function workOf(node: Value): number {
  return opDef(node.op).work?.(node) ?? elementsTouched(node);
}

function elementwise(
  formula: (...operands: number[]) => number,
  inputs: readonly Tensor[],
  shape: readonly number[],
): Tensor {
  const out = new Float32Array(elementCount(shape));
  const offsets = inputs.map((input) => broadcastOffsets(input.shape, shape));
  const [a, b] = inputs.map((input, k) => {
    const { data } = input;
    const offset = offsets[k]!;
    return (i: number) => data[offset(i)]!;
  });
  // No element-wise op has more operands than two.
  for (let i = 0; i < out.length; i++)
    out[i] = b === undefined ? formula(a!(i)) : formula(a!(i), b(i));
  return new Tensor('f32', out, shape);
}

/** Where element i of the result reads an operand of shape `from` that is broadcast to `to`. */
function broadcastOffsets(from: readonly number[], to: readonly number[]): (i: number) => number {
  const count = elementCount(from);
  if (count === elementCount(to)) return (i) => i;
  if (count === 1) return () => 0;
  // Per channel, by far the most common.
  if (from.at(-1) === count && to.at(-1) === count) return (i) => i % count;
  const strides = new Array<number>(to.length).fill(0);
  for (let axis = to.length - 1, stride = 1; axis >= to.length - from.length; axis--) {
    const size = from[axis - (to.length - from.length)]!;
    if (size !== 1) strides[axis] = stride;
    stride *= size;
  }
  return (i) => {
    let offset = 0;
    for (let axis = to.length - 1, rest = i; axis >= 0; axis--) {
      offset += (rest % to[axis]!) * strides[axis]!;
      rest = Math.floor(rest / to[axis]!);
    }
    return offset;
  };
}
