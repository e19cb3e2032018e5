#!/usr/bin/env node
/**
 * Fills prebuilds/ with stripped addons in node-gyp-build's layout: prebuilds/<platform>-<arch>/bitplane[.<libc>].node.
 * Not here: packing and publishing (`npm pack`, .github/workflows).
 *
 *   node scripts/prebuild.mjs [TARGET ...]     default: this machine's, and on x64 Linux with glibc the cross-built linux-arm64
 *
 * A target is <platform>-<arch>. Each runs on every CPU of its architecture: newer instructions are chosen when a program is built. The
 * files need glibc 2.28, or musl 1.2, and no C++ library, wherever they were built (test/package/symbols.test.ts).
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { compile, fail, root, run } from './build-native.mjs';

const { platform, arch } = process;
const HOST = `${platform}-${arch}`;
const CROSS = { 'linux-arm64': { from: 'linux-x64', toolchain: 'aarch64-linux-gnu', needs: 'aarch64-linux-gnu-g++' } };

function main(args) {
  const targets = args.length > 0 ? args : [HOST, ...Object.keys(CROSS).filter((target) => canCross(target))];
  for (const target of targets) {
    if (target !== HOST && !canCross(target)) fail(`${target} cannot be built on ${HOST}${missing(target)}`);
    const file = install(target, build(target));
    process.stdout.write(`${relative(root, file)} ${statSync(file).size} bytes\n`);
  }
}

function build(target) {
  const out = join(root, 'build-prebuild', target);
  // Symbols would double the file; a stack of the kernels is nothing that users can act on.
  const strip = platform === 'linux' ? { CMAKE_SHARED_LINKER_FLAGS: '-s' } : {};
  if (target === HOST) return compile(out, strip);
  const toolchain = join(root, 'cmake', `${CROSS[target].toolchain}.cmake`);
  return compile(out, { ...strip, CMAKE_TOOLCHAIN_FILE: toolchain }, ['--arch', target.split('-')[1]]);
}

function install(target, addon) {
  const folder = join(root, 'prebuilds', target);
  const file = join(folder, target.startsWith('linux-') ? `bitplane.${libc()}.node` : 'bitplane.node');
  mkdirSync(folder, { recursive: true });
  copyFileSync(addon, file);
  chmodSync(file, 0o644);
  if (platform === 'darwin') run('strip', ['-x', file]);
  return file;
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** Cross compilers are glibc's. */
function canCross(target) {
  const cross = CROSS[target];
  return cross !== undefined && cross.from === HOST && libc() === 'glibc' && spawnSync(cross.needs, ['--version']).error === undefined;
}

function missing(target) {
  const cross = CROSS[target];
  return cross?.from === HOST ? `: ${cross.needs} is not on PATH` : '';
}

main(process.argv.slice(2));
