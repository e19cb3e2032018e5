/**
 * The gradients of convolutions: every variant on every instruction set of this machine against the
 * native oracle, which is the formula with double sums. Small integers make sums exact in any
 * order, so that all later values must agree to the bit; real numbers must stay within the stated
 * bound on the error. Not here: the ops (test/ops/conv2d-gradient.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { packWords } from '../../src/tensor/layout.js';
import { random } from '../random.js';
import { agrees } from './agreement.js';
import {
  type Case,
  randomBitMap,
  randomBits,
  randomFloats,
  runCase,
  testedIsas,
} from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

interface Conv extends WindowShape {
  readonly o: number;
  readonly g: number;
}
const BASE: Conv = { ...SAME_3X3, c: 8, o: 8, g: 1 };
const POINT = { kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };
const NONE = { pt: 0, pl: 0, pb: 0, pr: 0 };

const SHAPES: Partial<Conv>[] = [
  // One channel, odd ones, around vectors and blocks.
  { c: 1, o: 1 },
  ...[1, 3, 7, 16, 17, 33, 65].map((c) => ({ c, o: 5 })),
  ...[1, 3, 8, 9, 15, 16, 17, 31, 33, 64, 65, 130].map((o) => ({ c: 6, o })),
  { n: 5, h: 9, w: 11, c: 20, o: 24 },
  { n: 2, h: 9, w: 9, c: 48, o: 80 },
  // Windows that fit badly.
  { h: 1, w: 1 },
  { h: 2, w: 3, kh: 5, kw: 7, pt: 2, pb: 2, pl: 3, pr: 3 },
  { h: 9, w: 1, pl: 2, pr: 2 },
  { h: 1, w: 9, kh: 1, pt: 0, pb: 0, c: 3, o: 17 },
  { h: 4, w: 4, kh: 2, kw: 2, pt: 3, pl: 3, pb: 3, pr: 3 },
  { h: 3, w: 3, dh: 4, dw: 5, pt: 4, pb: 4, pl: 5, pr: 5 },
  ...[{ pt: 1 }, { pl: 1 }, { pb: 1 }, { pr: 1 }].map((side) => ({
    ...NONE,
    ...side,
    c: 9,
    o: 17,
  })),
  ...[{ pt: 1 }, { pl: 1 }, { pb: 1 }, { pr: 1 }].map((side) => ({
    ...NONE,
    ...side,
    c: 3,
    sw: 2,
  })),
  // Strides, with taps for every residue, for some, and with inputs that no window reads.
  { h: 11, w: 12, sh: 2, sw: 2, c: 16, o: 16 },
  { n: 2, h: 12, w: 11, sh: 2, sw: 2, c: 33, o: 70 },
  { h: 11, w: 10, sh: 3, sw: 3, c: 5 },
  { h: 11, w: 10, kh: 2, kw: 2, sh: 3, sw: 4, pt: 1, pl: 0, pb: 0, pr: 1 },
  { ...POINT, h: 9, w: 8, sh: 2, sw: 2, c: 19, o: 21 },
  { ...POINT, h: 11, w: 10, sh: 3, sw: 2, pt: 2, pl: 3, pb: 1, pr: 2 },
  { h: 15, w: 14, kh: 7, kw: 7, sh: 2, sw: 2, pt: 3, pl: 3, pb: 3, pr: 3, c: 3, o: 20 },
  { h: 12, w: 13, kh: 4, kw: 4, sh: 4, sw: 4, ...NONE, c: 3, o: 24 },
  { h: 9, w: 70, sh: 1, sw: 2, c: 4, o: 12 },
  // Dilations, with strides that share a factor and that do not.
  { h: 9, w: 12, kh: 2, kw: 3, dh: 2, dw: 3, pt: 2, pl: 0, pb: 0, pr: 3, c: 9, o: 33 },
  { h: 14, w: 15, dh: 2, dw: 2, sh: 2, sw: 2, pt: 2, pb: 2, pl: 2, pr: 2 },
  { h: 14, w: 15, dh: 3, dw: 2, sh: 2, sw: 3, pt: 2, pb: 3, pl: 2, pr: 2, c: 3 },
  { h: 14, w: 15, dh: 4, dw: 6, sh: 6, sw: 4, pt: 2, pb: 3, pl: 6, pr: 2 },
  // Groups, depthwise, several outputs a channel.
  { g: 2, c: 8, o: 128 },
  { g: 3, c: 9, o: 33, sh: 2, n: 2 },
  { g: 4, c: 4, o: 8, h: 9, sw: 2 },
  { g: 2, c: 40, o: 6 },
  ...[2, 8, 17, 64, 70].map((c) => ({ g: c, c, o: c, h: 7, w: 9 })),
  { g: 20, c: 20, o: 20, h: 12, w: 12, kh: 5, kw: 2, dh: 2, dw: 3, pt: 4, pb: 1, pl: 3, pr: 0 },
  { g: 24, c: 24, o: 24, h: 11, w: 12, sh: 2, sw: 3, n: 2 },
  { g: 9, c: 9, o: 9, h: 11, w: 12, sh: 3, sw: 2, kh: 1, pt: 0, pb: 0 },
  // More columns than a box of pixels has, and more images than one.
  { h: 2, w: 620, c: 3, o: 5 },
  { h: 1, w: 1100, c: 17, o: 9, kh: 1, pt: 0, pb: 0, sw: 2 },
  { n: 40, h: 3, w: 3, c: 10, o: 12 },
  // Dense layers.
  { ...POINT, n: 1, h: 1, w: 1, c: 385, o: 10 },
  { ...POINT, n: 300, h: 1, w: 1, c: 33, o: 65 },
];
const cases = SHAPES.map((shape, i) => [JSON.stringify(shape), { ...BASE, ...shape }, i] as const);

const integers = (count: number, next: () => number, most = 4) =>
  Float32Array.from({ length: count }, () => Math.round((next() - 0.5) * 2 * most));

type Fields = ReturnType<typeof fieldsOf<Conv>>;

/** dx from dy and weights: of floats, or of bits; constant, or packed in the run. */
function inputCase(fields: Fields, seed: number, exact: boolean, bits: number, packed: boolean) {
  const { n, h, w, c, oh, ow, o, kh, kw, g, ...rest } = fields;
  const next = random(seed);
  const numbers = (size: number) => (exact ? integers(size, next) : randomFloats(size, next));
  const count = o * kh * kw * (c / g);
  const weights = bits === 1 ? randomBits(count, next) : numbers(count);
  const memory = bits === 1 ? packWords(weights as Uint8Array, [o, kh, kw, c / g]) : weights;
  const size = n * h * w * c;
  const make: Case = {
    opcode: 'input_gradient',
    fields: {
      ...rest,
      ...{ n, h: oh, w: ow, c: o, oh: h, ow: w, o: c, kh, kw, g, weightBits: bits },
    },
    buffers: {
      x: { feed: numbers(n * oh * ow * o) },
      weights: packed ? { packed: memory.slice(), kind: 5, bits } : { weights },
      scale: { constant: integers(c, next) },
      other: { feed: integers(size, next, 40) },
      real: { result: new Float32Array(size) },
      ...(exact && { bits: { result: new Uint8Array(n * h * w * Math.ceil(c / 64) * 8) } }),
    },
    epilogue: exact
      ? [
          { op: 'mul', kind: 'channel', operand: 'scale' },
          { op: 'add', kind: 'tensor', operand: 'other' },
          { op: 'store_f32', operand: 'real' },
          { op: 'sub', kind: 'channel', operand: 'scale' },
          { op: 'store_bits', operand: 'bits' },
        ]
      : [{ op: 'store_f32', operand: 'real' }],
  };
  // |dy|, |w| <= 1: K products in B blocks are off by at most (K/B + B) 2^-24 K, twice that where
  // products round too.
  const terms = kh * kw * (o / g);
  const blocks = Math.ceil(terms / 144);
  const bound = 2 * (terms / blocks + blocks) * 2 ** -24 * terms;
  return { make, tolerance: exact ? undefined : new Float32Array(size).fill(bound + 1e-7) };
}

describe.each(cases)('input gradient of %s', (_title, shape, seed) => {
  const fields = fieldsOf(shape);
  test('exact sums, and every epilogue behind them, agree to the bit', async () =>
    agrees(inputCase(fields, seed, true, 32, false).make));
  test('weights that the run packs, and bits, give the same', async () => {
    await agrees(inputCase(fields, seed, true, 32, true).make);
    await agrees(inputCase(fields, seed, true, 1, false).make);
    await agrees(inputCase(fields, seed, true, 1, true).make);
  });
  test('real sums stay within the bound on the error', async () => {
    const { make, tolerance } = inputCase(fields, seed, false, 32, false);
    await agrees(make, tolerance);
  });
});

/** dw from dy and x, of floats or bits, in so many parts. */
function weightCase(fields: Fields, seed: number, exact: boolean, bits: number, parts = 1): Case {
  const { n, h, w, c, oh, ow, o, kh, kw, g } = fields;
  const next = random(seed);
  const numbers = (size: number) => (exact ? integers(size, next) : randomFloats(size, next));
  const x = bits === 1 ? randomBitMap(n * h * w, c, next) : numbers(n * h * w * c);
  return {
    opcode: 'weight_gradient',
    fields: { ...fields, xBits: bits, parts },
    buffers: {
      x: { feed: x },
      dy: { feed: numbers(n * oh * ow * o) },
      y: { result: new Float32Array(parts * o * kh * kw * (c / g)) },
    },
  };
}

const sameBits = (a: Float32Array, b: Float32Array) =>
  Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

/** The result of a case, parts added. */
async function gradientOf(make: Case, isa: Parameters<typeof runCase>[1], threads = 1) {
  const { y } = await runCase(make, isa, threads);
  const { parts } = make.fields as { readonly parts: number };
  const size = y!.length / parts;
  const sums = new Float32Array(size);
  for (let i = 0; i < y!.length; i++) sums[i % size]! += y![i] as number;
  return sums;
}

describe.each(cases)('weight gradient of %s', (_title, shape, seed) => {
  const fields = fieldsOf(shape);
  test('exact sums agree to the bit, for floats and bits', async () => {
    await agrees(weightCase(fields, seed, true, 32));
    await agrees(weightCase(fields, seed, true, 1));
  });
  test('parts add up to the whole', async () => {
    const wanted = await gradientOf(weightCase(fields, seed, true, 32), 'reference');
    for (const isa of testedIsas()) {
      for (const parts of [2, 7]) {
        const found = await gradientOf(weightCase(fields, seed, true, 32, parts), isa, 2);
        expect(sameBits(found, wanted), `${isa} ${parts}`).toBe(true);
      }
    }
  });
  test('real sums stay within the bound, with the same bits for 1, 2 and 3 threads', async () => {
    const make = weightCase(fields, seed, false, 32);
    const wanted = await gradientOf(make, 'reference');
    const pixels = fields.n * fields.oh * fields.ow;
    // Boxes of 1 to 512 pixels.
    const bound = 2 * (Math.min(pixels, 512) + pixels) * 2 ** -24 * pixels + 1e-7;
    for (const isa of testedIsas()) {
      const found = await gradientOf(make, isa);
      const worst = found.reduce((most, v, i) => Math.max(most, Math.abs(v - wanted[i]!)), 0);
      expect(worst).toBeLessThanOrEqual(bound);
      for (const threads of [2, 3]) expect(await gradientOf(make, isa, threads)).toEqual(found);
    }
  });
});
