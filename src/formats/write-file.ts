/**
 * Writes a file whole or not at all: a temporary file beside it, flushed to the disk, then renamed over it. What is written to is a
 * regular file or nothing yet, never a device or a pipe, which a renamed file would replace. Not here: locking; of two writers the later
 * rename wins. Temporary files that writers left behind when they were killed: ./leftovers.ts.
 */
import { fsync } from 'node:fs';
import { lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { BitplaneError, expected } from '../core/errors.js';
import { removeLeftovers, temporaryName } from './leftovers.js';
import { pathOf } from './path.js';
import { otherKind, reasonOf } from './read-file.js';

/**
 * A link stays, and the file that it leads to is written.
 * @throws BitplaneError ERR_ARGUMENT for what is no path, ERR_IO; the old file, if any, is then as it was
 */
export async function writeFileAtomic(path: string | URL, bytes: Uint8Array): Promise<void> {
  const named = pathOf(path);
  if (named === undefined) throw expected('ERR_ARGUMENT', 'a path or a file: URL', path, { op: 'file' });
  try {
    const target = await writable(named);
    await removeLeftovers(target);
    await replace(target, bytes);
  } catch (cause) {
    if (cause instanceof BitplaneError) throw cause;
    throw new BitplaneError('ERR_IO', `the file could not be written (${reasonOf(cause)})`, { node: named, cause });
  }
}

/** The path that a rename may replace. */
async function writable(path: string): Promise<string> {
  const there = await lstat(path).catch(ifMissing);
  if (there === undefined) return path;
  const info = there.isSymbolicLink() ? await stat(path).catch(ifMissing) : there;
  const kind = info === undefined ? 'a link that leads nowhere' : otherKind(info);
  if (kind !== undefined) throw expected('ERR_IO', 'a regular file, or none, to write to', kind, { node: path });
  return there.isSymbolicLink() ? await realpath(path) : path;
}

async function replace(target: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryName(target);
  try {
    // 'wx': never write through a file or link that someone put there.
    const file = await open(temporary, 'wx', 0o666);
    try {
      await file.writeFile(bytes);
      // By its number: the file handles that Yarn's Plug'n'Play puts in place of Node's have no sync().
      await promisify(fsync)(file.fd);
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    // What went wrong first is what is reported.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
