/**
 * Says on standard error that a command is still at work, where it takes over two seconds and
 * nobody can tell how much is left. Not here: work whose parts are counted (./progress.ts).
 */
import type { Io } from './io.js';

const PATIENCE_MS = 2000;
const REDRAW_MS = 1000;

/** Whether a command says nothing of its progress: its standard error may be part of a log. */
export function isQuiet(flags: { readonly json?: boolean | undefined }, io: Io): boolean {
  return flags.json === true && io.stderr.isTTY !== true;
}

/**
 * The result of `work`. On a terminal a line counts the seconds until it is there; elsewhere one
 * line is written. `silent` writes nothing at all.
 */
export async function whileWaiting<T>(
  io: Io,
  label: string,
  work: () => Promise<T>,
  silent = false,
): Promise<T> {
  if (silent) return work();
  const tty = io.stderr.isTTY === true;
  const began = performance.now();
  let visible = false;
  const draw = () => {
    const seconds = Math.floor((performance.now() - began) / 1000);
    if (tty) io.stderr.write(`\r${label}, ${seconds} s\u001b[K`);
    else if (!visible) io.stderr.write(`${label}\n`);
    visible = true;
  };
  let timer = setTimeout(function again() {
    draw();
    timer = setTimeout(again, REDRAW_MS);
    timer.unref();
  }, PATIENCE_MS);
  timer.unref();
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    if (visible && tty) io.stderr.write('\r\u001b[K');
  }
}
