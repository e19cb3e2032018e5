/**
 * What callers without a compiler may get wrong in any call, refused in the usual sentence. Not here: whether a value of the right kind is in
 * range (the code that uses it knows).
 */
import { type ErrorSite, expected } from './errors.js';

/** @throws BitplaneError ERR_ARGUMENT */
export function requireObject(value: unknown, what: string, site: ErrorSite): void {
  if (value === null || typeof value !== 'object') throw expected('ERR_ARGUMENT', what, value, site);
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireOptions(options: unknown, site: ErrorSite): void {
  requireObject(options, 'options as an object', site);
}

/** By what it can do: test environments have a class of their own. @throws BitplaneError ERR_ARGUMENT */
export function requireSignal(signal: AbortSignal | undefined, site: ErrorSite): void {
  if (signal !== undefined && (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function'))
    throw expected('ERR_ARGUMENT', 'signal to be an AbortSignal', signal, site);
}

/** @throws BitplaneError ERR_ARGUMENT */
export function requireOneOf(value: unknown, choices: readonly unknown[], what: string, site: ErrorSite): void {
  if (!choices.includes(value)) throw expected('ERR_ARGUMENT', `${what} to be ${choices.join(' or ')}`, value, site);
}
