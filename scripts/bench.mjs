#!/usr/bin/env node
/**
 * Compiles bench/ against the built package and runs it: node scripts/bench.mjs [ARGUMENT ...], see
 * bench/main.ts.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const node = (args) =>
  spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;

const compiled = node([
  join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
  '-p',
  join('bench', 'tsconfig.json'),
]);
process.exitCode =
  compiled === 0
    ? node([join(root, 'build-bench', 'main.js'), ...process.argv.slice(2)])
    : compiled;
