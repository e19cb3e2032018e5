#!/usr/bin/env node
/**
 * Checks that every native file compiles without a warning. It only checks syntax, which is quick,
 * and so misses the warnings that need optimisation (values that may be uninitialised). Not a
 * build.
 */
import { execSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
for (const { command, directory } of commands) {
  const { status } = spawnSync(`${command} -fsyntax-only -Werror`, {
    cwd: directory,
    shell: true,
    stdio: 'inherit',
  });
  if (status !== 0) failed++;
}
console.error(`${commands.length} native files, ${failed} with warnings or errors`);
process.exitCode = failed === 0 && commands.length > 0 ? 0 : 1;
