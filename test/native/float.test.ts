/**
 * Float kernels except the epilogue (./epilogue.test.ts): every variant on every instruction set of
 * this machine against the native oracle. Inputs of the exact cases are small integers, so that
 * sums are exact in any order and all later values must agree to the bit. The other cases must
 * agree to 1e-5 of sum |x w|.
 */
import { describe, expect, test } from 'vitest';
import { addon } from '../../src/native/addon.js';
import { random } from '../random.js';
import { agrees, bitBytes, specials } from './agreement.js';
import { type Case, randomBits, randomFloats, runCase, testedIsas } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

const integers = (count: number, next: () => number, most = 4) =>
  Float32Array.from({ length: count }, () => Math.round((next() - 0.5) * 2 * most));

/** What `pool` and `reduce` read. */
const FLOATS = { dtype: 0, zero: 0, scale: 0 };

interface Conv extends WindowShape {
  readonly o: number;
  readonly g: number;
  readonly weightBits: number;
}
const BASE: Conv = { ...SAME_3X3, c: 8, o: 8, g: 1, weightBits: 32 };
const DENSE = { h: 1, w: 1, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };

/** Padding on one side alone. */
const ONE_SIDE = [{ pt: 1 }, { pl: 1 }, { pb: 1 }, { pr: 1 }].map((side) => ({
  pt: 0,
  pl: 0,
  pb: 0,
  pr: 0,
  ...side,
}));

const CONVS: Partial<Conv>[] = [
  ...[1, 3, 15, 16, 17, 63, 64, 65, 127, 129, 200].map((o) => ({ o, c: 5 })),
  ...[1, 3, 7, 31, 33, 64, 100].map((c) => ({ c, o: 17, weightBits: c % 2 ? 1 : 32 })),
  { kh: 7, kw: 7, pt: 3, pl: 3, pb: 3, pr: 3, sh: 2, sw: 2, h: 21, w: 19, c: 3, o: 64 },
  { kh: 2, kw: 3, dh: 2, dw: 3, h: 9, w: 12, pt: 2, pl: 0, pb: 0, pr: 3, c: 9, o: 33 },
  { pt: 0, pl: 0, pb: 0, pr: 0, h: 9, w: 9, sh: 3, sw: 2, c: 4, o: 20 },
  ...ONE_SIDE.map((side) => ({ ...side, c: 3, o: 17 })),
  { g: 2, c: 8, o: 128 },
  { g: 3, c: 9, o: 33 },
  { g: 4, c: 4, o: 4, weightBits: 1 },
  { n: 3, h: 14, w: 14, c: 64, o: 96 },
  { ...DENSE, n: 1, c: 785, o: 70 },
  { ...DENSE, n: 33, c: 129, o: 65, weightBits: 1 },
];

function convCase(
  shape: Conv,
  seed: number,
  exact: boolean,
  depthwise: boolean,
): { make: Case; tolerance: Float32Array | undefined } {
  const fields = fieldsOf(depthwise ? { ...shape, o: shape.c, g: shape.c } : shape);
  const { n, h, w, c, o, kh, kw, g, oh, ow } = fields;
  const next = random(seed);
  const count = o * kh * kw * (c / g);
  const numbers = (size: number) => (exact ? integers(size, next) : randomFloats(size, next));
  const x = numbers(n * h * w * c);
  const weights = shape.weightBits === 1 ? randomBits(count, next) : numbers(count);
  const { o: _o, g: _g, ...plain } = fields;
  const size = n * oh * ow * o;
  const make: Case = {
    opcode: depthwise ? 'dwconv' : 'conv',
    fields: depthwise ? plain : fields,
    buffers: {
      x: { feed: x },
      weights: { weights },
      scale: { constant: integers(o, next) },
      shortcut: { feed: integers(size, next, 40) },
      real: { result: new Float32Array(size) },
      ...(exact ? { bits: { result: new Uint8Array(bitBytes(n * oh * ow, o)) } } : {}),
    },
    epilogue: exact
      ? [
          { op: 'mul', kind: 'channel', operand: 'scale' },
          { op: 'add', kind: 'tensor', operand: 'shortcut' },
          { op: 'store_f32', operand: 'real' },
          { op: 'clip', a: -3, b: 5 },
          { op: 'sub', kind: 'channel', operand: 'scale' },
          { op: 'store_bits', operand: 'bits' },
        ]
      : [{ op: 'store_f32', operand: 'real' }],
  };
  // |x|, |w| <= 1, so sum |x w| <= K.
  return {
    make,
    tolerance: exact ? undefined : new Float32Array(size).fill(1e-5 * kh * kw * (c / g)),
  };
}

describe.each(CONVS.map((shape, i) => [JSON.stringify(shape), { ...BASE, ...shape }, i] as const))(
  'conv %s',
  (_title, shape, seed) => {
    test('exact sums, and every epilogue behind them, agree to the bit', async () =>
      agrees(convCase(shape, seed, true, false).make));
    test('real sums agree within the tolerance', async () => {
      const { make, tolerance } = convCase(shape, seed, false, false);
      await agrees(make, tolerance);
    });
  },
);

const WINDOWS: Partial<Conv>[] = [
  ...[1, 3, 15, 16, 17, 48, 64, 65, 130, 300].map((c) => ({ c, h: 7, w: 13 })),
  { c: 24, h: 9, w: 30, sh: 2, sw: 2 },
  { c: 20, h: 12, w: 12, kh: 5, kw: 2, dh: 2, dw: 3, pt: 4, pb: 1, pl: 3, pr: 0 },
  { c: 70, h: 40, w: 40, n: 2 },
  // Rows of three columns, in tiles of every size, with and without a column outside at each end.
  ...[1, 2, 4, 6, 8, 9].map((w) => ({ c: 9, h: 3, w })),
  ...[1, 2, 3, 6, 8, 11, 14, 17].map((w) => ({ c: 9, h: 4, w, sh: 2, sw: 2 })),
  { c: 9, h: 6, w: 12, sh: 2, sw: 2, pt: 0, pl: 0 },
  { c: 9, h: 4, w: 7, pl: 2 },
  ...ONE_SIDE.map((side) => ({ ...side, c: 17, h: 9, w: 20 })),
];
test.each([1, 8, 33])(
  'conv: the error of a long sum grows with its blocks, not its length, for %i pixels',
  async (n) => {
    // Every addition of the same number rounds the same way, so that one long sum would be off by
    // 0.08.
    const [terms, weight] = [9216, Math.fround(0.1)];
    const fields = fieldsOf({ ...BASE, ...DENSE, n, c: terms, o: 64 });
    const make: Case = {
      opcode: 'conv',
      fields,
      buffers: {
        x: { feed: new Float32Array(n * terms).fill(1) },
        weights: { weights: new Float32Array(64 * terms).fill(weight) },
        y: { result: new Float32Array(n * 64) },
      },
      epilogue: [{ op: 'store_f32', kind: 'tensor', operand: 'y' }],
    };
    const exact = terms * weight;
    const blocks = Math.ceil(terms / 96);
    const bound = (terms / blocks + blocks) * 2 ** -24 * exact;
    for (const isa of testedIsas()) {
      const { y } = await runCase(make, isa);
      for (const sum of y as Float32Array) expect(Math.abs(sum - exact)).toBeLessThanOrEqual(bound);
    }
  },
);

// Steps ask ahead for maps beyond the caches: 2 MiB of a convolution, 8 MiB of a depthwise one.
test.each([
  ['conv', { ...DENSE, h: 91, w: 91, c: 2, o: 64 }, false],
  ['dwconv', { c: 16, h: 20, w: 6600, sh: 2, sw: 2 }, true],
] as const)('%s of a map beyond the caches', async (_title, shape, depthwise) =>
  agrees(convCase({ ...BASE, ...shape }, 1, true, depthwise).make),
);

describe.each(
  WINDOWS.map((shape, i) => [JSON.stringify(shape), { ...BASE, ...shape }, i] as const),
)('window %s', (_title, shape, seed) => {
  test('dwconv', async () => agrees(convCase(shape, seed, true, true).make));
  test('dwconv of bits', async () =>
    agrees(convCase({ ...shape, weightBits: 1 }, seed, true, true).make));
  test.each([0, 1, 2])('pool kind %i', async (kind) => {
    const { make } = convCase(shape, seed, true, true);
    const { weightBits: _, ...fields } = make.fields;
    const { weights: __, ...buffers } = make.buffers;
    await agrees({ ...make, opcode: 'pool', fields: { ...fields, ...FLOATS, kind }, buffers });
  });
});

// Runs of 1 to 12 pixels whose windows lie inside: every way to take them 8, 4, 2 and 1 at a time.
describe.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14])('3x3 windows in a row of %i', (w) => {
  test.each([
    [1, 1],
    [0, 0],
    [1, 0],
    [0, 1],
  ])('padding %i and %i: every pixel is folded once, with its own taps', async (pl, pr) => {
    const shape = { ...BASE, c: 20, h: 4, w, pl, pr };
    const { make } = convCase(shape, w, true, true);
    await agrees(make);
    const { weightBits: _, ...fields } = make.fields;
    const { weights: __, ...buffers } = make.buffers;
    for (const kind of [0, 1, 2])
      await agrees({ ...make, opcode: 'pool', fields: { ...fields, ...FLOATS, kind }, buffers });
  });
});

/** Where window, map and padding fit worst. */
const ODD: Partial<Conv>[] = [
  { h: 1, w: 1 },
  { h: 9, w: 1, pl: 2, pr: 2 },
  { h: 1, w: 9, kh: 1, pt: 0, pb: 0 },
  { h: 2, w: 3, kh: 5, kw: 7, pt: 2, pb: 2, pl: 3, pr: 3 },
  { h: 3, w: 3, kh: 3, kw: 3, dh: 4, dw: 5, pt: 4, pb: 4, pl: 5, pr: 5 },
  { h: 11, w: 10, kh: 2, kw: 2, sh: 3, sw: 4, pt: 1, pl: 0, pb: 0, pr: 1 },
  { h: 11, w: 10, kh: 1, kw: 1, sh: 3, sw: 2, pt: 2, pl: 3, pb: 1, pr: 2 },
  { h: 6, w: 7, pt: 0, pb: 3, pl: 3, pr: 0 },
  // A picture cropped on the left and at the top.
  { h: 8, w: 9, pt: -1, pl: -2, pb: 0, pr: 1 },
  // Windows of padding alone.
  { h: 4, w: 4, kh: 2, kw: 2, pt: 3, pl: 3, pb: 3, pr: 3 },
];
describe.each(ODD.map((shape, i) => [JSON.stringify(shape), { ...BASE, ...shape }, i] as const))(
  'odd geometry %s',
  (_title, shape, seed) => {
    test('conv', async () => agrees(convCase({ ...shape, c: 3, o: 17 }, seed, true, false).make));
    test('dwconv', async () => agrees(convCase({ ...shape, c: 17 }, seed, true, true).make));
    test('pool', async () => {
      const { make } = convCase({ ...shape, c: 17 }, seed, true, true);
      const { weightBits: _, ...fields } = make.fields;
      const { weights: __, ...buffers } = make.buffers;
      for (const kind of [0, 1, 2])
        await agrees({ ...make, opcode: 'pool', fields: { ...fields, ...FLOATS, kind }, buffers });
    });
  },
);

test.each([
  [1, 1, 1],
  [3, 700, 1],
  [2, 9000, 1],
  [2, 49, 65],
  [1, 300, 130],
])('reduce %i x %i x %i', async (outer, k, inner) => {
  const x = integers(outer * k * inner, random(k), 9);
  for (const kind of [0, 1, 2, 3]) {
    const buffers = { x: { feed: x }, y: { result: new Float32Array(outer * inner) } };
    await agrees({ opcode: 'reduce', fields: { ...FLOATS, kind, outer, k, inner }, buffers });
  }
});

test.each([1, 15, 64, 65, 1000])('softmax over %i', async (c) => {
  const buffers = {
    x: { feed: randomFloats(7 * c, random(c), 20) },
    y: { result: new Float32Array(7 * c) },
  };
  await agrees(
    { opcode: 'softmax', fields: { rows: 7, c }, buffers },
    new Float32Array(7 * c).fill(1e-6),
  );
});

test.each(['reference' as const, ...testedIsas()])(
  'softmax of logits to +-1000, against double precision: %s',
  async (isa) => {
    const rows = [
      [100, -100, 99, 0],
      [-100, -100, -101, -200],
      [88, 89, 90, 87],
      [1000, -1000, 999, 998],
      [-1000, -1000, -1000, -1000],
      [-0, 0, -104, -88],
    ];
    const c = 4;
    const buffers = {
      x: { feed: Float32Array.from(rows.flat()) },
      y: { result: new Float32Array(rows.length * c) },
    };
    const { y } = await runCase(
      { opcode: 'softmax', fields: { rows: rows.length, c }, buffers },
      isa,
    );
    const exact = rows.flatMap((row) => {
      const largest = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
      return row.map((value) => Math.exp(value - largest) / sum);
    });
    for (const [i, value] of exact.entries()) {
      // Two parts in a million of the value itself, small ones too, down to the denormal.
      expect(
        Math.abs((y![i] as number) - value),
        `${isa} ${i}: ${y![i]}, not ${value}`,
      ).toBeLessThanOrEqual(2e-6 * value + 2 ** -149);
    }
  },
);

test.each([1, 2, 3, 5, 16, 65])('pictures of %i channels to channels last and back', async (c) => {
  const pixels = 333;
  const x = randomFloats(2 * pixels * c, random(c));
  const dims = {
    xoffset: 0,
    yoffset: 0,
    d0: 1,
    d1: 1,
    d2: 1,
    d3: 2,
    xs0: 0,
    xs1: 0,
    xs2: 0,
    ys0: 0,
    ys1: 0,
    ys2: 0,
    xs3: pixels * c,
    ys3: pixels * c,
  };
  const bytes = Uint8Array.from(x, (value) => value * 100);
  for (const buffers of [
    { x: { feed: x }, y: { result: new Float32Array(x.length) } },
    { x: { feed: bytes }, y: { result: new Uint8Array(x.length) } },
  ]) {
    const whole = { ...dims, bytes: buffers.x.feed.BYTES_PER_ELEMENT };
    await agrees({
      opcode: 'copy',
      fields: { ...whole, d4: pixels, d5: c, xs4: 1, xs5: pixels, ys4: c, ys5: 1 },
      buffers,
    });
    await agrees({
      opcode: 'copy',
      fields: { ...whole, d4: c, d5: pixels, xs4: 1, xs5: c, ys4: pixels, ys5: 1 },
      buffers,
    });
  }
});

const GATE = addon().epilogueOps.indexOf('gate');
test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, GATE, 1000])('binary op %i with broadcasts', async (op) => {
  const next = random(op);
  const floats = new Int32Array(Float32Array.of(-0.7, 2.1).buffer);
  const box = {
    op,
    d0: 1,
    d1: 1,
    d2: 1,
    d3: 3,
    d4: 5,
    d5: 37,
    as0: 0,
    as1: 0,
    as2: 0,
    bs0: 0,
    bs1: 0,
    bs2: 0,
    low: floats[0]!,
    high: floats[1]!,
  };
  const y = { result: new Float32Array(555) };
  const buffers = { a: { feed: specials(185 * 2, next) }, b: { feed: specials(111, next) }, y };
  await agrees({
    opcode: 'binary',
    fields: { ...box, as3: 0, as4: 37, as5: 1, bs3: 37, bs4: 0, bs5: 1 },
    buffers,
  });
  await agrees({
    opcode: 'binary',
    fields: { ...box, as3: 0, as4: 74, as5: 2, bs3: 1, bs4: 0, bs5: 0 },
    buffers,
  });
});
