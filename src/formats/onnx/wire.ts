/**
 * Reads protobuf messages field by field. Not here: how values lie in bytes (./wire-reader.ts),
 * what the fields mean (./proto.ts).
 *
 * Every list is read from bytes that exist: no length in the file decides an allocation. Callers
 * cap lists of messages, because an empty message costs two bytes in a file and a hundred in
 * memory. Texts are at most as long as names, unless a caller allows more.
 */
import { BitplaneError } from '../../core/errors.js';
import { MAX_NAME } from '../../core/limits.js';
import type { Pausing } from '../../core/turns.js';
import type { Bytes } from '../file-part.js';
import { WIRE, WireReader } from './wire-reader.js';

/**
 * One field of a message, positioned at its value. Each method consumes the value; a field that
 * nobody consumes is skipped.
 */
export class Field {
  number = 0;
  private wire: number = WIRE.varint;
  private consumed = false;

  constructor(
    private readonly reader: WireReader,
    private readonly message: string,
  ) {}

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.reader.isAtEnd) return false;
    // Not as a pattern, which asks the list for an iterator: half of what a field costs.
    const tag = this.reader.tag();
    this.number = tag[0];
    this.wire = tag[1];
    this.consumed = false;
    return true;
  }

  skipUnread(): void {
    if (!this.consumed) this.reader.passOver(this.number, this.wire);
  }

  bytes(): Uint8Array {
    this.take(WIRE.bytes);
    return this.reader.bytes();
  }

  /** The same, but what is large in a file stays there. */
  part(): Bytes {
    this.take(WIRE.bytes);
    return this.reader.part();
  }

  /** Strict UTF-8: a name that cannot be decoded must not become equal to another. */
  text(most = MAX_NAME): string {
    this.take(WIRE.bytes);
    const text = this.reader.text();
    if (text.length > most)
      throw malformed(
        `${this.message} holds a name or text of ${text.length} characters; it may have ${most}`,
      );
    return text;
  }

  int(): number {
    this.take(WIRE.varint);
    return this.reader.varint();
  }

  float(): number {
    this.take(WIRE.bits32);
    return this.reader.float();
  }

  /** A repeated integer, packed or not. */
  ints(into: number[]): void {
    this.repeated(WIRE.varint, (reader) => into.push(reader.varint()));
  }

  floats(into: number[]): void {
    this.repeated(WIRE.bits32, (reader) => into.push(reader.float()));
  }

  texts(into: string[], most: number): void {
    if (into.length >= most) throw malformed(`${this.message} holds more than ${most} texts`);
    into.push(this.text());
  }

  doubles(into: number[]): void {
    this.repeated(WIRE.bits64, (reader) => into.push(reader.double()));
  }

  /** A repeated message, at most `most` times. */
  messages<T>(into: T[], most: number, read: (bytes: Bytes) => T): void {
    if (into.length >= most)
      throw malformed(`${this.message} holds more than ${most} messages of one kind`);
    into.push(read(this.part()));
  }

  private repeated(wire: number, readOne: (reader: WireReader) => void): void {
    if (this.wire === wire) {
      this.consumed = true;
      readOne(this.reader);
      return;
    }
    const packed = new WireReader(this.bytes());
    while (!packed.isAtEnd) readOne(packed);
  }

  private take(wire: number): void {
    if (this.wire !== wire)
      throw malformed(
        `field ${this.number} of ${this.message} has wire type ${this.wire}, not ${wire}`,
      );
    this.consumed = true;
  }
}

/**
 * Calls `visit` for every field of a message. Every exception of the wire reader becomes
 * ERR_FORMAT.
 */
export function readMessage(bytes: Bytes, message: string, visit: (field: Field) => void): void {
  try {
    const field = new Field(new WireReader(bytes), message);
    while (field.next()) {
      visit(field);
      field.skipUnread();
    }
  } catch (cause) {
    throw truncated(message, cause);
  }
}

/** `readMessage` that pauses after every field, and wherever `visit` does. */
export function* readingMessage(
  bytes: Bytes,
  message: string,
  visit: (field: Field) => Pausing<void> | undefined,
): Pausing<void> {
  try {
    const field = new Field(new WireReader(bytes), message);
    while (field.next()) {
      const work = visit(field);
      if (work !== undefined) yield* work;
      field.skipUnread();
      yield;
    }
  } catch (cause) {
    throw truncated(message, cause);
  }
}

function truncated(message: string, cause: unknown): BitplaneError {
  if (cause instanceof BitplaneError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return malformed(`${message} is truncated or malformed (${why})`, cause);
}

export function malformed(sentence: string, cause?: unknown): BitplaneError {
  return new BitplaneError(
    'ERR_FORMAT',
    sentence,
    cause === undefined ? { op: 'onnx' } : { op: 'onnx', cause },
  );
}
