/**
 * Writes a file whole or not at all: a temporary file beside it, flushed to the disk, then renamed
 * over it. The target is a regular file or does not exist yet: renaming onto a device or a pipe
 * would replace it. Not here: locking; of two writers the later rename wins. Temporary files that
 * writers left behind when they were killed: ./leftovers.ts.
 */
import { fsync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { BitplaneError, expected } from '../core/errors.js';
import { removeLeftovers, temporaryName } from './leftovers.js';
import { pathOf } from './path.js';
import { otherKind, reasonOf } from './read-file.js';

/**
 * @throws BitplaneError ERR_ARGUMENT if it is no path, ERR_IO; the old file, if any, is then
 * unchanged
 */
export async function writeFileAtomic(path: string | URL, bytes: Uint8Array): Promise<void> {
  const target = pathOf(path);
  if (target === undefined)
    throw expected('ERR_ARGUMENT', 'a path or a file: URL', path, { op: 'file' });
  try {
    await requireReplaceable(target);
    await removeLeftovers(target);
    await replace(target, bytes);
  } catch (cause) {
    if (cause instanceof BitplaneError) throw cause;
    throw new BitplaneError('ERR_IO', `the file could not be written (${reasonOf(cause)})`, {
      node: target,
      cause,
    });
  }
}

/**
 * Before long work: that there is a folder for the file that it ends with.
 * @throws BitplaneError ERR_IO naming the folder
 */
export async function requireFolderOf(path: string): Promise<void> {
  const folder = dirname(path);
  const info = await stat(folder).catch((cause) => {
    throw new BitplaneError('ERR_IO', `the file could not be written (${reasonOf(cause)})`, {
      node: path,
      cause,
    });
  });
  if (!info.isDirectory())
    throw expected('ERR_IO', 'a folder to write to', 'a file', { node: folder });
}

/**
 * Makes a folder, and those above it, where there is none yet.
 * @throws BitplaneError ERR_IO
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new BitplaneError('ERR_IO', `the folder could not be made (${reasonOf(cause)})`, {
      node: path,
      cause,
    });
  }
}

/**
 * A link to a device or pipe, such as /dev/stdout, counts as that device or pipe. A link to a file
 * or to nothing is replaced.
 */
async function requireReplaceable(target: string): Promise<void> {
  const info = await stat(target).catch(ifMissing);
  const kind = info && otherKind(info);
  if (kind !== undefined)
    throw expected('ERR_IO', 'a regular file, or none, to write to', kind, { node: target });
}

async function replace(target: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryName(target);
  try {
    // 'wx': never write through a file or link that someone put there.
    const file = await open(temporary, 'wx', 0o666);
    try {
      await file.writeFile(bytes);
      // By its number: the file handles that Yarn's Plug'n'Play puts in place of Node's have no
      // sync().
      await promisify(fsync)(file.fd);
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    // The first error is reported.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
