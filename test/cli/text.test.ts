/** The text output: tables, numbers, progress. */
import { describe, expect, test } from 'vitest';
import { kernelTable } from '../../src/cli/bench-kernels.js';
import { bytes, count, microseconds, percent, three } from '../../src/cli/format.js';
import { startProgress } from '../../src/cli/progress.js';
import { summarize } from '../../src/cli/statistics.js';
import { facts, table } from '../../src/cli/table.js';
import { fakeIo } from './cli.js';

describe('table', () => {
  test('columns align and carry no trailing blanks', () => {
    const text = table(
      [
        { title: 'name', cell: (row: { name: string; n: number }) => row.name },
        { title: 'n', cell: (row) => String(row.n), align: 'right' },
        { title: 'x', cell: () => '' },
      ],
      [
        { name: 'a', n: 1 },
        { name: 'longer', n: 100 },
      ],
    );
    expect(text).toBe('name      n  x\n------  ---  -\na         1\nlonger  100');
  });
  test('a name of a file moves no cursor and breaks no line', () => {
    const name = 'a\n\u001b[31mb\u202e';
    const columns = [{ title: 'name', cell: (row: string) => row }];
    expect(table(columns, [name]).split('\n').at(-1)).toBe('a\\u000a\\u001b[31mb\\u202e');
    expect(facts([['model', name]])).toBe('model  a\\u000a\\u001b[31mb\\u202e');
  });
  test('facts align their values', () => {
    expect(
      facts([
        ['a', '1'],
        ['long', '2'],
      ]),
    ).toBe('a     1\nlong  2');
  });
  test('kernel rows carry their unit', () => {
    const conv = {
      kernel: 'bconv_4x64',
      isa: 'avx512',
      shape: '256@14',
      unit: 'MAC',
      rate: 2.7e12,
      bound: 2.85e12,
      share: 2.7 / 2.85,
    } as const;
    const copy = {
      kernel: 'copy',
      isa: 'scalar',
      shape: '64@56',
      unit: 'B',
      rate: 4e9,
      bound: 8e9,
      share: 0.5,
    } as const;
    const [, , first, second] = kernelTable([{ ...conv, timesFma256: 42.04 }, copy]).split('\n');
    expect(first?.split(/ {2,}/)).toEqual([
      'bconv_4x64',
      'avx512',
      '256@14',
      '2.7 TMAC/s',
      '2.85 TMAC/s',
      '94.74 %',
      '42.0',
    ]);
    expect(second?.trimEnd().split(/ {2,}/)).toEqual([
      'copy',
      'scalar',
      '64@56',
      '4 GB/s',
      '8 GB/s',
      '50.00 %',
    ]);
  });
});

test('numbers have three significant digits and a unit', () => {
  expect([0, 999, 1000, 57_900_000, 1.5e12, 2e15].map(count)).toEqual([
    '0',
    '999',
    '1 k',
    '57.9 M',
    '1.5 T',
    '2,000 T',
  ]);
  expect([0, 1023, 1024, 4.5 * 1024, 3 * 2 ** 20].map(bytes)).toEqual([
    '0 B',
    '1023 B',
    '1 KiB',
    '4.5 KiB',
    '3 MiB',
  ]);
  expect([0.5, 48, 999, 1500, 2.5e6].map(microseconds)).toEqual([
    '0.5 us',
    '48 us',
    '999 us',
    '1.5 ms',
    '2.5 s',
  ]);
  expect([0, 1.2345, -12.345, 1234.5, Number.NaN].map(three)).toEqual([
    '0',
    '1.23',
    '-12.3',
    '1,235',
    'NaN',
  ]);
  expect(percent(79.22)).toBe('79.22 %');
});

describe('summarize', () => {
  test('gives the median of odd and even counts and of one value', () => {
    expect(summarize([3, 1, 2])).toEqual({ medianUs: 2, minUs: 1, p25Us: 1, p75Us: 3, p99Us: 3 });
    expect(summarize([4, 1, 2, 3])).toMatchObject({ medianUs: 2.5, p25Us: 1, p75Us: 3 });
    expect(summarize([7])).toEqual({ medianUs: 7, minUs: 7, p25Us: 7, p75Us: 7, p99Us: 7 });
  });
  test('the 99th percentile of 1 to 200 is 198', () => {
    expect(summarize(Array.from({ length: 200 }, (_, i) => 200 - i)).p99Us).toBe(198);
  });
});

describe('progress', () => {
  const run = (isTTY: boolean, times: number[], silent = false) => {
    const io = fakeIo({}, isTTY);
    let time = 0;
    const progress = startProgress(io, 'eval', 100, silent, () => time);
    for (const [i, at] of times.entries()) {
      time = at;
      progress.update((i + 1) * 10);
    }
    progress.finish();
    return { err: io.err(), out: io.out() };
  };
  test('a job under two seconds writes nothing to a log', () =>
    expect(run(false, [500, 1000, 1999]).err).toBe(''));
  test('a log gets a line every two seconds', () => {
    const { err, out } = run(false, [1000, 2000, 3000, 4000]);
    expect(err).toBe(
      'eval [#####...................] 20 % 20/100, 8 s left\neval ' +
        '[##########..............] 40 % 40/100, 6 s left\n',
    );
    expect(out).toBe('');
  });
  test('a terminal sees one line that disappears', () => {
    const { err } = run(true, [50, 150, 200]);
    expect(err).toBe('\reval [#####...................] 20 % 20/100, 1 s left\u001b[K\r\u001b[K');
  });
  test('a silent bar writes nothing', () => expect(run(true, [5000], true).err).toBe(''));
});
