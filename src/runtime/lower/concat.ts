/** concat: a strided copy of each part that its kernel did not write in place. */
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { emitCopy } from './strided-copy.js';
import { requireElements, stridesOf } from './strides.js';

/**
 * Copies the parts that do not lie in place yet. Bits move as 32-bit pieces of their words, which
 * legalization made sure are whole.
 */
export function lowerConcat({ anchor: node, inPlace }: KernelCall, context: LoweringContext): void {
  if (node.dtype !== 'b1') requireElements(node);
  const axis = node.attrs.axis as number;
  const elements = (value: Value) =>
    value.shape.map((dim, i) =>
      value.dtype === 'b1' && i === value.shape.length - 1 ? (dim as number) / 32 : (dim as number),
    );
  const yStrides = stridesOf(elements(node));
  let start = 0;
  for (const x of node.inputs) {
    const sizes = elements(x);
    if (inPlace?.has(x) !== true)
      emitCopy(context, node, {
        x,
        xOffset: 0,
        yOffset: start * (yStrides[axis] as number),
        sizes,
        xStrides: stridesOf(sizes),
        yStrides,
      });
    start += sizes[axis] as number;
  }
}
