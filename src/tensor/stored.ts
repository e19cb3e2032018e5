/**
 * Tensors whose elements lie elsewhere, in a file or in another order in another tensor, and are
 * made when someone asks for them: weights that are packed once need not be in memory twice. Code
 * that only knows Tensor sees ordinary tensors. Not here: files (src/formats/lasting-file.ts), the
 * other orders (src/ops/gather.ts).
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
import { packLowBits, unpackLowBits } from './low-bits.js';
import { Tensor } from './tensor.js';

/** The bytes of one tensor, row-major and little endian. */
export interface ByteSource {
  /**
   * Fills `target` with the bytes from `from` on. @throws BitplaneError where the file has changed
   * or is closed
   */
  read(target: Uint8Array, from: number): void;
  /** Whether another source gives the same bytes, where it is not this one and can tell. */
  equals?(other: ByteSource): boolean;
}

const sources = new WeakMap<Tensor, ByteSource>();

/** Tensors of fewer bytes lie in memory: passes look at them, and a call to read one costs more. */
export const LEAST_STORED_BYTES = 1 << 15;

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

/** Where both lie in the same place, in the same order. */
export function sameSource(a: ByteSource, b: ByteSource): boolean {
  return a === b || a.equals?.(b) === true;
}

/** The same elements under another shape of as many; none of them is read. */
export function reshapedTensor(tensor: Tensor, shape: readonly number[]): Tensor {
  const source = sources.get(tensor);
  return source === undefined
    ? new Tensor(tensor.dtype, tensor.data, shape)
    : storedTensor(tensor.dtype, shape, source);
}

/**
 * A tensor of integers that come in parts, as `partsOf` gives them; large ones of less than a byte
 * are held in their bits, and `data` is made of these.
 */
export function tensorOfParts<D extends Integer>(
  dtype: D,
  shape: readonly number[],
  parts: Iterable<ArrayLike<number>>,
): Tensor<D> {
  const count = elementCount(shape);
  const isPacked = isSubByte(dtype) && count >= LEAST_STORED_BYTES;
  const bits = isPacked ? new Uint8Array(byteLength(dtype, count)) : undefined;
  const values = isPacked ? undefined : new DTYPES[dtype].array(count);
  let done = 0;
  for (const part of parts) {
    values?.set(part, done);
    bits?.set(packLowBits(dtype, part as DTypeArray), byteLength(dtype, done));
    done += part.length;
  }
  if (bits === undefined) return new Tensor(dtype, values as DTypeArray<D>, shape);
  return storedTensor(dtype, shape, {
    read: (target, from) => target.set(bits.subarray(from, from + target.length)),
  });
}

/** Entries that are looked at together: 64 KiB of floats stay in L2. */
const PART_ENTRIES = 1 << 14;

/**
 * All of `tensor.data` in order, in parts, each of which the next may overwrite; of those that are
 * not the last the length is a multiple of 8. Do not write to them.
 */
export function* partsOf<D extends DType>(tensor: Tensor<D>): Generator<DTypeArray<D>> {
  const source = sources.get(tensor);
  if (source === undefined) {
    yield tensor.data;
    return;
  }
  if (isSubByte(tensor.dtype)) {
    for (let first = 0; first < tensor.size; first += PART_ENTRIES) {
      const count = Math.min(PART_ENTRIES, tensor.size - first);
      yield entriesOf(tensor.dtype, source, first, count) as DTypeArray<D>;
    }
    return;
  }
  const { array } = DTYPES[tensor.dtype];
  const bytes = byteLength(tensor.dtype, tensor.size);
  const scratch = takeScratch(Math.min(bytes, PART_ENTRIES * array.BYTES_PER_ELEMENT));
  try {
    for (let from = 0; from < bytes; from += scratch.length) {
      const part = scratch.subarray(0, Math.min(scratch.length, bytes - from));
      source.read(part, from);
      yield new array(
        part.buffer,
        part.byteOffset,
        part.length / array.BYTES_PER_ELEMENT,
      ) as DTypeArray<D>;
    }
  } finally {
    giveScratch(scratch);
  }
}

/**
 * Bytes for what is read and dropped at once: an array of its own would stay until the collector
 * comes, one for each part of each tensor. And glibc keeps free what is twice as large as the
 * largest array that was freed, in each thread's memory, from 128 KiB on; so larger arrays than
 * that are not for dropping. Several, because the source of a tensor may be another tensor that is
 * stored.
 */
const idle: ArrayBuffer[] = [];
export const SCRATCH_BYTES = 1 << 18;
const MOST_IDLE = 4;

/** So many bytes, with whatever was in them, aligned to 8; `giveScratch` them back. */
export function takeScratch(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > SCRATCH_BYTES) return new Uint8Array(bytes);
  return new Uint8Array(idle.pop() ?? new ArrayBuffer(SCRATCH_BYTES), 0, bytes);
}

export function giveScratch({ buffer }: Uint8Array<ArrayBuffer>): void {
  if (buffer.byteLength === SCRATCH_BYTES && idle.length < MOST_IDLE) idle.push(buffer);
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
