/**
 * leakyRelu: x < 0 ? x * alpha : x, element-wise. Not here: a slope per channel (prelu, in
 * ./binary.ts).
 */
import { isReal } from './attributes.js';
import { LEAST_POSITIVE } from './gradient.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';

export type LeakyReluAttrs = { readonly alpha: number };

export const leakyRelu = {
  name: 'leakyRelu',
  operands: ['x'],
  attributes: { alpha: isReal },
  infer: (draft) => ({ dtype: 'f32', shape: operand(draft, 'x', 'f32').shape }),
  method:
    (maker: NodeMaker<LeakyReluAttrs>) =>
    (x: Float, options?: { readonly alpha?: number } & Named): Float =>
      maker.node([x], {}, options, { alpha: 0.01 }) as Float,
  scalar({ alpha }) {
    const slope = Math.fround(alpha);
    return (x) => (x! < 0 ? Math.fround(x! * slope) : x!);
  },
  monotone: ({ alpha }) => alpha >= 0,
  gradient({ inputs: [x], attrs: { alpha } }, upstream, e) {
    const slope = alpha as number;
    const rest = e.gate(1 - slope, x as Float, LEAST_POSITIVE, Infinity);
    return [e.mul(e.add(rest, slope), upstream)];
  },
  step: ({ alpha }) => ({ op: 'leaky', immediates: [alpha, 0] }),
} satisfies OpDef<LeakyReluAttrs>;
