/**
 * How much memory this process may use: that of the machine, or the limit of a container. Not here:
 * what is done with the number.
 */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

/**
 * Where the two versions of Linux's control groups keep the limit, for the whole system that this
 * process sees.
 */
const LIMIT_FILES = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

let known: number | undefined;

/** Bytes. Asked once, because a system rarely changes the limit of a running process. */
export function machineBytes(): number {
  known ??= Math.min(totalmem(), constrained(), ...groupFiles().map(limitIn));
  return known;
}

/** Node's answer; 0 or undefined means no limit. */
function constrained(): number {
  const bytes = process.constrainedMemory?.() ?? 0;
  return bytes > 0 ? bytes : Infinity;
}

/**
 * The common files, and the file that /proc names if the group of this process has a folder of its
 * own.
 */
function groupFiles(): string[] {
  const own = textOf('/proc/self/cgroup').match(/^0::(\/\S+)$/m)?.[1];
  return own === undefined || own === '/'
    ? LIMIT_FILES
    : [...LIMIT_FILES, `/sys/fs/cgroup${own}/memory.max`];
}

/** The number in a file; no limit where it says `max`, or where there is no such file. */
function limitIn(path: string): number {
  const text = textOf(path).trim();
  return /^[1-9]\d*$/.test(text) ? Number(text) : Infinity;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
