#!/usr/bin/env node
/**
 * The test folders whose outcome depends on the CPU, run once for every instruction set, and how
 * vitest runs them under an emulator. Prints them as vitest arguments:
 *
 *   node scripts/cpu-suites.mjs [--emulated] [--kernels]
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Every kernel against its oracle. */
export const KERNEL_SUITES = ['test/native'];

/** Programs and whole networks too. */
export const CPU_SUITES = [...KERNEL_SUITES, 'test/runtime', 'test/models'].filter((folder) =>
  existsSync(join(root, folder)),
);

/** Kernels that have variants for what some CPUs have beside their instruction set. */
export const FEATURE_SUITES = ['test/native/features.test.ts', 'test/native/qconv.test.ts'];

/**
 * Threads instead of child processes, which would start without the emulator, and one set of
 * modules for all files, which take half a minute to load there. No time limits and no
 * tests of timing, because an emulator keeps no time; no tests of how programs are kept and runs
 * wait, which no CPU changes. The environment has BITPLANE_EMULATED=1, see test/native/harness.ts.
 */
export const EMULATED = [
  '--pool=threads',
  '--no-isolate',
  '--testTimeout=600000',
  '--hookTimeout=600000',
  '--exclude=test/native/qconv-pairs.test.ts',
  '--exclude=test/runtime/processes.test.ts',
  '--exclude=test/runtime/programs.test.ts',
  '--exclude=test/runtime/session.test.ts',
  '--exclude=test/runtime/pace.test.ts',
  '--exclude=test/runtime/concurrency.test.ts',
  '--exclude=test/runtime/states.test.ts',
  '--exclude=test/runtime/result-targets.test.ts',
];

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const asked = (option) => process.argv.includes(option);
  const folders = asked('--kernels') ? KERNEL_SUITES : CPU_SUITES;
  console.log([...(asked('--emulated') ? EMULATED : []), ...folders].join(' '));
}
