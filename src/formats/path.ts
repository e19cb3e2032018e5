/**
 * What names a file: a path, or a URL, told by what it has, because test environments have a class
 * of their own. Not here: reading and writing.
 */
import { fileURLToPath } from 'node:url';

/** As Node's own functions tell one. */
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
