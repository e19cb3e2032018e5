/**
 * The surroundings of a command, its streams and environment: injected, so that tests run commands
 * in their own process.
 */
import { lookOf } from './look.js';
import type { Block } from './table.js';

export interface Sink {
  write(text: string | Uint8Array): unknown;
  readonly isTTY?: boolean | undefined;
  /** Of a terminal: characters that fit into a line. */
  readonly columns?: number | undefined;
}

export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Standard input; undefined for a caller that has none. */
  readonly stdin?: AsyncIterable<Uint8Array> | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Prints the one JSON document of a command; measured numbers are rounded to the digits that a
 * measurement has.
 */
export function printJson(io: Io, document: unknown): void {
  io.stdout.write(`${JSON.stringify(rounded(document), null, 2)}\n`);
}

/** Digits of a number that is not whole: more than any time or share here is good for. */
const DIGITS = 6;

class Verbatim {
  constructor(readonly value: unknown) {}
}

/** A part of a document whose numbers are exact, such as those of a recipe. */
export function verbatim(value: unknown): unknown {
  return new Verbatim(value);
}

function rounded(value: unknown): unknown {
  if (value instanceof Verbatim) return value.value;
  if (typeof value === 'number')
    return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
  if (Array.isArray(value)) return value.map(rounded);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}

type Line = string | Block;

/** Lines, lists of them, and what is laid out for the terminal. */
export function printLines(io: Io, ...lines: readonly (Line | readonly Line[])[]): void {
  const look = lookOf(io.stdout, io.env);
  for (const line of lines.flat() as Line[])
    io.stdout.write(`${typeof line === 'string' ? line : line.layOut(look)}\n`);
}
