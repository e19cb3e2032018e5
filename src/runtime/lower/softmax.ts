/** softmax: over the last axis, where legalization put it. */
import { expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { requireWords } from './strides.js';

export function lowerSoftmax({ anchor: node }: KernelCall, context: LoweringContext): void {
  requireWords(node);
  const x = node.inputs[0] as Value;
  const axis = node.attrs.axis as number;
  if (axis !== node.shape.length - 1) {
    throw expected('ERR_UNSUPPORTED', 'softmax over the last axis', axis, {
      op: node.op,
      node: node.name,
    });
  }
  const c = node.shape.at(-1) as number;
  context.asm.emit('softmax', {
    x: context.buffer(x),
    y: context.buffer(node),
    rows: c === 0 ? 0 : elementCount(node.shape) / c,
    c,
  });
}
