#!/usr/bin/env node
/**
 * Compiles src/ into dist/: declarations file by file, code into one file for all that
 * `import 'bitplane'` loads and one for each part that is loaded when it is needed: the reader of
 * ONNX, a command of the command line. Opening the same code as 40 files takes as long again as
 * parsing and running it. Dependencies stay outside. Not here: the addon (scripts/prebuild.mjs).
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const index = join(root, 'src', 'index.ts');
const options = {
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
  metafile: true,
  logLevel: 'warning',
};

/** Source files that dynamic imports name, each of which the bundler makes an entry. */
function dynamicEntries({ outputs }) {
  const entries = Object.values(outputs).map(({ entryPoint }) => entryPoint);
  return entries
    .filter((entry) => entry !== undefined && !options.entryPoints.includes(entry))
    .map((entry) => join(root, entry));
}

/**
 * The bundler puts into one file what the same entries reach. So each part that is loaded later
 * imports the index too, which is loaded by then: all that the index reaches is one file.
 */
const indexIsOneFile = {
  name: 'index-is-one-file',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) =>
      later.has(path)
        ? {
            contents: `${readFileSync(path, 'utf8')}\nimport ${JSON.stringify(index)};\n`,
            loader: 'ts',
          }
        : undefined,
    );
  },
};

/** What a file imports at once, and what that imports. */
function reached({ inputs }, from) {
  const seen = new Set([from]);
  for (const file of seen)
    for (const { path, kind, external } of inputs[file].imports)
      if (kind === 'import-statement' && external !== true) seen.add(path);
  return new Set([...seen].map((file) => join(root, file)));
}

const parts = await build({ ...options, write: false });
const later = new Set(dynamicEntries(parts.metafile));
// Such a file would import the index that imports it, and one of the two would be run before what
// it needs.
const own = reached(parts.metafile, 'src/index.ts');
const both = [...later].filter((file) => own.has(file));
if (both.length > 0) {
  const names = both.map((file) => relative(root, file)).join(', ');
  console.error(`${names}: loaded later, and by the index: let a file of its own hand it on`);
  process.exit(1);
}
const { metafile } = await build({ ...options, plugins: [indexIsOneFile] });

// The bundler writes `var Tensor = class _Tensor`; users read that name in what Node prints of a
// tensor, and in stack traces. Its option keepNames would name every closure too, each time that
// one is made: a tenth of the time that opening a small model takes.
for (const output of Object.keys(metafile.outputs)) {
  const file = join(root, output);
  const text = readFileSync(file, 'utf8');
  const names = [...text.matchAll(/^var (\w+) = class _\1\b/gm)].map(([, name]) => name);
  if (names.length === 0) continue;
  const own = new RegExp(`\\b_(${names.join('|')})\\b`, 'g');
  writeFileSync(file, text.replace(own, '$1'));
}

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
