/**
 * NumPy's .npy files, versions 1 to 3: one array a file. Not here: .npz, pickled objects,
 * structured and big-endian dtypes.
 *
 * read:  float32 -> f32, float64 -> f32 (rounded), int32 -> i32, int64 -> i32 (in range only),
 *        int8 -> i8, uint8 -> u8, bool -> u8 (0 and 1)
 * write: f32 -> <f4, i32 -> <i4, i8 and i2 to i7 -> |i1, u8 and u1 to u7 -> |u1,
 *        b1 -> |i1 of +1 and -1
 */

import { TextDecoder, TextEncoder } from 'node:util';
import { reading } from '../core/border.js';
import { carries, type DType, isByteInteger } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import { type AnyTensor, isTensorLike, Tensor, type TensorLike } from '../tensor/tensor.js';
import { valuesOf } from '../tensor/values.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const SITE = { op: 'npy' };

type Native = 'f32' | 'i32' | 'i8' | 'u8';
interface Row {
  /** As NumPy calls it. */
  readonly name: string;
  readonly bytes: number;
  readonly dtype: Native;
  /** Absent where the elements lie in the file as in the tensor. */
  readonly read?: (view: DataView, offset: number) => number;
}
const READERS: Readonly<Record<string, Row>> = {
  '<f4': { name: 'float32', bytes: 4, dtype: 'f32' },
  '<f8': {
    name: 'float64',
    bytes: 8,
    dtype: 'f32',
    read: (view, offset) => view.getFloat64(offset, true),
  },
  '<i4': { name: 'int32', bytes: 4, dtype: 'i32' },
  '<i8': { name: 'int64', bytes: 8, dtype: 'i32', read: readInt64 },
  '|i1': { name: 'int8', bytes: 1, dtype: 'i8' },
  '|u1': { name: 'uint8', bytes: 1, dtype: 'u8' },
  '|b1': {
    name: 'bool',
    bytes: 1,
    dtype: 'u8',
    read: (view, offset) => (view.getUint8(offset) === 0 ? 0 : 1),
  },
};
const ARRAYS = { f32: Float32Array, i32: Int32Array, i8: Int8Array, u8: Uint8Array };

/**
 * How an array holds the elements of a dtype: integers of fewer than 8 bits take a byte each, and
 * bits are +1 and -1.
 */
export function inFile(dtype: DType): { readonly descr: string; readonly name: string } {
  const isByte = dtype === 'b1' || isByteInteger(dtype);
  const own = isByte ? (dtype.startsWith('u') ? 'u8' : 'i8') : dtype;
  const [descr, { name }] = Object.entries(READERS).find(([, row]) => row.dtype === own)!;
  return { descr, name };
}

/** An array as it was stored, and the tensor it became. */
export interface StoredArray {
  readonly tensor: Tensor;
  /** The dtype in the file, as NumPy calls it: float64. */
  readonly stored: string;
  /** How many values the tensor cannot hold exactly and rounds. */
  readonly rounded: number;
}

/**
 * Reads one array. Fortran order is converted to row-major order.
 *
 * @throws BitplaneError ERR_FORMAT for a malformed or truncated file, ERR_DTYPE for a dtype outside
 * the table above
 */
export function readNpy(bytes: Uint8Array): AnyTensor {
  return readStoredNpy(bytes).tensor as AnyTensor;
}

/** `readNpy`, with the stored dtype and the number of rounded values. */
export function readStoredNpy(bytes: Uint8Array): StoredArray {
  if (!carries('u8', bytes)) throw expected('ERR_ARGUMENT', 'the bytes of a file', bytes, SITE);
  return reading(SITE, () => parseNpy(bytes));
}

function parseNpy(bytes: Uint8Array): StoredArray {
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new BitplaneError('ERR_FORMAT', 'this is no .npy file', SITE);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] as number;
  if (major < 1 || major > 3) throw expected('ERR_FORMAT', 'version 1, 2 or 3', major, SITE);
  const headerAt = major === 1 ? 10 : 12;
  if (bytes.length < headerAt)
    throw new BitplaneError('ERR_FORMAT', 'the header is truncated', SITE);
  const headerLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataAt = headerAt + headerLength;
  // NumPy itself refuses longer headers; a shape of 32 dimensions takes less than one kilobyte.
  if (dataAt > bytes.length || headerLength > 65_536)
    throw new BitplaneError('ERR_FORMAT', 'the header is truncated or too long', SITE);
  const header = parseHeader(
    new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(headerAt, dataAt)),
  );

  const row = READERS[header.descr];
  if (row === undefined) {
    const names = Object.values(READERS).map(({ name }) => name);
    throw expected(
      'ERR_DTYPE',
      `a dtype of ${names.join(', ')}, little endian,`,
      describeDtype(header.descr),
      SITE,
    );
  }
  const count = header.shape.reduce((product, size) => product * size, 1);
  if (!isSize(count))
    throw expected('ERR_FORMAT', 'a shape of a size that fits', header.shape, SITE);
  if (bytes.length - dataAt !== count * row.bytes) {
    throw expected(
      'ERR_FORMAT',
      `${count * row.bytes} bytes of data for shape [${header.shape.join(', ')}]`,
      bytes.length - dataAt,
      SITE,
    );
  }
  const { data, rounded } = decode(bytes.subarray(dataAt), row, count);
  const ordered =
    header.fortranOrder && header.shape.length > 1 ? toRowMajor(data, header.shape) : data;
  return { tensor: new Tensor(row.dtype, ordered, header.shape), stored: row.name, rounded };
}

/** `<f2` as float16 (<f2). */
function describeDtype(descr: string): string {
  const [, order, kind, bytes] = /^([<>|=])([fiucSUmMO])(\d+)$/.exec(descr) ?? [];
  const word = { f: 'float', i: 'int', u: 'uint', c: 'complex' }[kind ?? ''];
  if (word === undefined) return descr;
  return `${order === '>' ? 'big-endian ' : ''}${word}${8 * Number(bytes)} (${descr})`;
}

/**
 * Writes version 1.0 in row-major order.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function writeNpy(array: TensorLike): Uint8Array {
  if (!isTensorLike(array)) throw expected('ERR_ARGUMENT', 'a Tensor', array, SITE);
  const tensor = Tensor.from(array);
  const data = tensor.dtype === 'b1' ? valuesOf(tensor) : tensor.data;
  const { descr } = inFile(tensor.dtype);
  const shape =
    tensor.shape.length === 1 ? `(${tensor.shape[0]},)` : `(${tensor.shape.join(', ')})`;
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  // The data begins at a multiple of 64 bytes, and a newline ends the header.
  const header = `${dict.padEnd(Math.ceil((10 + dict.length + 1) / 64) * 64 - 11)}\n`;
  const out = new Uint8Array(10 + header.length + data.byteLength);
  out.set([...MAGIC, 1, 0, header.length & 255, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return out;
}

interface Header {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

type Values = Float32Array | Int32Array | Int8Array | Uint8Array;

function decode(
  bytes: Uint8Array,
  row: Row,
  count: number,
): { readonly data: Values; readonly rounded: number } {
  // Copying all bytes at once is some twenty times faster than a loop. Not slice(), because a Node
  // Buffer's slice() shares memory.
  if (row.read === undefined)
    return { data: new ARRAYS[row.dtype](new Uint8Array(bytes).buffer), rounded: 0 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new ARRAYS[row.dtype](count);
  let rounded = 0;
  for (let i = 0; i < count; i++) {
    const value = row.read(view, i * row.bytes);
    data[i] = value;
    if (!Object.is(data[i], value)) rounded++;
  }
  return { data, rounded };
}

/**
 * Parses the header's Python dictionary: exactly the three keys that the format defines, each once.
 */
function parseHeader(text: string): Header {
  const broken = () =>
    expected(
      'ERR_FORMAT',
      "a header {'descr': ..., 'fortran_order': ..., 'shape': ...}",
      text.trimEnd(),
      SITE,
    );
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (body === undefined) throw broken();
  const entry = /\s*'(\w+)'\s*:\s*(?:'([^']*)'|(True|False)|\(([\d\s,]*)\))\s*(?:,|$)/y;
  const found = new Map<
    string,
    { text: string | undefined; flag: string | undefined; tuple: string | undefined }
  >();
  while (entry.lastIndex < body.length && body.slice(entry.lastIndex).trim() !== '') {
    const match = entry.exec(body);
    if (match === null || found.has(match[1] as string) || found.size === 3) throw broken();
    found.set(match[1] as string, { text: match[2], flag: match[3], tuple: match[4] });
  }
  const descr = found.get('descr')?.text;
  const flag = found.get('fortran_order')?.flag;
  const tuple = found.get('shape')?.tuple;
  if (descr === undefined || flag === undefined || tuple === undefined) throw broken();
  const parts = tuple.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  const shape = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  if (!shape.every(isSize) || shape.length > 32) throw broken();
  return { descr, fortranOrder: flag === 'True', shape };
}

/**
 * Column-major to row-major: counts through the row-major order, keeping the column-major offset in
 * step.
 */
function toRowMajor<A extends Values>(data: A, shape: readonly number[]): A {
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape) {
    strides.push(stride);
    stride *= size;
  }
  const out = data.slice() as A;
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis] as number;
      index[axis] = (index[axis] as number) + 1;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      from -= (strides[axis] as number) * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return out;
}

function readInt64(view: DataView, offset: number): number {
  const value = view.getBigInt64(offset, true);
  if (value > 2147483647n || value < -2147483648n)
    throw expected('ERR_DTYPE', 'int64 values that fit 32 bits', value, SITE);
  return Number(value);
}
