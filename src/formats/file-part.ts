/**
 * Bytes [at, at + length) of a file that stays open, which are read when someone asks for them. Not
 * here: what they mean.
 */
import type { ByteSource } from '../tensor/stored.js';
import type { LastingFile } from './lasting-file.js';

export class FilePart implements ByteSource {
  constructor(
    private readonly file: LastingFile,
    private readonly at: number,
    readonly length: number,
  ) {}

  /** Its bytes [from, from + length). */
  part(from: number, length: number): FilePart {
    return new FilePart(this.file, this.at + from, length);
  }

  /** @throws BitplaneError ERR_IO, ERR_RELEASED */
  read(target: Uint8Array, from: number): void {
    this.file.readSync(this.at + from, target);
  }

  /** All of them, in memory of their own. @throws BitplaneError ERR_IO, ERR_RELEASED */
  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length);
    this.read(bytes, 0);
    return bytes;
  }
}

/** Bytes in memory, or in a file. */
export type Bytes = Uint8Array | FilePart;

/** In memory; those of a file are read. */
export function inMemory(bytes: Bytes): Uint8Array {
  return bytes instanceof FilePart ? bytes.bytes() : bytes;
}
