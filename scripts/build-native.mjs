#!/usr/bin/env node
/**
 * Builds the addon from source into build/Release, in a clone and in an installed package alike:
 * `npm run build:native`, for machines that no prebuilt file fits. Needs CMake and a C++17
 * compiler; cmake-js and the N-API headers are fetched into build/tools if the package was
 * installed without them, which is how users install it. Not here: prebuilt files (./prebuild.mjs).
 *
 *   node scripts/build-native.mjs
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmInstall } from './npm-install.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';

/**
 * Compiles into the folder `out` and returns the path of the addon.
 * @param out a build folder, made if need be
 * @param definitions CMake variables
 * @param options more options of cmake-js
 */
export function compile(out, definitions = {}, options = []) {
  const lacking = lackingTool();
  if (lacking !== undefined) fail(lacking);
  const modules = ensureTools();
  const variables = {
    CMAKE_BUILD_TYPE: 'Release',
    NODE_ADDON_API_DIR: join(modules, 'node-addon-api'),
    ...definitions,
  };
  run(process.execPath, [
    join(modules, 'cmake-js', 'bin', 'cmake-js'),
    'compile',
    ...['--directory', root, '--out', out, '--log-level', 'error'],
    ...['--parallel', process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism())],
    // The kernels use GNU attributes and builtins, which Visual Studio's own compiler lacks and its
    // clang-cl has.
    ...(windows ? ['--toolset', 'ClangCL'] : []),
    ...Object.entries(variables).map(([name, value]) => `--CD${name}=${value}`),
    ...options,
  ]);
  const addon = join(out, 'Release', 'bitplane.node');
  if (!existsSync(addon)) fail(`the build ended without ${addon}`);
  return addon;
}

/** CMake before this cannot build the addon. */
const CMAKE = [3, 18];

/**
 * A sentence that says which tool is missing; undefined where none is. On Windows CMake looks for
 * the compiler.
 */
export function lackingTool() {
  const needs = `building the addon needs CMake ${CMAKE.join('.')} or newer and a C++17 compiler`;
  const { error, stdout } = spawnSync('cmake', ['--version'], { encoding: 'utf8' });
  if (error) return `${needs}; cmake was not found on PATH`;
  const [, version = '', major, minor] = /version ((\d+)\.(\d+)\S*)/.exec(stdout) ?? [];
  if (Number(major) < CMAKE[0] || (Number(major) === CMAKE[0] && Number(minor) < CMAKE[1]))
    return `${needs}; this is CMake ${version}`;
  // The names that CMake itself tries first.
  const compilers = process.env.CXX ? [process.env.CXX.split(' ')[0]] : ['c++', 'g++', 'clang++'];
  if (windows || compilers.some((name) => spawnSync(name, ['--version']).error === undefined))
    return undefined;
  return `${needs}; ${compilers.join(', ').replace(/, ([^,]*)$/, ' or $1')} was not found on PATH`;
}

/** The folder of packages that holds the build tools. */
function ensureTools() {
  const tools = ['cmake-js', 'node-addon-api'];
  const complete = (modules) =>
    tools.every((name) => existsSync(join(modules, name, 'package.json')));
  const own = join(root, 'node_modules');
  if (complete(own)) return own;
  const folder = join(root, 'build', 'tools');
  const fetched = join(folder, 'node_modules');
  if (complete(fetched)) return fetched;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = tools.map((name) => `${name}@${devDependencies[name]}`);
  const failure = npmInstall(folder, ['--prefix', folder, ...wanted]);
  if (failure !== undefined)
    fail(
      `building the addon needs ${wanted.join(' and ')}, which could not be fetched: ${failure}`,
    );
  return fetched;
}

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0)
    fail(`${command} failed (${error?.message ?? signal ?? `exit code ${status}`})`);
}

export function fail(message) {
  process.stderr.write(`bitplane: ${message}\n`);
  process.exit(1);
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${compile(join(root, 'build'))}\n`);
}
