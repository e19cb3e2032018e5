/**
 * The check that no list outside an op states what belongs to it, on made-up trees and on ours.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { violations } from '../../scripts/check-op-lists.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'op-lists-'));
  write('src/ops/index.ts', 'export const OPS = {\n  add,\n  sub,\n  mul,\n  pad,\n};\n');
  write('src/passes/affine.ts', '');
  write('src/passes/binarize.ts', '');
  write('src/methods/folded.ts', '');
  write('src/methods/dfq/absorb-bias.ts', '');
  write('src/runtime/kernel-workloads.ts', '');
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe('a list that names three ops is found', () => {
  test.each([
    ['an array', "const a = ['add', 'sub', 'mul'];"],
    ['a set', "const a = new Set(['add', 'x', 'sub', 'mul']);"],
    ['a record', 'const a = { add: 1, sub: 2, mul: 3 };'],
    ['a record of methods', 'const a = { add() {}, sub(value) {}, pad };'],
    ['a switch', "switch (op) {\n  case 'add':\n  case 'sub':\n    break;\n  case 'mul':\n}"],
    ['a condition', "if (op === 'add' || op === 'sub' || op === 'mul') stop();"],
  ])('%s', (_, code) => {
    write('src/passes/made-up.ts', `${code}\n`);
    expect(violations(root)).toEqual([
      expect.stringMatching(/^src\/passes\/made-up\.ts:1: names add, sub, (mul|pad);/),
    ]);
  });
});

test('two ops, comments and the places of the ops themselves are no violations', () => {
  write('src/passes/two.ts', "const a = ['add', 'sub']; // and 'mul'\n/* 'pad' */ f('mul');\n");
  write('src/ops/all.ts', "const a = ['add', 'sub', 'mul'];\n");
  expect(violations(root)).toEqual([]);
});

test('an op file that asks for the op of another value is found', () => {
  write('src/ops/add.ts', "if (x.op === 'pad') stop();\n");
  expect(violations(root)).toEqual([
    'src/ops/add.ts: states a fact of pad, which has a file of its own',
  ]);
});

test('our own tree has none', () => {
  expect(violations(join(dirname(fileURLToPath(import.meta.url)), '../..'))).toEqual([]);
});
