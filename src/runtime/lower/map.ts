/** Element-wise ops that follow no layer: the epilogue alone, over a value in memory. */
import { expected } from '../../core/errors.js';
import type { KernelCall } from '../../schedule/calls.js';
import { type LoweringContext, rowsOf } from './context.js';

export function lowerMap(kernel: KernelCall, context: LoweringContext): void {
  const x = kernel.anchor;
  const { n, hw, c } = rowsOf(x);
  const dtype = { f32: 0, i32: 1, b1: 2 }[x.dtype as string];
  if (dtype === undefined)
    throw expected('ERR_UNSUPPORTED', 'a map over f32, i32 or b1', x.dtype, {
      op: x.op,
      node: x.name,
    });
  context.asm.emit('map', { x: context.buffer(x), dtype, n, hw, c }, context.epilogue(kernel, c));
}
