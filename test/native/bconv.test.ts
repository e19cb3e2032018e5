/**
 * Binary convolution: every variant on every instruction set of this machine, and the native oracle
 * itself, against the definition, written out here independently in TypeScript.
 */
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { type Case, randomBitMap, randomBits, runCase, testedIsas } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

interface Shape extends WindowShape {
  readonly o: number;
  readonly g: number;
  readonly padding: number;
}
const BASE: Shape = { ...SAME_3X3, c: 64, o: 64, g: 1, padding: 0 };

const SHAPES: Partial<Shape>[] = [
  ...[1, 3, 31, 32, 33, 63, 65, 127, 128, 129, 200].map((c) => ({ c, o: 17 })),
  ...[1, 10, 15, 16, 33, 63, 65, 100, 129].map((o) => ({ c: 40, o })),
  ...[0, 1, -1].flatMap((padding) => [
    { padding },
    { padding, c: 37, o: 70, pt: 2, pb: 0, pl: 0, pr: 3 },
    { padding, sh: 2, sw: 2, h: 7, w: 7 },
    { padding, dh: 2, dw: 3, h: 9, w: 8, pt: 1, pl: 0, pb: 3, pr: 2, c: 35, o: 33 },
    // A kernel larger than the map; a stride larger than the kernel; windows of padding alone.
    { padding, h: 2, w: 1, kh: 5, kw: 3, pt: 3, pb: 3, pl: 2, pr: 2, c: 33, o: 20 },
    { padding, h: 9, w: 8, kh: 2, kw: 1, sh: 3, sw: 2, pt: 1, pl: 0, pb: 0, pr: 1, c: 33, o: 20 },
    { padding, h: 3, w: 3, kh: 2, kw: 2, pt: 3, pb: 3, pl: 3, pr: 3, c: 33, o: 20 },
    ...[{ pt: 1 }, { pl: 1 }, { pb: 1 }, { pr: 1 }].map((side) => ({
      padding,
      pt: 0,
      pl: 0,
      pb: 0,
      pr: 0,
      c: 33,
      o: 20,
      ...side,
    })),
  ]),
  { kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0, c: 96 },
  { kh: 5, kw: 3, pt: 2, pb: 2, h: 9 },
  { kh: 7, kw: 7, pt: 3, pb: 3, pl: 3, pr: 3, h: 11, w: 11, sh: 2, sw: 2, c: 5 },
  { dh: 2, dw: 2, pt: 2, pl: 2, pb: 2, pr: 2, h: 9, w: 8 },
  { dh: 1, dw: 3, pt: 1, pl: 3, pb: 1, pr: 3, padding: -1, c: 66 },
  { g: 2, c: 128, o: 64 },
  { g: 4, c: 20, o: 12, padding: 0 },
  { g: 3, c: 99, o: 33, padding: 1 },
  { g: 64, c: 64, o: 64, padding: 0 },
  { n: 3, h: 7, w: 7, c: 80, o: 130 },
  { n: 2, h: 1, w: 1, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0, c: 785, o: 10 },
  { h: 14, w: 14, c: 256, o: 256 },
  // Longer than a byte accumulator holds, so that the kernels flush.
  { h: 4, w: 4, c: 1024, o: 40, padding: 0 },
];

function makeCase(shape: Shape, seed: number) {
  const next = random(seed);
  const x = randomBitMap(shape.n * shape.h * shape.w, shape.c, next);
  const weights = randomBits((shape.o * shape.kh * shape.kw * shape.c) / shape.g, next);
  return { x, weights, fields: fieldsOf(shape), next };
}

/** The definition: sums of products of -1, +1 and the padding. */
function dots(shape: Shape, x: Uint8Array, weights: Uint8Array): Int32Array {
  const { oh, ow } = fieldsOf(shape);
  const row = Math.ceil(shape.c / 64) * 8;
  const depth = shape.c / shape.g;
  const y = new Int32Array(shape.n * oh * ow * shape.o);
  let at = 0;
  for (let n = 0; n < shape.n; n++)
    for (let p = 0; p < oh; p++)
      for (let q = 0; q < ow; q++)
        for (let o = 0; o < shape.o; o++) {
          const first = Math.floor(o / (shape.o / shape.g)) * depth;
          let sum = 0;
          for (let i = 0; i < shape.kh; i++)
            for (let j = 0; j < shape.kw; j++)
              for (let k = 0; k < depth; k++) {
                const r = p * shape.sh + i * shape.dh - shape.pt;
                const s = q * shape.sw + j * shape.dw - shape.pl;
                const c = first + k;
                const inside = r >= 0 && r < shape.h && s >= 0 && s < shape.w;
                const bit = inside
                  ? (x[((n * shape.h + r) * shape.w + s) * row + (c >> 3)]! >> (c & 7)) & 1
                  : 0;
                const value = inside ? 1 - 2 * bit : shape.padding;
                const index = ((o * shape.kh + i) * shape.kw + j) * depth + k;
                sum += value * (1 - 2 * ((weights[index >> 3]! >> (index & 7)) & 1));
              }
          y[at++] = sum;
        }
  return y;
}

function packSigns(
  values: Int32Array,
  channels: number,
  isMinus: (value: number, channel: number) => boolean,
): Uint8Array {
  const row = Math.ceil(channels / 64) * 8;
  const words = new Uint8Array((values.length / channels) * row);
  values.forEach((value, i) => {
    const c = i % channels;
    if (isMinus(value, c)) words[Math.floor(i / channels) * row + (c >> 3)]! |= 1 << (c & 7);
  });
  return words;
}

const isas = ['reference' as const, ...testedIsas()];

describe.each(SHAPES.map((shape, i) => [JSON.stringify(shape), { ...BASE, ...shape }, i] as const))(
  'bconv %s',
  (_title, shape, seed) => {
    const { x, weights, fields, next } = makeCase(shape, seed + 1);
    const { oh, ow } = fields;
    const expected = dots(shape, x, weights);
    const limits = Int32Array.from({ length: shape.o }, () =>
      Math.floor((next() - 0.5) * 2 * Math.sqrt((shape.kh * shape.kw * shape.c) / shape.g)),
    );
    limits[0] = -2147483648;
    const flips = Int32Array.from({ length: shape.o }, () => (next() < 0.3 ? 1 : 0));
    const common = { x: { feed: x }, weights: { weights } };

    test.each(isas)('%s', async (isa) => {
      for (const threads of isa === 'reference' ? [1] : [1, 3]) {
        const asIntegers: Case = {
          opcode: 'bconv',
          fields: { ...fields, thresholds: -1 },
          buffers: { ...common, y: { result: new Int32Array(expected.length) } },
        };
        expect((await runCase(asIntegers, isa, threads)).y, 'int32').toEqual(expected);

        const words = new Uint8Array(shape.n * oh * ow * Math.ceil(shape.o / 64) * 8);
        const asBits: Case = {
          opcode: 'bconv',
          fields,
          buffers: {
            ...common,
            thresholds: { constant: Int32Array.from([...limits, ...flips]) },
            y: { result: words },
          },
        };
        const signs = packSigns(
          expected,
          shape.o,
          (dot, c) => dot < limits[c]! !== (flips[c] === 1),
        );
        expect((await runCase(asBits, isa, threads)).y, 'sign bits').toEqual(signs);

        // Float and bits in one pass: scale, add, store, sign.
        const scale = Float32Array.from({ length: shape.o }, (_, c) => (c % 3) - 1.25);
        const asBoth: Case = {
          opcode: 'bconv',
          fields: { ...fields, thresholds: -1, y: -1 },
          buffers: {
            ...common,
            scale: { constant: scale },
            floats: { result: new Float32Array(expected.length) },
            bits: { result: words },
          },
          epilogue: [
            { op: 'mul', kind: 'channel', operand: 'scale' },
            { op: 'store_f32', kind: 'tensor', operand: 'floats' },
            { op: 'store_bits', kind: 'tensor', operand: 'bits' },
          ],
        };
        const both = await runCase(asBoth, isa, threads);
        const floats = Float32Array.from(expected, (dot, i) =>
          Math.fround(dot * scale[i % shape.o]!),
        );
        expect(both.floats, 'float').toEqual(floats);
        expect(both.bits, 'bits beside float').toEqual(
          packSigns(expected, shape.o, (dot, c) => Math.fround(dot * scale[c]!) < 0),
        );
      }
    });
  },
);
