/**
 * No line is longer than 100 characters, no comment points to a file that does not exist, and the
 * check finds made-up violations.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { violations } from '../../scripts/check-columns.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const LONG = 'x'.repeat(101);

/** What the check finds in a repository of these files. */
function found(files: Record<string, string>): string[] {
  const made = mkdtempSync(join(tmpdir(), 'bitplane-columns-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(made, path)), { recursive: true });
      writeFileSync(join(made, path), text);
    }
    return violations(made);
  } finally {
    rmSync(made, { recursive: true });
  }
}

test('this repository has no long line and no pointer to a file that is not there', () => {
  expect(violations(root)).toEqual([]);
});

describe('lines', () => {
  test.each([
    'src/x.ts',
    'native/a/x.cc',
    'native/a/rows.inc',
    'test/a/x.test.ts',
    'bench/x.mjs',
    'scripts/x.mjs',
    'README.md',
    'docs/x.md',
  ])('a long line of %s is found, with its number', (path) => {
    expect(found({ [path]: `short\n${LONG}\n` })).toEqual([
      `${path}:2: 101 characters, more than 100`,
    ]);
  });

  test('characters are counted, not bytes', () => {
    expect(found({ 'src/x.ts': '—'.repeat(100), 'src/y.ts': '😀'.repeat(100) })).toEqual([]);
  });

  test('tables, fences, URLs, data and other folders are free', () => {
    const files = {
      'README.md': `| ${LONG} |\n\n\`\`\`\n${LONG}\n\`\`\`\n\nSee https://example.org/${LONG}.\n`,
      'test/golden/x.py': LONG,
      'test/x.npy': LONG,
      'dist/x.js': LONG,
    };
    expect(found(files)).toEqual([]);
  });

  test('a long line behind a fence or beside a URL is found', () => {
    const text = `\`\`\`\n\`\`\`\n${LONG}\n${LONG} https://example.org\n`;
    expect(found({ 'README.md': text }).map((line) => line.split(':')[1])).toEqual(['3', '4']);
  });
});

describe('pointers', () => {
  const there = {
    'src/a/x.ts': '',
    'src/b/y.ts': '',
    'native/kernels/conv/plan.h': '',
    'bench/mca/z.mjs': '',
  };
  const pointing = (path: string, comment: string) => found({ ...there, [path]: comment });

  test.each([
    ['src/a/new.ts', '/** ./x.ts, ../b/y.ts; src/b, src/b/y.ts, bench/mca and (y.ts). */'],
    ['src/a/new.ts', '// ./<op>.ts, src/a/*.ts, src/b/NAME.ts, and/or, 1/2, ./y.js'],
    ['src/a/new.ts', "const path = './none.ts', glob = '/* ./none.ts */';"],
    ['native/kernels/conv/new.cc', '// kernels/conv/plan.h, conv/none is no folder of native'],
    ['ARCHITECTURE.md', '`src/b/y.ts` and `y.ts`'],
    ['README.md', '`src/none.ts`'],
  ])('in %s: %s', (path, text) => {
    expect(pointing(path, text)).toEqual([]);
  });

  test.each([
    ['src/a/new.ts', '/**\n * ./y.ts\n */', './y.ts', 2],
    ['src/a/new.ts', '// ../c', '../c', 1],
    ['src/a/new.ts', 'f(); // (src/none.ts)', 'src/none.ts', 1],
    ['src/a/new.ts', '// (none.ts)', 'none.ts', 1],
    ['src/a/new.ts', '// src/none/<op>.ts', 'src/none/<op>.ts', 1],
    ['native/kernels/conv/new.h', '// kernels/conv/none.h', 'kernels/conv/none.h', 1],
    ['native/kernels/conv/new.h', '// (none.h)', 'none.h', 1],
    ['scripts/new.mjs', '/** bench/none */', 'bench/none', 1],
    ['CONTRIBUTING.md', '\n`native/none.h`', 'native/none.h', 2],
  ])('in %s, %j is found', (path, text, target, line) => {
    expect(pointing(path, text)).toContain(`${path}:${line}: no file ${target}`);
  });
});
