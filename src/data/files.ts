/**
 * Reads the files of a data set; every failure names the file. Not here: how a file is opened
 * (src/formats/read-file.ts), what its bytes mean.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BitplaneError, continued, expected } from '../core/errors.js';
import { readWholeFile, reasonOf } from '../formats/read-file.js';

/** Larger files are refused unread: no data set read here has a file near this size. */
export const MAX_FILE_BYTES = 2 ** 30;

/** A whole file; throws as `readWholeFile` does. */
export function readBytes(path: string | URL, limit = MAX_FILE_BYTES): Promise<Buffer> {
  return readWholeFile(path, { limit });
}

/** The names in a folder, sorted by code unit so that the order is the same everywhere. */
export async function listFolder(path: string): Promise<{ folders: string[]; files: string[] }> {
  try {
    const folders: string[] = [];
    const files: string[] = [];
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      // A link that leads nowhere is neither a file nor a folder.
      const kind = entry.isSymbolicLink()
        ? await stat(join(path, entry.name)).catch(() => undefined)
        : entry;
      if (kind?.isDirectory()) folders.push(entry.name);
      else if (kind?.isFile()) files.push(entry.name);
    }
    return { folders: folders.sort(), files: files.sort() };
  } catch (error) {
    throw new BitplaneError('ERR_IO', `the folder could not be read (${reasonOf(error)})`, {
      node: path,
      cause: error,
    });
  }
}

/**
 * The first of `names` that exists in `dir` or in one of its `children`.
 * @param page where the files are from, for the error
 * @throws BitplaneError ERR_IO listing every name that was looked for
 */
export function findFile(
  dir: string,
  children: readonly string[],
  names: readonly string[],
  page?: string,
): string {
  for (const folder of ['', ...children]) {
    for (const name of names) {
      const path = join(dir, folder, name);
      if (existsSync(path)) return path;
    }
  }
  const inside = children.length === 0 ? '' : ` there or in its ${children.join(', ')}`;
  const missing = expected('ERR_IO', `${names.join(' or ')}${inside}`, 'no such file', {
    node: dir,
  });
  throw page === undefined ? missing : continued(missing, `; ${page} has it`);
}
