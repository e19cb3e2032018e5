/** pad: the border everywhere, then x copied into it. */
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { emitCopy } from './strided-copy.js';
import { elementBytes, requireElements, stridesOf } from './strides.js';

export function lowerPad({ anchor: node }: KernelCall, context: LoweringContext): void {
  requireElements(node);
  const x = node.inputs[0] as Value;
  const { pads, value } = node.attrs as { pads: readonly number[]; value: number };
  const yStrides = stridesOf(node.shape as number[]);
  const bits = node.dtype === 'f32' ? context.asm.floatBits(value) : value;
  context.asm.emit('fill', {
    y: context.buffer(node),
    count: elementCount(node.shape),
    value: bits,
    bytes: elementBytes(node.dtype),
  });
  const yOffset = yStrides.reduce((offset, stride, i) => offset + stride * (pads[i] as number), 0);
  const sizes = x.shape as readonly number[];
  emitCopy(context, node, { x, xOffset: 0, yOffset, sizes, xStrides: stridesOf(sizes), yStrides });
}
