/** normalizeSums: sums of blocks of rows, then what they come to. */
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { partsOf, rowBlocks } from './row-blocks.js';

export function lowerNormalizeSums({ anchor: node }: KernelCall, context: LoweringContext): void {
  const [dy, x, mean] = node.inputs.map((input) => context.buffer(input)) as [
    number,
    number,
    number,
  ];
  const cut = { ...rowBlocks(node.inputs[1] as Value) };
  const parts = context.buffer(partsOf(node, cut, 2, context));
  context.asm.emit('normsums', { ...cut, dy, x, mean, parts });
  context.asm.emit('normsums_join', { ...cut, parts, y: context.buffer(node) });
}
