/**
 * cast: the same values in another dtype. Every dtype becomes f32 (b1 gives -1 and +1); f32 and
 * integers become integers. A float is truncated toward zero, a number outside the dtype becomes
 * the nearest one in it, NaN becomes 0. Not here: binarization (./sign.ts), scales and zero points,
 * which are ordinary arithmetic beside a cast.
 */
import { type Integer, integerBounds } from '../core/dtype.js';
import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isNumeric } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
import { clipped, isWhole, single, union } from './value-range.js';

export type CastAttrs = { readonly to: 'f32' | Integer };

export interface CastMethod {
  (x: Value, to: 'f32', options?: Named): Float;
  <D extends Integer>(x: Value<'f32' | Integer>, to: D, options?: Named): Value<D>;
}

export const cast = {
  name: 'cast',
  operands: ['x'],
  attributes: { to: isNumeric },
  infer(draft) {
    const { to } = draft.attrs;
    const x = operand(draft, 'x');
    if (to !== 'f32' && x.dtype === 'b1')
      throw mismatch(draft, 'ERR_DTYPE', 'x of f32 or integers (cast b1 to f32 first)', x.dtype);
    return { dtype: to, shape: x.shape };
  },
  method: (maker: NodeMaker<CastAttrs>) =>
    ((x: Value, to: CastAttrs['to'], options?: Named) =>
      maker.node([x], { to }, options)) as CastMethod,
  elementwise: true,
  evaluate([x], { to }, result) {
    const values = valuesOf(x!);
    return tensorOf(
      to,
      to === 'f32' ? values : Float64Array.from(values, toInteger(to)),
      result.shape as number[],
    );
  },
  range({ inputs: [x], dtype }, rangeOf) {
    const range = rangeOf(x!);
    if (dtype === 'f32') return range;
    const { lo, hi } = integerBounds(dtype as Integer);
    const all = { origin: 0, step: 1, lo, hi };
    if (range === undefined) return all;
    const kept = clipped(range, lo, hi);
    if (x!.dtype !== 'f32') return kept;
    // What is no integer is truncated, and NaN, which no range counts, becomes 0.
    return isWhole(range) ? union(kept, single(0)) : all;
  },
  noGradient: 'bits and integers have none; surrogate() says what stands for it',
  identity: ({ inputs: [x], dtype }) => (x!.dtype === dtype ? x : undefined),
} satisfies OpDef<CastAttrs>;

/** NaN stays, and the integer array that it goes to holds 0 for it. */
function toInteger(dtype: Integer): (value: number) => number {
  const { lo, hi } = integerBounds(dtype);
  return (value) => Math.trunc(Math.max(lo, Math.min(hi, value)));
}
