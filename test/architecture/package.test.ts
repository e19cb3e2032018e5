/**
 * The built package as its users load it: by its name, from ESM and from CommonJS, with everything
 * that package.json points to.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Names that the public face exports, printed by a fresh Node. */
function exported(load: string, type: string): string[] {
  const code = `${load}; console.log(JSON.stringify(Object.keys(bitplane).sort()))`;
  return JSON.parse(
    execFileSync(process.execPath, [`--input-type=${type}`, '--no-warnings', '-e', code], {
      cwd: root,
      encoding: 'utf8',
    }),
  );
}

test('import and require give the same names, Session and Tensor among them', () => {
  const names = exported("import * as bitplane from 'bitplane'", 'module');
  expect(names).toEqual(
    expect.arrayContaining(['BitplaneError', 'GraphBuilder', 'Session', 'Tensor']),
  );
  expect(
    exported("const bitplane = require('bitplane')", 'commonjs').filter(
      (name) => name !== '__esModule',
    ),
  ).toEqual(names);
});

test("import 'bitplane' opens few files, all of them its own", () => {
  const files = new Set<string>();
  const others = new Set<string>();
  const follow = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    const code = readFileSync(file, 'utf8');
    // How the bundler ends an import or export of another file.
    for (const [, name] of code.matchAll(/^(?:.*\bfrom |import )"([^"]+)";$/gm)) {
      if (name!.startsWith('.')) follow(join(dirname(file), name!));
      else others.add(name!);
    }
  };
  follow(join(root, manifest.main));
  expect(files.size).toBeGreaterThan(1);
  // Its own face, all code behind it, and what the command line shares with that.
  expect(files.size).toBeLessThanOrEqual(3);
  expect([...others].filter((name) => !name.startsWith('node:'))).toEqual([]);
  for (const late of ['node:crypto', 'node:zlib']) expect(others).not.toContain(late);
});

test('every file that package.json points to exists', () => {
  const files = [
    manifest.main,
    manifest.types,
    ...Object.values(manifest.bin),
    // Entries that begin with '!' are excluded.
    ...manifest.files.filter((name: string) => name !== 'prebuilds' && !name.startsWith('!')),
  ];
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test('the lockfile records no download addresses', () => {
  expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"/);
});

test('no npm runs an install script of a package at a bare npm install in a clone', () => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  // Newer versions ask package.json; npm 10 runs the scripts of the packages that the lockfile
  // marks, and writes the mark anew when it updates such a package: take it out again.
  expect(lock.match(/"hasInstallScript"/g) ?? []).toEqual([]);
  expect(manifest.allowScripts).toEqual({
    esbuild: false,
    fsevents: false,
    'onnxruntime-node': false,
  });
});

test('no script of package.json runs before or after another because of its name', () => {
  const hooks = ['prepack', 'prepare', 'prepublishOnly'];
  const names = Object.keys(manifest.scripts).filter((name) => !hooks.includes(name));
  expect(
    names.filter(
      (name) => /^(pre|post)/.test(name) && names.includes(name.replace(/^(pre|post)/, '')),
    ),
  ).toEqual([]);
});
