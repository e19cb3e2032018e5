/**
 * Kernels along lines, of integers and of C's functions, against what each says in a few lines of
 * JavaScript; sizes around powers of two, one thread and three. Integer arithmetic also meets its
 * native oracle. Not here: graphs (test/ops/lines.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { type Case, runCase, testedIsas } from './harness.js';

const LINES = [
  { outer: 1, k: 1, inner: 1 },
  { outer: 3, k: 17, inner: 1 },
  { outer: 2, k: 5, inner: 33 },
  { outer: 65, k: 127, inner: 3 },
] as const;

const ints = (count: number, seed: number, most = 9) => {
  const next = random(seed);
  return Int32Array.from({ length: count }, () => Math.round((next() - 0.5) * 2 * most));
};

const isa = testedIsas().at(-1)!;

/** The elements of every line of x. */
function linesOf(x: ArrayLike<number>, { outer, k, inner }: (typeof LINES)[number]): number[][] {
  return Array.from({ length: outer * inner }, (_, line) =>
    Array.from(
      { length: k },
      (_, j) => x[(Math.floor(line / inner) * k + j) * inner + (line % inner)]!,
    ),
  );
}

describe.each([1, 3])('on %i threads', (threads) => {
  test.each(LINES)('scan and order of [$outer, $k, $inner]', async (shape) => {
    const { outer, k, inner } = shape;
    const size = outer * k * inner;
    for (const dtype of [0, 1]) {
      const x = dtype === 1 ? ints(size, 3) : Float32Array.from(ints(size, 4));
      const make = (opcode: string, fields: Case['fields'], y: NodeJS.TypedArray): Case => ({
        opcode,
        fields: { ...shape, dtype, ...fields },
        buffers: { x: { feed: x }, y: { result: y } },
      });
      const Kind = x.constructor as Int32ArrayConstructor;
      const flags = { kind: 0, exclusive: 1, reverse: 1, whole: 0 };
      const { y: sums } = await runCase(make('scan', flags, new Kind(size)), isa, threads);
      const after = linesOf(x, shape).map((line) =>
        line.map((_, j) => line.slice(j + 1).reduce((a, b) => a + b, 0)),
      );
      expect(linesOf(sums as Int32Array, shape)).toEqual(after);
      for (const [kind, of] of [Math.max, Math.min].entries()) {
        const whole = { kind: 2 + kind, exclusive: 0, reverse: 0, whole: 1 };
        const { y } = await runCase(make('scan', whole, new Kind(outer * inner)), isa, threads);
        expect([...y!]).toEqual(linesOf(x, shape).map((line) => of(...line)));
      }
      for (const n of new Set([1, Math.ceil(k / 2), k]))
        for (const [largest, last] of [
          [1, 0],
          [0, 1],
        ] as const) {
          const places = new Int32Array(outer * n * inner);
          const { y } = await runCase(make('order', { n, largest, last }, places), isa, threads);
          const wanted = linesOf(x, shape).map((line) =>
            line
              .map((v, j) => [v, j] as const)
              .sort(([v, i], [w, j]) => (largest ? w - v : v - w) || (last ? j - i : i - j))
              .slice(0, n)
              .map(([, j]) => j),
          );
          expect(linesOf(y as Int32Array, { outer, k: n, inner } as never)).toEqual(wanted);
        }
    }
  });

  test.each(LINES)('gather from [$outer, $k, $inner]', async (shape) => {
    const { outer, k, inner } = shape;
    const count = 7;
    for (const bytes of [4, 1])
      for (const each of [0, 1]) {
        const x =
          bytes === 4 ? ints(outer * k * inner, 5, 99) : Int8Array.from(ints(outer * k * inner, 6));
        const length = each === 1 ? outer * count * inner : count;
        // Some count from the end, some lie outside.
        const indices = ints(length, 7, k + 1);
        const Kind = x.constructor as Int32ArrayConstructor;
        const { y } = await runCase(
          {
            opcode: 'gather',
            fields: { ...shape, count, each, bytes },
            buffers: {
              x: { feed: x },
              indices: { feed: indices },
              y: { result: new Kind(outer * count * inner) },
            },
          },
          isa,
          threads,
        );
        const from = linesOf(x, shape);
        const wanted = from.map((line, at) =>
          Array.from({ length: count }, (_, j) => {
            const [o, i] = [Math.floor(at / inner), at % inner];
            const index = indices[each === 1 ? (o * count + j) * inner + i : j]!;
            return line[Math.max(0, Math.min(k - 1, index < 0 ? index + k : index))];
          }),
        );
        expect(linesOf(y as Int32Array, { outer, k: count, inner } as never)).toEqual(wanted);
      }
  });

  test('integers as their oracle has them, at the ends of int32 too', async () => {
    const ends = [0, 1, -1, 2, -2, 3, 7, -7, 31, 2 ** 31 - 1, -(2 ** 31), 65536, -65537];
    const n = ends.length;
    const [a, b] = [Int32Array.from(ends), Int32Array.from(ends)];
    // Powers are walked one by one in the oracle: small exponents, and those below 0.
    const exponents = b.map((v) => Math.min(v, 40));
    for (let op = 0; op < 15; op++) {
      const one: Case = {
        opcode: 'integers',
        fields: {
          op,
          ...{ d0: 1, d1: 1, d2: 1, d3: 1, d4: n, d5: n },
          ...{ as0: 0, as1: 0, as2: 0, as3: 0, as4: 1, as5: 0 },
          ...{ bs0: 0, bs1: 0, bs2: 0, bs3: 0, bs4: 0, bs5: 1 },
        },
        buffers: {
          a: { feed: a },
          b: { feed: op === 8 ? exponents : b },
          y: { result: new Int32Array(n * n) },
        },
      };
      const wanted = await runCase(one, 'reference', 1);
      const { y } = await runCase(one, isa, threads);
      expect([...y!], `operation ${op}`).toEqual([...wanted.y!]);
    }
  });
});

test('functions are those of the library, rounded once', async () => {
  const names = ['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'asinh', 'acosh'];
  const x = Float32Array.from({ length: 1027 }, (_, i) => (i - 513) / 64);
  for (const [f, name] of [...names, 'atanh'].entries()) {
    const { y } = await runCase(
      {
        opcode: 'functions',
        fields: { f, count: x.length },
        buffers: { x: { feed: x }, y: { result: new Float32Array(x.length) } },
      },
      isa,
    );
    const of = Math[name as 'sin'];
    x.forEach((value, i) => {
      const wanted = of(value);
      if (!Number.isFinite(wanted)) expect(y![i], `${name}(${value})`).toBe(wanted);
      else
        expect(Math.abs((y as Float32Array)[i]! - wanted)).toBeLessThanOrEqual(
          2 ** -23 * Math.max(2 ** -126, Math.abs(wanted)),
        );
    });
  }
});
