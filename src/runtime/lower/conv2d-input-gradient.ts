/**
 * conv2dInputGradient: an instruction of its own, which packs weights turned around. Its map, h w
 * c, is dy, and oh ow o is dx.
 */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { mapFields, windowFields } from './window.js';

export function lowerConv2dInputGradient(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'conv2dInputGradient'>;
  const [dy, w] = node.inputs;
  const [, kh, kw] = w.shape as readonly [number, number, number];
  const fields = {
    ...mapFields(dy, node),
    kh,
    kw,
    ...windowFields(node.attrs),
    g: node.attrs.groups,
    padding: 0,
  };
  const weights = context.weights(w, node, 'input_gradient', fields);
  const { padding: _, ...own } = fields;
  context.asm.emit(
    'input_gradient',
    { ...own, x: context.buffer(dy), weights: weights.buffer, weightBits: weights.bits },
    context.epilogue(kernel, fields.o),
  );
}
