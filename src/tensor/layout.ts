/**
 * How bits lie: without gaps, as tensors and files hold them, and in 64-bit words that start anew
 * with every pixel, as kernels read them. Channels are the last axis of a shape; a pixel is one run
 * of them. Not here: what the bits mean, other dtypes.
 */
import { elementCount, type Shape } from '../core/shape.js';

const WORD_BITS = 64;
const WORD_BYTES = 8;

/** Words of 64 sign bits that a pixel takes. */
export function bitWords(channels: number): number {
  return Math.ceil(channels / WORD_BITS);
}

/** Bytes of a map of bits in words. */
export function wordBytes(shape: Shape): number {
  const channels = (shape.at(-1) as number | undefined) ?? 1;
  return channels === 0 ? 0 : (elementCount(shape) / channels) * bitWords(channels) * WORD_BYTES;
}

/** True where a reshape of bits moves no bit in memory: every pixel keeps its words. */
export function keepsWords(from: Shape, to: Shape): boolean {
  const [a, b] = [from.at(-1), to.at(-1)];
  return a === b || (isWholeWords(a) && isWholeWords(b));
}

/** True for a concatenation of such parts, along the channels, that joins whole words. */
export function joinsWords(parts: readonly { readonly shape: Shape }[], axis: unknown): boolean {
  return parts.every(({ shape }) => axis === shape.length - 1 && isWholeWords(shape.at(-1)));
}

function isWholeWords(channels: number | string | undefined): boolean {
  return typeof channels === 'number' && channels % WORD_BITS === 0;
}

/** From bits without gaps to words. The two are the same where channels fill their words. */
export function packWords(bits: Uint8Array, shape: readonly number[]): Uint8Array {
  const channels = shape.at(-1) ?? 1;
  if (channels % WORD_BITS === 0) return bits;
  const row = bitWords(channels) * WORD_BYTES;
  const words = new Uint8Array(wordBytes(shape));
  for (let pixel = 0, at = 0; pixel * row < words.length; pixel++) {
    for (let c = 0; c < channels; c++, at++) {
      if (((bits[at >> 3] as number) >> (at & 7)) & 1)
        words[pixel * row + (c >> 3)]! |= 1 << (c & 7);
    }
  }
  return words;
}

/** From words to bits without gaps. */
export function unpackWords(words: Uint8Array, shape: readonly number[]): Uint8Array {
  const channels = shape.at(-1) ?? 1;
  if (channels % WORD_BITS === 0) return words;
  const row = bitWords(channels) * WORD_BYTES;
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
