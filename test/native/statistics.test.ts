/**
 * Sums down the rows (native/kernels/statistics): both instructions of each statistic against the
 * oracle, which sums in double, and the same bits on every instruction set and for any number of
 * threads.
 */
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { type Case, runCase, testedIsas } from './harness.js';

const NORMAL = (next: () => number) =>
  Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

interface Cut {
  readonly rows: number;
  readonly c: number;
  readonly fold: number;
  readonly block: number;
}

const blocksOf = ({ rows, fold, block }: Cut) =>
  Math.ceil(Math.floor(rows / fold) / block) + (rows % fold > 0 ? 1 : 0);
const pitchOf = ({ c, fold }: Cut) => Math.ceil((c * fold) / 16) * 16;

function moments(cut: Cut, x: Float32Array): Case {
  return {
    opcode: 'moments',
    fields: { ...cut },
    buffers: {
      x: { feed: x },
      parts: { feed: new Float32Array(blocksOf(cut) * 3 * pitchOf(cut)).fill(NaN) },
      y: { result: new Float32Array(2 * cut.c) },
    },
    after: [{ opcode: 'moments_join', fields: { ...cut } }],
  };
}

function normSums(cut: Cut, x: Float32Array, dy: Float32Array, mean: Float32Array): Case {
  return {
    opcode: 'normsums',
    fields: { ...cut },
    buffers: {
      dy: { feed: dy },
      x: { feed: x },
      mean: { feed: mean },
      parts: { feed: new Float32Array(blocksOf(cut) * 2 * pitchOf(cut)).fill(NaN) },
      y: { result: new Float32Array(4 * cut.c) },
    },
    after: [{ opcode: 'normsums_join', fields: { ...cut } }],
  };
}

/** What every instruction set gives, which must be the same bits for 1, 2, 3 and 7 threads. */
async function result(make: Case): Promise<Float32Array> {
  let known: Float32Array | undefined;
  for (const isa of testedIsas()) {
    for (const threads of [1, 2, 3, 7]) {
      const { y } = await runCase(make, isa, threads);
      known ??= y as Float32Array;
      expect(new Int32Array(y!.buffer), `${isa}, ${threads} threads`).toEqual(
        new Int32Array(known.buffer),
      );
    }
  }
  return known as Float32Array;
}

/** In double, from the definition. */
function exactMoments(x: Float32Array, c: number) {
  const rows = x.length / c;
  const mean = new Float64Array(c);
  const variance = new Float64Array(c);
  for (let i = 0; i < x.length; i++) mean[i % c]! += x[i]! / rows;
  for (let i = 0; i < x.length; i++) variance[i % c]! += (x[i]! - mean[i % c]!) ** 2 / rows;
  return { mean, variance };
}

const CUTS: readonly Cut[] = [
  // One row, one channel; rows that do not fill a wide row; blocks of every length.
  { rows: 1, c: 1, fold: 64, block: 256 },
  { rows: 1, c: 64, fold: 1, block: 256 },
  { rows: 63, c: 1, fold: 64, block: 3 },
  { rows: 20000, c: 1, fold: 64, block: 64 },
  { rows: 3001, c: 3, fold: 32, block: 17 },
  { rows: 4099, c: 16, fold: 4, block: 256 },
  { rows: 700, c: 17, fold: 16, block: 9 },
  { rows: 129, c: 48, fold: 2, block: 5 },
  { rows: 77, c: 65, fold: 1, block: 64 },
  { rows: 70, c: 127, fold: 1, block: 7 },
  { rows: 100, c: 513, fold: 1, block: 64 },
  { rows: 49, c: 1100, fold: 1, block: 8 },
];

describe.each(CUTS)('$rows rows of $c channels, $fold at a time, blocks of $block', (cut) => {
  const { rows, c } = cut;
  const next = random(rows + c);
  // Means of any size beside deviations of any size.
  const levels = Array.from({ length: c }, () => NORMAL(next) * 10 ** (4 * next() - 2));
  const spreads = levels.map(() => 10 ** (2 * next() - 1));
  const map = () =>
    Float32Array.from(
      { length: rows * c },
      (_, i) => levels[i % c]! + spreads[i % c]! * NORMAL(next),
    );

  test('moments are those of double sums, far within the bound of the kernel', async () => {
    const x = map();
    const { mean, variance } = exactMoments(x, c);
    const y = await result(moments(cut, x));
    const oracle = (await runCase(moments(cut, x), 'reference')).y as Float32Array;
    for (const found of [y, oracle]) {
      for (let i = 0; i < c; i++) {
        const deviation = Math.sqrt(variance[i]!);
        expect(Math.abs(found[i]! - mean[i]!)).toBeLessThanOrEqual(
          2 ** -24 * Math.abs(mean[i]!) + 68 * 2 ** -24 * deviation,
        );
        expect(Math.abs(found[c + i]! - variance[i]!)).toBeLessThanOrEqual(1e-6 * variance[i]!);
      }
    }
  });

  test('norm sums are those of double sums', async () => {
    const [x, dy] = [map(), Float32Array.from({ length: rows * c }, () => NORMAL(next))];
    const mean = Float32Array.from(exactMoments(x, c).mean);
    const y = await result(normSums(cut, x, dy, mean));
    const oracle = (await runCase(normSums(cut, x, dy, mean), 'reference')).y as Float32Array;
    const [sums, sizes] = [new Float64Array(2 * c), new Float64Array(2 * c)];
    dy.forEach((upstream, i) => {
      const at = i % c;
      const product = upstream * (x[i]! - mean[at]!);
      for (const [k, value] of [upstream, product].entries()) {
        sums[k * c + at]! += value;
        sizes[k * c + at]! += Math.abs(value);
      }
    });
    for (const found of [y, oracle]) {
      for (let i = 0; i < 2 * c; i++) {
        const bound = 70 * 2 ** -24 * sizes[i]!;
        expect(Math.abs(found[i]! - sums[i]!)).toBeLessThanOrEqual(bound);
        expect(Math.abs(found[2 * c + i]! - sums[i]! / rows)).toBeLessThanOrEqual(bound / rows);
      }
    }
  });
});

describe('moments keep what one pass would lose', () => {
  const cut = { rows: 5000, c: 4, fold: 16, block: 32 };
  const check = async (of: (row: number) => number, share = 1e-6) => {
    const x = Float32Array.from({ length: cut.rows * cut.c }, (_, i) => of(Math.floor(i / cut.c)));
    const { variance } = exactMoments(x, cut.c);
    const y = await result(moments(cut, x));
    for (let c = 0; c < cut.c; c++)
      expect(Math.abs(y[cut.c + c]! - variance[c]!)).toBeLessThanOrEqual(share * variance[c]!);
  };

  test.each([1e3, 1e4, 1e5, -1e5])('a mean of %d deviations', async (mean) => {
    const next = random(5);
    await check(() => mean + NORMAL(next));
  });

  test('rows far from all others at the beginning of every block, and of the first', async () => {
    const next = random(6);
    const blockRows = cut.fold * cut.block;
    await check((row) => (row % blockRows < 64 ? 0 : 1000) + NORMAL(next));
    await check((row) => (row < 64 ? -1e5 : 1000) + NORMAL(next));
  });

  test('a drift', () => check((row) => 100 + row));

  test('of one number the variance is no more than its rounding, and never below 0', async () => {
    const x = new Float32Array(cut.rows * cut.c).fill(1000.1);
    const y = await result(moments(cut, x));
    for (let c = 0; c < cut.c; c++) {
      expect(Math.abs(y[c]! - x[0]!)).toBeLessThanOrEqual(2 ** -24 * 1001);
      expect(y[cut.c + c]).toBeGreaterThanOrEqual(0);
      expect(y[cut.c + c]).toBeLessThanOrEqual((2 ** -22 * 1001) ** 2);
    }
  });
});

test('infinities and NaN reach their own channel alone, as the definition has it', async () => {
  const cut = { rows: 300, c: 5, fold: 16, block: 4 };
  const next = random(9);
  const x = Float32Array.from({ length: cut.rows * cut.c }, () => NORMAL(next));
  // The first rows, which the shift is of, and later ones.
  x[0] = Infinity;
  x[200 * 5 + 1] = -Infinity;
  x[2] = NaN;
  x[3] = Infinity;
  x[250 * 5 + 3] = -Infinity;
  const y = await result(moments(cut, x));
  expect([...y.slice(0, 4)]).toEqual([Infinity, -Infinity, NaN, NaN]);
  expect([...y.slice(5, 9)]).toEqual([NaN, NaN, NaN, NaN]);
  const { mean, variance } = exactMoments(x, 5);
  expect(y[4]).toBeCloseTo(mean[4]!, 6);
  expect(y[9]).toBeCloseTo(variance[4]!, 5);
});

test.each([
  [{ rows: 8, c: 3, fold: 4, block: 4 }, 'vectors that straddle wide rows'],
  [{ rows: 8, c: 64, fold: 1, block: 257 }, 'more rows of a block than its sums are proved for'],
])('a cut that the kernel cannot sum is refused: %o, %s', async (cut) => {
  for (const make of [
    moments(cut, new Float32Array(cut.rows * cut.c)),
    { ...moments(cut, new Float32Array(cut.rows * cut.c)), opcode: 'moments_join', after: [] },
  ])
    await expect(runCase(make, 'scalar')).rejects.toThrow();
});
