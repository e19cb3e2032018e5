/** transpose: a strided copy. */
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { emitCopy } from './strided-copy.js';
import { requireElements, stridesOf } from './strides.js';

export function lowerTranspose({ anchor: node }: KernelCall, context: LoweringContext): void {
  requireElements(node);
  const x = node.inputs[0] as Value;
  const strides = stridesOf(x.shape as number[]);
  const perm = node.attrs.perm as readonly number[];
  const sizes = node.shape as readonly number[];
  emitCopy(context, node, {
    x,
    xOffset: 0,
    yOffset: 0,
    sizes,
    xStrides: perm.map((axis) => strides[axis] as number),
    yStrides: stridesOf(sizes),
  });
}
