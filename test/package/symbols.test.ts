/**
 * Every prebuilt file for Linux with glibc, of any architecture, needs nothing newer than glibc
 * 2.28, Node 20's own minimum, no C++ library, and no Node-API call that some runtimes refuse. Read
 * with readelf, which knows every architecture.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { packageFolder } from './sandbox.js';

const FLOOR = [2, 28] as const;
const prebuilds = join(packageFolder(inject('application')), 'prebuilds');
const files = readdirSync(prebuilds, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.glibc.node'),
);
const canRead = spawnSync('readelf', ['--version']).error === undefined;

function newer(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > FLOOR[0] || (major === FLOOR[0] && minor > FLOOR[1]);
}

test('there is one for each architecture that npm run prebuilds builds on this machine', () => {
  const wanted = [`linux-${process.arch}`];
  if (spawnSync('aarch64-linux-gnu-g++', ['--version']).error === undefined)
    wanted.push('linux-arm64');
  const have = files.map((file) => file.split(/[\\/]/)[0]);
  if (process.platform === 'linux') expect(have).toEqual(expect.arrayContaining(wanted));
});

describe.skipIf(!canRead || files.length === 0).each(files)('%s (needs readelf)', (name) => {
  const file = join(prebuilds, name);
  const read = (...args: string[]) =>
    execFileSync('readelf', ['--wide', ...args, file], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const symbols = canRead ? read('--dyn-syms') : '';

  test('asks for no glibc newer than 2.28', () => {
    const versions = [
      ...new Set([...symbols.matchAll(/@GLIBC_([0-9.]+)/g)].map((match) => match[1] as string)),
    ];
    expect(versions.length).toBeGreaterThan(0);
    expect(versions.filter(newer)).toEqual([]);
  });

  test('asks for no C++ library', () => {
    expect(symbols).not.toMatch(/GLIBCXX|CXXABI/);
    const needed = [...read('--dynamic').matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(
      (match) => match[1],
    );
    expect(
      needed.filter((library) => !/^(libc|libm|libgcc_s|ld-linux.*)\.so/.test(library as string)),
    ).toEqual([]);
  });

  test('binds all symbols at loading, so a runtime that lacks one refuses it', () => {
    expect(read('--dynamic')).toMatch(/\(FLAGS_1\).* NOW\b/);
    // Deno has the other functions of libuv that the addon calls.
    expect(symbols).toContain('uv_thread_create');
    expect(symbols).not.toContain('uv_available_parallelism');
  });

  test('exposes no own memory as an ArrayBuffer, which runtimes with a memory cage refuse', () => {
    expect(symbols).toContain('napi_create_function');
    expect(symbols).not.toMatch(/napi_create_external_arraybuffer|napi_create_external_buffer/);
  });

  test('is stripped, is no executable and needs no executable stack', () => {
    expect(read('--sections')).not.toMatch(/\.symtab|\.debug_/);
    expect(statSync(file).mode & 0o111).toBe(0);
    expect(read('--program-headers')).toMatch(/GNU_STACK.* RW +0x/);
  });

  test('names no folder of the machine that built it', () => {
    const text = execFileSync('strings', ['-a', file], { encoding: 'utf8', maxBuffer: 1 << 26 });
    expect(text).not.toMatch(/^\/(?!lib|proc|sys|dev)\w+\/.*\.(cc|h)/m);
    expect(existsSync(file)).toBe(true);
  });
});
