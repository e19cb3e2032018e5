/** moments: sums of blocks of rows, then what they come to. */
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { partsOf, rowBlocks } from './row-blocks.js';

export function lowerMoments({ anchor: node }: KernelCall, context: LoweringContext): void {
  const x = node.inputs[0] as Value;
  const cut = { ...rowBlocks(x) };
  const parts = context.buffer(partsOf(node, cut, 3, context));
  context.asm.emit('moments', { ...cut, x: context.buffer(x), parts });
  context.asm.emit('moments_join', { ...cut, parts, y: context.buffer(node) });
}
