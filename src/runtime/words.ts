/**
 * Bits between their two forms: without gaps, as tensors and files hold them, and in 64-bit words
 * that start anew with every pixel, as kernels read them. Not here: what the bits mean.
 */
import { elementCount } from '../core/shape.js';
import { bitWords, memoryBytes } from '../passes/plan.js';

/**
 * Disk bits (no gaps) to memory: each pixel's channels start a 64-bit word. The two are the same
 * when channels fill their words.
 */
export function packWords(bits: Uint8Array, shape: readonly number[]): Uint8Array {
  const channels = shape.at(-1) ?? 1;
  if (channels % 64 === 0) return bits;
  const row = bitWords(channels) * 8;
  const words = new Uint8Array(memoryBytes('b1', shape));
  for (let pixel = 0, at = 0; pixel * row < words.length; pixel++) {
    for (let c = 0; c < channels; c++, at++) {
      if (((bits[at >> 3] as number) >> (at & 7)) & 1)
        words[pixel * row + (c >> 3)]! |= 1 << (c & 7);
    }
  }
  return words;
}

/** Memory to disk bits. */
export function unpackWords(words: Uint8Array, shape: readonly number[]): Uint8Array {
  const channels = shape.at(-1) ?? 1;
  if (channels % 64 === 0) return words;
  const row = bitWords(channels) * 8;
  const count = elementCount(shape);
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (let pixel = 0, at = 0; at < count; pixel++) {
    for (let c = 0; c < channels; c++, at++) {
      if (((words[pixel * row + (c >> 3)] as number) >> (c & 7)) & 1)
        bits[at >> 3]! |= 1 << (at & 7);
    }
  }
  return bits;
}
