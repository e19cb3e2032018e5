/**
 * The progress of a child, in a file that its parent can read after the child has died: the count
 * of inputs begun, and the seed, reader and bytes of the last. Not here: using it.
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
