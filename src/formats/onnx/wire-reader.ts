/**
 * The values of protobuf's wire format, one after another:
 *
 *   tag = varint(field number * 8 + wire type)     varint = 7 bits a byte, the lowest first,
 *   then the value, as the wire type says          the top bit set where another byte follows
 *
 * Nothing is read beyond the bytes and nothing is allocated on their word. Bytes of a file are read
 * a window at a time, and a large part of them stays there. Not here: messages (./wire.ts).
 */
import { TextDecoder } from 'node:util';
import { LEAST_STORED_BYTES } from '../../tensor/stored.js';
import { type Bytes, FilePart } from '../file-part.js';

/** How a value lies. Groups, which nobody writes any more, are only skipped. */
export const WIRE = { varint: 0, bits64: 1, bytes: 2, group: 3, groupEnd: 4, bits32: 5 } as const;

/** Bytes of a varint whose bits a double sums exactly, and of the longest one. */
const EXACT_BYTES = 7;
const MOST_BYTES = 10;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes of a file that are read together: messages of nodes are smaller. */
const WINDOW_BYTES = 1 << 12;

export class WireReader {
  private at = 0;
  private readonly length: number;
  /** What is in memory, from `base` on: of bytes that are in memory all. */
  private window: Uint8Array;
  private base = 0;
  private view: DataView | undefined;
  private held: ArrayBuffer | undefined;

  constructor(private readonly all: Bytes) {
    this.length = all.length;
    this.window = all instanceof FilePart ? new Uint8Array(0) : all;
  }

  get isAtEnd(): boolean {
    return this.at >= this.length;
  }

  /** A field's number, of 29 bits, and wire type. */
  tag(): readonly [field: number, wire: number] {
    const tag = this.varint();
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (!(field >= 1 && field < 2 ** 29 && wire <= WIRE.bits32))
      throw new RangeError(`no field has the tag ${tag}`);
    return [field, wire];
  }

  /**
   * A signed integer of 64 bits. One that no double holds exactly becomes an infinity: Slice uses
   * such numbers for "to the end", and all other ops refuse them.
   */
  varint(): number {
    // Most are of one byte, and most files are read once, by code that nobody has compiled yet.
    const first = this.window[this.at - this.base];
    if (first !== undefined && first < 128) {
      this.at++;
      return first;
    }
    let value = 0;
    for (let i = 0, unit = 1; i < EXACT_BYTES; i++, unit *= 128) {
      const byte = this.byte();
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
    let bits = BigInt(value);
    for (let i = EXACT_BYTES; i < MOST_BYTES; i++) {
      const byte = this.byte();
      bits |= BigInt(byte & 127) << BigInt(7 * i);
      if (byte < 128) return toNumber(BigInt.asIntN(64, bits));
    }
    throw new RangeError('an integer takes more than ten bytes');
  }

  float(): number {
    return this.numbers(4).getFloat32(this.pass(4) - this.base, true);
  }

  double(): number {
    return this.numbers(8).getFloat64(this.pass(8) - this.base, true);
  }

  /** A part of the bytes, which share their memory; of a file in memory of its own. */
  bytes(): Uint8Array {
    const part = this.take();
    return part instanceof FilePart ? part.bytes() : part;
  }

  /** The same, but what is large stays in its file. */
  part(): Bytes {
    const part = this.take();
    return part instanceof FilePart && part.length < LEAST_STORED_BYTES ? part.bytes() : part;
  }

  private take(): Bytes {
    const { all } = this;
    const start = this.pass(this.varint());
    if (!(all instanceof FilePart)) return all.subarray(start, this.at);
    const isHere = this.at <= this.base + this.window.length;
    // The window is written to again.
    if (isHere) return this.window.slice(start - this.base, this.at - this.base);
    return all.part(start, this.at - start);
  }

  /** Strict UTF-8. */
  text(): string {
    return UTF8.decode(this.bytes());
  }

  /** Passes over the value of a field. */
  passOver(field: number, wire: number): void {
    // The numbers of the groups around what is passed.
    const groups: number[] = [];
    let [number, kind] = [field, wire];
    for (;;) {
      if (kind === WIRE.varint) this.varint();
      else if (kind === WIRE.bits64) this.pass(8);
      else if (kind === WIRE.bytes) this.take();
      else if (kind === WIRE.bits32) this.pass(4);
      else if (kind === WIRE.group) groups.push(number);
      else if (groups.pop() !== number) throw new RangeError('a group ends that did not begin');
      if (groups.length === 0) return;
      [number, kind] = this.tag();
    }
  }

  private byte(): number {
    if (this.at >= this.base + this.window.length) this.fill(1);
    return this.window[this.at++ - this.base] as number;
  }

  /** Where the next `count` bytes begin. */
  private pass(count: number): number {
    const start = this.at;
    if (!(count >= 0 && count <= this.length - start)) throw endsEarly();
    this.at = start + count;
    return start;
  }

  /** The window, with the next `count` bytes in it. */
  private numbers(count: number): DataView {
    if (this.at + count > this.base + this.window.length) this.fill(count);
    const { buffer, byteOffset, byteLength } = this.window;
    this.view ??= new DataView(buffer, byteOffset, byteLength);
    return this.view;
  }

  /**
   * Reads the next bytes of the file into the window.
   * @throws RangeError where fewer than `count` are left
   */
  private fill(count: number): void {
    const left = this.length - this.at;
    if (left < count || !(this.all instanceof FilePart)) throw endsEarly();
    this.held ??= new ArrayBuffer(Math.min(WINDOW_BYTES, this.length));
    this.window = new Uint8Array(this.held, 0, Math.min(WINDOW_BYTES, left));
    this.all.read(this.window, this.at);
    this.base = this.at;
    this.view = undefined;
  }
}

function endsEarly(): RangeError {
  return new RangeError('it ends early');
}

function toNumber(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return number > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}
