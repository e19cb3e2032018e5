/**
 * The convolution by weights of few bits: on every instruction set the bits of the convolution by
 * the floats that the weights stand for, and the sums of the oracle where these are exact.
 */
import { describe, expect, test } from 'vitest';
import { random } from '../random.js';
import { agrees } from './agreement.js';
import { type Case, isEmulated, kernelOf, randomFloats, runCase, testedIsas } from './harness.js';
import { type Numbers, onDisk, randomWeights, rangeOfWeights, WEIGHT_KINDS } from './integers.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

const f = Math.fround;

interface Shape extends WindowShape {
  readonly o: number;
  readonly g: number;
  /** Products that have one scale; 0: all of an output. */
  readonly block: number;
}
const BASE: Shape = { ...SAME_3X3, c: 8, o: 8, g: 1, block: 0 };
const DENSE = { h: 1, w: 1, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };

type Kind = Numbers['weightKind'];
const KINDS: readonly (readonly [Kind, number])[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8].flatMap((bits) => [
    ['signed', bits] as const,
    ['unsigned', bits] as const,
  ]),
  ['bipolar', 1],
  ...[3, 4, 5].map((bits) => ['power', bits] as const),
];

/** An emulator takes many times as long for each. */
const TESTED = isEmulated ? KINDS.filter((_, i) => i % 5 === 1 || i === 18) : KINDS;

/** The instruction, and the float convolution by the same numbers. */
function casesOf(shape: Shape, [weightKind, weightBits]: readonly [Kind, number], exact: boolean) {
  const { block: asked, ...fields } = fieldsOf(shape);
  const { n, h, w, c, o, kh, kw, g, oh, ow } = fields;
  const next = random(weightBits * 100 + o + c);
  const depth = (kh * kw * c) / g;
  const block = asked || depth;
  const blocks = Math.ceil(depth / block);
  const numbers = { xSigned: false, xBits: 8, weightKind, weightBits, zero: 0 };
  const range = rangeOfWeights(numbers);
  const q = randomWeights(o * depth, numbers, next);
  const scales = Float32Array.from({ length: blocks * o }, () =>
    exact ? 2 ** -Math.floor(next() * 3) : f(next() - 0.3),
  );
  const zero = () => range[0] + Math.floor(next() * (range[1] - range[0] + 1));
  const hasZeros = (weightKind === 'signed' || weightKind === 'unsigned') && next() < 0.7;
  const few = next() < 0.4 ? fewOf(o, depth, exact, next) : undefined;
  const zeros = Array.from({ length: blocks * o }, () => (hasZeros ? zero() : 0));
  const floats = Float32Array.from(q, (value, i) => {
    const at = Math.floor((i % depth) / block) * o + Math.floor(i / depth);
    return f(f(value - zeros[at]!) * scales[at]!);
  });
  for (const [i, number] of few?.added ?? []) floats[i] = f(floats[i]! + number);
  const x = exact
    ? Float32Array.from({ length: n * h * w * c }, () => Math.floor(next() * 9) - 4)
    : randomFloats(n * h * w * c, next);
  const y = { result: new Float32Array(n * oh * ow * o) };
  const epilogue = [{ op: 'store_f32', kind: 'tensor', operand: 'y' }] as const;
  const narrow: Case = {
    opcode: 'wconv',
    fields: {
      ...fields,
      weightBits,
      weightKind: WEIGHT_KINDS.indexOf(weightKind),
      block,
      ...(!hasZeros && { zeros: -1 }),
      ...(!few && { few: -1, fewScales: -1 }),
    },
    buffers: {
      x: { feed: x },
      weights: { weights: onDisk(q, numbers) },
      scales: { constant: scales },
      ...(hasZeros && {
        zeros: { constant: (weightKind === 'signed' ? Int8Array : Uint8Array).from(zeros) },
      }),
      ...(few && { few: { constant: few.table }, fewScales: { constant: few.scales } }),
      y,
    },
    epilogue,
  };
  const plain: Case = {
    opcode: 'conv',
    fields: { ...fields, weightBits: 32 },
    buffers: { x: { feed: x }, weights: { weights: floats }, y },
    epilogue,
  };
  return { few: narrow, plain };
}

/** A few integers of 16 bits, in the table that the instruction takes, and what they add. */
function fewOf(o: number, depth: number, exact: boolean, next: () => number) {
  const [starts, entries] = [[0], [] as number[]];
  const scales = Float32Array.from({ length: o }, () => (exact ? 2 ** -2 : f(next() - 0.5)));
  const added: [number, number][] = [];
  for (let i = 0; i < o * depth; i++) {
    if (next() < 0.05) {
      const number = Math.floor(next() * (exact ? 200 : 65536)) - (exact ? 100 : 32768);
      entries.push(((i % depth) << 16) | (number & 0xffff));
      added.push([i, f(number * scales[Math.floor(i / depth)]!)]);
    }
    if ((i + 1) % depth === 0) starts.push(entries.length);
  }
  return { table: Int32Array.of(...starts, ...entries), scales, added };
}

const SHAPES: readonly Partial<Shape>[] = [
  ...[1, 3, 15, 16, 17, 31, 63, 64, 65, 129].map((o) => ({ o, c: 5 })),
  ...[1, 3, 7, 31, 33, 100].map((c) => ({ c, o: 17 })),
  { kh: 7, kw: 7, pt: 3, pl: 3, pb: 3, pr: 3, sh: 2, sw: 2, h: 21, w: 19, c: 3, o: 64 },
  { kh: 2, kw: 3, dh: 2, dw: 3, h: 9, w: 12, pt: 2, pl: 0, pb: 0, pr: 3, c: 9, o: 33 },
  { g: 2, c: 8, o: 128 },
  { g: 3, c: 9, o: 33 },
  { g: 4, c: 4, o: 4 },
  // Several blocks of pixels, whose weights are made floats once, and again for each.
  { n: 2, h: 14, w: 14, c: 16, o: 48 },
  { n: 1, h: 12, w: 12, c: 70, o: 130 },
  { ...DENSE, n: 1, c: 785, o: 70 },
  { ...DENSE, n: 33, c: 129, o: 65 },
  { ...DENSE, n: 1, c: 256, o: 96, block: 32 },
  { ...DENSE, n: 7, c: 200, o: 19, block: 16 },
  { ...DENSE, n: 300, c: 100, o: 66, block: 7 },
  { c: 64, o: 20, block: 32 },
];

describe.each(SHAPES.map((shape) => ({ ...BASE, ...shape })))(
  'o $o, c $c, $kh x $kw of $h x $w, groups $g, block $block',
  (shape) => {
    test('every width has the bits of its floats', async () => {
      for (const kind of TESTED) {
        const { few, plain } = casesOf(shape, kind, false);
        for (const isa of testedIsas()) {
          expect(kernelOf(few, isa)).toMatch(/^wconv_f32_/);
          for (const threads of [1, 3]) {
            const [got, want] = [await runCase(few, isa, threads), await runCase(plain, isa)];
            expect([kind, isa, threads, got['y']]).toEqual([kind, isa, threads, want['y']]);
          }
        }
      }
    });
    test('exact sums are those of the oracle', async () => {
      for (const kind of [3, 6, 15, 16, 18, 19].map((i) => KINDS[i]!))
        await agrees(casesOf(shape, kind, true).few);
    });
  },
);

test('scales that do not cover the weights are refused, and so are widths and kinds', () => {
  const { few } = casesOf({ ...BASE, block: 9 }, ['signed', 4], true);
  const refused: Partial<Case>[] = [
    { fields: { ...few.fields, block: 8 } },
    { fields: { ...few.fields, weightBits: 9 } },
    { fields: { ...few.fields, weightKind: 4 } },
    { fields: { ...few.fields, weightKind: 3, weightBits: 6 } },
    { fields: { ...few.fields, weightKind: 2 } },
    { buffers: { ...few.buffers, weights: { weights: new Uint8Array(8) } } },
  ];
  for (const isa of testedIsas()) {
    expect(() => kernelOf(few, isa)).not.toThrow();
    for (const part of refused) expect(() => kernelOf({ ...few, ...part }, isa)).toThrow(/refused/);
  }
});

test('a few weights are refused where they are not those of the layer', () => {
  const shape = { ...BASE, o: 2, c: 4, kh: 1, kw: 1 };
  const { few } = casesOf(shape, ['signed', 4], true);
  const fields = { ...few.fields };
  for (const name of ['few', 'fewScales']) delete fields[name];
  const withFew = (table: readonly number[], scales = 2): Case => ({
    ...few,
    fields,
    buffers: {
      ...few.buffers,
      few: { constant: Int32Array.of(...table) },
      fewScales: { constant: new Float32Array(scales) },
    },
  });
  const at = (k: number) => k << 16;
  const fits = [0, 1, 3, at(3), at(0), at(3)];
  for (const isa of ['reference' as const, ...testedIsas()]) {
    expect(() => kernelOf(withFew(fits), isa)).not.toThrow();
    for (const refused of [
      withFew(fits, 1),
      withFew([0, 1]),
      withFew([0, 1, 4, at(3), at(0), at(3)]),
      withFew([0, 2, 1, at(3), at(0), at(3)]),
      withFew([0, 1, 3, at(4), at(0), at(3)]),
      withFew([0, 1, 3, at(3), at(3), at(0)]),
      withFew([0, 1, 3, at(3), at(1), at(1)]),
    ])
      expect(() => kernelOf(refused, isa)).toThrow(/refused/);
  }
});
