/**
 * Max pooling of bits and bytes: every variant on every instruction set of this machine against the
 * native oracle.
 */
import { describe, test } from 'vitest';
import { random } from '../random.js';
import { agrees, bitBytes } from './agreement.js';
import { randomBitMap } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

const BASE: WindowShape = {
  ...SAME_3X3,
  h: 8,
  w: 6,
  c: 64,
  kh: 2,
  kw: 2,
  sh: 2,
  sw: 2,
  pt: 0,
  pl: 0,
  pb: 0,
  pr: 0,
};
const PADDED = { kh: 3, kw: 3, pt: 1, pl: 1, pb: 1, pr: 1 };

const POOLS: Partial<WindowShape>[] = [
  ...[1, 63, 64, 65, 127, 128, 129, 256, 500, 513].flatMap((c) => [
    { c },
    { c, ...PADDED, h: 9, w: 7 },
  ]),
  { n: 3, h: 10, w: 2, c: 70 },
  { h: 1, w: 1, kh: 1, kw: 1, sh: 1, sw: 1, c: 3 },
  { h: 13, w: 17, kh: 1, kw: 3, sh: 1, sw: 2 },
  { h: 13, w: 17, kh: 5, kw: 1, sh: 3, sw: 1, c: 192 },
  { h: 12, w: 13, kh: 3, kw: 2, dh: 2, dw: 3, sh: 1, sw: 1, c: 96 },
  { h: 7, w: 7, kh: 7, kw: 7, c: 130 },
  // Dilated windows with padding that differs on every side; padding on one side alone.
  { h: 9, w: 11, kh: 3, kw: 2, dh: 2, dw: 3, sh: 1, sw: 2, pt: 1, pl: 2, pb: 3, pr: 0, c: 70 },
  { h: 9, w: 11, kh: 2, kw: 3, dh: 3, dw: 2, sh: 2, sw: 1, pt: 0, pl: 1, pb: 2, pr: 3, c: 130 },
  ...[{ pt: 1 }, { pl: 1 }, { pb: 1 }, { pr: 1 }].map((side) => ({
    kh: 3,
    kw: 3,
    sh: 1,
    sw: 1,
    c: 65,
    ...side,
  })),
  // Windows that hold nothing but padding: whole rows, whole columns, both.
  { h: 2, w: 3, kh: 2, kw: 2, sh: 1, sw: 1, pt: 3, pl: 2, pb: 2, pr: 4, c: 66 },
  { h: 1, w: 2, kh: 1, kw: 1, sh: 1, sw: 1, pt: 1, pl: 1, pb: 1, pr: 1 },
];

describe('maxima of bits are those of the definition', () => {
  test.each(POOLS)('%o', async (given) => {
    const fields = { ...fieldsOf({ ...BASE, ...given }), dtype: 0 };
    const { n, h, w, c, oh, ow } = fields;
    await agrees({
      opcode: 'bpool',
      fields,
      buffers: {
        x: { feed: randomBitMap(n * h * w, c, random(c + h)) },
        y: { result: new Uint8Array(bitBytes(n * oh * ow, c)) },
      },
    });
  });
});

describe.each([1, 2])('maxima of bytes, dtype %i, are those of the definition', (dtype) => {
  test.each(POOLS)('%o', async (given) => {
    const fields = { ...fieldsOf({ ...BASE, ...given }), dtype };
    const { n, h, w, c, oh, ow } = fields;
    const next = random(c + h + dtype);
    const x = Uint8Array.from({ length: n * h * w * c }, () => Math.floor(next() * 256));
    await agrees({
      opcode: 'bpool',
      fields,
      buffers: { x: { feed: x }, y: { result: new Uint8Array(n * oh * ow * c) } },
    });
  });
});
