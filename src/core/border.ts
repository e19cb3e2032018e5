/**
 * The border of a reader: turns every exception that a foreign file causes into a BitplaneError.
 * Readers check what they read. JavaScript itself refuses more, such as an array that is too long
 * or a call stack that is too deep. Not here: any check.
 */
import { BitplaneError, type ErrorSite, inFile } from './errors.js';
import type { Pausing } from './turns.js';

/** @throws BitplaneError ERR_FORMAT for every other exception of `read` */
export function reading<T>(site: ErrorSite, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw formatError(error, site);
  }
}

/**
 * Names the file in what `read` refuses, unless it was stopped.
 * @param file undefined for bytes that are no file
 */
export async function namingFile<T>(
  file: string | undefined,
  read: () => T | Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const refuses = error instanceof BitplaneError && error.code !== 'ERR_ABORTED';
    throw refuses && file !== undefined ? inFile(error, file) : error;
  }
}

/** `reading` for a reader that pauses. */
export function* readingPausing<T>(site: ErrorSite, read: () => Pausing<T>): Pausing<T> {
  try {
    return yield* read();
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
