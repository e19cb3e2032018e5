/**
 * Where an addon for this machine may lie, in the order in which it is looked for. Not here: loading it (./addon.ts).
 *
 * Prebuilt binaries lie as node-gyp-build lays them out, prebuilds/<platform>-<arch>/bitplane[.<libc>].node, so that other tools know
 * them too. They are found without that package because a bundle of an application carries this code but not its dependencies.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readHead } from './elf.js';

const NAME = 'bitplane';

/** This file, wherever a bundler put it; a bundle of CommonJS has a __filename in place of import.meta.url. */
export const HERE = (import.meta.url as string | undefined) === undefined ? __filename : fileURLToPath(import.meta.url);

/**
 * BITPLANE_BINARY alone if it is set; else what was built here, then what came with the package. Code that was bundled away from its
 * package looks beside itself: for the file alone, or for a folder `prebuilds`.
 */
export function candidates(): string[] {
  const forced = process.env.BITPLANE_BINARY;
  if (forced !== undefined && forced !== '') return [resolve(forced)];
  const root = packageRoot();
  const first = root === undefined ? join(dirname(HERE), `${NAME}.node`) : join(root, 'build', 'Release', `${NAME}.node`);
  return [first, prebuilt(root ?? dirname(HERE))];
}

/** The folder of bitplane's own package.json; undefined in a bundle. */
export function packageRoot(): string | undefined {
  for (let folder = dirname(HERE); ; folder = dirname(folder)) {
    if (isOurs(folder)) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function isOurs(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === NAME;
  } catch {
    return false;
  }
}

function prebuilt(folder: string): string {
  const { platform, arch } = process;
  const file = platform === 'linux' ? `${NAME}.${libc()}.node` : `${NAME}.node`;
  return join(folder, 'prebuilds', `${platform}-${arch}`, file);
}

/** The C library that this Node is linked with, by the name of the loader that its executable asks for. */
export function libc(): 'glibc' | 'musl' {
  try {
    return readHead(process.execPath).head.includes('/ld-musl-') ? 'musl' : 'glibc';
  } catch {
    return 'glibc';
  }
}
