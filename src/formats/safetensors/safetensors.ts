/**
 * The safetensors container, read strictly and written aligned. Not here: what bitplane keeps in it
 * (./model.ts).
 *
 *   u64 header length | header | data
 *
 *   header: { "__metadata__": { string: string },
 *             name: { "dtype", "shape", "data_offsets": [begin, end] } }
 *
 * The length is little endian and at most 100 MB; the header is a JSON object, padded with spaces.
 * Offsets count from the beginning of the data, which the tensors fill without holes or overlaps.
 */
import { TextDecoder, TextEncoder } from 'node:util';
import { BitplaneError, expected } from '../../core/errors.js';
import { MAX_RANK } from '../../core/limits.js';
import { isSize, showShape } from '../../core/shape.js';
import { duplicateKey } from './duplicate-key.js';

/** Bytes of an element. Types of less than a byte are not among them. */
const SIZES: ReadonlyMap<string, number> = new Map([
  ...['BOOL', 'U8', 'I8', 'F8_E5M2', 'F8_E4M3'].map((dtype) => [dtype, 1] as const),
  ...['I16', 'U16', 'F16', 'BF16'].map((dtype) => [dtype, 2] as const),
  ...['I32', 'U32', 'F32'].map((dtype) => [dtype, 4] as const),
  ...['I64', 'U64', 'F64'].map((dtype) => [dtype, 8] as const),
]);
/** The header's length stands in these first bytes. */
export const LENGTH_BYTES = 8;
const MAX_HEADER = 100_000_000;
const METADATA = '__metadata__';
const OPENING_BRACE = 0x7b;

/** A tensor as a safetensors file has it. */
export interface StoredTensor {
  /** As the format names it: F32, I32, U8, ... */
  readonly dtype: string;
  /** Sizes of the axes. */
  readonly shape: readonly number[];
  /** Row-major, little endian. After reading, a view into the file. */
  readonly data: Uint8Array;
}

/** What a safetensors file holds. */
export interface Safetensors {
  /** Strings by name. */
  readonly metadata: ReadonlyMap<string, string>;
  /** By name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** True where the first bytes say safetensors; it may still be malformed. */
export function looksLikeSafetensors(bytes: Uint8Array): boolean {
  // The upper half of a length within the limit is zero; an ONNX file has the beginning of a name
  // or message there.
  return (
    bytes.length >= 9 &&
    bytes[8] === OPENING_BRACE &&
    bytes[4] === 0 &&
    bytes[5] === 0 &&
    bytes[6] === 0 &&
    bytes[7] === 0
  );
}

/** Where a tensor lies: bytes [begin, end) of the data. */
export interface Span {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of the data. */
  readonly spans: ReadonlyMap<string, Span>;
}

/**
 * @throws BitplaneError ERR_FORMAT wherever the file departs from the format
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const dataAt = dataOffset(bytes, bytes.length);
  const { metadata, spans } = readHeader(
    bytes.subarray(LENGTH_BYTES, dataAt),
    bytes.length - dataAt,
  );
  const data = bytes.subarray(dataAt);
  const tensors = [...spans].map(
    ([name, { dtype, shape, begin, end }]) =>
      [name, { dtype, shape, data: data.subarray(begin, end) }] as const,
  );
  return { metadata, tensors: new Map(tensors) };
}

/**
 * Where the data begins, and the header ends, in a file of `size` bytes.
 * @param start the first 8 bytes of it, or more
 * @throws BitplaneError ERR_FORMAT where the file has no room for such a header
 */
export function dataOffset(start: Uint8Array, size: number): number {
  if (start.length < LENGTH_BYTES) throw broken(`expected at least ${LENGTH_BYTES} bytes`);
  const length = new DataView(start.buffer, start.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER))
    throw broken(`expected a header of at most ${MAX_HEADER} bytes but received ${length}`);
  const dataAt = LENGTH_BYTES + Number(length);
  if (dataAt > size) throw broken(`expected a header of ${length} bytes but the file ends`);
  return dataAt;
}

/**
 * @param bytes the header without its length
 * @param dataSize bytes that follow it
 * @throws BitplaneError ERR_FORMAT wherever the header departs from the format
 */
export function readHeader(bytes: Uint8Array, dataSize: number): Header {
  const metadata = new Map<string, string>();
  const found: [string, Span][] = [];
  for (const [name, entry] of Object.entries(parseHeader(bytes))) {
    if (name === METADATA) {
      for (const [key, value] of Object.entries(record(entry, METADATA))) {
        if (typeof value !== 'string')
          throw expected('ERR_FORMAT', 'metadata of strings', value, {
            op: 'safetensors',
            node: key,
          });
        metadata.set(key, value);
      }
    } else found.push([name, readEntry(name, entry)]);
  }
  found.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let reached = 0;
  for (const [name, { begin, end }] of found) {
    if (begin !== reached)
      throw expected('ERR_FORMAT', `data from ${reached} on, without holes or overlaps`, begin, {
        op: 'safetensors',
        node: name,
      });
    reached = end;
  }
  if (reached !== dataSize)
    throw broken(`expected ${reached} bytes of data but received ${dataSize}`);
  return { metadata, spans: new Map(found) };
}

/**
 * The whole file. Wide elements come first, so that every tensor is aligned to its element when the
 * file is mapped.
 */
export function writeSafetensors({ metadata, tensors }: Safetensors): Uint8Array {
  const rows = [...tensors].map(([name, tensor]) => {
    const size = SIZES.get(tensor.dtype);
    const site = { op: 'safetensors', node: name };
    if (name === METADATA)
      throw expected('ERR_ARGUMENT', `a tensor name other than ${METADATA}`, name, site);
    if (size === undefined)
      throw expected('ERR_DTYPE', `a dtype of ${[...SIZES.keys()].join(', ')}`, tensor.dtype, site);
    const wanted = tensor.shape.reduce((a, b) => a * b, size);
    if (tensor.data.length !== wanted)
      throw expected(
        'ERR_SHAPE',
        `${wanted} bytes for shape ${showShape(tensor.shape)}`,
        tensor.data.length,
        site,
      );
    return { name, size, ...tensor };
  });
  rows.sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1));

  const entries: [string, unknown][] =
    metadata.size > 0 ? [[METADATA, Object.fromEntries(metadata)]] : [];
  let offset = 0;
  for (const { name, dtype, shape, data } of rows) {
    entries.push([name, { dtype, shape, data_offsets: [offset, offset + data.length] }]);
    offset += data.length;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER)
    throw expected('ERR_ARGUMENT', `a header of at most ${MAX_HEADER} bytes`, length, {
      op: 'safetensors',
    });
  const out = new Uint8Array(8 + length + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(json, 8);
  out.fill(0x20, 8 + json.length, 8 + length);
  let at = 8 + length;
  for (const { data } of rows) {
    out.set(data, at);
    at += data.length;
  }
  return out;
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== OPENING_BRACE) throw broken('expected a header that begins with {');
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw broken(
      `expected a header of JSON (${cause instanceof Error ? cause.message : String(cause)})`,
      cause,
    );
  }
  if (/[^ ]/.test(text.slice(text.lastIndexOf('}') + 1)))
    throw broken('expected a header padded with spaces only');
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw expected('ERR_FORMAT', 'keys that differ', twice, { op: 'safetensors' });
  return record(header, 'header');
}

function readEntry(name: string, entry: unknown): Span {
  const site = { op: 'safetensors', node: name };
  const { dtype, shape, data_offsets: offsets, ...rest } = record(entry, name);
  const size = typeof dtype === 'string' ? SIZES.get(dtype) : undefined;
  if (typeof dtype !== 'string' || size === undefined)
    throw expected('ERR_FORMAT', `a dtype of ${[...SIZES.keys()].join(', ')}`, dtype, site);
  if (Object.keys(rest).length > 0)
    throw expected('ERR_FORMAT', 'dtype, shape and data_offsets', Object.keys(rest), site);
  if (!Array.isArray(shape) || !shape.every(isSize))
    throw expected('ERR_FORMAT', 'a shape of sizes', shape, site);
  if (shape.length > MAX_RANK)
    throw expected('ERR_FORMAT', `a shape of at most ${MAX_RANK} axes`, shape.length, site);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    throw expected('ERR_FORMAT', 'two offsets', offsets, site);
  const [begin, end] = offsets as [number, number];
  const wanted = shape.reduce((a, b) => a * b, size);
  if (!isSize(wanted) || end - begin !== wanted)
    throw expected(
      'ERR_FORMAT',
      `${wanted} bytes for shape ${showShape(shape)}`,
      end - begin,
      site,
    );
  return { dtype, shape, begin, end };
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw expected('ERR_FORMAT', 'a JSON object', value, { op: 'safetensors', node: name });
  return value as Record<string, unknown>;
}

function broken(sentence: string, cause?: unknown): BitplaneError {
  return new BitplaneError(
    'ERR_FORMAT',
    sentence,
    cause === undefined ? { op: 'safetensors' } : { op: 'safetensors', cause },
  );
}
