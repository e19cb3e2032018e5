/**
 * The convolution by fields of fused words: on every instruction set the bits of the convolution by
 * the floats that the fields stand for, and the sums of the oracle where these are exact.
 */
import { describe, expect, test } from 'vitest';
import { packFields } from '../../src/tensor/bit-fields.js';
import { random } from '../random.js';
import { agrees } from './agreement.js';
import { type Case, isEmulated, kernelOf, randomFloats, runCase, testedIsas } from './harness.js';
import { fieldsOf, SAME_3X3, type WindowShape } from './window-shape.js';

interface Shape extends WindowShape {
  readonly o: number;
  readonly g: number;
  /** Neighbouring input channels that have one scale; 0: all products of an output. */
  readonly block: number;
}
const BASE: Shape = { ...SAME_3X3, c: 8, o: 8, g: 1, block: 0 };
const DENSE = { h: 1, w: 1, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 };

const KINDS = ['blockFloat', 'floatField', 'mask', 'signedMask', 'owner'] as const;
/** Those of values that are there once. */
const OF_VALUES: readonly (typeof KINDS)[number][] = ['mask', 'signedMask', 'owner'];
interface Field {
  readonly kind: (typeof KINDS)[number];
  readonly bits: number;
  /** Bits of the codes of the task below. */
  readonly noiseBits?: number;
  /** Owners whose weights are taken. */
  readonly tasks?: number;
}
const upTo = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const EVERY: readonly Field[] = [
  ...upTo(2, 25).map((bits) => ({ kind: 'blockFloat', bits }) as const),
  ...upTo(9, 32).map((bits) => ({ kind: 'floatField', bits }) as const),
  { kind: 'floatField', bits: 22, noiseBits: 19 },
  { kind: 'floatField', bits: 9, noiseBits: 32 },
  { kind: 'floatField', bits: 32, noiseBits: 9 },
  { kind: 'floatField', bits: 15, noiseBits: 12 },
  { kind: 'mask', bits: 1 },
  { kind: 'signedMask', bits: 2 },
  ...upTo(2, 8).map((bits) => ({ kind: 'owner', bits, tasks: 2 ** (bits - 1) }) as const),
  { kind: 'owner', bits: 2, tasks: 1 },
  { kind: 'owner', bits: 8, tasks: 255 },
];
const FEW: readonly Field[] = [
  { kind: 'blockFloat', bits: 12 },
  { kind: 'blockFloat', bits: 13 },
  { kind: 'floatField', bits: 21, noiseBits: 20 },
  { kind: 'mask', bits: 1 },
];

/** Codes, and the floats that they stand for. */
function weightsOf({ kind, bits, noiseBits, tasks }: Field, count: number, next: () => number) {
  const draw = (n: number) => Math.floor(next() * 2 ** n);
  // A quarter of all payloads is 0, so that both zeros are among them.
  const payload = (n: number) => (next() < 0.25 ? 0 : draw(n));
  const sign = () => draw(1);
  if (kind === 'mask') {
    const codes = Uint32Array.from({ length: count }, sign);
    return { codes, floatOf: (i: number, value: number) => (codes[i] === 1 ? value : 0) };
  }
  if (kind === 'signedMask') {
    const codes = Uint32Array.from({ length: count }, () => draw(2));
    return { codes, floatOf: (i: number, value: number) => [0, 0, value, -value][codes[i]!]! };
  }
  if (kind === 'owner') {
    const codes = Uint32Array.from({ length: count }, () => draw(bits));
    const isTaken = (owner: number) => owner >= 1 && owner <= tasks!;
    return { codes, floatOf: (i: number, value: number) => (isTaken(codes[i]!) ? value : 0) };
  }
  if (kind === 'blockFloat') {
    const codes = Uint32Array.from(
      { length: count },
      () => sign() * 2 ** (bits - 1) + payload(bits - 1),
    );
    const floatOf = (i: number, scale: number) => {
      const magnitude = (codes[i]! % 2 ** (bits - 1)) * scale;
      return codes[i]! >= 2 ** (bits - 1) ? -magnitude : magnitude;
    };
    return { codes, floatOf };
  }
  // Exponents around that of 1, and that of 0 and subnormal numbers.
  const exponent = () => (next() < 0.1 ? 0 : 120 + draw(3));
  const code = (n: number) => (sign() * 2 ** 8 + exponent()) * 2 ** (n - 9) + payload(n - 9);
  const codes = Uint32Array.from({ length: count }, () => code(bits));
  const noise =
    noiseBits === undefined
      ? undefined
      : Uint32Array.from({ length: count }, () => code(noiseBits));
  const below = (noiseBits ?? 9) - 9;
  const floatOf = (i: number) => {
    const high = codes[i]! * 2 ** (32 - bits);
    const low = ((noise?.[i] ?? 0) % 2 ** below) * 2 ** (32 - bits - below);
    return new Float32Array(Uint32Array.of(high + low).buffer)[0]!;
  };
  return { codes, noise, floatOf };
}

/** The instruction, and the float convolution by the same numbers. */
function casesOf(shape: Shape, field: Field, exact = false) {
  const { block: asked, ...fields } = fieldsOf(shape);
  const { n, h, w, c, o, kh, kw, g, oh, ow } = fields;
  const next = random(field.bits * 100 + o + c);
  const depth = (kh * kw * c) / g;
  const row = asked === 0 ? depth : c / g;
  const block = asked === 0 ? depth : asked;
  const perRow = Math.ceil(row / block);
  const scales = Float32Array.from({ length: (depth / row) * perRow * o }, () =>
    exact ? 2 ** -Math.floor(next() * 3) : 2 ** (Math.floor(next() * 20) - field.bits - 10),
  );
  const values = randomFloats(o * depth, next).map((x) => (exact ? Math.round(x) : x));
  const { codes, noise, floatOf } = weightsOf(field, o * depth, next);
  const floats = Float32Array.from(codes, (_, i) => {
    const k = i % depth;
    const at = Math.floor(k / row) * perRow + Math.floor((k % row) / block);
    const scale = scales[at * o + Math.floor(i / depth)]!;
    return floatOf(i, OF_VALUES.includes(field.kind) ? values[i]! : scale);
  });
  const x = exact
    ? Float32Array.from({ length: n * h * w * c }, () => Math.floor(next() * 9) - 4)
    : randomFloats(n * h * w * c, next);
  const y = { result: new Float32Array(n * oh * ow * o) };
  const epilogue = [{ op: 'store_f32', kind: 'tensor', operand: 'y' }] as const;
  const isBlock = field.kind === 'blockFloat';
  const hasValues = OF_VALUES.includes(field.kind);
  const fused: Case = {
    opcode: 'fconv',
    fields: {
      ...fields,
      fieldBits: field.bits,
      kind: KINDS.indexOf(field.kind),
      noiseBits: field.noiseBits ?? 0,
      row,
      block,
      tasks: field.tasks ?? 0,
      ...(!isBlock && { scales: -1 }),
      ...(!hasValues && { values: -1 }),
      ...(!noise && { noise: -1 }),
    },
    buffers: {
      x: { feed: x },
      weights: { weights: packFields(codes, field.bits) },
      ...(isBlock && { scales: { constant: scales } }),
      ...(hasValues && { values: { weights: values } }),
      ...(noise && { noise: { weights: packFields(noise, field.noiseBits as number) } }),
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
  return { fused, plain };
}

async function equalsItsFloats(shape: Shape, field: Field) {
  const { fused, plain } = casesOf(shape, field);
  for (const isa of testedIsas()) {
    expect(kernelOf(fused, isa)).toMatch(/^fconv_f32_/);
    for (const threads of [1, 3]) {
      const [got, want] = [await runCase(fused, isa, threads), await runCase(plain, isa)];
      expect([field, isa, threads, got['y']]).toEqual([field, isa, threads, want['y']]);
    }
  }
}

const SHAPES: readonly Partial<Shape>[] = [
  ...[1, 3, 15, 17, 48, 64, 65, 129].map((o) => ({ o, c: 5 })),
  ...[1, 3, 31, 100].map((c) => ({ c, o: 17 })),
  { kh: 7, kw: 7, pt: 3, pl: 3, pb: 3, pr: 3, sh: 2, sw: 2, h: 21, w: 19, c: 3, o: 64 },
  { kh: 2, kw: 3, dh: 2, dw: 3, h: 9, w: 12, pt: 2, pl: 0, pb: 0, pr: 3, c: 9, o: 33 },
  { g: 2, c: 8, o: 128 },
  { g: 3, c: 9, o: 33 },
  // Several blocks of pixels, whose weights are made floats once, and again for each.
  { n: 2, h: 14, w: 14, c: 16, o: 48 },
  { n: 1, h: 15, w: 15, c: 40, o: 200, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0 },
  { n: 1, h: 15, w: 15, c: 130, o: 70 },
  { ...DENSE, n: 1, c: 385, o: 70 },
  { ...DENSE, n: 33, c: 129, o: 65 },
  { c: 64, o: 20, block: 32 },
  { c: 20, o: 20, block: 16 },
  { ...DENSE, n: 7, c: 200, o: 49, block: 7 },
];

/** An emulator takes many times as long for each. */
const TESTED = isEmulated ? SHAPES.filter((_, i) => i % 4 === 0) : SHAPES;

describe.each(TESTED.map((shape) => ({ ...BASE, ...shape })))(
  'o $o, c $c, $kh x $kw of $h x $w, groups $g, block $block',
  (shape) => {
    test('fields have the bits of their floats', async () => {
      // What differs by field does not by size.
      for (const field of shape.o * shape.c < 4096 ? FEW : FEW.slice(1, 2))
        await equalsItsFloats(shape, field);
    });
    test('exact sums are those of the oracle', async () => {
      for (const field of [
        { kind: 'blockFloat', bits: 7 },
        { kind: 'mask', bits: 1 },
      ] as const)
        await agrees(casesOf(shape, field, true).fused);
    });
  },
);

test('every width has the bits of its floats', async () => {
  const shape = { ...BASE, kh: 1, kw: 1, pt: 0, pl: 0, pb: 0, pr: 0, c: 37, o: 24 };
  for (const field of EVERY.filter((_, i) => !isEmulated || i % 5 === 0))
    await equalsItsFloats(shape, field);
});

test('the oracle reads every kind as its floats', async () => {
  for (const field of EVERY.filter((_, i) => !isEmulated || i % 8 === 0)) {
    const { fused, plain } = casesOf(
      { ...BASE, block: field.kind === 'blockFloat' ? 3 : 0 },
      field,
    );
    const [got, want] = [await runCase(fused, 'reference'), await runCase(plain, 'reference')];
    expect([field, got['y']]).toEqual([field, want['y']]);
  }
});

test('widths, kinds, scales and values that do not fit are refused', () => {
  const more = [
    { kind: 'signedMask', bits: 2 },
    { kind: 'owner', bits: 3, tasks: 4 },
  ] as const;
  const cases = [...FEW, ...more].map((field) => casesOf({ ...BASE, block: 4 }, field).fused);
  const [block, , field, mask, signed, owner] = cases as [Case, Case, Case, Case, Case, Case];
  const small = { weights: new Uint8Array(8) };
  const refused: readonly Case[] = [
    { ...block, fields: { ...block.fields, fieldBits: 26 } },
    { ...block, fields: { ...block.fields, fieldBits: 1 } },
    { ...block, fields: { ...block.fields, block: 1 } },
    { ...block, fields: { ...block.fields, kind: 5 } },
    { ...block, fields: { ...block.fields, kind: 2 } },
    { ...block, buffers: { ...block.buffers, weights: small } },
    { ...field, fields: { ...field.fields, fieldBits: 8 } },
    { ...field, fields: { ...field.fields, fieldBits: 33 } },
    { ...field, fields: { ...field.fields, noiseBits: 8 } },
    { ...field, fields: { ...field.fields, noiseBits: 21 } },
    { ...field, buffers: { ...field.buffers, noise: small } },
    { ...mask, fields: { ...mask.fields, fieldBits: 2 } },
    { ...mask, buffers: { ...mask.buffers, values: small } },
    { ...signed, fields: { ...signed.fields, fieldBits: 1 } },
    { ...signed, buffers: { ...signed.buffers, values: small } },
    { ...owner, fields: { ...owner.fields, fieldBits: 9 } },
    { ...owner, fields: { ...owner.fields, tasks: 0 } },
    { ...owner, fields: { ...owner.fields, tasks: 8 } },
    { ...owner, buffers: { ...owner.buffers, values: small } },
  ];
  for (const isa of ['reference' as const, ...testedIsas()]) {
    for (const good of cases) expect(() => kernelOf(good, isa)).not.toThrow();
    for (const bad of refused) expect(() => kernelOf(bad, isa)).toThrow(/refused/);
  }
});
