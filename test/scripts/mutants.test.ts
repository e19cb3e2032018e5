/**
 * The faults that are planted in C++, and the drawing of a sample. Not here: compiling and trying
 * faults, which only the tool does.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { stagesOf } from '../../scripts/mutate/native.mjs';
import { nativeMutants } from '../../scripts/mutate/native-mutants.mjs';
import { allot, nameOf, ordered, seeded } from '../../scripts/mutate/sample.mjs';

const changes = (text: string) =>
  nativeMutants('native/x.cc', text).map(({ original, mutated }) => `${original} => ${mutated}`);

describe('mutants of C++', () => {
  test.each([
    ['boundaries', 'if (a < b) f();', ['(a < b) => (!(a < b))', '< => <=', '< => >=']],
    [
      'each operator of a sum, and the operands whose order matters',
      'x = a + b - c;',
      ['+ => -', 'b - c => c - b', '- => +'],
    ],
    ['constants', 'int n = 7;', ['7 => 8', '7 => 6']],
    [
      'constants of every writing',
      'f = 0.5f; m = 0x0fu; z = 0;',
      ['0.5f => (0.5f * 1.5f)', '0x0fu => 0x10u', '0x0fu => 0xeu', '0 => 1'],
    ],
    [
      'arguments',
      'copy(to, from + 1, n);',
      ['to, from + 1 => from + 1, to', '+ => -', '1 => 2', '1 => 0'],
    ],
    ['branches', 'y = v ? left : right;', ['left : right => right : left']],
    [
      'signs and increments',
      'return -x; ++i;',
      ['- => (nothing)', '++ => --'].map((change) => change.replace('(nothing)', '')),
    ],
  ])('%s', (_, text, expected) => expect(changes(text)).toEqual(expected));

  test.each([
    ['comments', 'f(); // a + b, 7\n/* 1 < 2 */'],
    ['strings and characters', `print("1 + 2", 'c');`.replace(', ', ',')],
    ['the preprocessor, its continued lines too', '#define N(x) \\\n  ((x) + 1)\n#include <a/b.h>'],
    ['templates, pointers and references', 'template <int N>\nconst T* at(const Map<A, B>& map);'],
    ['declarations of arguments', 'void run(int task, const Buffers& buffers);'],
  ])('none of %s', (_, text) => expect(changes(text)).toEqual([]));

  test('places count lines from 1 and columns from 0, and offsets lie in the text', () => {
    const text = 'int a;\n  b = c * d;\n';
    const [only] = nativeMutants('native/x.cc', text);
    expect(only).toMatchObject({ line: 2, column: 8, original: '*', mutated: '+' });
    expect(text.slice(only!.start, only!.end)).toBe('*');
    expect(nameOf(only!)).toBe('native/x.cc:2:9 * -> +');
  });
});

describe('a sample', () => {
  const lines = { 'src/a': 700, 'src/b': 299, 'src/c': 1, 'native/d': 90, 'native/e': 10 };

  test('follows lines, 30 % of it native', () => {
    expect(allot(200, lines)).toEqual({
      'src/a': 98,
      'src/b': 42,
      'src/c': 0,
      'native/d': 54,
      'native/e': 6,
    });
    expect(allot(10, { 'src/a': 2, 'src/b': 1 })).toEqual({ 'src/a': 7, 'src/b': 3 });
  });

  const mutants = Array.from({ length: 60 }, (_, i) => ({
    file: 'x',
    line: i < 40 ? 1 : i,
    name: i,
  }));

  test('is the same for a seed, and another for another', () => {
    expect(ordered(mutants, seeded('1'))).toEqual(ordered(mutants, seeded('1')));
    expect(ordered(mutants, seeded('1'))).not.toEqual(ordered(mutants, seeded('2')));
  });

  test('takes one mutant of every line before a second of any, and each once', () => {
    const order = ordered(mutants, seeded('3'));
    expect(order.slice(0, 21).filter(({ line }) => line === 1)).toHaveLength(1);
    expect(new Set(order.map(({ name }) => name)).size).toBe(60);
  });
});

test('an explained mutant whose line was changed would be counted as unexplained', () => {
  const folder = new URL('../../', import.meta.url);
  const explained: { file: string; line: string; original: string }[] = JSON.parse(
    readFileSync(new URL('scripts/mutate/explained.json', folder), 'utf8'),
  );
  expect(explained.length).toBeGreaterThan(0);
  for (const { file, line, original } of explained) {
    const lines = readFileSync(new URL(file, folder), 'utf8').split('\n');
    expect(lines.filter((text) => text.trim() === line)).toHaveLength(1);
    expect(line).toContain(original);
  }
});

describe('the tests that try a mutant', () => {
  const tests = [
    'test/native/qconv.test.ts',
    'test/native/qconv-pairs.test.ts',
    'test/native/pack.test.ts',
    'test/runtime/session.test.ts',
    'test/zoo/networks.test.ts',
  ];

  test("a kernel's own come first, the farthest last, each once", () => {
    expect(stagesOf({ file: 'native/kernels/qconv/qconv_avx2.cc' }, tests)).toEqual([
      tests.slice(0, 2),
      tests.slice(2, 3),
      tests.slice(3, 4),
      tests.slice(4),
    ]);
  });

  test('code of no kernel is tried by all tests too', () => {
    expect(stagesOf({ file: 'native/parallel/pool.cc' }, tests).flat().sort()).toEqual(
      [...tests].sort(),
    );
  });
});
