/**
 * This machine in words, for errors about an addon that does not load. Not here: what the addon
 * detects (native/cpu).
 */
import { readFileSync } from 'node:fs';
import { libc } from './locate.js';

/** For example `linux-x64 (glibc 2.36, CPU with avx2 and avx512)`. */
export function describeHost(): string {
  const { platform, arch } = process;
  const facts = platform === 'linux' ? [libraryVersion(), instructionSets()] : [instructionSets()];
  return `${platform}-${arch} (${facts.join(', ')})`;
}

/** Why this runtime must not even try to load the addon; undefined where it may. */
export function refusal(): string | undefined {
  const { bun } = process.versions;
  // Bun exports Node's thread functions, but each aborts the process when it is called.
  return bun === undefined ? undefined : `Bun ${bun} lacks the threads of libuv that it needs`;
}

function libraryVersion(): string {
  // Other runtimes than Node have no report, or another one.
  const report = process.report?.getReport() as
    | { header?: { glibcVersionRuntime?: string } }
    | undefined;
  const version = report?.header?.glibcVersionRuntime;
  return version === undefined ? libc() : `glibc ${version}`;
}

/** CPU features by native/cpu's names, as far as the system tells. */
function instructionSets(): string {
  if (process.arch === 'arm64') return 'CPU with neon';
  const flags = cpuFlags();
  if (flags === undefined) return 'CPU of unknown instruction sets';
  const sets = [
    ['avx2', flags.has('avx2') && flags.has('fma')],
    ['avx512', flags.has('avx512bw') && flags.has('avx512_vpopcntdq')],
  ].filter(([, has]) => has);
  return sets.length === 0
    ? 'CPU without avx2'
    : `CPU with ${sets.map(([name]) => name).join(' and ')}`;
}

function cpuFlags(): Set<string> | undefined {
  try {
    const line = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
    return line === undefined ? undefined : new Set(line.split(' '));
  } catch {
    return undefined;
  }
}
