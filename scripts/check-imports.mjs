#!/usr/bin/env node
/**
 * Checks that imports and includes point only the allowed way: a folder may use itself and what
 * stands before it. The two orders below are the architecture; ARCHITECTURE.md explains them. Not
 * here: what the folders hold.
 *
 *   node scripts/check-imports.mjs [ROOT]     prints violations; exit code 1 if there are any
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { filesUnder, runCheck } from './sources.mjs';

/**
 * Folders of src, lowest first. Folders on one row may import each other. Files directly in src are
 * the public face and see all.
 */
const TYPESCRIPT_ORDER = [
  ['core'],
  ['native'],
  ['tensor'],
  ['graph'],
  ['ops'],
  ['passes'],
  ['schedule'],
  ['runtime', 'quant'],
  ['nn', 'autodiff'],
  ['formats', 'data', 'train'],
  ['methods', 'fusion', 'analysis'],
  ['zoo'],
  ['cli', 'server'],
];

/** Folders of native, lowest first. */
const NATIVE_ORDER = [
  ['base'],
  ['cpu'],
  ['parallel'],
  ['simd'],
  ['kernels'],
  ['program'],
  ['addon'],
];

/**
 * The kernel folders that every kernel may include, and those that some kernels may. All others
 * stand alone.
 */
const KERNELS_SHARED = ['epilogue'];
const KERNELS_BUILT_ON = {
  dwconv: ['conv', 'window'],
  fconv: ['conv'],
  input_gradient: ['conv'],
  pack: ['bconv', 'conv', 'input_gradient', 'qconv', 'qdwconv'],
  qconv: ['conv'],
  qdwconv: ['conv', 'qconv'],
  wconv: ['conv', 'qconv'],
  weight_gradient: ['conv'],
  pool: ['window'],
};

const rankOf = (order) =>
  new Map(order.flatMap((row, rank) => row.map((folder) => [folder, rank])));
const TYPESCRIPT_RANK = rankOf(TYPESCRIPT_ORDER);
const NATIVE_RANK = rankOf(NATIVE_ORDER);

/** Every violation under `root`, one sentence each. */
export function violations(root) {
  return [...typescriptViolations(join(root, 'src')), ...nativeViolations(join(root, 'native'))];
}

function* typescriptViolations(src) {
  for (const file of filesUnder(src, /\.[cm]?ts$/)) {
    const folder = topFolder(src, file);
    if (folder === undefined) continue;
    if (!TYPESCRIPT_RANK.has(folder)) {
      yield `src/${portable(src, file)}: the folder src/${folder} has no place ` +
        'in the order of imports';
      continue;
    }
    for (const target of moduleSpecifiers(readFileSync(file, 'utf8'))) {
      if (!target.startsWith('.')) continue;
      const path = resolve(dirname(file), target);
      if (relative(src, path).startsWith('..')) {
        yield `src/${portable(src, file)}: imports ${target}, outside src`;
        continue;
      }
      const other = topFolder(src, path);
      const allowed =
        other !== undefined &&
        (other === folder || TYPESCRIPT_RANK.get(other) <= TYPESCRIPT_RANK.get(folder));
      if (!allowed)
        yield `src/${portable(src, file)}: ${folder} may not import ` +
          `${other ?? 'the public face'} (${target})`;
    }
  }
}

function* nativeViolations(native) {
  for (const file of filesUnder(native, /\.(cc|h|inc)$/)) {
    const path = portable(native, file);
    const folder = topFolder(native, file);
    if (folder === undefined || !NATIVE_RANK.has(folder)) {
      yield `native/${path}: the folder ${folder ?? 'native'} has no place ` +
        'in the order of includes';
      continue;
    }
    for (const target of includes(readFileSync(file, 'utf8'))) {
      const local = posix.join(posix.dirname(path), target);
      const included = existsSync(join(native, local)) ? local : target;
      const other = included.split('/')[0];
      // A quoted header that is not ours, such as Node's, belongs to no folder.
      if (!NATIVE_RANK.has(other)) continue;
      if (NATIVE_RANK.get(other) > NATIVE_RANK.get(folder))
        yield `native/${path}: ${folder} may not include ${other} (${target})`;
      const kernel = kernelFolder(path);
      const otherKernel = kernelFolder(included);
      if (
        kernel &&
        otherKernel &&
        ![kernel, ...KERNELS_SHARED, ...(KERNELS_BUILT_ON[kernel] ?? [])].includes(otherKernel)
      ) {
        yield `native/${path}: kernel ${kernel} may not include kernel ${otherKernel} (${target})`;
      }
    }
  }
}

/**
 * The imports of a module: static, re-exported, dynamic and type-only. Comments are skipped, so
 * that examples in them do not count.
 */
function moduleSpecifiers(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g)].map(
    (match) => match[1],
  );
}

function includes(source) {
  return [...source.matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)].map((match) => match[1]);
}

/** The kernel a file of native belongs to: native/kernels/NAME/..., undefined elsewhere. */
function kernelFolder(path) {
  const parts = path.split('/');
  return parts[0] === 'kernels' && parts.length > 2 ? parts[1] : undefined;
}

function topFolder(base, file) {
  const parts = relative(base, file).split(sep);
  return parts.length > 1 ? parts[0] : undefined;
}

function portable(base, file) {
  return relative(base, file).split(sep).join('/');
}

runCheck(import.meta.url, violations, {
  none: 'imports point the allowed way',
  some: 'imports point the wrong way',
});
