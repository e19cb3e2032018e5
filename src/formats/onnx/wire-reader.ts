/**
 * The values of protobuf's wire format, one after another:
 *
 *   tag = varint(field number * 8 + wire type)     varint = 7 bits a byte, the lowest first,
 *   then the value, as the wire type says          the top bit set where another byte follows
 *
 * Nothing is read beyond the bytes and nothing is allocated on their word. Not here: messages
 * (./wire.ts).
 */
import { TextDecoder } from 'node:util';

/** How a value lies. Groups, which nobody writes any more, are only skipped. */
export const WIRE = { varint: 0, bits64: 1, bytes: 2, group: 3, groupEnd: 4, bits32: 5 } as const;

/** Bytes of a varint whose bits a double sums exactly, and of the longest one. */
const EXACT_BYTES = 7;
const MOST_BYTES = 10;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class WireReader {
  private at = 0;
  private view: DataView | undefined;

  constructor(private readonly all: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.at >= this.all.length;
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
    const first = this.all[this.at];
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
    return this.numbers().getFloat32(this.pass(4), true);
  }

  double(): number {
    return this.numbers().getFloat64(this.pass(8), true);
  }

  /** A part of the bytes, which share their memory. */
  bytes(): Uint8Array {
    const start = this.pass(this.varint());
    return this.all.subarray(start, this.at);
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
      else if (kind === WIRE.bytes) this.bytes();
      else if (kind === WIRE.bits32) this.pass(4);
      else if (kind === WIRE.group) groups.push(number);
      else if (groups.pop() !== number) throw new RangeError('a group ends that did not begin');
      if (groups.length === 0) return;
      [number, kind] = this.tag();
    }
  }

  private byte(): number {
    const byte = this.all[this.at];
    if (byte === undefined) throw endsEarly();
    this.at++;
    return byte;
  }

  /** Where the next `count` bytes begin. */
  private pass(count: number): number {
    const start = this.at;
    if (!(count >= 0 && count <= this.all.length - start)) throw endsEarly();
    this.at = start + count;
    return start;
  }

  private numbers(): DataView {
    const { buffer, byteOffset, byteLength } = this.all;
    this.view ??= new DataView(buffer, byteOffset, byteLength);
    return this.view;
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
