#!/usr/bin/env node
/**
 * The test folders whose outcome depends on the CPU: run once for every instruction set. Prints those that exist.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export const CPU_SUITES = ['test/native', 'test/kernels', 'test/program', 'test/runtime', 'test/models'].filter((folder) =>
  existsSync(join(root, folder)),
);

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) console.log(CPU_SUITES.join(' '));
