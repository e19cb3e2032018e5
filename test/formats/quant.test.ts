/**
 * BipolarQuant, Quant and MultiThreshold against their definition in the QONNX specification,
 * written out here independently in plain arithmetic.
 */
import { describe, expect, test } from 'vitest';
import type { ImportChoices } from '../../src/formats/onnx/choices.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { topological } from '../../src/graph/value.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import { type AttributeSpec, encodeOnnx, floats, type TensorSpec } from './onnx-encoder.js';

const f = Math.fround;
const XS = [
  -300, -128.5, -3, -2.5, -1.5, -1.25, -1, -0.75, -0.5, -0.25, -0, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5,
  2.5, 3.5, 126.5, 127.5, 300,
];

/** Beyond the bounds of every width. */
const FAR = [...XS, -(2 ** 26), 2 ** 26];

function run(
  op: string,
  initializers: Record<string, TensorSpec>,
  attributes: Record<string, AttributeSpec>,
  x: readonly number[] = XS,
  shape: readonly number[] = [x.length],
  domain = 'qonnx.custom_op.general',
  choices: ImportChoices = {},
): number[] {
  const nodes = [
    {
      op,
      domain,
      name: 'q',
      inputs: ['x', ...Object.keys(initializers)],
      outputs: ['y'],
      attributes,
    },
  ];
  const file = encodeOnnx({
    nodes,
    inputs: { x: shape },
    outputs: { y: undefined },
    initializers,
    opset: null,
  });
  return [
    ...(
      interpret(importOnnx(file, { rebatch: false, ...choices }), {
        x: new Tensor('f32', Float32Array.from(x), shape),
      }).y as Tensor
    ).data,
  ];
}

const ROUNDINGS: Record<string, (x: number) => number> = {
  ROUND: halfEven,
  HALF_EVEN: halfEven,
  CEIL: Math.ceil,
  FLOOR: Math.floor,
  UP: (x) => Math.sign(x) * Math.ceil(Math.abs(x)),
  DOWN: Math.trunc,
  ROUND_TO_ZERO: Math.trunc,
  HALF_UP: (x) => Math.sign(x) * Math.floor(Math.abs(x) + 0.5),
  HALF_DOWN: (x) => Math.sign(x) * Math.ceil(Math.abs(x) - 0.5),
};

function halfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

function quant(
  x: number,
  scale: number,
  zero: number,
  min: number,
  max: number,
  rounding: (x: number) => number,
): number {
  const shifted = f(f(x / scale) + zero);
  return f(f(rounding(Math.max(min, Math.min(max, shifted))) - zero) * scale);
}

/** -0 and 0 are the same number here. */
function same(received: readonly number[], wanted: readonly number[]): void {
  expect(received.map((value) => value + 0)).toEqual(wanted.map((value) => value + 0));
}

describe('BipolarQuant', () => {
  test.each(['qonnx.custom_op.general', 'onnx.brevitas', 'finn.custom_op.general'])(
    'domain %s, without an opset import',
    (domain) => {
      same(
        run('BipolarQuant', { scale: floats([], [1]) }, {}, XS, undefined, domain),
        XS.map((x) => (x < 0 ? -1 : 1)),
      );
    },
  );
  test('multiplies by the scale, one number or one a channel', () => {
    same(
      run('BipolarQuant', { scale: floats([1], [0.3]) }, {}),
      XS.map((x) => f((x < 0 ? -1 : 1) * f(0.3))),
    );
    same(
      run('BipolarQuant', { scale: floats([2], [2, 3]) }, {}, [-1, -1, 0, 5], [2, 2]),
      [-2, -3, 2, 3],
    );
  });
  test('maps zero, minus zero and NaN to +1', () => {
    same(run('BipolarQuant', { scale: floats([], [1]) }, {}, [0, -0, Number.NaN]), [1, 1, 1]);
  });
});

describe('Quant', () => {
  const operands = (scale: number, zero: number, bits: number) => ({
    scale: floats([1], [scale]),
    zero: floats([], [zero]),
    bits: floats([], [bits]),
  });

  test.each(Object.keys(ROUNDINGS))('rounding mode %s follows its definition', (mode) => {
    const wanted = XS.map((x) => quant(x, 0.5, 0, -8, 7, ROUNDINGS[mode] as (x: number) => number));
    same(run('Quant', operands(0.5, 0, 4), { signed: 1, narrow: 0, rounding_mode: mode }), wanted);
    same(
      run('Quant', operands(0.5, 0, 4), {
        signed: 1,
        narrow: 0,
        rounding_mode: mode.toLowerCase(),
      }),
      wanted,
    );
  });
  test.each([
    [8, 1, 0, -128, 127],
    [8, 1, 1, -127, 127],
    [8, 0, 0, 0, 255],
    [8, 0, 1, 0, 254],
    [2, 1, 1, -1, 1],
    [2, 1, 0, -2, 1],
    [1, 0, 0, 0, 1],
    [24, 1, 0, -(2 ** 23), 2 ** 23 - 1],
    [24, 0, 1, 0, 2 ** 24 - 2],
  ])('%i bits, signed %i, narrow %i: from %i to %i', (bits, signed, narrow, min, max) => {
    same(
      run('Quant', operands(1, 0, bits), { signed, narrow }, FAR),
      FAR.map((x) => quant(x, 1, 0, min, max, halfEven)),
    );
  });
  test('defaults to signed, not narrow, half to even; IntQuant is the same op', () => {
    for (const op of ['Quant', 'IntQuant'])
      same(
        run(op, operands(1, 0, 2), {}),
        XS.map((x) => quant(x, 1, 0, -2, 1, halfEven)),
      );
  });
  test.each([0, 1])('one signed bit is bipolar under narrow %i', (narrow) => {
    same(
      run('Quant', operands(0.25, 0, 1), { signed: 1, narrow }),
      XS.map((x) => (x < 0 ? -0.25 : 0.25)),
    );
    // The zero point moves the decision and is subtracted again.
    same(
      run('Quant', operands(0.5, 2, 1), { signed: 1, narrow }),
      XS.map((x) => ((x / 0.5 + 2 < 0 ? -1 : 1) - 2) * 0.5),
    );
  });
  test('takes a zero point and a scale that is no power of two', () => {
    const scale = f(0.1);
    same(
      run('Quant', operands(scale, 3, 8), { signed: 0, narrow: 0 }),
      XS.map((x) => quant(f(x), scale, 3, 0, 255, halfEven)),
    );
  });
  test('divides by the scale instead of multiplying by its inverse', () => {
    // At the halves of this scale the two round differently.
    const scale = f(0.01);
    const x = Array.from({ length: 100 }, (_, i) => f((i + 0.5) * scale));
    same(
      run('Quant', operands(scale, 0, 8), { signed: 1, narrow: 0 }, x),
      x.map((value) => quant(value, scale, 0, -128, 127, halfEven)),
    );
    const inverse = f(1 / scale);
    expect(x.some((value) => halfEven(f(value * inverse)) !== halfEven(f(value / scale)))).toBe(
      true,
    );
  });
  test.each([
    [
      'a bit width of none',
      { scale: floats([1], [1]), zero: floats([], [0]), bits: floats([], [0]) },
      {},
    ],
    [
      'a bit width of 33',
      { scale: floats([1], [1]), zero: floats([], [0]), bits: floats([], [33]) },
      {},
    ],
    [
      'a bit width of 1.5',
      { scale: floats([1], [1]), zero: floats([], [0]), bits: floats([], [1.5]) },
      {},
    ],
    [
      'an unknown rounding mode',
      { scale: floats([1], [1]), zero: floats([], [0]), bits: floats([], [4]) },
      { rounding_mode: 'SIDEWAYS' },
    ],
  ])('%s is refused', (_, initializers, attributes) => {
    expect(() => run('Quant', initializers, attributes)).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED', op: 'Quant', node: 'q' }),
    );
  });
});

describe('quantizers are no more ops than they need', () => {
  const ops = (op: string, initializers: Record<string, TensorSpec>) => {
    const nodes = [
      {
        op,
        domain: 'onnx.brevitas',
        name: 'q',
        inputs: ['x', ...Object.keys(initializers)],
        outputs: ['y'],
      },
    ];
    const graph = importOnnx(
      encodeOnnx({
        nodes,
        inputs: { x: ['N', 2] },
        outputs: { y: undefined },
        initializers,
        opset: null,
      }),
    );
    return topological(graph)
      .filter(({ inputs }) => inputs.length > 0)
      .map(({ op: name }) => name);
  };
  const bits = floats([], [4]);
  test.each([
    [floats([], [1]), floats([], [0]), ['clip', 'round']],
    [floats([2], [1, 1]), floats([2], [0, -0]), ['clip', 'round']],
    [floats([2], [1, 2]), floats([], [0]), ['div', 'clip', 'round', 'mul']],
    [floats([], [1]), floats([2], [0, 1]), ['add', 'clip', 'round', 'sub']],
    [floats([], [0.5]), floats([], [1]), ['div', 'add', 'clip', 'round', 'sub', 'mul']],
  ])('Quant by %o from %o', (scale, zero, wanted) =>
    expect(ops('Quant', { scale, zero, bits })).toEqual(wanted),
  );
  test.each([
    [floats([], [1]), ['sign', 'cast']],
    [floats([], [2]), ['sign', 'cast', 'mul']],
    [floats([2], [1, 3]), ['sign', 'cast', 'mul']],
  ])('BipolarQuant by %o', (scale, wanted) =>
    expect(ops('BipolarQuant', { scale })).toEqual(wanted),
  );
});

describe('MultiThreshold', () => {
  const thresholds = floats([3, 2], [-1, 1, 0, 0, 2, 3]);
  const step = (x: number, low: number, high: number) =>
    f(f(2 * (Number(x >= low) + Number(x >= high))) + -1);
  const bounds = [
    [-1, 1],
    [0, 0],
    [2, 3],
  ] as const;
  const attributes = { out_scale: { float: 2 }, out_bias: { float: -1 }, out_dtype: 'INT8' };
  const x = (count: number) => Array.from({ length: count }, (_, i) => (i % 9) - 4);
  const layout = (name: string | undefined) =>
    name === undefined ? attributes : { ...attributes, data_layout: name };

  /** The result where the channels are one axis of the shape. */
  function wanted(shape: readonly number[], axis: number): number[] {
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    return x(shape.reduce((a, b) => a * b, 1)).map((value, i) =>
      step(value, ...(bounds[Math.floor(i / inner) % 3] as readonly [number, number])),
    );
  }
  const received = (
    shape: readonly number[],
    name: string | undefined,
    choices: ImportChoices = {},
  ) =>
    run(
      'MultiThreshold',
      { thresholds },
      layout(name),
      x(shape.reduce((a, b) => a * b, 1)),
      shape,
      undefined,
      choices,
    );

  test.each([
    ['NCHW', [2, 3, 2, 4], 1],
    [undefined, [2, 3, 2, 4], 1],
    ['NC', [2, 3, 2, 4], 1],
    ['', [2, 3, 2, 4], 1],
    ['NHWC', [2, 2, 4, 3], 3],
    ['NHCW', [2, 2, 3, 4], 2],
    ['CN', [3, 2], 0],
    ['NC', [2, 3], 1],
    ['NHWC', [2, 3], 1],
    ['NWC', [2, 3], 1],
    [undefined, [2, 3], 1],
    ['NCW', [2, 3, 5], 1],
    ['NCHW', [2, 3, 5], 1],
    [undefined, [2, 3, 5], 1],
    ['', [2, 3, 3], 1],
    ['N', [2, 3, 3], 1],
    ['NWC', [2, 5, 3], 2],
    ['NCDHW', [2, 3, 2, 1, 2], 1],
    ['NCHW', [2, 3, 2, 1, 2], 1],
    ['NDHWC', [2, 2, 1, 2, 3], 4],
  ] as const)('data_layout %j over %j: the channels are axis %i', (name, shape, axis) => {
    same(received(shape, name), wanted(shape, axis));
    // What the files of 2023-12 to 2025-07 meant never differed for matrices and maps.
    if (shape.length === 2 || shape.length === 4)
      same(received(shape, name, { multiThresholdAxis: 'last' }), wanted(shape, axis));
    same(received(shape, name, { multiThresholdAxis: 'layout' }), wanted(shape, axis));
  });

  test.each([
    ['NCHW', [2, 5, 3]],
    [undefined, [2, 5, 3]],
    ['NCW', [3, 3, 3]],
    ['NCHW', [2, 1, 2, 2, 3]],
    [undefined, [3]],
  ] as const)(
    'as QONNX of 2023-12 to 2025-07, %j over %j: the channels are last',
    (name, shape) => {
      same(received(shape, name, { multiThresholdAxis: 'last' }), wanted(shape, shape.length - 1));
    },
  );

  test.each([
    ['NHWC', [2, 5, 3], 'an input of rank 4, as data_layout NHWC says'],
    ['NHWC', [2, 1, 2, 2, 3], 'an input of rank 4, as data_layout NHWC says'],
    ['CN', [3, 2, 2], 'an input of rank 2, as data_layout CN says'],
    ['nhwc', [2, 2, 2, 3], 'data_layout to be letters such as NCHW, NHWC or NC'],
  ] as const)('%j over %j says too little, and is refused', (name, shape, sentence) => {
    expect(() => received(shape, name)).toThrow(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        op: 'MultiThreshold',
        node: 'q',
        message: expect.stringContaining(sentence),
      }),
    );
  });

  test('one row of thresholds serves every channel, on whichever axis', () => {
    const row = floats([1, 2], [-1, 1]);
    for (const [name, shape] of [
      ['NHWC', [2, 5, 3]],
      ['NCHW', [2, 5, 3]],
      ['NCHW', [7]],
      ['NHWC', [2, 2, 2, 3]],
    ] as const) {
      const values = x(shape.reduce<number>((a, b) => a * b, 1));
      same(
        run('MultiThreshold', { row }, layout(name), values, shape),
        values.map((value) => step(value, -1, 1)),
      );
    }
  });

  test('defaults to scale 1 and bias 0, and counts a threshold that x equals', () => {
    same(
      run('MultiThreshold', { thresholds }, { data_layout: 'NC' }, [0, 0, 0, 5, -5, 2], [2, 3]),
      [1, 2, 0, 2, 0, 1],
    );
    same(
      run('MultiThreshold', { thresholds: floats([1, 1], [34]) }, {}, [33, 34, 35, -34], [2, 2]),
      [0, 1, 1, 0],
    );
  });

  test.each([
    [
      'thresholds of rank 1',
      floats([3], [1, 2, 3]),
      [2, 3],
      'thresholds of shape [channels, steps]',
    ],
    ['rows of another number', floats([2, 1], [1, 2]), [2, 3], '1 or 3 rows'],
    ['no axis 1', floats([3, 1], [1, 2, 3]), [3], 'an input of rank 2 or more'],
  ])('%s: ERR_SHAPE', (_, wrong, shape, sentence) => {
    const values = x(shape.reduce((a, b) => a * b, 1));
    expect(() => run('MultiThreshold', { wrong }, {}, values, shape)).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringContaining(sentence) }),
    );
  });
});
