/**
 * The one error class of bitplane. Not here: when to throw (the code that checks decides).
 */

/** What went wrong, for programs. The message says it for people. */
export type ErrorCode =
  | 'ERR_ARGUMENT' // an option or argument is of the wrong kind or out of range
  | 'ERR_FEED' // a feed is missing, unknown, or of the wrong dtype or shape
  | 'ERR_DTYPE'
  | 'ERR_SHAPE'
  | 'ERR_GRAPH' // a graph breaks a rule of the IR
  | 'ERR_UNSUPPORTED_OP'
  | 'ERR_UNSUPPORTED' // valid, but outside what bitplane does
  | 'ERR_FORMAT' // a file is not what it should be: truncated, malformed, inconsistent
  | 'ERR_LIMIT' // a model asks for more than a limit; the message names the option that raises it
  | 'ERR_IO'
  | 'ERR_ISA' // an instruction set was asked for that this machine lacks
  | 'ERR_NATIVE' // the addon could not be loaded or refused
  | 'ERR_RELEASED' // the session was released
  | 'ERR_ABORTED';

/** Where an error belongs: the op and the name of the node, file or option. */
export interface ErrorSite {
  /** The op that it is about. */
  readonly op?: string | undefined;
  /** The name of the node, file or option. */
  readonly node?: string | undefined;
}

/** Most characters of a name and of a whole message: both may quote a stranger's file. */
const MAX_SHOWN_NAME = 200;
const MAX_MESSAGE = 8000;

/**
 * Thrown for every bad input. `message` reads
 * `conv2d "stage1/conv1": expected <what> but received <value>`.
 */
export class BitplaneError extends Error {
  override readonly name = 'BitplaneError';
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** The op, when the error belongs to one. */
  readonly op: string | undefined;
  /** The name of the node, feed or file the error belongs to. */
  readonly node: string | undefined;

  constructor(code: ErrorCode, message: string, site: ErrorSite & { cause?: unknown } = {}) {
    super(
      cut(`${placeOf(site)}${message}`, MAX_MESSAGE),
      site.cause === undefined ? undefined : { cause: site.cause },
    );
    this.code = code;
    this.op = site.op;
    this.node = site.node;
  }
}

/** The beginning of a message: `conv2d "stage1/conv1": `. */
function placeOf({ op, node }: ErrorSite): string {
  const parts = [op, node === undefined ? undefined : `"${cut(shown(node), MAX_SHOWN_NAME)}"`];
  const where = parts.filter((part) => part !== undefined).join(' ');
  return where === '' ? '' : `${where}: `;
}

/** A name from a file or a command line: line feeds and the like as JSON writes them. */
const shown = (name: unknown) =>
  String(name).replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));

/** The same error, whose sentence goes on: with what a caller knows and the check did not. */
export function continued(error: BitplaneError, more: string): BitplaneError {
  return reworded(error, (sentence) => `${sentence}${more}`);
}

/** The same error, its sentence in the caller's words. */
export function reworded(error: BitplaneError, words: (sentence: string) => string): BitplaneError {
  const { code, op, node } = error;
  return new BitplaneError(code, words(sentenceOf(error)), { op, node, cause: error });
}

/** A message without its place. */
function sentenceOf(error: BitplaneError): string {
  const place = placeOf(error);
  return error.message.startsWith(place) ? error.message.slice(place.length) : error.message;
}

/** The same error with the name of the file that it is about: its place, or after the sentence. */
export function inFile(error: BitplaneError, file: string): BitplaneError {
  if (error.message.includes(file)) return error;
  if (error.node !== undefined) return continued(error, `, in ${cut(file, MAX_SHOWN_NAME)}`);
  const { code, op } = error;
  return new BitplaneError(code, sentenceOf(error), { op, node: file, cause: error });
}

/** Builds the usual sentence: `<site>: expected <expected> but received <received>`. */
export function expected(
  code: ErrorCode,
  what: string,
  received: unknown,
  site: ErrorSite = {},
): BitplaneError {
  return new BitplaneError(code, `expected ${what} but received ${show(received)}`, site);
}

/** How deep lists within lists are shown. */
const MAX_DEPTH = 2;

function show(value: unknown, depth = 0): string {
  if (typeof value === 'string') return text(cut(value, 80));
  if (typeof value === 'function') return 'a function';
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${value.byteLength} bytes`;
  if (Array.isArray(value)) {
    if (depth === MAX_DEPTH) return '[...]';
    const items = value.slice(0, 8).map((item) => show(item, depth + 1));
    return `[${items.join(', ')}${value.length > 8 ? ', ...' : ''}]`;
  }
  if (value !== null && typeof value === 'object') return objectKind(value);
  return String(value);
}

/** Asks the prototype, because an object from a file may have a property `constructor`. */
function objectKind(value: object): string {
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return name === 'Object'
    ? 'an object'
    : `a ${typeof name === 'string' && name !== '' ? cut(name, 80) : 'value'}`;
}

/** The beginning of a text that is longer than `most` characters. */
export function cut(value: string, most: number): string {
  return value.length > most ? `${value.slice(0, most - 3)}...` : value;
}

/** A single word comes from the caller and is quoted. A phrase, such as a shape, is ours. */
function text(value: string): string {
  return /^\S+ \S|^\[.*\]$/s.test(value) && !/\p{Cc}/u.test(value) ? value : JSON.stringify(value);
}
