/**
 * What callers without a compiler may get wrong in any call, refused in the usual sentence. Not here: whether a value of the right kind is in
 * range (the code that uses it knows).
 */
import { fileURLToPath } from 'node:url';
import { type ErrorSite, expected } from './errors.js';

/** @throws BitplaneError ERR_ARGUMENT */
export function requireObject(value: unknown, what: string, site: ErrorSite): void {
  if (value === null || typeof value !== 'object') throw expected('ERR_ARGUMENT', what, value, site);
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireOptions(options: unknown, site: ErrorSite): void {
  requireObject(options, 'options as an object', site);
}

/** By what it has, as Node's own functions tell one, for the same reason as `carries`. */
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

/** By what it can do. @throws BitplaneError ERR_ARGUMENT */
export function requireSignal(signal: AbortSignal | undefined, site: ErrorSite): void {
  if (signal !== undefined && (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function'))
    throw expected('ERR_ARGUMENT', 'signal to be an AbortSignal', signal, site);
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireOneOf(value: unknown, choices: readonly unknown[], what: string, site: ErrorSite): void {
  if (!choices.includes(value)) throw expected('ERR_ARGUMENT', `${what} to be ${choices.join(' or ')}`, value, site);
}
