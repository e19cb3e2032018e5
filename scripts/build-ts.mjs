#!/usr/bin/env node
/**
 * Compiles src/ into dist/: declarations file by file, code into one file for each entry and one
 * for their shared code. Opening 140 small files would be half the cost of `import 'bitplane'`.
 * Dependencies stay outside. Not here: the addon (scripts/prebuild.mjs).
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(
  process.execPath,
  [tsc, '-p', 'tsconfig.build.json', '--emitDeclarationOnly'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
if (status !== 0) process.exit(status ?? 1);

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/index.ts', 'src/cli/main.ts'],
  outbase: 'src',
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'shared/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  keepNames: true, // classes are named in errors and stack traces
  metafile: true,
  logLevel: 'warning',
});

// Removes old output, because stale files would be packed and published.
const written = new Set(Object.keys(metafile.outputs));
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (
    entry.isFile() &&
    file.endsWith('.js') &&
    !written.has(relative(root, file).replaceAll('\\', '/'))
  )
    rmSync(file);
}
