/**
 * Names of temporary files that tell their writers, and the removal of files whose writers are
 * dead. A process that is killed during a save leaves a temporary file, and the next save of the
 * same file removes it. Not here: writing (./write-file.ts).
 *
 *   TARGET.HOST-PID-START.RANDOM.tmp
 *
 * HOST is a digest of the machine, its boot and the namespace of process numbers: other machines
 * and containers may share the folder, and their process numbers mean nothing here. START is the
 * time when the process began, because the system reuses numbers. A file of another host or of an
 * unknown writer is a leftover once nobody has written to it for a day.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { crypto } from '../core/builtins.js';

const DAY_MS = 86_400_000;
/** A file's name has at most 255 bytes; the suffix takes some fifty of them. */
const LONGEST_BYTES = 160;
/** On Linux; other systems have neither containers nor, as far as we can tell, boots. */
const BOOT = '/proc/sys/kernel/random/boot_id';
const NAMESPACE = '/proc/self/ns/pid';
const MARK = /^\.([0-9a-f]{8})-(\d+)-(\d+)\.[0-9a-f]{12}\.tmp$/;

/** A new name beside `target`. */
export function temporaryName(target: string): string {
  const random = crypto().randomBytes(6).toString('hex');
  const owner = `${host()}-${process.pid}-${startOf(process.pid) ?? 0}`;
  return join(dirname(target), `${stemOf(target)}.${owner}.${random}.tmp`);
}

/**
 * Removes the files that dead writers of `target` left. A file that cannot be removed stays, and
 * does not stop the save.
 */
export async function removeLeftovers(target: string): Promise<void> {
  const folder = dirname(target);
  const stem = stemOf(target);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(stem)) continue;
    const mark = MARK.exec(name.slice(stem.length));
    if (mark === null) continue;
    const path = join(folder, name);
    const [, at, pid, start] = mark as unknown as [string, string, string, string];
    if ((at === host() && isDead(Number(pid), start)) || (await isOld(path)))
      await rm(path, { force: true }).catch(() => undefined);
  }
}

function stemOf(target: string): string {
  const name = basename(target);
  return Buffer.byteLength(name) <= LONGEST_BYTES ? name : `bitplane-${digest(name, 16)}`;
}

/** True only if the writer is certainly dead. */
function isDead(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // The system refuses to signal another user's process, so that process is alive.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  const begun = startOf(pid);
  return begun !== undefined && begun !== start;
}

async function isOld(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  return info?.isFile() === true && Date.now() - info.mtimeMs > DAY_MS;
}

/**
 * When a process began, in ticks since the boot; undefined where the system does not say. See
 * proc_pid_stat(5), field 22.
 */
function startOf(pid: number): string | undefined {
  const text = readText(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The name in parentheses may itself hold parentheses; field 3 follows the last one.
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

let known: string | undefined;

function host(): string {
  known ??= digest(
    [
      hostname(),
      readText(() => readFileSync(BOOT, 'latin1')),
      readText(() => readlinkSync(NAMESPACE)),
    ].join(' '),
    8,
  );
  return known;
}

function readText(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

function digest(text: string, length: number): string {
  return crypto().createHash('sha256').update(text).digest('hex').slice(0, length);
}
