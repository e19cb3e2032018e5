/**
 * What goes along the lines of one axis: cumsum, order, take and takeAlong, and the reductions of
 * no vector kernel. Not here: softmax (./softmax.ts), other reductions (./reduce.ts).
 */
import { isByteInteger } from '../../core/dtype.js';
import { expected } from '../../core/errors.js';
import { elementCount } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';

/** x as [outer, k, inner], k being `count` axes from `axis` on. */
export function linesOf(shape: readonly number[], axis: number, count = 1) {
  const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);
  return {
    outer: product(shape.slice(0, axis)),
    k: product(shape.slice(axis, axis + count)),
    inner: product(shape.slice(axis + count)),
  };
}

/** In the order of ScanKind in native/kernels/lines/lines.h. */
const SCANS = ['sum', 'product', 'max', 'min'];

const dtypeNumber = ({ dtype }: Value) => (dtype === 'i32' ? 1 : 0);

export function lowerCumsum({ anchor: node }: KernelCall, context: LoweringContext): void {
  const x = node.inputs[0] as Value;
  const { axis, exclusive, reverse } = node.attrs as Record<string, number | boolean>;
  context.asm.emit('scan', {
    x: context.buffer(x),
    y: context.buffer(node),
    kind: 0,
    ...linesOf(x.shape as number[], axis as number),
    dtype: dtypeNumber(x),
    exclusive: exclusive ? 1 : 0,
    reverse: reverse ? 1 : 0,
    whole: 0,
  });
}

/** A reduction of kind `kind` of x as `lines`. */
export function emitScanned(
  node: Value,
  kind: string,
  lines: ReturnType<typeof linesOf>,
  context: LoweringContext,
): void {
  const x = node.inputs[0] as Value;
  context.asm.emit('scan', {
    x: context.buffer(x),
    y: context.buffer(node),
    kind: SCANS.indexOf(kind),
    ...lines,
    dtype: dtypeNumber(x),
    exclusive: 0,
    reverse: 0,
    whole: 1,
  });
}

export function lowerOrder({ anchor: node }: KernelCall, context: LoweringContext): void {
  const x = node.inputs[0] as Value;
  const { axis, count, largest, last } = node.attrs as Record<string, number | boolean>;
  context.asm.emit('order', {
    x: context.buffer(x),
    y: context.buffer(node),
    ...linesOf(x.shape as number[], axis as number),
    n: count as number,
    dtype: dtypeNumber(x),
    largest: largest ? 1 : 0,
    last: last ? 1 : 0,
  });
}

export function lowerTake(call: KernelCall, context: LoweringContext): void {
  emitGather(call, 0, context);
}

export function lowerTakeAlong(call: KernelCall, context: LoweringContext): void {
  emitGather(call, 1, context);
}

function emitGather({ anchor: node }: KernelCall, each: 0 | 1, context: LoweringContext): void {
  const [x, indices] = node.inputs as [Value, Value];
  if (x.dtype === 'b1')
    throw expected('ERR_UNSUPPORTED', 'operands of any dtype but b1', x.dtype, {
      op: node.op,
      node: node.name,
    });
  const axis = node.attrs.axis as number;
  context.asm.emit('gather', {
    x: context.buffer(x),
    indices: context.buffer(indices),
    y: context.buffer(node),
    ...linesOf(x.shape as number[], axis),
    count: each === 1 ? (node.shape[axis] as number) : elementCount(indices.shape),
    each,
    bytes: isByteInteger(x.dtype) ? 1 : 4,
  });
}
