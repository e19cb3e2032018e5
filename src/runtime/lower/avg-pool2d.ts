/** avgPool2d. Padding that `ceil` lets hang over the end is no attribute of it any more. */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { elementFields } from './elements.js';
import { poolFields } from './pool2d.js';

/** The kinds of the instruction `pool`; see native/kernels/pool/opcode.inc. */
const AVERAGE = 1;
const AVERAGE_WITH_PADDING = 2;

export function lowerAvgPool2d(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'avgPool2d'>;
  const fields = { ...poolFields(node), ...elementFields(kernel, context) };
  const kind = node.attrs.countPad ? AVERAGE_WITH_PADDING : AVERAGE;
  context.asm.emit('pool', { ...fields, kind }, context.epilogue(kernel, fields.c));
}
