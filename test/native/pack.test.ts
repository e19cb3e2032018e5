/**
 * Weights that a run packs itself: a convolution that reads them gives what it gives over a
 * constant of the same numbers, bit for bit, on every instruction set and with the native oracle.
 * Not here: what a convolution computes (./bconv.test.ts, ./float.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { packWords } from '../../src/tensor/layout.js';
import { random } from '../random.js';
import {
  type Case,
  randomBitMap,
  randomBits,
  randomFloats,
  runCase,
  testedIsas,
} from './harness.js';
import { caseOf, type Numbers, randomLayer } from './integers.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

const KINDS = { bconv: 0, conv: 1, dwconv: 2, qconv: 3, qdwconv: 4 } as const;

interface Shape extends WindowShape {
  readonly o: number;
  readonly g: number;
}
const BASE: Shape = { ...SAME_3X3, c: 64, o: 64, g: 1 };

const SHAPES: readonly Partial<Shape>[] = [
  {},
  { c: 5, o: 3 },
  { c: 33, o: 70, h: 7, w: 6, sh: 2 },
  { c: 128, o: 129, n: 2 },
  { c: 12, o: 8, g: 4 },
  { c: 99, o: 33, g: 3, pt: 0, pl: 2 },
  { c: 70, o: 65, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0, n: 9, h: 1, w: 1 },
];

/** The same layer over constant weights and over weights that the run packs. */
function pair(opcode: 'bconv' | 'conv' | 'dwconv', shape: Shape, bits: number, seed: number) {
  const next = random(seed);
  const { n, h, w, c, o, g, kh, kw } = shape;
  const depth = c / g;
  const { oh, ow, ...rest } = fieldsOf(shape) as Record<string, number>;
  const x =
    opcode === 'bconv' ? randomBitMap(n * h * w, c, next) : randomFloats(n * h * w * c, next);
  const disk = bits === 1 ? randomBits(o * kh * kw * depth, next) : undefined;
  const weights = disk ?? randomFloats(o * kh * kw * depth, next);
  const memory = disk === undefined ? weights : packWords(disk, [o, kh, kw, depth]);
  const y = { result: new Float32Array(n * oh! * ow! * o) };
  const chain = [{ op: 'store_f32', kind: 'tensor', operand: 'y' }] as const;
  const fields: Record<string, number> = { ...rest, oh: oh!, ow: ow! };
  const make = (slot: Case['buffers'][string]): Case => ({
    opcode,
    fields:
      opcode === 'bconv' ? { ...fields, y: -1, thresholds: -1 } : { ...fields, weightBits: bits },
    buffers: { x: { feed: x }, weights: slot, ...(opcode === 'bconv' ? { out: y } : { y }) },
    epilogue: opcode === 'bconv' ? [{ ...chain[0], operand: 'out' }] : chain,
  });
  const slot = { packed: memory.slice(), kind: KINDS[opcode], bits };
  return { constant: make({ weights }), packed: make(slot) };
}

/** The same of integers: in memory a byte an element, or bits whose every tap starts a word. */
function integerPair(
  opcode: 'qconv' | 'qdwconv',
  shape: Shape,
  numbers: Numbers,
): ReturnType<typeof pair> {
  const layer = randomLayer(shape, numbers, random(numbers.weightBits));
  const constant = caseOf(opcode, layer);
  const { kh, kw, o, c, g } = shape;
  const disk = (constant.buffers.weights as { readonly weights: Uint8Array }).weights;
  const bytes = Int8Array.from(layer.weights);
  const packed =
    numbers.weightKind === 'bipolar' ? packWords(disk, [o, kh, kw, c / g]).slice() : bytes;
  const slot = { packed, kind: KINDS[opcode], bits: numbers.weightBits };
  return { constant, packed: { ...constant, buffers: { ...constant.buffers, weights: slot } } };
}

async function expectEqual({ constant, packed }: ReturnType<typeof pair>) {
  for (const isa of ['reference', ...testedIsas()] as ReturnType<typeof testedIsas>) {
    for (const threads of [1, 3]) {
      const wanted = Object.values(await runCase(constant, isa, threads))[0] as NodeJS.TypedArray;
      const found = Object.values(await runCase(packed, isa, threads))[0] as NodeJS.TypedArray;
      expect(Array.from(wanted as Int32Array).some((value) => value !== 0)).toBe(true);
      expect(
        Buffer.from(found.buffer).equals(Buffer.from(wanted.buffer)),
        `${isa} ${threads}`,
      ).toBe(true);
    }
  }
}

describe.each(SHAPES.map((shape, i) => [JSON.stringify(shape), { ...BASE, ...shape }, i] as const))(
  'weights of %s',
  (_, shape, seed) => {
    test.each([0, 1, -1])('of bits, with a border of %d', (padding) =>
      expectEqual(pair('bconv', { ...shape, padding } as Shape, 1, seed)),
    );
    test.each([32, 1])('of floats, from %d bits an element', (bits) =>
      expectEqual(pair('conv', shape, bits, seed)),
    );
  },
);

const INTEGERS: readonly Numbers[] = [
  { xSigned: false, xBits: 8, weightKind: 'signed', weightBits: 8, zero: 7 },
  { xSigned: true, xBits: 8, weightKind: 'signed', weightBits: 4, zero: -1 },
  { xSigned: false, xBits: 4, weightKind: 'unsigned', weightBits: 3, zero: 0 },
  { xSigned: false, xBits: 2, weightKind: 'bipolar', weightBits: 1, zero: 1 },
];
describe.each(INTEGERS)('$weightKind weights of $weightBits bits', (numbers) => {
  test.each(SHAPES.map((shape) => [JSON.stringify(shape), { ...BASE, ...shape }] as const))(
    'of %s',
    (_, shape) => expectEqual(integerPair('qconv', shape, numbers)),
  );
  test.each([5, 70])('depthwise, %d channels', (c) =>
    expectEqual(integerPair('qdwconv', { ...BASE, c, o: c, g: c }, numbers)),
  );
});

test.each([
  [32, 5],
  [1, 70],
])('depthwise weights from %d bits an element, %d channels', (bits, c) =>
  expectEqual(pair('dwconv', { ...BASE, c, o: c, g: c }, bits, 3)),
);
