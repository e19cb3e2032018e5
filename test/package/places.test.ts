/**
 * The installed package in odd places and odd company: folders, links, copies, children, clusters,
 * reloaded modules.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, inject, test } from 'vitest';
import { copyOf, json, node, packageFolder, run } from './sandbox.js';

const application = inject('application');
const scores = json<{ digest: string }>(application, ['run-model.mjs']);

test('a path with spaces and letters beyond ASCII', () => {
  expect(json(copyOf(application, 'mein Ördner – 二値 ネット'), ['run-model.mjs'])).toEqual(scores);
});

test('a symbolic link to the package, and one to the application', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bitplane-link-')));
  const linked = join(folder, 'linked');
  mkdirSync(join(linked, 'node_modules'), { recursive: true });
  symlinkSync(packageFolder(application), join(linked, 'node_modules', 'bitplane'));
  for (const file of ['run-model.mjs', 'model.safetensors'])
    cpSync(join(application, file), join(linked, file));
  expect(json(linked, ['run-model.mjs'])).toEqual(scores);
  symlinkSync(application, join(folder, 'alias'));
  expect(json(join(folder, 'alias'), ['run-model.mjs'])).toEqual(scores);
});

/** Permissions do not bind root; being another user does. */
const canDrop = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).error === undefined;

test.skipIf(process.getuid?.() === 0 && !canDrop)('a folder that cannot be written to', () => {
  const copy = copyOf(application, 'read-only');
  const folders = [join(copy, '..'), copy, ...subfolders(copy)];
  for (const folder of folders) chmodSync(folder, 0o555);
  try {
    const command = canDrop
      ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
      : [process.execPath];
    const probe = run(
      '/usr/bin/env',
      [...command, '-e', "require('fs').writeFileSync('probe', '')"],
      copy,
      { PATH: process.env.PATH },
    );
    expect(probe.stderr).toMatch(/EACCES|EROFS/);
    const done = run('/usr/bin/env', [...command, 'run-model.mjs'], copy, {
      PATH: process.env.PATH,
    });
    expect(done).toEqual({ code: 0, stdout: JSON.stringify(scores), stderr: '' });
  } finally {
    for (const folder of folders) chmodSync(folder, 0o755);
    rmSync(join(copy, '..'), { recursive: true });
  }
});

function subfolders(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('one process', () => {
  test('forks children after it has loaded and run, and all agree', () => {
    expect(json(application, ['fork.mjs', 'fork'])).toEqual(Array(4).fill(scores.digest));
  });

  test('is the primary of a cluster, with runs in it and in its workers', () => {
    expect(json(application, ['fork.mjs', 'cluster'])).toEqual(Array(4).fill(scores.digest));
  });

  test('holds two copies of the package, and two that share the addon by a hard link', () => {
    const folder = copyOf(application, 'copies');
    const first = packageFolder(folder);
    for (const name of ['copied', 'hard-linked'])
      cpSync(first, join(folder, 'node_modules', name), { recursive: true });
    for (const name of readdirSync(join(first, 'prebuilds'), {
      recursive: true,
      encoding: 'utf8',
    }).filter((file) => file.endsWith('.node'))) {
      const file = join(folder, 'node_modules', 'hard-linked', 'prebuilds', name);
      rmSync(file);
      linkSync(join(first, 'prebuilds', name), file);
    }
    expect(json(folder, ['copies.mjs', 'bitplane', 'copied', 'hard-linked'])).toEqual(
      Array(3).fill(scores.digest),
    );
  });
});

describe('a test runner that reloads modules', () => {
  /**
   * The package as such a runner evaluates it: CommonJS, in a context of its own, everything but
   * the addon anew for each test file.
   */
  async function asCommonJs(): Promise<string> {
    const folder = copyOf(application, 'runner');
    writeFileSync(join(folder, 'entry.mjs'), "export * from 'bitplane';\n");
    await build({
      absWorkingDir: folder,
      entryPoints: ['entry.mjs'],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile: join(packageFolder(folder), 'dist', 'reloaded.cjs'),
      external: ['sharp', 'onnxruntime-node'],
      logLevel: 'error',
    });
    return folder;
  }

  test('runs in contexts one after the other and at once, when older ones are gone', async () => {
    const folder = await asCommonJs();
    const { digests, threads } = json<{ digests: string[]; threads: number[] }>(folder, [
      '--expose-gc',
      'runner.mjs',
    ]);
    expect(digests).toHaveLength(24);
    expect(new Set(digests)).toEqual(new Set([scores.digest]));
    // One pool for all of them: the threads after the last file are those after the third.
    if (process.platform === 'linux') expect(threads.at(-1)).toBe(threads[2]);
  });

  test('with a clock and timers that stand still', () => {
    const code = `
      const { Session } = require('bitplane');
      for (const name of ['setImmediate', 'setTimeout', 'setInterval', 'queueMicrotask'])
        globalThis[name] = () => 0;
      globalThis.performance = { now: () => 0 };
      Session.create('model.safetensors')
        .then((session) => session.run({ x: new Float32Array(768) }))
        .then(({ scores }) => process.stdout.write(String(scores.shape)));`;
    expect(node(application, ['--no-warnings', '-e', code])).toEqual({
      code: 0,
      stdout: '1,28',
      stderr: '',
    });
  });
});
