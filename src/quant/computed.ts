/**
 * The numbers that ops make of constants, at once, by the ops' own formulas: a quantizer that is
 * written in ops has the same bits in its packed form. Not here: which ops (the quantizers).
 */
import type { Value } from '../graph/value.js';
import { GraphBuilder } from '../ops/builder.js';
import { evaluate } from '../passes/evaluate.js';
import type { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';
import type { Learned } from './quantizer.js';
import type { Codes } from './spec.js';

type Float = Value<'f32'>;

/**
 * The tensors of the values that `make` makes of w; undefined where w, or what was learned, is no
 * constant.
 */
export function computed<K extends string>(
  w: Float,
  learned: Learned,
  make: (g: GraphBuilder, w: Float, learned: Learned) => Readonly<Record<K, Float>>,
): Readonly<Record<K, Tensor<'f32'>>> | undefined {
  const all = Object.entries(learned);
  if (w.op !== 'constant' || all.some(([, { op }]) => op !== 'constant')) return undefined;
  const g = new GraphBuilder();
  const held = (value: Float) => g.constant(value.data as Tensor<'f32'>) as Float;
  const made = make(g, held(w), Object.fromEntries(all.map(([name, v]) => [name, held(v)])));
  const known = new Map<Value, Tensor>();
  const of = (value: Value): Tensor => {
    let found = known.get(value) ?? value.data;
    found ??= evaluate(value.op, value.inputs.map(of), value.attrs, value);
    known.set(value, found as Tensor);
    return found as Tensor;
  };
  const entries = Object.entries<Float>(made).map(([name, value]) => [name, of(value)]);
  return Object.fromEntries(entries) as Record<K, Tensor<'f32'>>;
}

/** Integers in floats as a constant of a dtype of few bits, cast back to floats. */
export function storedWhole(
  g: GraphBuilder,
  name: string,
  whole: Tensor<'f32'>,
  dtype: Codes['dtype'],
): Float {
  const codes = g.constant(tensorOf(dtype, whole.data, whole.shape), { name: `${name}.codes` });
  return g.cast(codes as Value<'i8'>, 'f32', { name: `${name}.whole` });
}
