/**
 * Binary convolution where every product is equal: the sums +K and -K fill the kernels' counters to
 * their limits, which random bits never approach. The expected sums are written down, not computed.
 * Not here: windows of mixed bits (./bconv.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { type Case, runCase, testedIsas } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

const POINT = { ...SAME_3X3, n: 3, h: 3, w: 3, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };
const WINDOW = { ...SAME_3X3, n: 3, pt: 0, pl: 0, pb: 0, pr: 0 };

const SHAPES: WindowShape[] = [
  // 32767 is the most that the AVX2 kernel counts; above it another takes over.
  ...[63, 64, 65, 191, 192, 193, 255, 256, 257, 1984, 2047, 2048, 2049, 4095, 4096, 4097].map(
    (c) => ({ ...POINT, c }),
  ),
  ...[32767, 32768, 65537].map((c) => ({ ...POINT, h: 2, w: 2, c })),
  ...[16, 31, 32, 33, 64, 256].map((c) => ({ ...WINDOW, c })),
  { ...WINDOW, kh: 7, kw: 7, h: 9, w: 8, c: 32 },
  { ...WINDOW, kh: 5, kw: 7, h: 9, w: 8, c: 84 },
];
/** More than one segment of 64 channels; for some, the other width of a register block too. */
const outputsOf = (c: number) => ([64, 256, 2049, 4096].includes(c) ? [70, 32] : [70]);

describe.each(
  SHAPES.flatMap((shape) =>
    outputsOf(shape.c).map((o) => ({ k: shape.kh * shape.kw * shape.c, o, shape })),
  ),
)('sums of $k equal products, $o channels', ({ k, o, shape }) => {
  const { n, h, w, c } = shape;
  const fields = { ...fieldsOf(shape), o, g: 1, padding: 0 };
  const pixels = fields.oh * fields.ow;
  /** Every second picture and every second channel's weights are all -1. */
  const signOf = (at: number) =>
    (Math.floor(at / (pixels * o)) % 2 ? -1 : 1) * ((at % o) % 2 ? -1 : 1);
  const expected = Int32Array.from({ length: n * pixels * o }, (_, at) => signOf(at) * k);

  const row = Math.ceil(c / 64) * 8;
  const x = new Uint8Array(n * h * w * row);
  for (let pixel = h * w; pixel < 2 * h * w; pixel++)
    for (let i = 0; i < c; i++) x[pixel * row + (i >> 3)]! |= 1 << (i & 7);
  const weights = new Uint8Array(Math.ceil((o * k) / 8));
  for (let at = 0; at < o * k; at++) if (Math.floor(at / k) % 2) weights[at >> 3]! |= 1 << (at & 7);
  const given = { x: { feed: x }, weights: { weights } };

  const LIMITS = [-k - 1, -k, 1 - k, k, k + 1];
  const limits = Int32Array.from({ length: o }, (_, channel) => LIMITS[channel % LIMITS.length]!);
  const flips = Int32Array.from({ length: o }, (_, channel) => (channel % 7 < 3 ? 1 : 0));
  const signs = new Uint8Array(n * pixels * Math.ceil(o / 64) * 8);
  for (const [at, dot] of expected.entries()) {
    const [pixel, channel] = [Math.floor(at / o), at % o];
    if (dot < limits[channel]! !== (flips[channel] === 1))
      signs[pixel * Math.ceil(o / 64) * 8 + (channel >> 3)]! |= 1 << (channel & 7);
  }

  test.each(['reference' as const, ...testedIsas()])('%s', async (isa) => {
    const make = (
      more: Partial<Case> & Pick<Case, 'buffers'>,
      other: Record<string, number>,
    ): Case => ({
      opcode: 'bconv',
      ...more,
      fields: { ...fields, ...other },
      buffers: { ...given, ...more.buffers },
    });
    const asIntegers = make(
      { buffers: { y: { result: new Int32Array(expected.length) } } },
      { thresholds: -1 },
    );
    expect((await runCase(asIntegers, isa)).y, 'int32').toEqual(expected);
    const thresholds = { constant: Int32Array.from([...limits, ...flips]) };
    const asBits = make(
      { buffers: { thresholds, y: { result: new Uint8Array(signs.length) } } },
      {},
    );
    expect((await runCase(asBits, isa)).y, 'sign bits').toEqual(signs);
    const epilogue = [{ op: 'store_f32', kind: 'tensor', operand: 'real' }] as const;
    const asFloats = make(
      { buffers: { real: { result: new Float32Array(expected.length) } }, epilogue },
      { thresholds: -1, y: -1 },
    );
    expect((await runCase(asFloats, isa)).real, 'float').toEqual(Float32Array.from(expected));
  });
});
