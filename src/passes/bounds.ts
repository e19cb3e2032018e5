/**
 * Bounds of floats: the interval that every element of a value lies in, where that is known and no
 * element can be NaN or infinite. Wider than it need be: each op is taken for itself. Not here:
 * grids of values (./value-range.ts), which know integers but not NaN.
 */
import { integerBounds, isInteger } from '../core/dtype.js';
import { eachUnknown, type Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';
import type { Tensor } from '../tensor/tensor.js';

export interface Bounds {
  readonly lo: number;
  readonly hi: number;
}

/** Numbers up to here are far from what float32 rounds to infinity. */
const LARGEST = 2 ** 120;

const known = new WeakMap<Value, Bounds | null>();

/** Undefined where an element may be NaN or infinite, or nothing is known. */
export function boundsOf(value: Value): Bounds | undefined {
  eachUnknown(
    value,
    (one) => known.has(one),
    (one) => known.set(one, derive(one) ?? null),
  );
  return known.get(value) ?? undefined;
}

function derive(value: Value): Bounds | undefined {
  const { dtype, inputs } = value;
  if (isInteger(dtype)) return integerBounds(dtype);
  if (dtype === 'b1') return { lo: -1, hi: 1 };
  if (value.op === 'constant') return spanOf((value.data as Tensor<'f32'>).data);
  if (inputs.length === 0) return undefined;
  const def = opDef(value.op);
  const first = boundsOf(inputs[0]!);
  if (first === undefined) return undefined;
  if (def.scalar === undefined) {
    const keeps = def.elementwise || (def.moves && !('value' in value.attrs));
    return keeps && inputs.length === 1 ? first : undefined;
  }
  if (def.approximate) return undefined;
  const formula = def.scalar(value.attrs);
  const ends = [first.lo, first.hi];
  if (inputs.length === 1)
    return def.monotone?.(value.attrs, 0) ? spanOf(ends.map((x) => formula(x))) : undefined;
  // While one operand stands still, the result is greatest at an end of the other.
  const others = operandNumbers(inputs[1]!);
  if (others === undefined || !def.monotone?.(value.attrs, 0, others)) return undefined;
  if (inputs[1]!.op !== 'constant' && !def.monotone(value.attrs, 1)) return undefined;
  return spanOf(Array.from(others).flatMap((other) => ends.map((x) => formula(x, other))));
}

/** The elements of a constant operand; of a computed one, its two bounds. */
function operandNumbers(operand: Value): Float32Array | undefined {
  if (operand.op === 'constant') return (operand.data as Tensor<'f32'>).data;
  const bounds = boundsOf(operand);
  return bounds && Float32Array.of(bounds.lo, bounds.hi);
}

function spanOf(numbers: ArrayLike<number>): Bounds | undefined {
  let [lo, hi] = [Infinity, -Infinity];
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] as number;
    if (!(Math.abs(number) <= LARGEST)) return undefined;
    if (number < lo) lo = number;
    if (number > hi) hi = number;
  }
  return lo <= hi ? { lo, hi } : undefined;
}
