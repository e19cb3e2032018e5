/**
 * Averages and reductions of bytes that stand for (x - zero) * scale: on every instruction set the
 * bits of the same instruction over the floats themselves. Scales are no powers of two, so that the
 * floats and their sums round.
 */
import { expect, test } from 'vitest';
import { random } from '../random.js';
import { type Case, kernelOf, runCase, testedIsas } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

const f = Math.fround;
const DTYPES = ['f32', 'i8', 'u8'] as const;
const BITS = (scale: number) => new Int32Array(Float32Array.of(scale).buffer)[0] as number;

function numbers(dtype: 'i8' | 'u8', count: number, seed: number) {
  const next = random(seed);
  const least = dtype === 'i8' ? -128 : 0;
  const values = Array.from({ length: count }, () => least + Math.floor(next() * 256));
  const zero = least + Math.floor(next() * 256);
  const scale = f(0.001 + next());
  return {
    bytes: dtype === 'i8' ? Int8Array.from(values) : Uint8Array.from(values),
    floats: Float32Array.from(values, (value) => f(f(value - zero) * scale)),
    fields: { dtype: DTYPES.indexOf(dtype), zero, scale: BITS(scale) },
  };
}

/** Runs `make` over bytes and over the floats that they stand for. */
async function agreesWithFloats(
  dtype: 'i8' | 'u8',
  count: number,
  make: (x: NodeJS.TypedArray, fields: Readonly<Record<string, number>>) => Case,
): Promise<void> {
  const { bytes, floats, fields } = numbers(dtype, count, count);
  const ofBytes = make(bytes, fields);
  const ofFloats = make(floats, { dtype: 0, zero: 0, scale: 0 });
  for (const isa of ['reference' as const, ...testedIsas()]) {
    const [got, want] = [await runCase(ofBytes, isa), await runCase(ofFloats, isa)];
    expect(got, isa).toEqual(want);
    if (isa !== 'reference') expect(kernelOf(ofBytes, isa)).toContain(`_${dtype}_`);
  }
}

const WINDOWS: readonly Partial<WindowShape>[] = [
  ...[1, 3, 15, 16, 17, 31, 33, 64, 65, 130].map((c) => ({ c, h: 7, w: 13 })),
  { c: 24, h: 9, w: 30, sh: 2, sw: 2, n: 2 },
  { c: 20, h: 12, w: 12, kh: 5, kw: 2, dh: 2, dw: 3, pt: 4, pb: 1, pl: 3, pr: 0 },
  { c: 257, h: 8, w: 8, kh: 2, kw: 2, sh: 2, sw: 2, pt: 0, pl: 0, pb: 0, pr: 0 },
  // Windows of padding alone.
  { c: 9, h: 4, w: 4, kh: 2, kw: 2, pt: 3, pl: 3, pb: 3, pr: 3 },
];

test.each(
  WINDOWS.flatMap((shape) => (['i8', 'u8'] as const).map((dtype) => [dtype, shape] as const)),
)('an average of %s over %j has the bits of its floats', async (dtype, shape) => {
  const { o: _, g: __, ...fields } = fieldsOf({ ...SAME_3X3, c: 8, ...shape, o: 1, g: 1 });
  const { n, h, w, c, oh, ow } = fields;
  for (const kind of [1, 2])
    await agreesWithFloats(dtype, n * h * w * c, (x, elements) => ({
      opcode: 'pool',
      fields: { ...fields, ...elements, kind },
      buffers: { x: { feed: x }, y: { result: new Float32Array(n * oh * ow * c) } },
      epilogue: [{ op: 'store_f32', kind: 'tensor', operand: 'y' }],
    }));
});

test.each(
  [
    [1, 1, 1],
    [3, 700, 1],
    [2, 9000, 1],
    [2, 49, 65],
    [3, 49, 15],
    [1, 300, 130],
  ].flatMap(([outer, k, inner]) =>
    (['i8', 'u8'] as const).map((dtype) => [dtype, outer!, k!, inner!] as const),
  ),
)(
  'reductions of %s over %i x %i x %i have the bits of their floats',
  async (dtype, outer, k, inner) => {
    for (const kind of [0, 1, 2, 3])
      await agreesWithFloats(dtype, outer * k * inner, (x, elements) => ({
        opcode: 'reduce',
        fields: { ...elements, kind, outer, k, inner },
        buffers: { x: { feed: x }, y: { result: new Float32Array(outer * inner) } },
      }));
  },
);

test.each(['pool', 'reduce'])('%s of a type that it does not read is refused', (opcode) => {
  const shape = fieldsOf({ ...SAME_3X3, c: 8, o: 1, g: 1 });
  const buffers = {
    x: { feed: new Float32Array(shape.n * shape.h * shape.w * 8) },
    y: { result: new Float32Array(shape.n * shape.oh * shape.ow * 8) },
  };
  const fields = { ...shape, outer: 1, k: 1, inner: 1, zero: 0, scale: 0 };
  const refused =
    opcode === 'pool'
      ? [
          { kind: 0, dtype: 2 },
          { kind: 1, dtype: 3 },
        ]
      : [{ kind: 0, dtype: 3 }];
  for (const wrong of refused)
    expect(() => kernelOf({ opcode, fields: { ...fields, ...wrong }, buffers }, 'scalar')).toThrow(
      /refused/,
    );
});
