/**
 * The IDX container of MNIST, plain or gzipped: u8 arrays only. Not here: which files a data set is
 * made of.
 *
 *   bytes 0..1  zero        byte 2  element type (8 = u8)      byte 3  number of dimensions R
 *   then R sizes, big-endian u32, then the elements in row-major order; nothing follows them.
 *
 * Source: the format note on Yann LeCun's MNIST page.
 */
import { readingAsync } from '../core/border.js';
import { zlib } from '../core/builtins.js';
import { BitplaneError, expected } from '../core/errors.js';
import { MAX_FILE_BYTES, readBytes } from './files.js';

export interface Idx {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Reads an IDX file of `rank` dimensions. */
export async function readIdx(path: string, rank: number): Promise<Idx> {
  return readingAsync({ node: path }, async () => parseIdx(await readBytes(path), rank, path));
}

/**
 * Parses the bytes of an IDX file. `file` names it in errors.
 * @throws BitplaneError ERR_FORMAT where the bytes are anything but one whole array of u8 with
 * `rank` dimensions
 */
export function parseIdx(file: Uint8Array, rank: number, name: string): Idx {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? inflate(file, name) : file;
  const header = 4 + 4 * rank;
  if (bytes.length < header)
    throw expected('ERR_FORMAT', `an IDX header of ${header} bytes`, `${bytes.length} bytes`, {
      node: name,
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const wanted = 0x0800 | rank;
  if (magic !== wanted)
    throw expected('ERR_FORMAT', `magic number ${wanted} (u8, ${rank} dimensions)`, magic, {
      node: name,
    });
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const count = shape.reduce((product, size) => product * size, 1);
  if (header + count !== bytes.length) {
    throw expected(
      'ERR_FORMAT',
      `${header + count} bytes for shape [${shape.join(', ')}]`,
      `${bytes.length} bytes`,
      { node: name },
    );
  }
  return { shape, data: bytes.subarray(header) };
}

/**
 * DEFLATE expands at most 1032 times, so the true size of the file bounds the memory, and so does
 * the largest file that is read.
 */
function inflate(bytes: Uint8Array, name: string): Uint8Array {
  try {
    return zlib().gunzipSync(bytes, {
      maxOutputLength: Math.min(bytes.length * 1032, MAX_FILE_BYTES),
    });
  } catch (error) {
    throw new BitplaneError(
      'ERR_FORMAT',
      'expected a whole gzip stream of at most ' +
        `${MAX_FILE_BYTES} bytes (${(error as Error).message})`,
      {
        node: name,
        cause: error,
      },
    );
  }
}
