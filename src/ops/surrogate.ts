/**
 * surrogate: forward it is `value`; backward its gradient flows into `proxy` alone. So a function
 * without a useful gradient of its own, such as a sign, is trained through another one, and every
 * straight-through estimator is one line of ordinary arithmetic:
 *
 *   surrogate(sign(x), clip(x, -1, 1))      the gradient flows where |x| <= 1
 *   surrogate(sign(x), 2 c - c |c|)         c = clip(x, -1, 1): ApproxSign of Bi-Real Net
 *
 * Where `proxy` is a single number (stopGradient), the gradient stops. Passes that make a graph
 * ready to run erase it. Bengio et al., 2013, arXiv 1308.3432, for the straight-through estimator.
 * Not here: the estimators (src/quant/pseudo-gradient.ts).
 */
import { sameShape, showShape } from '../core/shape.js';
import type { Float, Named, NodeMaker, OpDef, Operand } from './op.js';
import { mismatch, operand } from './operands.js';

type NoAttrs = Readonly<Record<never, unknown>>;

export const surrogate = {
  name: 'surrogate',
  operands: ['value', 'proxy'],
  attributes: {},
  infer(draft) {
    const value = operand(draft, 'value', 'f32');
    const proxy = operand(draft, 'proxy', 'f32');
    if (proxy.shape.length !== 0 && !sameShape(value.shape, proxy.shape))
      throw mismatch(
        draft,
        'ERR_SHAPE',
        `a proxy of shape ${showShape(value.shape)}, or a single number`,
        showShape(proxy.shape),
      );
    return { dtype: 'f32', shape: value.shape };
  },
  method:
    (maker: NodeMaker<NoAttrs>) =>
    (value: Float, proxy: Operand = 0, options?: Named): Float =>
      maker.node([value, maker.operand(proxy)], {}, options) as Float,
  evaluate: ([value]) => value!,
  range: ({ inputs: [value] }, rangeOf) => rangeOf(value!),
  identity: ({ inputs: [value] }) => value,
  gradient: ({ inputs: [value, proxy] }, upstream) => [
    undefined,
    sameShape(value!.shape, proxy!.shape) ? upstream : undefined,
  ],
  stops: [0],
} satisfies OpDef<NoAttrs>;
