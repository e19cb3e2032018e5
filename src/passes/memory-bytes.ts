/**
 * How many bytes a value takes in memory while a program runs. Not here: on disk
 * (src/core/dtype.ts), where it lies (./plan.ts).
 */
import { elementCount, type Shape } from '../core/shape.js';
import type { Value } from '../graph/value.js';

/** Words of 64 sign bits that a pixel takes. */
export function bitWords(channels: number): number {
  return Math.ceil(channels / 64);
}

/** A b1 map is packed along its last axis into 64-bit words. */
export function memoryBytes(dtype: Value['dtype'], shape: Shape): number {
  const count = elementCount(shape);
  if (dtype !== 'b1') return count * (dtype === 'i8' || dtype === 'u8' ? 1 : 4);
  const channels = (shape.at(-1) as number | undefined) ?? 1;
  return channels === 0 ? 0 : (count / channels) * bitWords(channels) * 8;
}
