/**
 * Element-wise ops of two operands that lie in no way an epilogue knows: the instruction `binary`,
 * with general broadcasting.
 */
import type { Value } from '../../graph/value.js';
import { opDef } from '../../ops/index.js';
import type { KernelCall } from '../../schedule/calls.js';
import type { LoweringContext } from './context.js';
import { box, broadcastStrides, requireWords } from './strides.js';

/**
 * Numbers of the power function and the remainder among the operations of `binary`; see
 * native/kernels/epilogue/epilogue.h.
 */
const POW = 1000;
const REMAINDER = 1001;

/** Any op of two operands that an epilogue could say if they lay otherwise. */
export function lowerBinary({ anchor: node }: KernelCall, context: LoweringContext): void {
  const form = opDef(node.op).step?.(node.attrs);
  emitBinary(node, context.asm.epilogueOp(form?.op ?? node.op), context, form?.immediates);
}

export function lowerPow({ anchor: node }: KernelCall, context: LoweringContext): void {
  emitBinary(node, POW, context);
}

export function lowerRemainder({ anchor: node }: KernelCall, context: LoweringContext): void {
  emitBinary(node, REMAINDER, context);
}

function emitBinary(
  node: Value,
  op: number,
  context: LoweringContext,
  [low, high]: readonly [number, number] = [0, 0],
): void {
  requireWords(node);
  const [a, b] = node.inputs as [Value, Value];
  const sizes = node.shape as readonly number[];
  context.asm.emit('binary', {
    a: context.buffer(a),
    b: context.buffer(b),
    y: context.buffer(node),
    op,
    ...box('d', sizes, 1),
    ...box('as', broadcastStrides(a, sizes), 0),
    ...box('bs', broadcastStrides(b, sizes), 0),
    low: context.asm.floatBits(low),
    high: context.asm.floatBits(high),
  });
}
