/**
 * The geometry of kernel windows (native/kernels/geometry.h) against its definition: a program of
 * C++ that walks every small window tap by tap, compiled as this machine compiles the addon. Not
 * here: the kernels that use it (./float.test.ts, ./bconv.test.ts, ./bpool.test.ts).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiler = process.env.CXX ?? 'c++';
const missing = spawnSync(compiler, ['--version']).status !== 0;

test.skipIf(missing)('taps inside, interiors and what gradients ask, for 27300 windows', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-geometry-'));
  try {
    const program = join(folder, 'check');
    const flags = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '-Inative'];
    const compiled = spawnSync(
      compiler,
      [...flags, 'test/native/geometry/check.cc', '-o', program],
      { cwd: root, encoding: 'utf8' },
    );
    expect(compiled.stderr).toBe('');
    expect(spawnSync(program, { encoding: 'utf8' }).stdout).toBe('27300 axes, 0 wrong\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
