/**
 * Movement of elements is one strided copy over a box. Not here: the ops that move (each has its
 * file).
 */
import type { Value } from '../../graph/value.js';
import { memoryBytes } from '../../passes/plan.js';
import type { LoweringContext } from './context.js';
import { box } from './strides.js';

export interface Move {
  readonly x: Value;
  readonly xOffset: number;
  readonly yOffset: number;
  readonly sizes: readonly number[];
  readonly xStrides: readonly number[];
  readonly yStrides: readonly number[];
}

export function emitCopy(context: LoweringContext, y: Value, move: Move): void {
  // An empty part of a concatenation, or the inside of what is padding alone: native boxes have
  // elements.
  if (move.sizes.includes(0)) return;
  context.asm.emit('copy', {
    x: context.buffer(move.x),
    y: context.buffer(y),
    xoffset: move.xOffset,
    yoffset: move.yOffset,
    ...box('d', move.sizes, 1),
    ...box('xs', move.xStrides, 0),
    ...box('ys', move.yStrides, 0),
  });
}

/**
 * A copy of a value as it is, in units of 4 bytes whatever its dtype: for outputs that are inputs
 * or constants.
 */
export function lowerCopy(x: Value, y: Value, context: LoweringContext): void {
  const count = [Math.ceil(memoryBytes(x.dtype, x.shape) / 4)];
  emitCopy(context, y, { x, xOffset: 0, yOffset: 0, sizes: count, xStrides: [1], yStrides: [1] });
}
