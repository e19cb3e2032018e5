/**
 * The number that a constant operand stands for, as identities and value ranges ask for it. Not
 * here: numbers a channel (src/passes/constants.ts).
 */
import type { Value } from '../graph/value.js';
import { partOf } from '../tensor/stored.js';
import type { Tensor } from '../tensor/tensor.js';

/** Numbers that are looked at together. */
const FEW = 256;

/** What scalarOf found; many nodes may ask about one constant. */
const scalars = new WeakMap<Tensor, { readonly number: number | undefined }>();

/** The one number that a constant f32 holds, in whatever shape; undefined for every other value. */
export function scalarOf(value: Value): number | undefined {
  if (value.op !== 'constant' || value.dtype !== 'f32') return undefined;
  const tensor = value.data as Tensor<'f32'>;
  let found = scalars.get(tensor);
  if (found === undefined) {
    found = { number: uniformNumber(tensor) };
    scalars.set(tensor, found);
  }
  return found.number;
}

function uniformNumber(tensor: Tensor<'f32'>): number | undefined {
  if (tensor.size === 0) return undefined;
  const first = partOf(tensor, 0, 1)[0] as number;
  // The first few tell weights from numbers, and weights may lie in a file.
  for (let at = 1; at < tensor.size; at += FEW) {
    const part = partOf(tensor, at, Math.min(FEW, tensor.size - at));
    if (!part.every((item) => Object.is(item, first))) return undefined;
  }
  return first;
}

/** True for a constant that is `number` throughout; 0 and -0 differ. */
export function isNumber(value: Value, number: number): boolean {
  return Object.is(scalarOf(value), number);
}
