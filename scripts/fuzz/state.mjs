/**
 * What a child is at, in a file that its parent can read whenever the child cannot answer any more:
 * the count of inputs begun, the seed and reader of the last, and its bytes. Not here: what is made
 * of it.
 */
import { openSync, readSync, writeSync } from 'node:fs';

const HEAD = 40;

export class State {
  constructor(path, mode) {
    this.file = openSync(path, mode);
    this.head = Buffer.alloc(HEAD);
  }

  /** Before every input. */
  begin(count, reader, seed, bytes) {
    this.head.writeDoubleLE(count, 0);
    this.head.writeDoubleLE(seed, 8);
    this.head.writeDoubleLE(bytes.length, 16);
    this.head.fill(0, 24);
    this.head.write(reader, 24, 'latin1');
    writeSync(this.file, Buffer.concat([this.head, bytes]), 0, undefined, 0);
  }

  count() {
    readSync(this.file, this.head, 0, HEAD, 0);
    return this.head.readDoubleLE(0);
  }

  last() {
    const count = this.count();
    const bytes = Buffer.alloc(this.head.readDoubleLE(16));
    readSync(this.file, bytes, 0, bytes.length, HEAD);
    return {
      count,
      seed: this.head.readDoubleLE(8),
      reader: this.head.toString('latin1', 24, HEAD).replaceAll('\0', ''),
      bytes,
    };
  }
}
