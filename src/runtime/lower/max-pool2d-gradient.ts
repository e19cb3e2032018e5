/** maxPool2dGradient: finds the largest element of each window again, and gathers from there. */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { poolGradientFields } from './pool2d-gradient.js';

/** The kinds of the instruction; see native/kernels/poolgrad/opcode.inc. */
const MAX = 0;

export function lowerMaxPool2dGradient(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'maxPool2dGradient'>;
  const [dy, x] = [context.buffer(node.inputs[0]), context.buffer(node.inputs[1])];
  const fields = { ...poolGradientFields(node), kind: MAX, dy, x };
  context.asm.emit('poolgrad', fields, context.epilogue(kernel, fields.c));
}
