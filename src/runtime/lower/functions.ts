/** The functions of C's library: the instruction `functions`. */
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import { functionNumber } from '../../ops/functions.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';

export function lowerFunction({ anchor: node }: KernelCall, context: LoweringContext): void {
  context.asm.emit('functions', {
    x: context.buffer(node.inputs[0] as Value),
    y: context.buffer(node),
    f: functionNumber(node.op),
    count: elementCount(node.shape),
  });
}
