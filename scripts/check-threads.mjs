#!/usr/bin/env node
/**
 * Checks that the worker threads have no data races: test/native/threads runs the pool under
 * ThreadSanitizer, with random jobs, aborts and shutdowns. Not here: what tasks compute; the tests
 * of results compare one thread with many.
 *
 *   node scripts/check-threads.mjs [POOLS] [SEED]     default: 1500 pools from seed 1
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [pools = '1500', seed = '1'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'bitplane-threads-'));
try {
  process.exitCode = main(join(folder, 'stress'));
} finally {
  rmSync(folder, { recursive: true });
}

function main(program) {
  const sources = [
    'native/parallel/pool.cc',
    'test/native/threads/stress.cc',
    'test/native/threads/uv.cc',
  ];
  const flags = [
    '-std=c++17',
    '-O1',
    '-g',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fsanitize=thread',
    '-Inative',
  ];
  const compiled = spawnSync(
    process.env.CXX ?? 'c++',
    [...flags, ...sources, '-o', program, '-lpthread'],
    { cwd: root, stdio: 'inherit' },
  );
  if (compiled.status !== 0) return 1;
  let run = spawnSync(program, [pools, seed], { encoding: 'utf8' });
  // The system may randomise addresses further than the sanitizer supports; then run again without
  // randomisation.
  if (run.stderr.includes('unexpected memory mapping'))
    run = spawnSync('setarch', ['-R', program, pools, seed], { encoding: 'utf8' });
  process.stderr.write(run.stderr ?? `${run.error}\n`);
  process.stdout.write(run.stdout ?? '');
  return run.status === 0 ? 0 : 1;
}
