/** The text output: tables, numbers, progress. */
import { describe, expect, test, vi } from 'vitest';
import { kernelTable } from '../../src/cli/bench-kernels.js';
import { bytes, count, microseconds, percent, three } from '../../src/cli/format.js';
import { hasColours, lookOf, PLAIN, widthOf } from '../../src/cli/look.js';
import { startProgress } from '../../src/cli/progress.js';
import { summarize } from '../../src/cli/statistics.js';
import { facts, table } from '../../src/cli/table.js';
import { whileWaiting } from '../../src/cli/waiting.js';
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
    expect(text.layOut(PLAIN)).toBe('name      n  x\n------  ---  -\na         1\nlonger  100');
  });
  test('a name of a file moves no cursor and breaks no line', () => {
    const name = 'a\n\u001b[31mb\u202e';
    const columns = [{ title: 'name', cell: (row: string) => row }];
    expect(table(columns, [name]).layOut(PLAIN).split('\n').at(-1)).toBe(
      'a\\u000a\\u001b[31mb\\u202e',
    );
    expect(facts([['model', name]]).layOut(PLAIN)).toBe('model  a\\u000a\\u001b[31mb\\u202e');
  });
  test('a narrow line loses columns to spare before a text its half', () => {
    const columns = [
      { title: 'name', cell: (row: string) => row, whole: true },
      { title: 'about', cell: () => 'what it is, in many words', least: 20 },
      { title: 'one', cell: () => '1', align: 'right' as const, spare: true },
      { title: 'two', cell: () => '2', align: 'right' as const, spare: true },
    ];
    const rows = (width: number) =>
      table(columns, ['a-long-name'])
        .layOut({ ...PLAIN, width })
        .split('\n')[2];
    expect(rows(50)).toBe('a-long-name  what it is, in many words    1    2');
    expect(rows(43)).toBe('a-long-name  what it ...any words    1    2');
    expect(rows(42)).toBe('a-long-name  what it is... many words    1');
    expect(rows(34)).toBe('a-long-name  what it i...any words');
    expect(rows(27)).toBe('a-long-name  what ... words');
  });
  test('facts align their values', () => {
    expect(
      facts([
        ['a', '1'],
        ['long', '2'],
      ]).layOut(PLAIN),
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
    const [, , first, second] = kernelTable([{ ...conv, timesFma256: 42.04 }, copy])
      .layOut(PLAIN)
      .split('\n');
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

describe('a line', () => {
  interface Row {
    readonly name: string;
    readonly kernel: string;
    readonly n: number;
  }
  const columns = [
    { title: 'name', cell: (row: Row) => row.name },
    { title: 'kernel', cell: (row: Row) => row.kernel },
    { title: 'integer MACs', cell: () => '' },
    { title: 'weight bytes', cell: (row: Row) => String(row.n), align: 'right' as const },
  ];
  const rows = [
    { name: 'stage1/block1/convolution/dot', kernel: 'bconv_b1_4x64_avx512_vpopcnt', n: 4096 },
    { name: 'stage1', kernel: '', n: 1 },
  ];
  const at = (width: number) =>
    table(columns, rows)
      .layOut({ ...PLAIN, width })
      .split('\n');

  test('a table is wider than the line that it is printed to', () => {
    for (const width of [40, 60, 80, 100])
      expect(Math.max(...at(width).map((line) => line.length))).toBeLessThanOrEqual(width);
    expect(at(100)[2]).toBe(`${rows[0]?.name}  ${rows[0]?.kernel}                        4096`);
  });

  test('a table that does not fit loses more than blank columns and the middle of texts', () => {
    expect(at(60)).toEqual([
      '                                                      weight',
      'name                       kernel                      bytes',
      '-------------------------  -------------------------  ------',
      'stage1/bloc...olution/dot  bconv_b1_4x...512_vpopcnt    4096',
      'stage1                                                     1',
    ]);
  });

  test('numbers are shortened, or a table of many columns is lost', () => {
    const many = Array.from({ length: 8 }, (_, i) => ({
      title: `c${i}`,
      cell: () => String(10 ** 9 + i),
      align: 'right' as const,
    }));
    const text = table(many, [0]).layOut({ ...PLAIN, width: 40 });
    for (let i = 0; i < 8; i++) expect(text).toContain(String(10 ** 9 + i));
    expect(text.match(/c0/g)).toHaveLength(4);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(40);
  });

  test('long facts go on below themselves', () => {
    const text = facts([['features', 'avx2 yes, avx512 yes, neon no, dotprod no, vnni yes']]);
    expect(text.layOut({ ...PLAIN, width: 40 })).toBe(
      'features  avx2 yes, avx512 yes, neon no,\n          dotprod no, vnni yes',
    );
  });

  test('COLUMNS is not obeyed, or nothing gives no width', () => {
    const sink = { write: () => true, columns: 70 };
    expect(widthOf(sink, { COLUMNS: '120' })).toBe(120);
    expect(widthOf(sink, { COLUMNS: 'many' })).toBe(70);
    expect(widthOf({ write: () => true }, {})).toBe(100);
    expect(widthOf(sink, { COLUMNS: '3' })).toBe(40);
  });
});

describe('colours', () => {
  const terminal = { write: () => true, isTTY: true };
  const file = { write: () => true, isTTY: false };
  test.each([
    [terminal, {}, true],
    [file, {}, false],
    [terminal, { TERM: 'dumb' }, false],
    [terminal, { NO_COLOR: '1' }, false],
    [terminal, { NO_COLOR: '' }, true],
    [file, { FORCE_COLOR: '1' }, true],
    [file, { FORCE_COLOR: '3', NO_COLOR: '1' }, true],
    [terminal, { FORCE_COLOR: '0' }, false],
  ])('%# where they were not asked for, or none where they were', (sink, env, want) => {
    expect(hasColours(sink, env)).toBe(want);
    expect(lookOf(sink, env).bold('a')).toBe(want ? '\u001b[1ma\u001b[22m' : 'a');
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

describe('waiting', () => {
  const wait = async (isTTY: boolean, ms: number, silent = false) => {
    vi.useFakeTimers();
    try {
      const io = fakeIo({}, isTTY);
      const work = () => new Promise<string>((resolve) => setTimeout(() => resolve('done'), ms));
      const result = whileWaiting(io, 'reading m.onnx', work, silent);
      await vi.advanceTimersByTimeAsync(ms + 1);
      return [await result, io.err()];
    } finally {
      vi.useRealTimers();
    }
  };
  test('work under two seconds is announced, or silence is broken', async () => {
    expect(await wait(true, 1900)).toEqual(['done', '']);
    expect(await wait(false, 9000, true)).toEqual(['done', '']);
  });
  test('a log gets more than a line, or a terminal keeps it', async () => {
    expect(await wait(false, 9000)).toEqual(['done', 'reading m.onnx\n']);
    expect(await wait(true, 3500)).toEqual([
      'done',
      '\rreading m.onnx, 2 s\u001b[K\rreading m.onnx, 3 s\u001b[K\r\u001b[K',
    ]);
  });
});
