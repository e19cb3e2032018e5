#!/usr/bin/env node
/**
 * The test folders whose outcome depends on the CPU, run once for every instruction set, and how
 * vitest runs them under an emulator. Prints them as vitest arguments: node scripts/cpu-suites.mjs
 * [--emulated]
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export const CPU_SUITES = ['test/native', 'test/runtime', 'test/models'].filter((folder) =>
  existsSync(join(root, folder)),
);

/**
 * Threads and no child processes: those would start without the emulator. No time limits that mean
 * something on real hardware.
 */
export const EMULATED = [
  '--pool=threads',
  '--testTimeout=600000',
  '--hookTimeout=600000',
  '--exclude=test/runtime/processes.test.ts',
];

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  console.log([...(process.argv.includes('--emulated') ? EMULATED : []), ...CPU_SUITES].join(' '));
}
