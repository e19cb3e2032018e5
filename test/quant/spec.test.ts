/** QuantSpec: defaults, short forms, and what is refused by the name of its field. */
import { describe, expect, test } from 'vitest';
import { parseQuantSpec, showQuantSpec } from '../../src/quant/parse-spec.js';
import { codesOf, type QuantSpecOptions, quantSpec } from '../../src/quant/spec.js';

test('a default changed, or the spec can be written to', () => {
  const spec = quantSpec({ bits: 8 });
  expect(spec).toEqual({
    bits: 8,
    signed: true,
    scheme: 'symmetric',
    granularity: 'tensor',
    rounding: 'halfEven',
    narrow: false,
  });
  expect(Object.isFrozen(spec)).toBe(true);
  expect(quantSpec({ bits: 4, scheme: 'outlier' }).fraction).toBe(1 / 32);
  expect(quantSpec({ bits: 8, scheme: 'blockFloat' }).granularity).toEqual({ block: 32 });
});

describe('a wrong field passes, or the error does not name it', () => {
  test.each<[string, object]>([
    ['bits from 1 to 8 for symmetric but received 0', { bits: 0 }],
    ['bits from 1 to 8 for symmetric but received 2.5', { bits: 2.5 }],
    ['bits from 1 to 8 for symmetric but received 9', { bits: 9 }],
    ['bits from 1 to 1 for bipolar but received 2', { bits: 2, scheme: 'bipolar' }],
    ['bits from 2 to 5 for powerOfTwo but received 6', { bits: 6, scheme: 'powerOfTwo' }],
    ["scheme 'bipolar' for one signed bit", { bits: 1 }],
    ['narrow to leave two codes or more', { bits: 1, signed: false, narrow: true }],
    ['signed to be true for outlier', { bits: 4, scheme: 'outlier', signed: false }],
    ['signed to be true or false', { bits: 4, signed: 1 }],
    ['scheme to be symmetric or', { bits: 4, scheme: 'affine' }],
    ['rounding to be halfEven or', { bits: 4, rounding: 'up' }],
    ["granularity to be 'tensor', 'channel' or", { bits: 4, granularity: { block: 0 } }],
    ["granularity to be 'tensor', 'channel' or", { bits: 4, granularity: 'row' }],
    [
      "'tensor' or 'channel' for powerOfTwo",
      {
        bits: 4,
        scheme: 'powerOfTwo',
        granularity: { block: 8 },
      },
    ],
    ['no fraction for symmetric', { bits: 4, fraction: 0.1 }],
    ['fraction above 0 and at most 0.5', { bits: 4, scheme: 'outlier', fraction: 0.6 }],
    ['options of bits', { bits: 4, sign: true }],
  ])('%s', (message, options) => {
    expect(() => quantSpec(options as QuantSpecOptions)).toThrow(message);
  });
});

test('a short form means something else, or does not come back', () => {
  const forms: Readonly<Record<string, object>> = {
    int8: { bits: 8, signed: true },
    'uint4-asymmetric': { bits: 4, signed: false, scheme: 'asymmetric' },
    'int4-narrow-channel': { bits: 4, narrow: true, granularity: 'channel' },
    'int4-block16': { bits: 4, granularity: { block: 16 } },
    'log4-channel': { bits: 4, scheme: 'powerOfTwo', granularity: 'channel' },
    outlier4: { bits: 4, scheme: 'outlier' },
    'bfp8-block16': { bits: 8, scheme: 'blockFloat', granularity: { block: 16 } },
    bipolar: { bits: 1, scheme: 'bipolar' },
  };
  for (const [form, want] of Object.entries(forms)) {
    expect(parseQuantSpec(form), form).toMatchObject(want);
    expect(showQuantSpec(parseQuantSpec(form))).toBe(form);
  }
  expect(parseQuantSpec('ternary')).toEqual(parseQuantSpec('int2-narrow'));
  expect(parseQuantSpec(8)).toEqual(parseQuantSpec('int8'));
  expect(parseQuantSpec(1)).toEqual(parseQuantSpec('bipolar'));
});

test.each(['int', 'ternary3', 'Int8', 'int8-', 'float', ''])('%j is taken for a spec', (form) => {
  expect(() => parseQuantSpec(form)).toThrow('expected a quantization such as 8');
});

test('an unknown word after a short form does not say so', () => {
  expect(() => parseQuantSpec('int8-row')).toThrow('"int8-row": expected -channel, -tensor');
});

test('a spec has other codes than its bits, or another dtype', () => {
  const codes = (form: string) => codesOf(parseQuantSpec(form));
  expect(codes('int8')).toEqual({ lo: -128, hi: 127, dtype: 'i8' });
  expect(codes('int8-narrow')).toEqual({ lo: -127, hi: 127, dtype: 'i8' });
  expect(codes('uint4')).toEqual({ lo: 0, hi: 15, dtype: 'u4' });
  expect(codes('uint4-narrow')).toEqual({ lo: 0, hi: 14, dtype: 'u4' });
  expect(codes('ternary')).toEqual({ lo: -1, hi: 1, dtype: 'i2' });
  expect(codes('log4')).toEqual({ lo: -7, hi: 7, dtype: 'i4' });
});
