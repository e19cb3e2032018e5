#!/usr/bin/env node
/**
 * Checks that the addon neither reads or writes outside its buffers nor has undefined behaviour:
 * builds it with AddressSanitizer and UndefinedBehaviorSanitizer, and runs the tests of all kernels
 * and the random networks on it. Linux. Not here: buffers that share one run's arena, which no
 * sanitizer tells apart (tests of the memory plan do); races (./check-threads.mjs).
 *
 *   node scripts/check-memory.mjs [VITEST ARGUMENT ...]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, root } from './build-native.mjs';

const SUITES = [
  'test/native',
  'test/runtime/random-graphs.test.ts',
  'test/runtime/special-values.test.ts',
  'test/runtime/feeds.test.ts',
];

const hasAvx512 =
  existsSync('/proc/cpuinfo') && readFileSync('/proc/cpuinfo', 'utf8').includes('avx512_vpopcntdq');
const addon = compile(join(root, 'build-memory'), {
  BITPLANE_SANITIZE: 'address,undefined',
  BITPLANE_UNSANITIZED: hasAvx512 ? '' : 'avx512',
});
if (!readFileSync(addon).includes('__asan_report'))
  throw new Error(
    `${addon} is not sanitized: remove build-memory, which was made for something else`,
  );
// Node is not built with the sanitizers, so their libraries must be loaded before it.
const compiler = process.env.CXX ?? 'c++';
const libraries = ['libasan.so', 'libubsan.so'].map((name) =>
  execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
);
const vitest = [
  join(root, 'node_modules', 'vitest', 'vitest.mjs'),
  'run',
  '--pool=threads',
  '--testTimeout=300000',
];
const { status } = spawnSync(process.execPath, [...vitest, ...process.argv.slice(2), ...SUITES], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    BITPLANE_BINARY: addon,
    LD_PRELOAD: libraries.join(' '),
    // Node itself ends without freeing everything. More memory than there is gives null, as the
    // system does, and not a report: test/native/refusals.test.ts asks for it.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  },
});
process.exitCode = status ?? 1;
