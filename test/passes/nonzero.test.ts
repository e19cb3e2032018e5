import { describe, expect, test } from 'vitest';
import type { Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { contains, memberCount, type ValueRange } from '../../src/ops/value-range.js';
import { optimize } from '../../src/passes/index.js';
import { isNeverZero } from '../../src/passes/nonzero.js';
import { valueRange } from '../../src/passes/value-range.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { valuesOf } from '../../src/tensor/values.js';
import { evaluateGraph } from './evaluate.js';
import { expectSame, Numbers, opsOf } from './fixtures.js';

const n = new Numbers(41);
const f32 = (values: readonly number[], shape: readonly number[] = [values.length]) =>
  new Tensor('f32', Float32Array.from(values), shape);
type Float = Value<'f32'>;

function graphOf(build: (g: GraphBuilder, x: Float) => Float): Float {
  const g = new GraphBuilder();
  return build(g, g.input('x', 'f32', ['N', 6, 6, 4]));
}
const bits = (g: GraphBuilder, x: Float) => g.cast(g.sign(x), 'f32');
const w = (g: GraphBuilder, shape: readonly number[]) => g.constant(n.bits(shape));
/** As a quantizer of 8 bits and step 2^-7 is written. */
const quantized = (g: GraphBuilder, x: Float) =>
  g.mul(g.round(g.clip(g.div(x, 2 ** -7), -128, 127)), 2 ** -7);

describe('value range', () => {
  const table: [string, (g: GraphBuilder, x: Float) => Float, Partial<ValueRange> | undefined][] = [
    ['any real number', (_, x) => x, undefined],
    ['bits', bits, { lo: -1, hi: 1, step: 2 }],
    ['ONNX Sign', (g, x) => g.signum(x), { lo: -1, hi: 1, step: 1 }],
    ['a quantizer', quantized, { lo: -1, hi: 127 / 128, step: 2 ** -7 }],
    [
      'clipped after rounding',
      (g, x) => g.clip(g.round(x), -3, 2.5),
      { lo: -3, hi: 2.5, step: 0.5 },
    ],
    [
      'a sum of grids',
      (g, x) => g.add(bits(g, x), g.mul(bits(g, x), 0.5)),
      { lo: -1.5, hi: 1.5, step: 1 },
    ],
    ['a difference', (g, x) => g.sub(g.round(g.clip(x, 0, 4)), 1), { lo: -1, hi: 3, step: 1 }],
    [
      'relu',
      (g, x) => g.relu(g.sub(g.round(g.clip(x, -4, 4)), 0.5)),
      { lo: 0, hi: 3.5, step: 0.5 },
    ],
    ['max pooling', (g, x) => g.maxPool2d(bits(g, x), [2, 2]), { lo: -1, hi: 1, step: 2 }],
    [
      'a border of zeros',
      (g, x) => g.pad(bits(g, x), [0, 1, 0, 0, 0, 0, 0, 0], 0),
      { lo: -1, hi: 1, step: 1 },
    ],
    [
      'levels',
      (g, x) => g.multiThreshold(x, g.constant(n.thresholds([4, 3])), { scale: 2, bias: -3 }),
      { lo: -3, hi: 3, step: 2 },
    ],
    ['a product that rounds', (g, x) => g.mul(bits(g, x), 0.1), undefined],
    [
      'a sum of 36 bits',
      (g, x) => g.conv2d(bits(g, x), w(g, [2, 3, 3, 4])),
      { lo: -36, hi: 36, step: 2 },
    ],
    [
      'with a border of zeros',
      (g, x) => g.conv2d(bits(g, x), w(g, [2, 3, 3, 4]), { pads: [0, 0, 1, 0] }),
      { lo: -36, hi: 36, step: 1 },
    ],
    [
      'of ternary numbers',
      (g, x) => g.conv2d(g.signum(x), w(g, [2, 3, 3, 4])),
      { lo: -36, hi: 36, step: 1 },
    ],
    [
      'of levels that are not their own negatives',
      (g, x) =>
        g.dense(
          g.multiThreshold(x, g.constant(n.floats([4, 1])), { scale: 3, bias: 1 }),
          w(g, [9, 4]),
        ),
      { lo: -16, hi: 16, step: 1 },
    ],
    [
      'of quantized ones',
      (g, x) => g.dense(quantized(g, x), w(g, [2, 4])),
      { lo: -4, hi: 4, step: 2 ** -7 },
    ],
    [
      'of numbers beyond float32',
      (g, x) => g.dense(g.round(g.clip(x, -(2 ** 23), 2 ** 23)), w(g, [2, 4])),
      undefined,
    ],
    ['of float weights', (g, x) => g.dense(bits(g, x), g.constant(n.floats([2, 4]))), undefined],
  ];
  for (const [name, build, expected] of table) {
    test(`${name}`, () => {
      const value = graphOf(build);
      const found = valueRange(value);
      if (expected === undefined) expect(found).toBeUndefined();
      else expect(found).toMatchObject(expected);
    });
  }

  test('holds every number that the graph can give', () => {
    for (const [, build, expected] of table) {
      if (expected === undefined) continue;
      const g = new GraphBuilder();
      const x = g.input('x', 'f32', ['N', 6, 6, 4]);
      const y = build(g, x);
      const values = evaluateGraph(g.graph([x], { y }), {
        x: n.fill([3, 6, 6, 4], () => n.int(-900, 900) / 300),
      }).y!;
      for (const number of valuesOf(values)) expect(contains(valueRange(y)!, number)).toBe(true);
    }
  });

  test.each([
    [{ origin: 3, step: 0, lo: 3, hi: 3 }, [3], [0, 2, 4]],
    [{ origin: -1, step: 2, lo: -1, hi: 1 }, [-1, 1], [0, -3, 3, 0.5]],
    [{ origin: 0.5, step: 1, lo: -1.5, hi: 2.5 }, [-1.5, -0.5, 2.5], [0, -2.5, 3.5, 2]],
    [{ origin: 0, step: 1, lo: -Infinity, hi: Infinity }, [0, -7, 2 ** 40], [0.5]],
  ])('%o holds %j, and not %j', (grid, members, others) => {
    expect(members.map((number) => contains(grid, number))).toEqual(members.map(() => true));
    expect(others.map((number) => contains(grid, number))).toEqual(others.map(() => false));
  });

  test('counts its members', () => {
    expect(memberCount({ origin: 0, step: 0.5, lo: -1, hi: 2 })).toBe(7);
    expect(memberCount({ origin: 3, step: 0, lo: 3, hi: 3 })).toBe(1);
  });
});

describe('isNeverZero', () => {
  const affine = (g: GraphBuilder, y: Float, scale: readonly number[], shift: readonly number[]) =>
    g.add(g.mul(y, g.constant(f32(scale))), g.constant(f32(shift)));
  const sum = (g: GraphBuilder, x: Float, options = {}) =>
    g.conv2d(bits(g, x), w(g, [2, 3, 3, 4]), options);

  test('an even sum against odd limits never is, against an even one it may be', () => {
    expect(isNeverZero(graphOf((g, x) => affine(g, sum(g, x), [1, 1], [1, -3])))).toBe(true);
    expect(isNeverZero(graphOf((g, x) => affine(g, sum(g, x), [1, 1], [1, -4])))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => affine(g, sum(g, x), [1, 1], [1, -40])))).toBe(true);
  });

  test('a grid is decided by its members, even if it is infinite', () => {
    expect(isNeverZero(graphOf(bits))).toBe(true);
    expect(isNeverZero(graphOf((g, x) => g.signum(x)))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => g.clip(g.round(x), 1, 3)))).toBe(true);
    expect(isNeverZero(graphOf((g, x) => g.clip(g.round(x), -3, 0)))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => g.round(x)))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => g.max(g.round(x), 1)))).toBe(false);
  });

  test('rising and falling functions are decided, and constant channels', () => {
    expect(isNeverZero(graphOf((g, x) => affine(g, sum(g, x), [-2, 0], [-6, 1])))).toBe(true);
    expect(isNeverZero(graphOf((g, x) => affine(g, sum(g, x), [-2, 0], [-8, 1])))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => affine(g, sum(g, x), [-2, 0], [-6, 0])))).toBe(false);
  });

  test('zeros at the border make every integer reachable', () => {
    expect(
      isNeverZero(graphOf((g, x) => affine(g, sum(g, x, { pads: [1, 0, 0, 0] }), [1, 1], [1, -3]))),
    ).toBe(false);
    expect(
      isNeverZero(
        graphOf((g, x) => affine(g, sum(g, x, { pads: [1, 0, 0, 0] }), [1, 1], [1.5, -3.5])),
      ),
    ).toBe(true);
  });

  test('float32 rounding may give a zero that real numbers miss', () => {
    const scale = Math.fround(0.1);
    const shift = -Math.fround(2 * scale * 5);
    expect(10 * scale + shift).not.toBe(0);
    expect(isNeverZero(graphOf((g, x) => affine(g, sum(g, x), [scale, 1], [shift, 1])))).toBe(
      Math.fround(Math.fround(10 * scale) + shift) !== 0,
    );
  });

  test('a plateau at zero and a valley are found', () => {
    expect(isNeverZero(graphOf((g, x) => g.relu(g.sub(sum(g, x), 1))))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => g.sub(g.abs(sum(g, x)), 3)))).toBe(true);
    expect(isNeverZero(graphOf((g, x) => g.sub(g.abs(sum(g, x)), 4)))).toBe(false);
  });

  test('quantized activations with binary weights form a finite grid', () => {
    const of = (shift: number) =>
      graphOf((g, x) => g.add(g.conv2d(quantized(g, x), w(g, [2, 3, 3, 4])), shift));
    expect(isNeverZero(of(0.5 + 2 ** -8))).toBe(true);
    expect(isNeverZero(of(0.5))).toBe(false);
  });

  test('floats, tanh and NaN may be zero', () => {
    expect(isNeverZero(graphOf((_, x) => x))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => g.tanh(g.sub(sum(g, x), 1))))).toBe(false);
    expect(isNeverZero(graphOf((g, x) => g.sqrt(g.sub(sum(g, x), 1))))).toBe(false);
  });
});

test('ONNX Sign binarizes from the first layer that provably meets no zero', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, 4]);
  const layer = (y: Float, inputs: number, shift: number) =>
    g.signum(g.add(g.conv2d(y, g.cast(w(g, [8, 2, 2, inputs]), 'f32')), shift));
  const a = g.signum(x);
  const b = layer(a, 4, 0.5);
  const c = layer(b, 8, 1);
  const before = g.graph([x], { y: g.conv2d(c, g.cast(w(g, [3, 1, 1, 8]), 'f32')) });
  const after = optimize(before);
  // a may be 0: ternary. b sums integers against a half: bits. c sums 32 bits, an even number,
  // against 1: bits.
  expect(opsOf(after)).toEqual([
    'cast',
    'cast',
    'conv2d',
    'conv2d',
    'conv2d',
    'signum',
    'threshold',
    'threshold',
  ]);
  expectSame(before, after, { x: n.fill([4, 6, 6, 4], () => n.pick(-1, 0, -0, 1)) });
});
