/**
 * The control block of inject.c, as a file that both sides see: which call is to fail, and what
 * happened. Not here: sweeping.
 */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';

const BYTES = 64 + 4000;
const AT = {
  kind: 0,
  number: 8,
  lasting: 16,
  error: 24,
  seen: 32,
  failed: 40,
  at: 48,
  bytes: 56,
  prefix: 64,
};
const KINDS = { none: 0, memory: 1, thread: 2, lock: 3, files: 4 };

export class Control {
  /** @param path the file; made anew where `fresh` */
  constructor(path, { fresh = false } = {}) {
    if (fresh) writeFileSync(path, new Uint8Array(BYTES));
    this.path = path;
    this.file = openSync(path, 'r+');
  }

  /**
   * Lets call `number` of a kind fail, and with `lasting` every later one; counts from here on.
   * @param error errno of a file call; 0: it does half of what it was asked
   */
  arm(kind, number, { lasting = false, error = 0 } = {}) {
    this.set('kind', KINDS.none);
    for (const [name, value] of Object.entries({
      number,
      lasting: lasting ? 1 : 0,
      error,
      seen: 0,
      failed: 0,
      at: 0,
      bytes: 0,
    }))
      this.set(name, value);
    this.set('kind', KINDS[kind]);
  }

  disarm() {
    this.set('kind', KINDS.none);
  }

  /** Runs `body` without counting its calls. */
  aside(body) {
    const kind = this.get('kind');
    this.disarm();
    try {
      return body();
    } finally {
      this.set('kind', kind);
    }
  }

  /** Only calls on files below this folder count. */
  follow(folder) {
    writeSync(this.file, Buffer.from(`${folder}\0`), 0, undefined, AT.prefix);
  }

  get(name) {
    const bytes = Buffer.alloc(8);
    readSync(this.file, bytes, 0, 8, AT[name]);
    return Number(bytes.readBigInt64LE());
  }

  set(name, value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    writeSync(this.file, bytes, 0, 8, AT[name]);
  }

  close() {
    closeSync(this.file);
  }
}
