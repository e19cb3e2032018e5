/**
 * The border of a reader: whatever a foreign file makes it throw is a BitplaneError. Readers check
 * what they read; this is for what JavaScript itself refuses, such as a length that no array has or
 * a call stack that ends. Not here: any check.
 */
import { BitplaneError, type ErrorSite } from './errors.js';

/** @throws BitplaneError ERR_FORMAT for whatever else `read` throws */
export function reading<T>(site: ErrorSite, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw formatError(error, site);
  }
}

/** `reading` for a reader that waits. */
export async function readingAsync<T>(site: ErrorSite, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw formatError(error, site);
  }
}

function formatError(cause: unknown, site: ErrorSite): BitplaneError {
  if (cause instanceof BitplaneError) return cause;
  return new BitplaneError(
    'ERR_FORMAT',
    `the file could not be read (${cause instanceof Error ? cause.message : 'an unknown error'})`,
    {
      ...site,
      cause,
    },
  );
}
