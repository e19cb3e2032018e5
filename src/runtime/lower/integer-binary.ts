/** Arithmetic of integers: the instruction `integers`, with general broadcasting. */
import type { Value } from '../../graph/value.js';
import { INTEGER_KINDS, type IntegerKind } from '../../ops/integer-binary.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { box, broadcastStrides, requireWords } from './strides.js';

export function lowerIntegerBinary({ anchor: node }: KernelCall, context: LoweringContext): void {
  requireWords(node);
  const [a, b] = node.inputs as [Value, Value];
  const sizes = node.shape as readonly number[];
  context.asm.emit('integers', {
    a: context.buffer(a),
    b: context.buffer(b),
    y: context.buffer(node),
    op: INTEGER_KINDS.indexOf(node.attrs.kind as IntegerKind),
    ...box('d', sizes, 1),
    ...box('as', broadcastStrides(a, sizes), 0),
    ...box('bs', broadcastStrides(b, sizes), 0),
  });
}
