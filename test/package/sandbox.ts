/**
 * Runs node and npm as on a machine that has nothing else: PATH holds only node, and of this
 * process's variables only those are passed on that npm needs to reach its registry and cache. Not
 * here: the programs.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let onlyNode: string | undefined;

/** A folder with node in it, and nothing else. */
export function pathOfNode(): string {
  if (onlyNode === undefined) {
    // Windows lets only administrators make symbolic links; Node's own folder there holds little
    // else.
    if (process.platform === 'win32') return dirname(process.execPath);
    onlyNode = mkdtempSync(join(tmpdir(), 'bitplane-path-'));
    symlinkSync(process.execPath, join(onlyNode, 'node'));
  }
  return onlyNode;
}

/**
 * HOME for npm's cache and configuration; npm_config_* for a registry that a machine names in its
 * environment.
 */
function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => name === 'HOME' || /^(npm_config_|.*_proxy$|SSL_|NODE_EXTRA_CA)/i.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: pathOfNode(), ...extra };
}

/**
 * A program that hangs is an error after a minute, before the test's own limit, so that no process
 * is left running.
 */
export function node(cwd: string, args: readonly string[], env?: NodeJS.ProcessEnv): Result {
  return run(process.execPath, args, cwd, env, 60_000);
}

/** The limit is for compilers and emulators. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env?: NodeJS.ProcessEnv,
  timeout = 590_000,
): Result {
  const options = {
    cwd,
    env: environment(env),
    timeout,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 28,
  } as const;
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    ...options,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return { code: status, stdout: stdout.trim(), stderr: stderr.trim() };
}

/** The JSON that a script prints; throws what it says if it fails. */
export function json<T>(cwd: string, args: readonly string[], env?: NodeJS.ProcessEnv): T {
  const { code, stdout, stderr } = node(cwd, args, env);
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

/** The npm that came with this Node, run without a shell. */
export const NPM =
  process.platform === 'win32'
    ? join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js')
    : realpathSync(join(dirname(process.execPath), 'npm'));

export function npm(cwd: string, ...args: string[]): Result {
  return node(cwd, [NPM, ...args]);
}

export function packageFolder(application: string): string {
  return join(application, 'node_modules', 'bitplane');
}

/** A copy of an application in a new folder, whose last part is `name`. */
export function copyOf(application: string, name: string): string {
  const folder = join(realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-copy-'))), name);
  cpSync(application, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}
