/**
 * Where an addon for this machine may lie, in the order in which it is looked for. Not here:
 * loading it (./addon.ts).
 *
 * Prebuilt binaries lie as node-gyp-build lays them out,
 * prebuilds/<platform>-<arch>/bitplane[.<libc>].node, so that other tools know them too. This code
 * looks for them itself, because a bundled application contains it without its dependencies.
 */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readHead } from './elf.js';

const NAME = 'bitplane';
const { platform, arch } = process;

/**
 * BITPLANE_BINARY alone if it is set; else what was built here, then what came with the package.
 * Code that was bundled away from its package looks beside itself: for the file alone, or for a
 * folder `prebuilds`.
 */
export function candidates(): string[] {
  const forced = process.env.BITPLANE_BINARY;
  if (forced !== undefined && forced !== '') return [resolve(forced)];
  const root = packageRoot();
  const found =
    root === undefined
      ? folders().flatMap((folder) => [join(folder, `${NAME}.node`), prebuilt(folder)])
      : [join(root, 'build', 'Release', `${NAME}.node`), prebuilt(root), ...traced()];
  return [...new Set(found)];
}

/**
 * The folders that this code may run in: one, unless a bundler's settings falsify the other.
 *
 * A bundle of CommonJS has a __filename. webpack puts the path of the source file, on the machine
 * that bundled, in place of `import.meta.url`, but not in a `new URL` that it is told to ignore;
 * that address is no literal, because versions of webpack that do not know the comment follow
 * literals. The code reads `__filename` in a `try` instead of asking `typeof __filename`, because
 * webpack answers `typeof` itself, even where there is no __filename.
 */
function folders(): string[] {
  const found: string[] = [];
  try {
    if (isAbsolute(__filename)) found.push(dirname(__filename));
  } catch {
    // An ES module.
  }
  if ((import.meta.url as string | undefined) !== undefined) {
    found.push(
      dirname(fileURLToPath(new URL(/* webpackIgnore: true */ `./${arch}`, import.meta.url))),
    );
  }
  return [...new Set(found)];
}

/**
 * The file in the package again, spelled so that file tracers find it: Next.js, Vercel and Netlify
 * use @vercel/nft, which evaluates exactly such expressions. The path is right from here and from
 * dist/shared, where the build puts this code.
 */
function traced(): string[] {
  if ((import.meta.url as string | undefined) === undefined) return [];
  if (platform !== 'linux')
    return [
      fileURLToPath(
        new URL(
          /* webpackIgnore: true */
          `../../prebuilds/${process.platform}-${process.arch}/bitplane.node`,
          import.meta.url,
        ),
      ),
    ];
  return libc() === 'musl'
    ? [
        fileURLToPath(
          new URL(
            /* webpackIgnore: true */ `../../prebuilds/linux-${process.arch}/bitplane.musl.node`,
            import.meta.url,
          ),
        ),
      ]
    : [
        fileURLToPath(
          new URL(
            /* webpackIgnore: true */ `../../prebuilds/linux-${process.arch}/bitplane.glibc.node`,
            import.meta.url,
          ),
        ),
      ];
}

/** The folder of bitplane's own package.json; undefined in a bundle. */
export function packageRoot(): string | undefined {
  return folders()
    .map(ownFolder)
    .find((root) => root !== undefined);
}

function ownFolder(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
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
  const file = platform === 'linux' ? `${NAME}.${libc()}.node` : `${NAME}.node`;
  return join(folder, 'prebuilds', `${platform}-${arch}`, file);
}

/**
 * The C library that this Node is linked with, by the name of the loader that its executable asks
 * for.
 */
export function libc(): 'glibc' | 'musl' {
  try {
    return readHead(process.execPath).head.includes('/ld-musl-') ? 'musl' : 'glibc';
  } catch {
    return 'glibc';
  }
}
