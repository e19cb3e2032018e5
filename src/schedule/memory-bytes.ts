/**
 * How many bytes a value takes in memory while a program runs. Not here: on disk
 * (src/core/dtype.ts), where it lies (./memory-plan.ts).
 */
import type { DType } from '../core/dtype.js';
import { elementCount, type Shape } from '../core/shape.js';
import { wordBytes } from '../tensor/layout.js';

/** A b1 map is packed along its last axis into 64-bit words. */
export function memoryBytes(dtype: DType, shape: Shape): number {
  if (dtype === 'b1') return wordBytes(shape);
  return elementCount(shape) * (dtype === 'i8' || dtype === 'u8' ? 1 : 4);
}
