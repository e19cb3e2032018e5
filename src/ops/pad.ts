/**
 * pad: x within a border of one value, f32, or b1 with the value -1 or +1. pads are [before of each
 * axis..., after of each axis...]. Not here: the padding of convolutions, to which a pass moves
 * this where it can.
 */
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isBound, isIndexes } from './attributes.js';
import type { OpDef } from './op.js';
import { mismatch, operand } from './operands.js';
import { rowMajor, strided } from './strides.js';

export type PadAttrs = { readonly pads: readonly number[]; readonly value: number };

export const pad: OpDef<PadAttrs> = {
  name: 'pad',
  operands: ['x'],
  attributes: { pads: isIndexes, value: isBound },
  infer(draft) {
    const x = operand(draft, 'x', 'f32', 'b1');
    const { pads, value } = draft.attrs;
    const rank = x.shape.length;
    if (pads.length !== 2 * rank)
      throw mismatch(draft, 'ERR_SHAPE', `${2 * rank} pads, two an axis`, pads.length);
    if (x.dtype === 'b1' && Math.abs(value) !== 1)
      throw mismatch(draft, 'ERR_DTYPE', 'value -1 or 1 where x is b1', value);
    const shape = x.shape.map((dim, axis) => {
      const border = pads[axis]! + pads[axis + rank]!;
      if (typeof dim === 'number') return dim + border;
      if (border !== 0)
        throw mismatch(draft, 'ERR_SHAPE', `no pads on axis ${axis} of size ${dim}`, border);
      return dim;
    });
    return { dtype: x.dtype, shape };
  },
  evaluate([x], { pads, value }, result) {
    const shape = result.shape as number[];
    const strides = rowMajor(shape);
    const offset = strides.reduce((sum, stride, axis) => sum + stride * pads[axis]!, 0);
    const target = strided(x!.shape, strides, offset);
    const from = valuesOf(x!);
    const values = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(value);
    for (let i = 0; i < from.length; i++) values[target(i)] = from[i]!;
    return tensorOf(result.dtype, values, shape);
  },
};
