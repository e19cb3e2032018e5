/**
 * clip: x < min ? min : (max < x ? max : x), element-wise; NaN passes through. Not here: bounds
 * that are values (max and min, in ./binary.ts).
 */
import { isBound } from './attributes.js';
import type { OpDef } from './op.js';
import { operand } from './operands.js';
import { smaller } from './select.js';

export type ClipAttrs = { readonly min: number; readonly max: number };

export const clip: OpDef<ClipAttrs> = {
  name: 'clip',
  operands: ['x'],
  attributes: { min: isBound, max: isBound },
  infer: (draft) => ({ dtype: 'f32', shape: operand(draft, 'x', 'f32').shape }),
  scalar({ min, max }) {
    const [low, high] = [Math.fround(min), Math.fround(max)];
    return (x) => (x! < low ? low : smaller(x!, high));
  },
  chain: ({ min, max }) => ({ op: 'clip', immediates: [min, max] }),
  // Crossed bounds are allowed, as in ONNX, but step down from min to max.
  monotone: ({ min, max }) => min <= max,
};
