/**
 * Movement of elements is one strided copy over a box. Not here: the ops that move (each has its
 * file).
 */
import type { Memory } from '../../schedule/calls.js';
import { memoryBytes } from '../../schedule/memory-bytes.js';
import type { LoweringContext } from './context.js';
import { box, elementBytes } from './strides.js';

export interface Move {
  readonly x: Memory;
  readonly xOffset: number;
  readonly yOffset: number;
  readonly sizes: readonly number[];
  readonly xStrides: readonly number[];
  readonly yStrides: readonly number[];
  /** Of an element; those of the dtype unless given. */
  readonly bytes?: 1 | 4;
}

export function emitCopy(context: LoweringContext, y: Memory, move: Move): void {
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
    bytes: move.bytes ?? elementBytes(y.dtype),
  });
}

/** A copy of bytes as they are, in units of 4 whatever the dtype. */
export function lowerCopy(from: Memory, to: Memory, context: LoweringContext): void {
  context.asm.site = { op: 'copy', node: to.name };
  const sizes = [Math.ceil(memoryBytes(to.dtype, to.shape) / 4)];
  const strides = { xStrides: [1], yStrides: [1] };
  emitCopy(context, to, { x: from, xOffset: 0, yOffset: 0, sizes, ...strides, bytes: 4 });
}
