#!/usr/bin/env node
/**
 * Lays out the C++ of this repository by .clang-format, or checks it. Only clang-format 14 does:
 * other versions break lines elsewhere. Without it one sentence says so and the exit code is 0.
 * Not here: TypeScript (biome), length of comments (./check-columns.mjs).
 *
 *   node scripts/format-native.mjs [--check]
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const VERSION = /\bversion 14\./;
const FOLDERS = ['native', 'test/native'];

const check = process.argv.includes('--check');
const version = spawnSync('clang-format', ['--version'], { encoding: 'utf8' });
if (!VERSION.test(version.stdout ?? '')) {
  console.error(`C++ is not ${check ? 'checked' : 'formatted'}: clang-format 14 is not on PATH`);
} else {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => /\.(?:h|cc)$/.test(name))
      .map((name) => join(folder, name)),
  );
  const how = check ? ['--dry-run', '-Werror'] : ['-i'];
  const { status } = spawnSync('clang-format', [...how, ...files], { cwd: root, stdio: 'inherit' });
  if (status === 0) console.error(`clang-format: ${files.length} files of C++`);
  process.exitCode = status ?? 1;
}
