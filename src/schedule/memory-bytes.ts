/**
 * How many bytes a value takes in memory while a program runs. Not here: on disk
 * (src/core/dtype.ts), where it lies (./memory-plan.ts).
 */
import { type DType, isByteInteger } from '../core/dtype.js';
import { elementCount, type Shape } from '../core/shape.js';
import { wordBytes } from '../tensor/layout.js';

/**
 * A b1 map is packed along its last axis into 64-bit words; other integers of at most 8 bits take a
 * byte each.
 */
export function memoryBytes(dtype: DType, shape: Shape): number {
  if (dtype === 'b1') return wordBytes(shape);
  return elementCount(shape) * (isByteInteger(dtype) ? 1 : 4);
}
