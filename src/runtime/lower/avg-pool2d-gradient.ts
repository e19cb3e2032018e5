/** avgPool2dGradient: gathers, for each element, what its windows give it. */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { poolGradientFields } from './pool2d-gradient.js';

/** The kinds of the instruction; see native/kernels/poolgrad/opcode.inc. */
const AVERAGE = 1;
const AVERAGE_WITH_PADDING = 2;

export function lowerAvgPool2dGradient(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'avgPool2dGradient'>;
  const kind = node.attrs.countPad ? AVERAGE_WITH_PADDING : AVERAGE;
  const fields = { ...poolGradientFields(node), kind, x: -1, dy: context.buffer(node.inputs[0]) };
  context.asm.emit('poolgrad', fields, context.epilogue(kernel, fields.c));
}
