/**
 * Runs a program in a Node process of its own, and returns how it ended. Not here: the programs;
 * running them with nothing on PATH (package/sandbox.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
}

export interface EndedOptions {
  readonly cwd?: string;
  /** The program is killed after this time. Default: never. */
  readonly limitMs?: number;
  /** Called whenever it has written to standard output. */
  readonly onOutput?: (child: ChildProcess) => void;
}

export function ended(
  args: readonly string[],
  { cwd, limitMs, onOutput }: EndedOptions = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      ...(cwd && { cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (chunk) => {
      output += chunk;
      onOutput?.(child);
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    const hung =
      limitMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.on('close', (code, signal) => {
      clearTimeout(hung);
      resolve({ code, signal, output, errors });
    });
  });
}
