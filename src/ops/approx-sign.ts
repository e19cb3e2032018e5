/**
 * approxSign: 2c - c|c|, c = x clipped to [-1, 1]: the piecewise quadratic whose derivative, max(0,
 * 2 - 2|x|), stands for that of a sign. Liu et al., "Bi-Real Net", ECCV 2018, arXiv 1808.00278. Not
 * here: the sign itself (./sign.ts).
 */
import { tensorOf } from '../tensor/values.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';

type NoAttrs = Readonly<Record<never, unknown>>;

export const approxSign = {
  name: 'approxSign',
  operands: ['x'],
  attributes: {},
  infer: (draft) => ({ dtype: 'f32', shape: operand(draft, 'x', 'f32').shape }),
  method:
    (maker: NodeMaker<NoAttrs>) =>
    (x: Float, options?: Named): Float =>
      maker.node([x], {}, options) as Float,
  elementwise: true,
  evaluate([x], _attrs, result) {
    const values = Float32Array.from(x!.data, (value) => {
      const c = Math.max(-1, Math.min(value, 1));
      return 2 * c - c * Math.abs(c);
    });
    return tensorOf('f32', values, result.shape as number[]);
  },
  gradient({ inputs: [x] }, upstream, e) {
    const slope = e.add(e.mul(e.op('abs', [x!]), -2), 2);
    return [e.mul(e.op('clip', [slope], { min: 0, max: Infinity }), upstream)];
  },
} satisfies OpDef<NoAttrs>;
