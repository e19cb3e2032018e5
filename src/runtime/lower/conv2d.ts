/** conv2d: float, binary or depthwise. */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { emitConvolution } from './product.js';
import { mapFields, windowFields } from './window.js';

export function lowerConv2d(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'conv2d'>;
  const [x, w] = node.inputs;
  const [, kh, kw] = w.shape as readonly [number, number, number];
  const { groups, padValue } = node.attrs;
  emitConvolution(kernel, context, x, w, {
    ...mapFields(x, node),
    kh,
    kw,
    ...windowFields(node.attrs),
    g: groups,
    padding: padValue,
  });
}
