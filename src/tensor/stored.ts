/**
 * Tensors whose elements lie elsewhere, in a file, and are read when someone asks for them: weights
 * that are packed once need not be in memory twice. Code that only knows Tensor sees ordinary
 * tensors. Not here: files (src/formats/safetensors/model-file.ts).
 */
import {
  byteLength,
  DTYPES,
  type DType,
  type DTypeArray,
  type Integer,
  isSubByte,
} from '../core/dtype.js';
import { elementCount } from '../core/shape.js';
import { unpackLowBits } from './low-bits.js';
import { Tensor } from './tensor.js';

/** The bytes of one tensor, row-major and little endian. */
export interface ByteSource {
  /**
   * Fills `target` with the bytes from `from` on. @throws BitplaneError where the file has changed
   * or is closed
   */
  read(target: Uint8Array, from: number): void;
}

const sources = new WeakMap<Tensor, ByteSource>();

/**
 * A tensor of a valid dtype and shape. Its `data` is read again unless the array of an earlier read
 * is still in memory.
 */
export function storedTensor<D extends DType>(
  dtype: D,
  shape: readonly number[],
  source: ByteSource,
): Tensor<D> {
  const count = elementCount(shape);
  const entries = dtype === 'b1' ? byteLength(dtype, count) : count;
  let held: WeakRef<DTypeArray> | undefined;
  const data = () => {
    let array = held?.deref();
    if (array === undefined) {
      array = entriesOf(dtype, source, 0, entries);
      held = new WeakRef(array);
    }
    return array;
  };
  const tensor: Tensor<D> = Object.create(Tensor.prototype, {
    dtype: { value: dtype, enumerable: true },
    data: { get: data, enumerable: true },
    shape: { value: Object.freeze([...shape]), enumerable: true },
  });
  sources.set(tensor, source);
  return tensor;
}

/** Where the elements lie; undefined for a tensor that holds them itself. */
export function sourceOf(tensor: Tensor): ByteSource | undefined {
  return sources.get(tensor);
}

/**
 * Entries [first, first + count) of `tensor.data`, without reading the others. Do not write to
 * them.
 */
export function partOf(tensor: Tensor, first: number, count: number): DTypeArray {
  const source = sources.get(tensor);
  if (source === undefined) return tensor.data.subarray(first, first + count);
  return entriesOf(tensor.dtype, source, first, count);
}

function entriesOf(dtype: DType, source: ByteSource, first: number, count: number): DTypeArray {
  if (isSubByte(dtype)) {
    const { bits } = DTYPES[dtype];
    const from = Math.floor((first * bits) / 8);
    const packed = new Uint8Array(Math.ceil(((first + count) * bits) / 8) - from);
    source.read(packed, from);
    return unpackLowBits(dtype as Integer, packed, first, count);
  }
  const entries = new DTYPES[dtype].array(count);
  source.read(new Uint8Array(entries.buffer), first * entries.BYTES_PER_ELEMENT);
  return entries;
}
