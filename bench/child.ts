/**
 * Runs a program and reads the one JSON document it prints: a measurement of a whole process needs
 * a process of its own.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A module, given by its URL, in a fresh Node with `flags`. */
export function inChild<T>(
  module: URL,
  flags: readonly string[] = [],
  args: readonly string[] = [],
): Promise<T> {
  return json<T>([...flags, fileURLToPath(module), ...args]);
}

/** The command line with --json. */
export function bitplaneCli<T>(args: readonly string[]): Promise<T> {
  return json<T>([
    fileURLToPath(new URL('../dist/cli/main.js', import.meta.url)),
    ...args,
    '--json',
  ]);
}

async function json<T>(args: readonly string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout) as T;
}
