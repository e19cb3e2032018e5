/**
 * Reads protobuf messages field by field, over the wire reader of @bufbuild/protobuf. Not here:
 * what the fields mean (./proto.ts).
 *
 * Every list is read from bytes that exist: no length in the file decides an allocation. Callers
 * cap lists of messages, because an empty message costs two bytes in a file and a hundred in
 * memory. Texts are at most as long as names, unless a caller allows more.
 */
import { TextDecoder } from 'node:util';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { BitplaneError } from '../../core/errors.js';
import { MAX_NAME } from '../../core/limits.js';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text decoder is passed in, because the reader's default is a global that not every test
 * environment has.
 */
function readerOf(bytes: Uint8Array): BinaryReader {
  return new BinaryReader(bytes, (text) => UTF8.decode(text));
}

/**
 * One field of a message, positioned at its value. Each method consumes the value; a field that
 * nobody consumes is skipped.
 */
export class Field {
  number = 0;
  private wire: WireType = WireType.Varint;
  private consumed = false;

  constructor(
    private readonly reader: BinaryReader,
    private readonly message: string,
  ) {}

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.reader.pos >= this.reader.len) return false;
    [this.number, this.wire] = this.reader.tag();
    this.consumed = false;
    return true;
  }

  skipUnread(): void {
    if (!this.consumed) this.reader.skip(this.wire, this.number);
  }

  bytes(): Uint8Array {
    this.take(WireType.LengthDelimited);
    return this.reader.bytes();
  }

  /** Strict UTF-8: a name that cannot be decoded must not become equal to another. */
  text(most = MAX_NAME): string {
    this.take(WireType.LengthDelimited);
    const text = this.reader.string(true);
    if (text.length > most)
      throw malformed(
        `${this.message} holds a name or text of ${text.length} characters; it may have ${most}`,
      );
    return text;
  }

  int(): number {
    this.take(WireType.Varint);
    return toNumber(this.reader.int64());
  }

  float(): number {
    this.take(WireType.Bit32);
    return this.reader.float();
  }

  /** A repeated integer, packed or not. */
  ints(into: number[]): void {
    this.repeated(WireType.Varint, (reader) => into.push(toNumber(reader.int64())));
  }

  floats(into: number[]): void {
    this.repeated(WireType.Bit32, (reader) => into.push(reader.float()));
  }

  texts(into: string[], most: number): void {
    if (into.length >= most) throw malformed(`${this.message} holds more than ${most} texts`);
    into.push(this.text());
  }

  doubles(into: number[]): void {
    this.repeated(WireType.Bit64, (reader) => into.push(reader.double()));
  }

  /** A repeated message, at most `most` times. */
  messages<T>(into: T[], most: number, read: (bytes: Uint8Array) => T): void {
    if (into.length >= most)
      throw malformed(`${this.message} holds more than ${most} messages of one kind`);
    into.push(read(this.bytes()));
  }

  private repeated(wire: WireType, readOne: (reader: BinaryReader) => void): void {
    if (this.wire === wire) {
      this.consumed = true;
      readOne(this.reader);
      return;
    }
    const packed = readerOf(this.bytes());
    while (packed.pos < packed.len) readOne(packed);
  }

  private take(wire: WireType): void {
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
export function readMessage(
  bytes: Uint8Array,
  message: string,
  visit: (field: Field) => void,
): void {
  try {
    const field = new Field(readerOf(bytes), message);
    while (field.next()) {
      visit(field);
      field.skipUnread();
    }
  } catch (cause) {
    if (cause instanceof BitplaneError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw malformed(`${message} is truncated or malformed (${why})`, cause);
  }
}

export function malformed(sentence: string, cause?: unknown): BitplaneError {
  return new BitplaneError(
    'ERR_FORMAT',
    sentence,
    cause === undefined ? { op: 'onnx' } : { op: 'onnx', cause },
  );
}

/**
 * An int64 that no double holds exactly becomes an infinity: Slice uses such numbers for "to the
 * end", and all other ops refuse them.
 */
function toNumber(value: bigint | string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return number > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}
