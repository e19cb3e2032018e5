/**
 * What the passes ask about constants: is a value one, what per-channel numbers does it hold. A
 * "constant expression" depends on constants only; a binary weight stays one as cast(b1 constant),
 * so that it keeps one bit an element. Not here: computing with them (./folding.ts).
 */
import type { Shape } from '../core/shape.js';
import { eachUnknown, type Graph, topological, type Value } from '../graph/value.js';
import { constant } from '../ops/make.js';
import { Tensor } from '../tensor/tensor.js';

const known = new WeakMap<Value, boolean>();

/** True where the value depends on constants only. */
export function isConstantExpression(value: Value): boolean {
  const seen = known.get(value);
  if (seen !== undefined) return seen;
  eachUnknown(
    value,
    (one) => known.has(one),
    (one) =>
      known.set(
        one,
        one.op === 'constant' ||
          (one.inputs.length > 0 && one.inputs.every((input) => known.get(input))),
      ),
  );
  return known.get(value) as boolean;
}

/** Elements of all constants and states. */
export function storedElements(graph: Graph): number {
  return topological(graph).reduce((sum, { data }) => sum + (data?.size ?? 0), 0);
}

/**
 * The numbers of a constant f32 operand of an element-wise op, one a channel of `shape` (its last
 * axis) or one for all.
 */
export function perChannel(value: Value, shape: Shape): Float32Array | undefined {
  if (value.op !== 'constant' || value.dtype !== 'f32') return undefined;
  const tensor = value.data as Tensor<'f32'>;
  const isChannels = tensor.size === value.shape.at(-1) && value.shape.at(-1) === shape.at(-1);
  return isChannels || tensor.size === 1 ? tensor.data : undefined;
}

/** A constant f32 vector. */
export function vector(name: string, values: Float32Array): Value<'f32'> {
  return constant(name, new Tensor('f32', values, [values.length])) as Value<'f32'>;
}
