/**
 * Refuses arguments of the wrong kind, which callers without a type checker may pass, in the usual
 * sentence. Not here: whether a value of the right kind is in range (the code that uses it knows).
 */
import { BitplaneError, type ErrorCode, type ErrorSite, expected } from './errors.js';
import { nearest } from './nearest.js';

/** @throws BitplaneError ERR_ARGUMENT */
export function requireObject(value: unknown, what: string, site: ErrorSite): void {
  if (value === null || typeof value !== 'object')
    throw expected('ERR_ARGUMENT', what, value, site);
}

/**
 * Refuses what is no plain object. By kind, not by class: objects of other realms, and of classes
 * that callers write, are plain; arrays, maps and signals are not.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function requirePlain(value: unknown, what: string, site: ErrorSite): void {
  requireObject(value, what, site);
  if (Object.prototype.toString.call(value) !== '[object Object]')
    throw expected('ERR_ARGUMENT', what, value, site);
}

/** True for an array of numbers and for a typed array, except one of bigints. */
export function isNumbers(value: unknown): value is ArrayLike<number> {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'number');
  if (!ArrayBuffer.isView(value)) return false;
  return !/(DataView|BigInt64Array|BigUint64Array)\]$/.test(Object.prototype.toString.call(value));
}

/** The names of all options of an interface. A forgotten or unknown name does not compile. */
export type OptionNames<O> = { readonly [K in keyof O]-?: true };

/** Options of which none is left open. */
export type Complete<O> = { readonly [K in keyof O]-?: Exclude<O[K], undefined> };

/**
 * Refuses anything but a plain object, and options that do not exist: a misspelt option would
 * otherwise be ignored silently.
 * @throws BitplaneError ERR_ARGUMENT naming the option and the one that was probably meant
 */
export function requireOptions<O>(
  options: O,
  known: OptionNames<NoInfer<O>>,
  site: ErrorSite,
): void {
  requirePlain(options, 'options as an object', site);
  for (const name of Object.keys(options as object)) {
    if (!Object.hasOwn(known, name))
      throw unknownName('options of', name, Object.keys(known), site);
  }
}

/** `<site>: expected <what> a, b, c but received "cc": did you mean "c"?` */
export function unknownName(
  what: string,
  name: unknown,
  known: readonly string[],
  site: ErrorSite,
): BitplaneError {
  return expectedWord('ERR_ARGUMENT', `${what} ${known.join(', ') || 'none'}`, name, known, site);
}

/** `expected`, and the known word that a misspelt one probably is. */
export function expectedWord(
  code: ErrorCode,
  what: string,
  received: unknown,
  known: readonly unknown[],
  site: ErrorSite,
): BitplaneError {
  const words = known.filter((word) => typeof word === 'string');
  const meant = typeof received === 'string' ? nearest(received, words) : undefined;
  const { message } = expected(code, what, received);
  const hint = meant === undefined ? '' : `: did you mean ${JSON.stringify(meant)}?`;
  return new BitplaneError(code, `${message}${hint}`, site);
}

/**
 * Recognises a signal by its methods, because test environments have an AbortSignal class of their
 * own. @throws BitplaneError ERR_ARGUMENT
 */
export function requireSignal(signal: AbortSignal | undefined, site: ErrorSite): void {
  if (
    signal !== undefined &&
    (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function')
  )
    throw expected('ERR_ARGUMENT', 'signal to be an AbortSignal', signal, site);
}

/** `<site>: <what> was aborted`. @throws BitplaneError ERR_ABORTED */
export function requireNotAborted(
  signal: AbortSignal | undefined,
  what: string,
  site: ErrorSite,
): void {
  if (signal?.aborted) throw abortedError(signal, what, site);
}

/** The error for a caller whose signal was aborted; its cause is the signal's reason. */
export function abortedError(signal: AbortSignal, what: string, site: ErrorSite): BitplaneError {
  return new BitplaneError('ERR_ABORTED', `${what} was aborted`, {
    ...site,
    cause: signal.reason,
  });
}

/** @throws BitplaneError ERR_ARGUMENT naming the choices, and the one that was probably meant */
export function requireOneOf(
  value: unknown,
  choices: readonly unknown[],
  what: string,
  site: ErrorSite,
): void {
  if (!choices.includes(value))
    throw expectedWord(
      'ERR_ARGUMENT',
      `${what} to be ${choices.join(' or ')}`,
      value,
      choices,
      site,
    );
}
