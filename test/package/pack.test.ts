/**
 * Packing in a clone makes a complete package or none. Not here: its files (install.test.ts).
 */
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NPM, pathOfNode, ROOT, run } from './sandbox.js';

/** A clone in which packages are installed and nothing is built. */
function clone(): string {
  const folder = join(realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-clone-'))), 'clone');
  const left = /^(\.git|node_modules|build.*|dist|prebuilds|coverage|.*\.tgz)$/;
  cpSync(ROOT, folder, { recursive: true, filter: (path) => !left.test(relative(ROOT, path)) });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Node and a shell, nothing else: no CMake and no compiler. */
function bare(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-shell-'));
  symlinkSync('/bin/sh', join(folder, 'sh'));
  return [pathOfNode(), folder].join(delimiter);
}

describe.skipIf(process.platform === 'win32')(
  'in a clone where nothing is built, and that cannot be',
  () => {
    test.each(['pack', 'publish'])('npm %s makes no package', (command) => {
      const folder = clone();
      const args = command === 'publish' ? ['publish', '--dry-run'] : ['pack'];
      const { code, stderr } = run(process.execPath, [NPM, ...args], folder, { PATH: bare() });
      expect(code).not.toBe(0);
      expect(stderr).toMatch(
        command === 'pack'
          ? /^bitplane: building the addon needs CMake .*; cmake was not found on PATH$/m
          : /^bitplane: not published: prebuilds\/ lacks linux-x64\/bitplane.glibc.node, .*$/m,
      );
      expect(readdirSync(folder).filter((name) => name.endsWith('.tgz'))).toEqual([]);
      rmSync(dirname(folder), { recursive: true });
    });

    test('npm install builds nothing; npm packs no repository without dist', () => {
      const folder = clone();
      const prepare = (env: NodeJS.ProcessEnv) =>
        run(process.execPath, ['scripts/lifecycle.mjs', 'postprepare'], folder, {
          PATH: bare(),
          ...env,
        });
      expect(prepare({})).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(prepare({ _PACOTE_NO_PREPARE_: 'git+file:///clone' }).code).toBe(1);
      rmSync(dirname(folder), { recursive: true });
    });
  },
);
