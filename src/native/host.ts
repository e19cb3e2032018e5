/**
 * This machine in words, for when the addon does not load and cannot say. Not here: what the addon detects (native/cpu).
 */
import { readFileSync } from 'node:fs';
import { libc } from './locate.js';

/** For example `linux-x64 (glibc 2.36, CPU with avx2 and avx512)`. */
export function describeHost(): string {
  const { platform, arch } = process;
  const facts = platform === 'linux' ? [libraryVersion(), instructionSets()] : [instructionSets()];
  return `${platform}-${arch} (${facts.join(', ')})`;
}

function libraryVersion(): string {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined ? libc() : `glibc ${header.glibcVersionRuntime}`;
}

/** As native/cpu names them, as far as the system tells. */
function instructionSets(): string {
  if (process.arch === 'arm64') return 'CPU with neon';
  const flags = cpuFlags();
  if (flags === undefined) return 'CPU of unknown instruction sets';
  const sets = [
    ['avx2', flags.has('avx2') && flags.has('fma')],
    ['avx512', flags.has('avx512bw') && flags.has('avx512_vpopcntdq')],
  ].filter(([, has]) => has);
  return sets.length === 0 ? 'CPU without avx2' : `CPU with ${sets.map(([name]) => name).join(' and ')}`;
}

function cpuFlags(): Set<string> | undefined {
  try {
    const line = /^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
    return line === undefined ? undefined : new Set(line.split(' '));
  } catch {
    return undefined;
  }
}
