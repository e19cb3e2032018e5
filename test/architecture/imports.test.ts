/**
 * Imports and includes point only the allowed way, and the check finds made-up violations.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { violations } from '../../scripts/check-imports.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
let made: string | undefined;

/** A tree of files in a temporary folder. */
function tree(files: Record<string, string>): string {
  made = mkdtempSync(join(tmpdir(), 'bitplane-imports-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(made, dirname(path)), { recursive: true });
    writeFileSync(join(made, path), text);
  }
  return made;
}

afterEach(() => {
  if (made !== undefined) rmSync(made, { recursive: true });
  made = undefined;
});

test('this repository imports and includes in the allowed order only', () => {
  expect(violations(root)).toEqual([]);
});

describe('src', () => {
  test.each([
    ['a static import upward', "import { optimize } from '../passes/index.js';"],
    ['a type-only import upward', "import type { Session } from '../runtime/session.js';"],
    ['a dynamic import upward', "const { Session } = await import('../runtime/session.js');"],
    ['a re-export upward', "export * from '../cli/main.js';"],
    ['an import for its effect', "import '../formats/model.js';"],
    ['the public face', "import { Session } from '../index.js';"],
    ['a file outside src', "import { x } from '../../test/x.js';"],
  ])('refuses %s', (_, line) => {
    expect(violations(tree({ 'src/ops/make.ts': line }))).toHaveLength(1);
  });

  test('refuses a folder without a place', () => {
    expect(violations(tree({ 'src/utils/x.ts': '' }))).toEqual([
      'src/utils/x.ts: the folder src/utils has no place in the order of imports',
    ]);
  });

  test('allows the own folder, lower folders and packages, and all to the public face', () => {
    const files = {
      'src/ops/make.ts':
        "import { a } from './shapes.js';\nimport { b } from " +
        "'../graph/value.js';\nimport fs from 'node:fs';",
      'src/index.ts':
        "export { main } from './cli/main.js';\nexport { Tensor } from './tensor/tensor.js';",
      'src/graph/value.ts':
        "/** @example import { x } from '../cli/main.js' */\n// import { y } from " +
        "'../cli/main.js';",
    };
    expect(violations(tree(files))).toEqual([]);
  });
});

describe('native', () => {
  test.each([
    ['a lower folder that includes a higher one', 'native/base/types.h', '#include "cpu/isa.h"'],
    [
      'a kernel that includes the program',
      'native/kernels/conv/conv.cc',
      '#include "program/program.h"',
    ],
    [
      'a kernel that includes another kernel',
      'native/kernels/conv/conv.cc',
      '  #  include "kernels/bconv/bconv.h"',
    ],
    [
      'a kernel that includes one that only others build on',
      'native/kernels/conv/conv.cc',
      '#include "kernels/window/window.h"',
    ],
    [
      'a kernel that reaches another by a relative path',
      'native/kernels/conv/conv.cc',
      '#include "../bconv/bconv.h"',
    ],
  ])('refuses %s', (_, path, line) => {
    expect(violations(tree({ [path]: line, 'native/kernels/bconv/bconv.h': '' }))).toHaveLength(1);
  });

  test('allows lower folders, the same kernel, the shared kernels and foreign headers', () => {
    const line = [
      'simd/avx2.h',
      'kernels/step.h',
      'kernels/epilogue/epilogue.h',
      'conv.h',
      'node_api.h',
    ]
      .map((h) => `#include "${h}"`)
      .join('\n');
    const files = {
      'native/kernels/conv/conv.cc': line,
      'native/kernels/conv/conv.h': '',
      'native/kernels/pool/pool.cc': '#include "kernels/window/window.h"',
    };
    expect(violations(tree(files))).toEqual([]);
  });
});
