/**
 * Budgets, and the border of readers.
 */
import { expect, test } from 'vitest';
import { reading, readingAsync } from '../../src/core/border.js';
import { BitplaneError } from '../../src/core/errors.js';
import { Budget, showBytes } from '../../src/core/limits.js';
import { failure } from '../ops/nodes.js';

test('a budget is shared by all who take from it, and names who asked for too much', () => {
  const budget = new Budget(100, 'all of it');
  budget.take(60, { op: 'a' });
  expect(failure(() => budget.take(41, { op: 'b', node: 'n' }))).toBe(
    'ERR_LIMIT b "n": expected at most 100 bytes for all of it but received 101 bytes; ' +
      'the option maxBytes raises the limit',
  );
  expect(failure(() => new Budget(100, 'all').take(Number.NaN, {}))).toMatch(/^ERR_LIMIT/);
  expect(failure(() => new Budget(Infinity, 'all').take(2 ** 60, {}))).toBe('no error');
});

test('bytes are shown in the unit that fits', () => {
  const shown = [0, 1023, 1024, 1.5 * 2 ** 30, 2 ** 70, Infinity].map(showBytes);
  expect(shown).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.0 KiB',
    '1.5 GiB',
    '1048576.0 PiB',
    'more bytes than can be counted',
  ]);
});

test('an exception of JavaScript in a reader is ERR_FORMAT; our own errors stay', async () => {
  const site = { op: 'onnx', node: 'file' };
  const own = new BitplaneError('ERR_IO', 'gone');
  expect(failure(() => reading(site, () => new Float32Array(-1)))).toMatch(
    /^ERR_FORMAT onnx "file": the file could not be read \(/,
  );
  expect(() =>
    reading(site, () => {
      throw own;
    }),
  ).toThrow(own);
  await expect(
    readingAsync(site, async () => {
      throw own;
    }),
  ).rejects.toBe(own);
  await expect(readingAsync(site, async () => JSON.parse('{'))).rejects.toMatchObject({
    code: 'ERR_FORMAT',
    cause: expect.any(SyntaxError),
  });
});
