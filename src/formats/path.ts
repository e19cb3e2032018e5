/**
 * Names of files: a path, or a URL. A URL is recognised by its properties, because test
 * environments have a URL class of their own. Not here: reading and writing.
 */
import { fileURLToPath } from 'node:url';

/** The same test as in Node's own functions. */
export function isUrl(value: unknown): value is URL {
  const { href, protocol } = (value ?? {}) as Partial<URL>;
  return typeof value === 'object' && typeof href === 'string' && typeof protocol === 'string';
}

/** The path that a string or a file: URL names; undefined for anything else. */
export function pathOf(value: unknown): string | undefined {
  if (typeof value === 'string' && value !== '') return value;
  try {
    return isUrl(value) ? fileURLToPath(value) : undefined;
  } catch {
    return undefined; // another protocol, or another host's file
  }
}
