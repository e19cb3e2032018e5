/**
 * Writes a file whole or not at all: a temporary file beside it, flushed to the disk, then renamed over it.
 * Not here: locking; of two writers the later rename wins.
 */
import { randomBytes } from 'node:crypto';
import { fsync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { BitplaneError, expected } from '../core/errors.js';
import { pathOf } from './path.js';

/** @throws BitplaneError ERR_ARGUMENT for what is no path, ERR_IO; the old file, if any, is then as it was */
export async function writeFileAtomic(path: string | URL, bytes: Uint8Array): Promise<void> {
  const target = pathOf(path);
  if (target === undefined) throw expected('ERR_ARGUMENT', 'a path or a file: URL', path, { op: 'file' });
  const temporary = `${target}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`;
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
  } catch (cause) {
    await rm(temporary, { force: true });
    // Node names the temporary file after the comma.
    throw new BitplaneError(
      'ERR_IO',
      `the file could not be written (${cause instanceof Error ? cause.message.split(', ')[0] : String(cause)})`,
      {
        node: target,
        cause,
      },
    );
  }
}
