#!/usr/bin/env node
/**
 * Makes the clone runnable, doing only what is missing or stale: node_modules, the native addon,
 * the compiled TypeScript; for `npm pack` the prebuilt addons. Uses nothing but Node, because it
 * runs before anything is installed. Not here: releases.
 *
 *   node scripts/ensure.mjs [deps] [native] [ts] [prebuilds]     default: the first three
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lackingTool } from './build-native.mjs';
import { npmInstall } from './npm-install.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => join(root, ...parts);

const STEPS = {
  deps: ensureDependencies,
  native: ensureNative,
  ts: ensureTypeScript,
  prebuilds: ensurePrebuilds,
};
const DEFAULT = ['deps', 'native', 'ts'];
/** What an addon is made of. */
const ADDON_SOURCES = [
  at('native'),
  at('cmake'),
  at('CMakeLists.txt'),
  at('scripts', 'build-native.mjs'),
];

function main(names) {
  if (Number(process.versions.node.split('.')[0]) < 20)
    fail(`bitplane needs Node 20 or newer; this is ${process.version}`);
  for (const name of names.length === 0 ? DEFAULT : names) {
    if (!Object.hasOwn(STEPS, name))
      fail(`expected ${Object.keys(STEPS).join(', ')} but received ${name}`);
    STEPS[name]();
  }
}

function ensureDependencies() {
  if (dependenciesCurrent()) return;
  // Not `npm ci`: it refuses a lockfile that lacks another platform's optional binaries, and a
  // registry mirror may not carry them all.
  // --no-save keeps both the versions of the lockfile and the lockfile itself.
  process.stderr.write('bitplane: installing packages ...\n');
  const failure = npmInstall(root, ['--no-save']);
  if (failure !== undefined) fail(failure);
}

/**
 * True if every package of the lockfile, except other platforms' optional ones, is installed in the
 * version that the lockfile names.
 */
function dependenciesCurrent() {
  const installedFile = at('node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const wanted = readJson(at('package-lock.json')).packages;
  const installed = readJson(installedFile).packages;
  const declared = readJson(at('package.json'));
  for (const kind of ['dependencies', 'devDependencies']) {
    if (JSON.stringify(sorted(declared[kind])) !== JSON.stringify(sorted(wanted[''][kind])))
      return false;
  }
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || optional || installed[path]?.version === version,
  );
}

function ensureNative() {
  // A binary that the user names is used as it is.
  if (process.env.BITPLANE_BINARY) return;
  const artifact = at('build', 'Release', 'bitplane.node');
  if (current(artifact, at('build', '.ensured'), ADDON_SOURCES)) return;
  requireTools();
  run('building the native addon', process.execPath, [at('scripts', 'build-native.mjs')]);
  writeFileSync(at('build', '.ensured'), '');
}

/** The platforms whose addons this machine can build, its own included. */
function ensurePrebuilds() {
  const own = at('prebuilds', `${process.platform}-${process.arch}`);
  const stamp = at('build-prebuild', '.ensured');
  if (current(own, stamp, [...ADDON_SOURCES, at('scripts', 'prebuild.mjs')])) return;
  requireTools();
  run('building the prebuilt addons', process.execPath, [at('scripts', 'prebuild.mjs')]);
  writeFileSync(stamp, '');
}

function requireTools() {
  const lacking = lackingTool();
  if (lacking !== undefined) fail(lacking);
}

function ensureTypeScript() {
  const stamp = at('dist', '.ensured');
  const sources = [
    at('src'),
    at('tsconfig.json'),
    at('tsconfig.build.json'),
    at('scripts', 'build-ts.mjs'),
  ];
  if (current(at('dist', 'index.js'), stamp, sources)) return;
  rmSync(stamp, { force: true });
  run('compiling TypeScript', process.execPath, [at('scripts', 'build-ts.mjs')]);
  writeFileSync(stamp, '');
}

/**
 * The time of a stamp file says when a build ended, because a build that changes nothing need not
 * rewrite its artifact.
 */
function current(artifact, stamp, sources) {
  if (!existsSync(artifact) || !existsSync(stamp)) return false;
  return Math.max(...sources.filter(existsSync).map(newest)) < statSync(stamp).mtimeMs;
}

/** Folders count too: removing a file touches only its folder. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/**
 * Output goes to stderr, so that standard output belongs to the command that follows (`--json`).
 */
function run(what, command, args) {
  process.stderr.write(`bitplane: ${what} ...\n`);
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) fail(`${what} failed (${error?.message ?? signal ?? `exit code ${status}`})`);
}

function fail(message) {
  process.stderr.write(`bitplane: ${message}\n`);
  process.exit(1);
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function sorted(record = {}) {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

main(process.argv.slice(2));
