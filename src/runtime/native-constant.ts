/**
 * A tensor as native memory takes it: its array, or, where its elements lie elsewhere, a reader
 * that hands them over in parts through one small buffer, so that no array of all of them is left
 * to the garbage collector. Not here: when it is read (native/program).
 */
import { byteLength, type Integer, isSubByte } from '../core/dtype.js';
import type { NativeConstant } from '../native/addon.js';
import { packLowBits } from '../tensor/low-bits.js';
import { sourceOf } from '../tensor/stored.js';
import type { Tensor } from '../tensor/tensor.js';

const PART_BYTES = 1 << 16;

/** The buffer of all readers: a part is copied before the next one is asked for. */
let part: Uint8Array | undefined;

/** The tensor's bytes as they lie on disk: of n bits an element. */
export function nativeConstant(tensor: Tensor): NativeConstant {
  const source = sourceOf(tensor);
  if (source === undefined)
    return isSubByte(tensor.dtype)
      ? packLowBits(tensor.dtype as Integer, tensor.data)
      : tensor.data;
  const bytes = byteLength(tensor.dtype, tensor.size);
  const read = (from: number) => {
    part ??= new Uint8Array(PART_BYTES);
    const target = part.subarray(0, Math.min(PART_BYTES, bytes - from));
    source.read(target, from);
    return target;
  };
  return { byteLength: bytes, read };
}
