/** maxPool2d: of floats with an epilogue, of bits without. */
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { poolFields } from './pool2d.js';

/** The kinds of the instruction `pool`; see native/kernels/opcodes.inc. */
const MAX = 0;

export function lowerMaxPool2d(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'maxPool2d'>;
  const fields = poolFields(node, context);
  if (node.dtype === 'b1') context.asm.emit('bpool', { ...fields, y: context.buffer(node) });
  else context.asm.emit('pool', { ...fields, kind: MAX }, context.epilogue(kernel, fields.c));
}
