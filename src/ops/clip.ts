/**
 * clip: x < min ? min : (max < x ? max : x), element-wise; NaN passes through. Not here: bounds
 * that are values (max and min, in ./binary.ts).
 */
import { isBound } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';
import { smaller } from './select.js';
import { clipped, type RangeOf } from './value-range.js';

export type ClipAttrs = { readonly min: number; readonly max: number };

export const clip = {
  name: 'clip',
  operands: ['x'],
  attributes: { min: isBound, max: isBound },
  infer: (draft) => ({ dtype: 'f32', shape: operand(draft, 'x', 'f32').shape }),
  method:
    (maker: NodeMaker<ClipAttrs>) =>
    (x: Float, min: number, max: number, options?: Named): Float =>
      maker.node([x], { min, max }, options) as Float,
  scalar({ min, max }) {
    const [low, high] = [Math.fround(min), Math.fround(max)];
    return (x) => (x! < low ? low : smaller(x!, high));
  },
  // Crossed bounds are allowed, as in ONNX, but step down from min to max.
  monotone: ({ min, max }) => min <= max,
  range({ inputs: [x], attrs: { min, max } }, rangeOf: RangeOf) {
    return clipped(rangeOf(x!), min as number, max as number);
  },
  identity: ({ inputs: [x], attrs: { min, max } }) =>
    min === -Infinity && max === Infinity ? x : undefined,
  // At the bounds themselves it flows, as in PyTorch.
  gradient({ inputs: [x], attrs: { min, max } }, upstream, e) {
    return [e.gate(upstream, x as Float, min as number, max as number)];
  },
  step: ({ min, max }) => ({ op: 'clip', immediates: [min, max] }),
} satisfies OpDef<ClipAttrs>;
