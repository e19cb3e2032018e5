/** reduce: over neighbouring axes, which legalization brought together. */
import { expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { elementFields } from './elements.js';
import { emitScanned, linesOf } from './lines.js';
import { requireWords } from './strides.js';

/** What a reduction over no elements gives, as `evaluate` has it. */
const OVER_NOTHING = {
  mean: Number.NaN,
  sum: 0,
  product: 1,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
};

export function lowerReduce(call: KernelCall, context: LoweringContext): void {
  const { anchor: node } = call;
  requireWords(node);
  const x = node.inputs[0] as Value;
  const { kind, axes } = node.attrs as {
    kind: keyof typeof OVER_NOTHING;
    axes: readonly number[];
  };
  const sorted = [...axes].sort((a, b) => a - b);
  const shape = x.shape as readonly number[];
  const from = sorted[0] ?? 0;
  const contiguous = sorted.every((axis, i) => axis === from + i);
  if (!contiguous)
    throw expected('ERR_UNSUPPORTED', 'a reduction over neighbouring axes', sorted, {
      op: node.op,
      node: node.name,
    });
  const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
  const k = product(shape.slice(from, from + sorted.length));
  const y = context.buffer(node);
  if (k === 0) {
    const nothing = OVER_NOTHING[kind];
    const value = node.dtype === 'i32' ? nothing : context.asm.floatBits(nothing);
    context.asm.emit('fill', { y, count: elementCount(node.shape), value, bytes: 4 });
    return;
  }
  if (kind === 'product' || x.dtype === 'i32') {
    emitScanned(node, kind, linesOf(shape, from, sorted.length), context);
    return;
  }
  context.asm.emit('reduce', {
    ...elementFields(call, context),
    y,
    kind: ['mean', 'sum', 'max', 'min'].indexOf(kind),
    outer: product(shape.slice(0, from)),
    k,
    inner: product(shape.slice(from + sorted.length)),
  });
}
