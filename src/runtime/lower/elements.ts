/** What an instruction reads as floats: floats as they lie, or integers that stand for them. */
import { heldAs } from '../../core/dtype.js';
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';

/** In the order of ElementType in native/base/elements.h. */
const ELEMENTS = ['f32', 'i8', 'u8'] as const;

/** The fields for the first operand of a call. */
export function elementFields({ anchor, integers }: KernelCall, context: LoweringContext) {
  const x = integers?.q ?? (anchor.inputs[0] as Value);
  return {
    x: context.buffer(x),
    dtype: ELEMENTS.indexOf(heldAs(x.dtype) as (typeof ELEMENTS)[number]),
    zero: integers?.zero ?? 0,
    scale: context.asm.floatBits(integers?.scale ?? 1),
  };
}
