/**
 * cast: the same values in another dtype. f32, i32 and b1 (which gives -1 and +1) become f32; f32
 * becomes i32. Not here: binarization (./sign.ts).
 */

import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isOneOf } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';

export type CastAttrs = { readonly to: 'f32' | 'i32' };

export interface CastMethod {
  (x: Value<'f32' | 'i32' | 'b1'>, to: 'f32', options?: Named): Float;
  (x: Float, to: 'i32', options?: Named): Value<'i32'>;
}

export const cast = {
  name: 'cast',
  operands: ['x'],
  attributes: { to: isOneOf('f32', 'i32') },
  infer(draft) {
    const { to } = draft.attrs;
    const x = to === 'f32' ? operand(draft, 'x', 'f32', 'i32', 'b1') : operand(draft, 'x', 'f32');
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
      to === 'i32' ? Int32Array.from(values, toInt32) : values,
      result.shape as number[],
    );
  },
  range: ({ inputs: [x] }, rangeOf) => (x!.dtype === 'f32' ? undefined : rangeOf(x!)),
  identity: ({ inputs: [x], dtype }) => (x!.dtype === dtype ? x : undefined),
} satisfies OpDef<CastAttrs>;

/**
 * Truncates toward zero and saturates; NaN stays, and the Int32Array that it goes to holds 0 for
 * it.
 */
function toInt32(value: number): number {
  return Math.trunc(Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, value)));
}
