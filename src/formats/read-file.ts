/**
 * Opens the files that bitplane reads: regular files of at most a stated size, without ever waiting
 * for a writer. Not here: their contents; files that stay open (./lasting-file.ts).
 *
 * A path may come from a stranger. Opening a pipe would block one of libuv's four threads until
 * somebody writes to it, and no signal could stop it; a device such as /dev/zero never ends.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { BitplaneError, expected } from '../core/errors.js';
import { overLimit } from '../core/limits.js';

/**
 * The largest file that is read as a model or as named tensors, unless an option says otherwise: 2
 * GiB.
 */
export const MAX_MODEL_FILE = 2 ** 31;

/** Bytes read between two checks of a signal. */
const PART_BYTES = 2 ** 24;
/** Files of /proc have contents and a size of 0. */
const LEAST_BYTES = 2 ** 12;

export interface ReadOptions {
  /** Larger files are refused unread, in bytes. */
  readonly limit: number;
  /** The option that raises the limit, where there is one. */
  readonly option?: 'maxFileBytes' | undefined;
  /** The op in errors. */
  readonly op?: string | undefined;
  /** Called before each part is read; throws if reading is to stop. */
  readonly proceed?: (() => void) | undefined;
}

export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
  /** Its name in errors. */
  readonly name: string;
  readonly op: string | undefined;
}

/**
 * A whole file. Memory follows what the file system says of its size, never what the file itself
 * claims.
 * @throws BitplaneError ERR_IO naming the file, also for what is no regular file; where it is too
 * large ERR_LIMIT or, without an option that raises the limit, ERR_FORMAT; what `proceed` throws
 */
export async function readWholeFile(
  path: string | URL,
  options: ReadOptions,
): Promise<Buffer<ArrayBuffer>> {
  const file = await openFile(path, options);
  try {
    return await readRest(file, options);
  } finally {
    await file.handle.close().catch(() => undefined);
  }
}

/** Opens a regular file, which the caller closes; throws as `readWholeFile` does. */
export async function openFile(path: string | URL, options: ReadOptions): Promise<OpenFile> {
  const { limit, op, proceed } = options;
  const name = String(path);
  proceed?.();
  const checked = (info: Stats): number => {
    const kind = otherKind(info);
    if (kind !== undefined) throw expected('ERR_IO', 'a regular file', kind, { op, node: name });
    if (info.size > limit) throw tooLarge(name, options);
    return info.size;
  };
  try {
    // Checked before opening, because opening and closing a pipe would end its writer.
    checked(await stat(path));
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      return { handle, size: checked(await handle.stat()), name, op };
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw ioError(error, name, op);
  }
}

/** All that `file` holds, read from its beginning; throws as `readWholeFile` does. */
export async function readRest(file: OpenFile, options: ReadOptions): Promise<Buffer<ArrayBuffer>> {
  // One byte more shows whether the file has grown.
  let bytes = Buffer.allocUnsafeSlow(Math.max(file.size, LEAST_BYTES) + 1);
  let length = 0;
  try {
    for (;;) {
      options.proceed?.();
      const { bytesRead } = await file.handle.read(
        bytes,
        length,
        Math.min(bytes.length - length, PART_BYTES),
        length,
      );
      length += bytesRead;
      if (bytesRead === 0) return bytes.subarray(0, length);
      if (length > options.limit) throw tooLarge(file.name, options);
      if (length === bytes.length) {
        const longer = Buffer.allocUnsafeSlow(2 * length);
        bytes.copy(longer);
        bytes = longer;
      }
    }
  } catch (error) {
    throw ioError(error, file.name, file.op);
  }
}

/**
 * The bytes [from, from + length) of `file`, fewer where it ends before; throws as `readWholeFile`
 * does.
 */
export async function readPart(file: OpenFile, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  try {
    while (done < length) {
      const { bytesRead } = await file.handle.read(bytes, done, length - done, from + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
  } catch (error) {
    throw ioError(error, file.name, file.op);
  }
  return bytes.subarray(0, done);
}

/** What a path leads to, in words, where it is no regular file. */
export function otherKind(info: Stats): string | undefined {
  if (info.isFile()) return undefined;
  if (info.isDirectory()) return 'a folder';
  if (info.isFIFO()) return 'a pipe';
  if (info.isSocket()) return 'a socket';
  return 'a device';
}

/**
 * The system's reason, without the path that Node puts behind the comma: errors name the file that
 * the caller knows, not a temporary one beside it.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error ? (error.message.split(', ')[0] as string) : error.message;
}

function ioError(error: unknown, name: string, op: string | undefined): unknown {
  if (error instanceof BitplaneError) return error;
  return new BitplaneError('ERR_IO', `the file could not be read (${reasonOf(error)})`, {
    op,
    node: name,
    cause: error,
  });
}

function tooLarge(name: string, { limit, option, op }: ReadOptions): BitplaneError {
  const site = { op, node: name };
  const what = `a file of at most ${limit} bytes`;
  return option === undefined
    ? expected('ERR_FORMAT', what, 'a larger one', site)
    : overLimit(option, what, 'a larger one', site);
}
