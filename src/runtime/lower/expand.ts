/** expand: a strided copy that reads elements again. */
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { emitCopy } from './strided-copy.js';
import { broadcastStrides, requireElements, stridesOf } from './strides.js';

export function lowerExpand({ anchor: node }: KernelCall, context: LoweringContext): void {
  requireElements(node);
  const x = node.inputs[0] as Value;
  const sizes = node.shape as readonly number[];
  emitCopy(context, node, {
    x,
    xOffset: 0,
    yOffset: 0,
    sizes,
    xStrides: broadcastStrides(x, sizes),
    yStrides: stridesOf(sizes),
  });
}
