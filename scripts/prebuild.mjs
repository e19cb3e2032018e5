#!/usr/bin/env node
/**
 * `npm run prebuilds`: fills prebuilds/ with stripped addons in node-gyp-build's layout:
 * prebuilds/<platform>-<arch>/bitplane[.<libc>].node. Not here: packing and publishing (`npm pack`,
 * .github/workflows).
 *
 *   node scripts/prebuild.mjs [TARGET ...]
 *
 * A target is <platform>-<arch>. Without one this machine's is built, and on x64 Linux with glibc
 * also the cross-built linux-arm64. Each file runs on every CPU of its architecture: newer
 * instructions are chosen when a program is built. The files need glibc 2.28, or musl 1.2, and no
 * C++ library, wherever they were built (test/package/symbols.test.ts).
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { compile, fail, root } from './build-native.mjs';

const { platform, arch } = process;
const HOST = `${platform}-${arch}`;
const CROSS = {
  'linux-arm64': {
    from: 'linux-x64',
    toolchain: 'aarch64-linux-gnu',
    needs: 'aarch64-linux-gnu-g++',
  },
};
/** Cross compilers are glibc's. */
const CROSSABLE =
  libc() === 'glibc' ? Object.keys(CROSS).filter((target) => CROSS[target].from === HOST) : [];
/**
 * Leaves out symbols, which would double the file and help no user. The linker leaves them out,
 * because stripping a finished file breaks its signature, and Apple's systems load no file without
 * one.
 */
const STRIP =
  { linux: { CMAKE_SHARED_LINKER_FLAGS: '-s' }, darwin: { CMAKE_SHARED_LINKER_FLAGS: '-Wl,-x' } }[
    platform
  ] ?? {};

function main(args) {
  for (const target of args.length > 0 ? args : [HOST, ...CROSSABLE]) {
    const without = lacking(target);
    if (without === undefined) {
      const file = install(target, build(target));
      process.stdout.write(`${relative(root, file)} ${statSync(file).size} bytes\n`);
    } else if (args.includes(target)) fail(`${target} cannot be built on ${HOST}${without}`);
    else process.stderr.write(`bitplane: ${target} is left out${without}\n`);
  }
}

function build(target) {
  const out = join(root, 'build-prebuild', target);
  if (target === HOST) return compile(out, STRIP);
  const toolchain = join(root, 'cmake', `${CROSS[target].toolchain}.cmake`);
  return compile(out, { ...STRIP, CMAKE_TOOLCHAIN_FILE: toolchain }, [
    '--arch',
    target.split('-')[1],
  ]);
}

function install(target, addon) {
  const folder = join(root, 'prebuilds', target);
  const file = join(
    folder,
    target.startsWith('linux-') ? `bitplane.${libc()}.node` : 'bitplane.node',
  );
  mkdirSync(folder, { recursive: true });
  copyFileSync(addon, file);
  chmodSync(file, 0o644);
  return file;
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** What keeps a target from being built here, as the end of a sentence. */
function lacking(target) {
  if (target === HOST) return undefined;
  if (!CROSSABLE.includes(target)) return '';
  const { needs } = CROSS[target];
  return spawnSync(needs, ['--version']).error === undefined
    ? undefined
    : `: ${needs} is not on PATH`;
}

main(process.argv.slice(2));
