/**
 * Programs of C++ that check native headers which no instruction reaches by itself, compiled as
 * this machine compiles the addon.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = process.env.CXX ?? 'c++';

/**
 * Compiles test/native/NAME/check.cc with other sources and runs it; its output. Undefined where
 * there is no compiler.
 */
export function compiled(name: string, sources: readonly string[] = []) {
  if (spawnSync(compiler, ['--version']).status !== 0) return undefined;
  return (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'bitplane-check-'));
    try {
      const program = join(folder, 'check');
      const flags = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '-Inative'];
      const made = spawnSync(
        compiler,
        [...flags, `test/native/${name}/check.cc`, ...sources, '-o', program],
        { cwd: root, encoding: 'utf8' },
      );
      expect(made.stderr).toBe('');
      return spawnSync(program, { encoding: 'utf8' }).stdout;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}
