/**
 * Scales of constant weights w [O, ...]: one an output, or one for all. Not here: what the weights
 * are without them (./bipolar.ts, ./integers.ts).
 */
import type { Value } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * The numbers of the constant `scale` as scales of w: length 1 or O, finite and not 0. Undefined
 * where they are no such scales.
 */
export function scalesOf(w: Value, scale: Value): Float32Array | undefined {
  if (scale.op !== 'constant' || scale.dtype !== 'f32') return undefined;
  const { data } = scale.data as Tensor<'f32'>;
  const lead = scale.shape.length === w.shape.length ? scale.shape[0] : 1;
  if ((data.length !== 1 && data.length !== lead) || !data.every(isScale)) return undefined;
  return data;
}

export function isScale(number: number): boolean {
  return Number.isFinite(number) && number !== 0;
}

/** Scales times scales; absent ones are 1. */
export function productOfScales(a: Float32Array | undefined, b: Float32Array): Float32Array {
  if (a === undefined) return b;
  const at = (values: Float32Array, i: number) => values[values.length === 1 ? 0 : i] as number;
  return Float32Array.from({ length: Math.max(a.length, b.length) }, (_, i) => at(a, i) * at(b, i));
}
