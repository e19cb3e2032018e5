/**
 * The bits of a store's tensors, a part at a time: of bytes in memory, or of a file that stays
 * open, of which only the parts that someone asks for are read. Not here: what they mean.
 */
import { packFields, unpackFields } from '../../tensor/bit-fields.js';
import type { ByteSource } from '../../tensor/stored.js';
import type { StoredTensor } from '../safetensors/safetensors.js';

interface Elsewhere {
  readonly source: ByteSource;
  readonly length: number;
}

const elsewhere = new WeakMap<StoredTensor, Elsewhere>();

/** A tensor whose bytes lie elsewhere; `data` reads them again unless they are still in memory. */
export function tensorIn(
  source: ByteSource,
  { dtype, shape }: Pick<StoredTensor, 'dtype' | 'shape'>,
  length: number,
): StoredTensor {
  let held: WeakRef<Uint8Array> | undefined;
  const tensor: StoredTensor = {
    dtype,
    shape,
    get data() {
      let bytes = held?.deref();
      if (bytes === undefined) {
        bytes = new Uint8Array(length);
        source.read(bytes, 0);
        held = new WeakRef(bytes);
      }
      return bytes;
    },
  };
  elsewhere.set(tensor, { source, length });
  return tensor;
}

/** Bytes from `from` on; those of a tensor in memory are not copied. */
export function bytesFrom(tensor: StoredTensor, from: number, count: number): Uint8Array {
  const source = sourceOfTensor(tensor);
  if (source === undefined) return tensor.data.subarray(from, from + count);
  const bytes = new Uint8Array(count);
  source.read(bytes, from);
  return bytes;
}

/** Where the bytes lie, if they are not in memory. */
export function sourceOfTensor(tensor: StoredTensor): ByteSource | undefined {
  return elsewhere.get(tensor)?.source;
}

/** How many bytes a tensor has, without reading them. */
export function lengthOf(tensor: StoredTensor): number {
  return elsewhere.get(tensor)?.length ?? tensor.data.length;
}

/** Integers [first, first + count) of a tensor of integers of n bits (src/tensor/bit-fields.ts). */
export function fieldsFrom(
  tensor: StoredTensor,
  bits: number,
  first: number,
  count: number,
): Uint32Array {
  // Eight integers of n bits begin and end with a byte.
  const skipped = first % 8;
  const from = ((first - skipped) / 8) * bits;
  const length = Math.ceil(((skipped + count) * bits) / 8);
  return unpackFields(bytesFrom(tensor, from, length), bits, skipped, count);
}

/** `size` integers of n bits as bytes, made when they are asked for. */
export function packedSource(
  bits: number,
  size: number,
  part: (first: number, count: number) => Uint32Array,
): ByteSource {
  return {
    read(target, from) {
      const first = Math.floor(from / bits) * 8;
      const skipped = from - (first / 8) * bits;
      const wanted = Math.ceil((skipped + target.length) / bits) * 8;
      const bytes = packFields(part(first, Math.min(wanted, size - first)), bits);
      target.set(bytes.subarray(skipped, skipped + target.length));
    },
  };
}
