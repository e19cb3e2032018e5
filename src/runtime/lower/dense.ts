/** dense: a convolution of 1 x 1. */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import { type LoweringContext, rowsOf } from './context.js';
import { emitConvolution } from './product.js';
import { windowFields } from './window.js';

/** A dense layer is a 1 x 1 convolution over as many pixels as x has rows. */
export function lowerDense(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'dense'>;
  const [x, w] = node.inputs;
  const { n, hw, c } = rowsOf(x);
  const window = windowFields({ strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] });
  const o = w.shape[0] as number;
  emitConvolution(kernel, context, x, w, {
    n,
    h: hw,
    w: 1,
    c,
    oh: hw,
    ow: 1,
    o,
    kh: 1,
    kw: 1,
    ...window,
    g: 1,
    padding: 0,
  });
}
