/** maxPool2d: of floats with an epilogue, of bits and bytes without. */

import { heldAs } from '../../core/dtype.js';
import type { OpValue } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { elementFields } from './elements.js';
import { poolFields } from './pool2d.js';

/** The kinds of the instruction `pool`; see native/kernels/pool/opcode.inc. */
const MAX = 0;

/** What bits and bytes are pooled as, in the order of Element in native/kernels/bpool/bpool.h. */
const ELEMENTS = ['b1', 'i8', 'u8'] as const;

export function lowerMaxPool2d(kernel: KernelCall, context: LoweringContext): void {
  const node = kernel.anchor as OpValue<'maxPool2d'>;
  const fields = poolFields(node);
  if (node.dtype === 'f32') {
    const floats = elementFields(kernel, context);
    context.asm.emit(
      'pool',
      { ...fields, ...floats, kind: MAX },
      context.epilogue(kernel, fields.c),
    );
    return;
  }
  const dtype = ELEMENTS.indexOf(heldAs(node.dtype) as (typeof ELEMENTS)[number]);
  const [x, y] = [context.buffer(node.inputs[0]), context.buffer(node)];
  context.asm.emit('bpool', { ...fields, x, y, dtype });
}
