/** sign of a map whose channels come first: read and packed at once. Others are epilogues. */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import { type LoweringContext, rowsOf } from './context.js';

export function lowerSign({ anchor: node }: KernelCall, context: LoweringContext): void {
  const [turned] = (node as OpValue<'sign'>).inputs;
  const [planes] = (turned as OpValue<'transpose'>).inputs;
  const { n, hw, c } = rowsOf(node);
  context.asm.emit('signs', { x: context.buffer(planes), y: context.buffer(node), n, hw, c });
}
