/**
 * Trunc of QONNX against its reference, written out here in float32 steps; integer tensors for
 * scales, zero points and bit widths, as QKeras writes them; parameters that are refused. Not here:
 * the other quantizers' numbers (./quant.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import { type AttributeSpec, encodeOnnx, floats, type TensorSpec } from './onnx-encoder.js';

const f = Math.fround;
const XS = [
  -400, -129.3, -17, -16.5, -3, -2.5, -1.25, -1, -0.4, 0, 0.4, 1, 1.25, 2.5, 7, 9, 15.5, 16, 100,
  127.49, 300, 1000,
];

function run(
  op: string,
  constants: Record<string, TensorSpec>,
  attributes: Record<string, AttributeSpec> = {},
  x: readonly number[] = XS,
): number[] {
  const file = encodeOnnx({
    nodes: [
      {
        op,
        domain: 'qonnx.custom_op.general',
        name: 'q',
        inputs: ['x', ...Object.keys(constants)],
        outputs: ['y'],
        attributes,
      },
    ],
    inputs: { x: [x.length] },
    outputs: { y: undefined },
    initializers: constants,
    opset: null,
  });
  const feeds = { x: new Tensor('f32', Float32Array.from(x), [x.length]) };
  // -0 and 0 are one number.
  return [...(interpret(importOnnx(file), feeds).y as Tensor).data].map((value) => value + 0);
}

function halfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

const MODES: Record<string, (x: number) => number> = {
  FLOOR: Math.floor,
  CEIL: Math.ceil,
  ROUND: halfEven,
};

describe('Trunc', () => {
  const first = (scale: number, zero: number, from: number, to: number) => ({
    scale: floats([], [scale]),
    zero: floats([], [zero]),
    from: floats([], [from]),
    to: floats([], [to]),
  });
  const wantedFirst = (scale: number, zero: number, step: number, mode: string) =>
    XS.map((x) => {
      const q = f(halfEven(f(f(f(x) / f(scale)) + zero)) / step);
      return f(f((MODES[mode] as (x: number) => number)(q) - zero) * f(scale)) + 0;
    });

  test.each(Object.keys(MODES))('version 1, %s: drops the bits between the widths', (mode) => {
    for (const [scale, zero] of [
      [1, 0],
      [0.3, 0],
      [0.3, 5],
    ] as const)
      expect(run('Trunc', first(scale, zero, 10, 7), { rounding_mode: mode })).toEqual(
        wantedFirst(scale, zero, 8, mode),
      );
  });
  test('version 1 takes FLOOR where no mode is said, and an accumulator of 32 bits', () => {
    expect(run('Trunc', first(0.3, 0, 10, 7))).toEqual(wantedFirst(0.3, 0, 8, 'FLOOR'));
    expect(run('Trunc', first(2 ** -10, 0, 32, 24))).toEqual(
      wantedFirst(2 ** -10, 0, 256, 'FLOOR'),
    );
  });

  const second = (scale: number, zero: number, out: number, bits: number, more = {}) => ({
    scale: floats([], [scale]),
    zero: floats([], [zero]),
    from: floats([], [12]),
    out: floats([], [out]),
    ...more,
    to: floats([], [bits]),
  });
  const wantedSecond = (
    [scale, zero, out]: readonly [number, number, number],
    [min, max]: readonly [number, number],
    step: number,
    mode: string,
  ) =>
    XS.map((x) => {
      const q = f(halfEven(f(f(f(x) / f(scale)) + zero)) / step);
      const clipped = Math.min(max, Math.max(min, q));
      const kept = (MODES[mode] as (x: number) => number)(clipped);
      return f(f(kept - f(zero / step)) * f(out)) + 0;
    });

  test.each(Object.keys(MODES))('version 2, %s: the scales say how many bits', (mode) => {
    for (const [scale, zero, out, step] of [
      [1, 0, 4, 4],
      [0.3, 0, 1.2, 4],
      // 3.1 / 0.3 is nearest to 8 among the powers of two; log2 of 0.85 / 0.3 rounds up.
      [0.3, 8, 3.1, 8],
      [0.3, 8, 0.85, 4],
    ] as const) {
      const constants = second(scale, zero, out, 4);
      expect(run('Trunc', constants, { rounding_mode: mode })).toEqual(
        wantedSecond([scale, zero, out], [-8, 7], step, mode),
      );
      expect(run('Trunc', constants, { rounding_mode: mode, signed: 0 })).toEqual(
        wantedSecond([scale, zero, out], [0, 15], step, mode),
      );
      expect(run('Trunc', constants, { rounding_mode: mode, narrow: 1 })).toEqual(
        wantedSecond([scale, zero, out], [-7, 7], step, mode),
      );
    }
  });
  test('version 2 ignores an output zero point between output scale and width', () => {
    const constants = second(0.3, 0, 1.2, 4, { outZero: floats([], [0]) });
    expect(run('Trunc', constants)).toEqual(wantedSecond([0.3, 0, 1.2], [-8, 7], 4, 'FLOOR'));
  });
  test('version 2 takes one output scale a channel', () => {
    const constants = {
      ...second(1, 0, 1, 8),
      out: floats([2], [2, 16]),
    };
    const file = (x: readonly number[]) => run('Trunc', constants, {}, x);
    expect(file([37, 37])).toEqual([36, 32]);
  });

  test.each([
    ['4 inputs', { a: floats([], [1]), b: floats([], [0]), c: floats([], [8]) }, 'ERR_FORMAT'],
    ['a width of 0', first(1, 0, 8, 0), 'ERR_UNSUPPORTED'],
    ['a width of 2.5', first(1, 0, 2.5, 2), 'ERR_UNSUPPORTED'],
    ['an output width of 33', first(1, 0, 33, 33), 'ERR_UNSUPPORTED'],
    ['a scale of 0', first(0, 0, 8, 4), 'ERR_UNSUPPORTED'],
    ['an output scale of NaN', second(1, 0, NaN, 4), 'ERR_UNSUPPORTED'],
    [
      'scales of two shapes',
      { ...second(1, 0, 1, 4), scale: floats([2], [1, 1]), out: floats([3], [1, 1, 1]) },
      'ERR_UNSUPPORTED',
    ],
  ])('%s is refused by name', (_, constants, code) => {
    expect(() => run('Trunc', constants)).toThrow(
      expect.objectContaining({ code, op: 'Trunc', node: 'q' }),
    );
  });
});

describe('parameters of Quant', () => {
  const operands = (bits: TensorSpec, zero: TensorSpec = floats([], [0])) => ({
    scale: floats([], [0.5]),
    zero,
    bits,
  });
  const FOUR_BITS = XS.map((x) => Math.min(7, Math.max(-8, halfEven(f(x / 0.5)))) / 2);

  test.each([
    ['INT64', (value: number): TensorSpec => ({ dims: [], int64s: [value] })],
    ['INT32', (value: number): TensorSpec => ({ dims: [], int32s: [value] })],
    ['INT64, of one element', (value: number): TensorSpec => ({ dims: [1], int64s: [value] })],
  ])('bit width and zero point may be %s', (_, tensor) => {
    expect(run('Quant', operands(tensor(4), tensor(0)))).toEqual(FOUR_BITS);
    expect(run('Quant', operands(tensor(4), tensor(3)))).toEqual(
      XS.map((x) => (Math.min(7, Math.max(-8, halfEven(f(f(x / 0.5) + 3)))) - 3) / 2),
    );
  });
  test('a scale may be an integer', () => {
    const scale: TensorSpec = { dims: [], int64s: [2] };
    expect(run('Quant', { ...operands(floats([], [4])), scale })).toEqual(
      XS.map((x) => Math.min(7, Math.max(-8, halfEven(f(x / 2)))) * 2 + 0),
    );
  });

  const one = floats([], [1]);
  const four = floats([], [4]);
  test.each<[string, string, Record<string, TensorSpec>, RegExp]>([
    ['Quant', 'a width of 0', operands(floats([], [0])), /a bit width of 1 to 32/],
    ['Quant', 'a width of 2.5', operands(floats([], [2.5])), /a bit width of 1 to 32/],
    ['Quant', 'a width of -4', operands(floats([], [-4])), /a bit width of 1 to 32/],
    ['Quant', 'a width of NaN', operands(floats([], [NaN])), /a bit width of 1 to 32/],
    ['IntQuant', 'an INT64 width of 0', operands({ dims: [], int64s: [0] }), /a bit width/],
    ['Quant', 'a width of 33', operands(floats([], [33])), /a bit width of 1 to 32/],
    ['Quant', 'one width a channel', operands(floats([2], [4, 4])), /one constant number/],
    ...[0, -0.5, NaN, Infinity].map(
      (scale) =>
        [
          'Quant',
          `a scale of ${scale}`,
          { ...operands(four), scale: floats([2], [1, scale]) },
          /scales that are finite and above 0 but received/,
        ] as [string, string, Record<string, TensorSpec>, RegExp],
    ),
    ...[8, 0.5, NaN].map(
      (zero) =>
        [
          'Quant',
          `a zero point of ${zero}`,
          operands(four, floats([], [zero])),
          /a zero point that is a whole number from -8 to 7 but received/,
        ] as [string, string, Record<string, TensorSpec>, RegExp],
    ),
    ['Quant', 'one bit less NaN', operands(one, floats([], [NaN])), /a zero point that is finite/],
    ...[0, -1, NaN, -Infinity].map(
      (scale) =>
        [
          'BipolarQuant',
          `a scale of ${scale}`,
          { scale: floats([2], [1, scale]) },
          /scales that are finite and above 0 but received/,
        ] as [string, string, Record<string, TensorSpec>, RegExp],
    ),
    ['MultiThreshold', 'thresholds of rank 1', { t: one }, /thresholds of shape/],
    [
      'MultiThreshold',
      'thresholds that fall',
      { t: floats([2, 3], [1, 2, 3, 1, 1, 0.5]) },
      /thresholds in order, 1 or more in channel 1 but received 0.5/,
    ],
    [
      'MultiThreshold',
      'a threshold of NaN',
      { t: floats([1, 2], [1, NaN]) },
      /thresholds that are numbers in channel 0 but received NaN/,
    ],
  ])('%s: %s is refused by name', (op, _, constants, message) => {
    expect(() => run(op, constants)).toThrow(
      expect.objectContaining({ op, node: 'q', message: expect.stringMatching(message) }),
    );
  });
});

test('a scale that a few nodes make of constants is looked at, too', () => {
  const spec = (scale: number) =>
    encodeOnnx({
      nodes: [
        { op: 'Mul', inputs: ['one', 'scale'], outputs: ['s'] },
        { op: 'Identity', inputs: ['s'], outputs: ['t'] },
        {
          op: 'BipolarQuant',
          name: 'q',
          domain: 'qonnx.custom_op.general',
          inputs: ['x', 't'],
          outputs: ['y'],
        },
      ],
      inputs: { x: [2, 2] },
      outputs: { y: [2, 2] },
      initializers: { one: floats([], [1]), scale: floats([], [scale]) },
      opset: 13,
    });
  expect(() => importOnnx(spec(1))).not.toThrow();
  for (const scale of [0, -1, NaN])
    expect(() => importOnnx(spec(scale))).toThrow(
      'BipolarQuant "q": expected scales that are finite and above 0 but received',
    );
});

test('MultiThreshold counts any number of levels', () => {
  for (const count of [1, 2, 3, 7, 15, 255]) {
    const thresholds = Array.from({ length: count }, (_, i) => i - count / 2);
    const attributes = { out_scale: { float: 0.5 }, out_bias: { float: -3 } };
    expect(run('MultiThreshold', { t: floats([1, count], thresholds) }, attributes)).toEqual(
      XS.map((x) => f(f(0.5 * thresholds.filter((t) => f(x) >= t).length) - 3)),
    );
  }
});
