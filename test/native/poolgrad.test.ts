/**
 * The gradients of pooling: every variant against the native oracle, to the bit, over windows that
 * overlap, leave gaps, hang over the end or lie in the padding.
 */
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { agrees, specials } from './agreement.js';
import { type Case, runCase } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

const KINDS = { maximum: 0, average: 1, 'average with padding': 2 } as const;

/** `more` are windows behind those that fit, as `ceil` has them. */
function gradient(shape: WindowShape, kind: number, seed: number, more = 0): Case {
  const next = random(seed);
  const { oh, ow, ...fields } = fieldsOf(shape);
  const sizes = { oh: oh + more, ow: ow + more };
  const { n, h, w, c, pb, pr } = shape;
  const size = n * h * w * c;
  // Few values, so that many are equal; NaN and infinities among them.
  const x = specials(size, next).map((value) => Math.round(value / 2) * 2);
  return {
    opcode: 'poolgrad',
    fields: { ...fields, ...sizes, kind, hw: h * w, pb, pr },
    buffers: {
      dy: { feed: specials(n * sizes.oh * sizes.ow * c, next) },
      x: { feed: x },
      scale: { feed: specials(c, next) },
      y: { result: new Float32Array(size) },
      scaled: { result: new Float32Array(size) },
    },
    epilogue: [
      { op: 'store_f32', kind: 'tensor', operand: 'y' },
      { op: 'mul', kind: 'channel', operand: 'scale' },
      { op: 'store_f32', kind: 'tensor', operand: 'scaled' },
    ],
  };
}

const SHAPES: Partial<WindowShape>[] = [
  { kh: 2, kw: 2, sh: 2, sw: 2, pt: 0, pl: 0, pb: 0, pr: 0, h: 8, w: 8 },
  { kh: 2, kw: 3, sh: 2, sw: 3, pt: 0, pl: 0, pb: 0, pr: 0, h: 7, w: 11 },
  { sh: 2, sw: 2, h: 9, w: 12 },
  { sh: 3, sw: 4, kh: 2, kw: 2, h: 11, w: 10 },
  { kh: 6, kw: 5, pt: 0, pl: 0, pb: 0, pr: 0 },
  { kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 },
  { h: 2, w: 3, kh: 5, kw: 7, pt: 2, pb: 2, pl: 3, pr: 3 },
  { h: 9, w: 8, dh: 2, dw: 3, pt: 2, pl: 3, pb: 2, pr: 3 },
  { h: 9, w: 9, dh: 3, dw: 2, sh: 2, sw: 3, pt: 1, pl: 2, pb: 3, pr: 0 },
  { h: 4, w: 4, kh: 2, kw: 2, pt: 3, pl: 3, pb: 3, pr: 3 },
  { h: 1, w: 150, kh: 1, kw: 4, pt: 0, pb: 0, pl: 2, pr: 1 },
  { h: 40, w: 2, kh: 7, kw: 1, sh: 2, pt: 3, pb: 3, pl: 0, pr: 0 },
];

describe.each(Object.entries(KINDS))('the gradient of the %s', (_, kind) => {
  test.each(SHAPES.map((shape, i) => [JSON.stringify(shape), shape, i] as const))(
    'windows %s',
    async (_title, shape, i) => {
      for (const c of [1, 3, 8, 16, 17, 64, 65, 130])
        await agrees(gradient({ ...SAME_3X3, n: 2, c, ...shape }, kind, i + c));
    },
  );
  test('windows that hang over the end of the padding', async () => {
    const shape = { ...SAME_3X3, n: 2, h: 8, w: 10, sh: 2, sw: 2, kh: 3, kw: 3 };
    for (const c of [5, 64]) await agrees(gradient({ ...shape, c }, kind, c, 1));
    await agrees(gradient({ ...shape, c: 8, dh: 2, dw: 2, pt: 2, pl: 2 }, kind, 3, 1));
  });
});

const of = async (fields: Partial<WindowShape>, kind: number, dy: number[], x: number[]) => {
  const make = gradient({ ...SAME_3X3, c: 1, ...fields }, kind, 0);
  const buffers = {
    ...make.buffers,
    ...{ dy: { feed: Float32Array.from(dy) }, x: { feed: Float32Array.from(x) } },
  };
  const results = await Promise.all(
    (['reference', 'scalar'] as const).map(async (isa) => {
      const { y } = await runCase({ ...make, buffers }, isa);
      return [...(y as Float32Array)];
    }),
  );
  expect(results[0]).toEqual(results[1]);
  return results[0];
};

test('of equal maxima the first in row order gets all; NaN and padding get nothing', async () => {
  const row = { h: 1, kh: 1, pt: 0, pb: 0 };
  const pair = { ...row, kw: 2, sw: 2, pl: 0, pr: 0, w: 4 };
  expect(await of(pair, 0, [5, 7], [1, 1, 2, 3])).toEqual([5, 0, 0, 7]);
  expect(await of(pair, 0, [5, 7], [NaN, 1, NaN, NaN])).toEqual([0, 5, 0, 0]);
  expect(await of(pair, 0, [5, 7], [-Infinity, -Infinity, 0, -0])).toEqual([5, 0, 7, 0]);
  expect(await of({ ...row, w: 3 }, 0, [1, 10, 100], [-1, -2, -3])).toEqual([11, 100, 0]);
});

test('an average shares with its padding where that was counted', async () => {
  const row = { h: 1, kh: 1, pt: 0, pb: 0, w: 3 };
  expect(await of(row, 1, [6, 12, 24], [])).toEqual([7, 19, 16]);
  expect(await of(row, 2, [6, 12, 24], [])).toEqual([6, 14, 12]);
});

test('a maximum without its operand is refused', async () => {
  const make = gradient({ ...SAME_3X3, c: 1 }, 0, 0);
  const { x: _, ...buffers } = make.buffers;
  await expect(
    runCase({ ...make, fields: { ...make.fields, x: -1 }, buffers }, 'scalar'),
  ).rejects.toThrow();
});
