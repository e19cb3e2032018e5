/**
 * NumPy's .npz files: .npy arrays by name in a ZIP archive, as np.savez and savez_compressed write
 * them. Not here: one array (npy.ts), the archive (zip.ts).
 */
import { reading } from '../core/border.js';
import { requireOptions, requirePlain } from '../core/checks.js';
import { carries } from '../core/dtype.js';
import { BitplaneError, expected } from '../core/errors.js';
import { isSize } from '../core/shape.js';
import { type AnyTensor, isTensorLike, type TensorLike } from '../tensor/tensor.js';
import { readStoredNpy, type StoredArray, writeNpy } from './npy.js';
import { readZip, writeZip } from './zip.js';

/** Options of `readNpz`. */
export interface NpzReadOptions {
  /** The most bytes of all arrays together, inflated. Default 2^31 (2 GiB). */
  readonly maxBytes?: number | undefined;
}

/** Options of `writeNpz`. */
export interface NpzWriteOptions {
  /** Deflates the arrays, as np.savez_compressed. Default false. */
  readonly compress?: boolean | undefined;
}

const SITE = { op: 'npz' };
const MAX_BYTES = 2 ** 31;
const SUFFIX = '.npy';

/**
 * The arrays of a .npz file by name, in its order, each as `readNpy` reads it.
 * @param bytes of the file
 * @throws BitplaneError ERR_FORMAT for a malformed or truncated file, ERR_DTYPE for a dtype outside
 *   the table of readNpy, ERR_UNSUPPORTED for an encrypted archive or one beyond 4 GiB, ERR_LIMIT
 *   above `maxBytes`; each names the array
 */
export function readNpz(
  bytes: Uint8Array,
  options: NpzReadOptions = {},
): Readonly<Record<string, AnyTensor>> {
  const stored = readStoredNpz(bytes, options);
  return Object.fromEntries(stored.map(([name, { tensor }]) => [name, tensor as AnyTensor]));
}

/** `readNpz`, with the stored dtypes and the numbers of rounded values. */
export function readStoredNpz(
  bytes: Uint8Array,
  options: NpzReadOptions = {},
): (readonly [name: string, array: StoredArray])[] {
  if (!carries('u8', bytes)) throw expected('ERR_ARGUMENT', 'the bytes of a file', bytes, SITE);
  requireOptions(options, { maxBytes: true }, SITE);
  const { maxBytes = MAX_BYTES } = options;
  if (!isSize(maxBytes))
    throw expected('ERR_ARGUMENT', 'maxBytes to be a whole number of 0 or more', maxBytes, SITE);
  return reading(SITE, () => {
    const names = new Set<string>();
    return readZip(bytes, maxBytes, SITE).map((entry) => {
      const site = { ...SITE, node: entry.name };
      if (!entry.name.endsWith(SUFFIX))
        throw expected('ERR_FORMAT', 'arrays only, named *.npy,', entry.name, site);
      const name = entry.name.slice(0, -SUFFIX.length);
      if (names.has(name)) throw new BitplaneError('ERR_FORMAT', 'expected it once', site);
      names.add(name);
      return [name, inEntry(entry.bytes, name)] as const;
    });
  });
}

/** An error of an array names it. */
function inEntry(bytes: Uint8Array, name: string): StoredArray {
  try {
    return readStoredNpy(bytes);
  } catch (cause) {
    if (!(cause instanceof BitplaneError)) throw cause;
    throw new BitplaneError(cause.code, cause.message, { ...SITE, node: name, cause });
  }
}

/**
 * A .npz file of these arrays, which np.load reads; each as `writeNpy` writes it. Equal arrays make
 * equal bytes.
 * @param arrays tensors by name
 * @returns the bytes of the file
 * @throws BitplaneError ERR_ARGUMENT, ERR_LIMIT beyond 4 GiB
 */
export function writeNpz(
  arrays: Readonly<Record<string, TensorLike>>,
  options: NpzWriteOptions = {},
): Uint8Array {
  requirePlain(arrays, 'tensors by name, in a plain object,', SITE);
  requireOptions(options, { compress: true }, SITE);
  const { compress = false } = options;
  if (typeof compress !== 'boolean')
    throw expected('ERR_ARGUMENT', 'compress to be true or false', compress, SITE);
  const entries = Object.entries(arrays).map(([name, array]) => {
    if (!isTensorLike(array))
      throw expected('ERR_ARGUMENT', 'a Tensor', array, { ...SITE, node: name });
    return { name: `${name}${SUFFIX}`, bytes: writeNpy(array) };
  });
  return writeZip(entries, compress, SITE);
}
