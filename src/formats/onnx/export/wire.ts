/**
 * Writes protobuf messages field by field. Not here: what the fields mean (./encode.ts), reading
 * (../wire.ts).
 */
import { TextEncoder } from 'node:util';

const UTF8 = new TextEncoder();

const VARINT = 0;
const LENGTH = 2;
const BITS32 = 5;

export class MessageWriter {
  private readonly parts: Uint8Array[] = [];
  private small: number[] = [];
  private flushed = 0;

  int(field: number, value: number | bigint): this {
    this.tag(field, VARINT);
    this.varint(BigInt(value));
    return this;
  }

  float(field: number, value: number): this {
    this.tag(field, BITS32);
    for (const byte of new Uint8Array(Float32Array.of(value).buffer)) this.small.push(byte);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, UTF8.encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    this.tag(field, LENGTH);
    this.varint(BigInt(value.length));
    this.flush();
    this.parts.push(value);
    this.flushed += value.length;
    return this;
  }

  message(field: number, write: (message: MessageWriter) => void): this {
    const message = new MessageWriter();
    write(message);
    message.flush();
    this.tag(field, LENGTH);
    this.varint(BigInt(message.flushed));
    this.flush();
    for (const part of message.parts) this.parts.push(part);
    this.flushed += message.flushed;
    return this;
  }

  finish(): Uint8Array {
    this.flush();
    const whole = new Uint8Array(this.flushed);
    let at = 0;
    for (const part of this.parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  private tag(field: number, wire: number): void {
    this.varint(BigInt((field << 3) | wire));
  }

  /** A negative int64 takes all ten bytes of its two's complement. */
  private varint(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.small.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.small.push(Number(rest));
  }

  private flush(): void {
    if (this.small.length === 0) return;
    this.parts.push(Uint8Array.from(this.small));
    this.flushed += this.small.length;
    this.small = [];
  }
}
