#!/usr/bin/env node
/**
 * Writes the references that are made from the code: docs/cli.md from the commands, docs/api from
 * the docstrings of dist's declarations. `npm test` fails where one of them is not current.
 *
 *   npm run reference
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { apiPages } from './reference/api.mjs';
import { cliPage } from './reference/cli.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The commands, compiled for this once: dist has the executable only, which would run. */
async function program() {
  const folder = mkdtempSync(join(root, 'dist', 'reference-'));
  try {
    const outfile = join(folder, 'dist', 'cli', 'program.mjs');
    await build({
      absWorkingDir: root,
      entryPoints: ['src/cli/program.ts'],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      logLevel: 'error',
    });
    // The program reads its version from the package two folders above its own.
    writeFileSync(join(folder, 'package.json'), '{ "version": "0.0.0", "type": "module" }');
    const sink = { write: () => true };
    const io = { stdout: sink, stderr: sink, env: {} };
    const { buildProgram } = await import(pathToFileURL(outfile).href);
    return buildProgram(io, io, () => undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const pages = { 'docs/cli.md': cliPage(await program()), ...apiPages(root) };
mkdirSync(join(root, 'docs', 'api'), { recursive: true });
for (const name of readdirSync(join(root, 'docs', 'api')))
  if (!(`docs/api/${name}` in pages)) rmSync(join(root, 'docs', 'api', name));
for (const [path, text] of Object.entries(pages)) writeFileSync(join(root, path), text);
console.log(`wrote ${Object.keys(pages).length} pages`);
