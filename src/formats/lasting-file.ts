/**
 * A file that stays open and is read in parts. A deleted or replaced file can still be read,
 * because it is open; a file that was written to is an error. Not here: its contents.
 */
import { fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { BitplaneError } from '../core/errors.js';
import { MAX_MODEL_FILE, openFile, reasonOf } from './read-file.js';

/**
 * File systems stamp changes in ticks of up to 10 ms, or of one or two seconds. A file that was
 * written within the tick before it is opened may be written again without a new stamp.
 */
const TICK_MS = { fine: 100, coarse: 3000 };

/** Closes files whose objects were garbage-collected. */
const forgotten = new FinalizationRegistry<FileHandle>(
  (handle) => void handle.close().catch(() => undefined),
);

export class LastingFile {
  private closed = false;

  private constructor(
    private readonly handle: FileHandle,
    private readonly name: string,
    readonly size: number,
    private readonly changed: bigint,
  ) {
    forgotten.register(this, handle, this);
  }

  /**
   * Undefined if there is no regular file of at most `limit` bytes, or if its stamp is too young to
   * tell later changes.
   */
  static async open(path: string | URL, limit = MAX_MODEL_FILE): Promise<LastingFile | undefined> {
    const handle = (await openFile(path, { limit }).catch(() => undefined))?.handle;
    if (handle === undefined) return undefined;
    const info = await handle.stat({ bigint: true }).catch(() => undefined);
    if (info !== undefined && isSettled(info.mtimeNs))
      return new LastingFile(handle, String(path), Number(info.size), info.mtimeNs);
    await handle.close();
    return undefined;
  }

  /**
   * Fills `target` with the bytes from `from` on, and gives it back. @throws BitplaneError ERR_IO
   */
  async read(from: number, target: Uint8Array): Promise<Uint8Array> {
    for (let done = 0; done < target.length; ) {
      const { bytesRead } = await this.handle
        .read(target, done, target.length - done, from + done)
        .catch((cause) => this.fail(cause));
      if (bytesRead === 0) this.fail();
      done += bytesRead;
    }
    this.requireSame();
    return target;
  }

  /** `read`, synchronously. @throws BitplaneError ERR_IO, ERR_RELEASED */
  readSync(from: number, target: Uint8Array): void {
    if (this.closed)
      throw new BitplaneError('ERR_RELEASED', 'the session that read this file was released', {
        op: 'model',
        node: this.name,
      });
    for (let done = 0; done < target.length; ) {
      let count = 0;
      try {
        count = readSync(this.handle.fd, target, done, target.length - done, from + done);
      } catch (cause) {
        this.fail(cause);
      }
      if (count === 0) this.fail();
      done += count;
    }
    this.requireSame();
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    forgotten.unregister(this);
    await this.handle.close();
  }

  /** Everything read before this call was the content at opening. */
  private requireSame(): void {
    const { size, mtimeNs } = fstatSync(this.handle.fd, { bigint: true });
    if (Number(size) !== this.size || mtimeNs !== this.changed) this.fail();
  }

  private fail(cause?: unknown): never {
    const why = cause === undefined ? 'it was changed after it was opened' : reasonOf(cause);
    throw new BitplaneError('ERR_IO', `the file could not be read (${why})`, {
      op: 'model',
      node: this.name,
      cause,
    });
  }
}

/** True if a later change would get another stamp. */
function isSettled(stampNs: bigint): boolean {
  const tick = stampNs % 1_000_000_000n === 0n ? TICK_MS.coarse : TICK_MS.fine;
  return Math.abs(Date.now() - Number(stampNs / 1_000_000n)) >= tick;
}
