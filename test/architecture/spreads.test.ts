/**
 * No list whose length a caller or a file decides is spread into the arguments of a call, and the
 * check finds made-up violations.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { violations } from '../../scripts/check-spreads.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

function found(code: string, bounded: Record<string, string> = {}): string[] {
  const made = mkdtempSync(join(tmpdir(), 'bitplane-spreads-'));
  mkdirSync(join(made, 'src'));
  writeFileSync(join(made, 'src', 'x.ts'), code);
  try {
    return violations(made, bounded);
  } finally {
    rmSync(made, { recursive: true });
  }
}

test('this repository spreads no list of unknown length into arguments', () => {
  expect(violations(root)).toEqual([]);
});

test.each([
  ['Math.max', 'const most = Math.max(...values);'],
  ['Math.max', 'const most = Math.max(\n  0,\n  ...values.map((value) => value.length),\n);'],
  ['list.push', 'list.push(...(others.get(key) ?? []));'],
  ['String.fromCharCode', 'return String.fromCharCode(...bytes);'],
  ['this.all[i]?.push', 'this.all[i]?.push(...more);'],
  ['Point', 'return new Point(...list);'],
])('sees a list in the arguments of %s', (callee, code) => {
  const line = code.slice(0, code.indexOf('...')).split('\n').length;
  expect(found(code)).toEqual([
    `src/x.ts:${line}: a list is spread into the arguments of ${callee}`,
  ]);
});

test.each([
  ['lists and objects', 'const a = [...b, ...c]; const d = { ...e }; f([...g], { ...h });'],
  [
    'rest parameters',
    'function f(...list: readonly number[]): void {}\nconst g = (...rest: string[]) => ' +
      'rest;\nclass C { m(a: number, ...b: Value[]) {} }',
  ],
  [
    'types',
    'scalar?(attrs: A): (...operands: number[]) => number;\ntype T = readonly [...A, ...B];',
  ],
  ['comments', '/** Math.max(...values) */\n// list.push(...others)'],
])('lets %s be', (_, code) => {
  expect(found(code)).toEqual([]);
});

test('a list that is named as short passes, and a name without a call is refused', () => {
  expect(found('Math.max(...two);', { 'src/x.ts: Math.max': 'two of them' })).toEqual([]);
  expect(found('', { 'src/x.ts: Math.max': 'two of them' })).toEqual([
    'scripts/check-spreads.mjs names a call that is not there: src/x.ts: Math.max',
  ]);
});
