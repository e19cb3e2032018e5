/** Element-wise ops that follow no layer: the epilogue alone, over a value in memory. */
import { heldAs } from '../../core/dtype.js';
import type { KernelCall } from '../../schedule/calls.js';
import { type LoweringContext, rowsOf } from './context.js';

/** What flows in, in the order of MapInput in native/kernels/map/map.h. */
const DTYPES = ['f32', 'i32', 'b1', 'i8', 'u8'] as const;

export function lowerMap(kernel: KernelCall, context: LoweringContext): void {
  const x = kernel.anchor;
  const { n, hw, c } = rowsOf(x);
  context.asm.emit(
    'map',
    { x: context.buffer(x), dtype: DTYPES.indexOf(heldAs(x.dtype)), n, hw, c },
    context.epilogue(kernel, c),
  );
}
