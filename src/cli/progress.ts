/**
 * A progress bar on standard error. On a terminal one line is redrawn; elsewhere a line is written
 * at most every two seconds, so that a short job writes nothing and a log stays readable.
 */
import type { Io } from './io.js';

/** A terminal's line is redrawn at most this often. */
export const REDRAW_MS = 100;
const QUIET_MS = 2000;
const WIDTH = 24;

export interface Progress {
  /** Says how many of the total are done. */
  update(done: number): void;
  /** Removes the bar from a terminal. */
  finish(): void;
}

/** `now` is a clock in milliseconds, for tests. `silent` draws nothing at all. */
export function startProgress(
  io: Io,
  label: string,
  total: number,
  silent = false,
  now: () => number = () => performance.now(),
): Progress {
  const tty = io.stderr.isTTY === true;
  const began = now();
  let drawn = began;
  let visible = false;
  return {
    update(done) {
      const time = now();
      if (silent || time - drawn < (tty ? REDRAW_MS : QUIET_MS)) return;
      drawn = time;
      const line = draw(label, done, total, (time - began) / 1000);
      io.stderr.write(tty ? `\r${line}\u001b[K` : `${line}\n`);
      visible = tty;
    },
    finish() {
      if (visible) io.stderr.write('\r\u001b[K');
      visible = false;
    },
  };
}

function draw(label: string, done: number, total: number, seconds: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const left = done === 0 ? '' : `, ${Math.ceil((seconds * (total - done)) / done)} s left`;
  return `${label} ${barOf(share, WIDTH)} ${Math.floor(share * 100)} % ${done}/${total}${left}`;
}

/** [####....]: `share` of `width` characters are filled. */
export function barOf(share: number, width: number): string {
  const filled = Math.round(share * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}
