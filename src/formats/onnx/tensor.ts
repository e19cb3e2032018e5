/**
 * Payloads of ONNX tensors: from a TensorProto to numbers. The shape is checked against the payload
 * before anything is allocated. Integers of 4 and 2 bits are packed, the first of a byte lowest.
 * Halves become f32, which holds each of them. A payload that has stayed in its file stays there if
 * a graph holds it as it lies. Not here: strings and complex numbers (ERR_UNSUPPORTED), payloads in
 * other files (./external.ts).
 */
import { byteLength, type DType } from '../../core/dtype.js';
import { BitplaneError, type ErrorSite, expected } from '../../core/errors.js';
import { MAX_RANK } from '../../core/limits.js';
import { isSize } from '../../core/shape.js';
import { unpackLowBits } from '../../tensor/low-bits.js';
import { giveScratch, storedTensor, takeScratch } from '../../tensor/stored.js';
import type { Tensor } from '../../tensor/tensor.js';
import { signsOf } from '../../tensor/values.js';
import { type Bytes, FilePart, inMemory } from '../file-part.js';
import { DataType, dataTypeName, quantizedType } from './data-type.js';
import { fromBrainHalves, fromHalves } from './half.js';
import type { OnnxTensor } from './proto.js';

/** How each integer type of more than 8 bits lies in raw_data (little endian), and BOOL. */
const RAW_INTEGERS: Readonly<
  Record<number, { bytes: number; read: (view: DataView, offset: number) => number }>
> = {
  4: { bytes: 2, read: (view, offset) => view.getUint16(offset, true) },
  5: { bytes: 2, read: (view, offset) => view.getInt16(offset, true) },
  6: { bytes: 4, read: (view, offset) => view.getInt32(offset, true) },
  7: { bytes: 8, read: (view, offset) => saturate(view.getBigInt64(offset, true)) },
  9: { bytes: 1, read: (view, offset) => (view.getUint8(offset) === 0 ? 0 : 1) },
  12: { bytes: 4, read: (view, offset) => view.getUint32(offset, true) },
};

export interface Decoded {
  readonly kind: 'f32' | 'f64' | 'int';
  /** Integers of up to 8 bits are a typed array, one element a byte. */
  readonly data: Float32Array | Float64Array | Int8Array | Uint8Array | readonly number[];
  readonly shape: readonly number[];
  /** The same in a file, where it stays: `data` is read when it is asked for. */
  readonly stored?: Tensor;
}

/** The elements of its shape. @throws BitplaneError ERR_FORMAT */
export function elementsOf({ dims }: OnnxTensor, site: ErrorSite): number {
  if (dims.length > MAX_RANK)
    throw expected('ERR_FORMAT', `a shape of at most ${MAX_RANK} axes`, dims.length, site);
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (!dims.every(isSize) || !isSize(count))
    throw expected('ERR_FORMAT', 'a shape of sizes', dims, site);
  return count;
}

/** The dtype whose bytes on disk a payload of this type is. */
function dtypeAsItLies(dataType: number): DType | undefined {
  if (dataType === DataType.FLOAT) return 'f32';
  const type = quantizedType(dataType);
  return type !== undefined && type.bits <= 8 ? type.dtype : undefined;
}

/**
 * @throws BitplaneError ERR_FORMAT where shape and payload disagree, ERR_UNSUPPORTED for payloads
 * elsewhere and other data types
 */
export function decodeTensor(tensor: OnnxTensor, name = tensor.name): Decoded {
  const site = { op: 'initializer', node: name };
  if (tensor.external) {
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      'its data lies in another file; give the model by its path, with that file beside it, or ' +
        'save it with all data in one file',
      site,
    );
  }
  const count = elementsOf(tensor, site);
  const shape = [...tensor.dims];
  const stays = tensor.raw instanceof FilePart ? dtypeAsItLies(tensor.dataType) : undefined;
  if (stays !== undefined) {
    requireLength(tensor.raw!.length, byteLength(stays, count));
    const stored = storedTensor(stays, shape, tensor.raw as FilePart);
    const kind = stays === 'f32' ? 'f32' : 'int';
    return {
      kind,
      shape,
      stored,
      get data() {
        return stored.data as Decoded['data'];
      },
    };
  }
  const raw = tensor.raw && inMemory(tensor.raw);

  if (tensor.dataType === DataType.FLOAT) {
    requireLength(raw === undefined ? tensor.floats.length * 4 : raw.length, count * 4);
    return {
      kind: 'f32',
      data:
        raw === undefined ? Float32Array.from(tensor.floats) : new Float32Array(copyOf(raw).buffer),
      shape,
    };
  }
  if (tensor.dataType === DataType.DOUBLE) {
    requireLength(raw === undefined ? tensor.doubles.length * 8 : raw.length, count * 8);
    return {
      kind: 'f64',
      data:
        raw === undefined
          ? Float64Array.from(tensor.doubles)
          : new Float64Array(copyOf(raw).buffer),
      shape,
    };
  }
  if (tensor.dataType === DataType.FLOAT16 || tensor.dataType === DataType.BFLOAT16) {
    requireLength(raw === undefined ? tensor.ints.length * 2 : raw.length, count * 2);
    if (raw === undefined) requireWithin(tensor.ints, 0, 2 ** 16 - 1);
    const halves =
      raw === undefined ? Uint16Array.from(tensor.ints) : new Uint16Array(copyOf(raw).buffer);
    return {
      kind: 'f32',
      data: tensor.dataType === DataType.FLOAT16 ? fromHalves(halves) : fromBrainHalves(halves),
      shape,
    };
  }
  const quantized = quantizedType(tensor.dataType);
  if (quantized !== undefined && quantized.bits <= 8) {
    const { dtype, bits, lo, hi } = quantized;
    const bytes = raw ?? packedBytes(tensor.ints, bits === 8 ? lo : 0, bits === 8 ? hi : 255);
    requireLength(bytes.length, Math.ceil((count * bits) / 8));
    return { kind: 'int', data: unpackLowBits(dtype as 'i8' | 'u8', bytes, 0, count), shape };
  }
  const integer = RAW_INTEGERS[tensor.dataType];
  if (integer === undefined) {
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      'expected data of a float or an integer type but received ' +
        `${dataTypeName(tensor.dataType)}`,
      site,
    );
  }
  requireLength(
    raw === undefined ? tensor.ints.length * integer.bytes : raw.length,
    count * integer.bytes,
  );
  if (raw === undefined) {
    if (quantized !== undefined) requireWithin(tensor.ints, quantized.lo, quantized.hi);
    return { kind: 'int', data: [...tensor.ints], shape };
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return {
    kind: 'int',
    data: Array.from({ length: count }, (_, i) => integer.read(view, i * integer.bytes)),
    shape,
  };

  /** int32_data holds one byte an entry: an integer of 8 bits, or several smaller ones. */
  function packedBytes(ints: readonly number[], lo: number, hi: number): Uint8Array {
    requireWithin(ints, lo, hi);
    return Uint8Array.from(ints);
  }

  function requireWithin(ints: readonly number[], lo: number, hi: number): void {
    const outside = ints.find((value) => !(value >= lo && value <= hi));
    if (outside !== undefined)
      throw expected(
        'ERR_FORMAT',
        `${dataTypeName(tensor.dataType)} data from ${lo} to ${hi}`,
        outside,
        site,
      );
  }

  function requireLength(bytes: number, wanted: number): void {
    if (bytes !== wanted)
      throw expected(
        'ERR_FORMAT',
        `${wanted} bytes of data for shape [${shape.join(', ')}]`,
        bytes,
        site,
      );
  }
}

/** Floats that are looked at together: they stay in L2. */
const PART_BYTES = 2 ** 17;

const signs = new WeakMap<OnnxTensor, Tensor<'b1'>>();
/**
 * The signs of floats, read once and without all the floats in memory: binary weights are most of a
 * file. Undefined where they do not lie as bytes. @throws BitplaneError as decodeTensor does
 */
export function signsIn(tensor: OnnxTensor, name = tensor.name): Tensor<'b1'> | undefined {
  const { raw, dataType, external, dims } = tensor;
  if (raw === undefined || external || dataType !== DataType.FLOAT) return undefined;
  // What disagrees is said there.
  if (elementsOf(tensor, { op: 'initializer', node: name }) * 4 !== raw.length) return undefined;
  let found = signs.get(tensor);
  if (found === undefined) {
    found = signsOf(floatParts(raw), dims);
    signs.set(tensor, found);
  }
  return found;
}

/** All floats, a part at a time in one small array, because `bytes` need not be aligned. */
function* floatParts(bytes: Bytes): Generator<Float32Array> {
  const scratch = takeScratch(Math.min(PART_BYTES, bytes.length));
  try {
    for (let at = 0; at < bytes.length; at += scratch.length) {
      const target = scratch.subarray(0, Math.min(scratch.length, bytes.length - at));
      if (bytes instanceof FilePart) bytes.read(target, at);
      else target.set(bytes.subarray(at, at + target.length));
      yield new Float32Array(target.buffer, 0, target.length / 4);
    }
  } finally {
    giveScratch(scratch);
  }
}

/** As in ./wire-reader.ts, an int64 beyond 2^53 is a sentinel and becomes an infinity. */
function saturate(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.POSITIVE_INFINITY;
  return value < BigInt(Number.MIN_SAFE_INTEGER) ? Number.NEGATIVE_INFINITY : Number(value);
}

/**
 * A copy with a buffer of its own, hence aligned. Not slice(), because a Node Buffer's slice()
 * shares memory.
 */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
