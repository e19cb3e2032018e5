/**
 * The addon runs wherever Node 20 runs: it needs no symbol newer than glibc 2.28, Node's own
 * minimum, and no C++ library.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const binary = process.env.BITPLANE_BINARY || join(root, 'build', 'Release', 'bitplane.node');
const canRead =
  process.platform === 'linux' && spawnSync('objdump', ['--version']).error === undefined;
const FLOOR = [2, 28] as const;

/** The versions that a symbol table asks for, e.g. every x.y of GLIBC_x.y. */
function versions(symbols: string, library: string): string[] {
  return [
    ...new Set(
      [...symbols.matchAll(new RegExp(`\\b${library}_([0-9.]+)`, 'g'))].map(
        (match) => match[1] as string,
      ),
    ),
  ];
}

function newer(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > FLOOR[0] || (major === FLOOR[0] && minor > FLOOR[1]);
}

test('newer() orders versions as numbers', () => {
  expect(['2.4', '2.17', '2.28', '2.29', '2.34', '3.0'].filter(newer)).toEqual([
    '2.29',
    '2.34',
    '3.0',
  ]);
});

describe.skipIf(!canRead)('the addon (needs Linux and objdump)', () => {
  const symbols = canRead
    ? execFileSync('objdump', ['-T', binary], { encoding: 'utf8', maxBuffer: 1 << 26 })
    : '';

  test('exports what Node-API loads, and nothing else', () => {
    const defined = symbols
      .split('\n')
      .filter((line) => / [gw]i? .* \.(text|data|bss|rodata)/.test(line));
    expect(defined.map((line) => line.split(/\s+/).at(-1)).sort()).toEqual([
      'napi_register_module_v1',
      'node_api_module_get_api_version_v1',
    ]);
  });

  test('asks for no glibc newer than 2.28', () => {
    expect(versions(symbols, 'GLIBC').filter(newer)).toEqual([]);
  });

  test('asks for no C++ library', () => {
    expect(versions(symbols, 'GLIBCXX')).toEqual([]);
    expect(versions(symbols, 'CXXABI')).toEqual([]);
  });
});
