#!/usr/bin/env node
/**
 * Checks that every native file compiles without a warning. It only checks syntax, which is quick,
 * and so misses the warnings that need optimisation (values that may be uninitialised). Not a
 * build.
 */
import { execSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(root, 'build-warnings');

execSync(
  `cmake -S "${root}" -B "${build}" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCMAKE_BUILD_TYPE=Release`,
  {
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
const commands = JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'));
let failed = 0;
const left = [...commands];

/** Checks one file after the other, until none is left. */
async function checkFiles() {
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const options = { cwd: next.directory, shell: true, stdio: 'inherit' };
    const [status] = await once(spawn(`${next.command} -fsyntax-only -Werror`, options), 'close');
    if (status !== 0) failed++;
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, checkFiles));
console.error(`${commands.length} native files, ${failed} with warnings or errors`);
process.exitCode = failed === 0 && commands.length > 0 ? 0 : 1;
