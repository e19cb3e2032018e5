/**
 * Products of quantized tensors against onnxruntime: ConvInteger and MatMulInteger to the integer;
 * QLinearConv, QLinearMatMul and QGemm to the integer too, because both sides multiply the sum once
 * by x_scale * w_scale / y_scale in float32, round half to even, then add the zero point. Signed
 * weights stay within 7 bits: on CPUs without VNNI, onnxruntime saturates sums of two products of
 * UINT8 and INT8 to 16 bits. Not here: ops that onnxruntime computes in another order
 * (./onnx-microsoft.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/formats/onnx/data-type.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Session } from '../../src/formats/session.js';
import { topological } from '../../src/graph/value.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import {
  type AttributeSpec,
  encodeOnnx,
  floats,
  type ModelSpec,
  type TensorSpec,
} from './onnx-encoder.js';
import {
  expectEqual,
  feed,
  int8s,
  int32s,
  integers,
  MICROSOFT,
  noise,
  results,
  uint8s,
} from './onnx-integers.js';

const { UINT8, INT8, INT32 } = DataType;

const MAP = [2, 4, 6, 5];
const X = feed('u8', Uint8Array.from(integers(240, 0, 255)), MAP);
const SIGNED_X = feed('i8', Int8Array.from(integers(240, -128, 127)), MAP);

function model(
  op: string,
  initializers: Record<string, TensorSpec>,
  attributes: Record<string, AttributeSpec>,
  more: Partial<ModelSpec>,
): ModelSpec {
  const domain = op.startsWith('QG') ? { domain: 'com.microsoft' } : {};
  return {
    nodes: [
      { op, inputs: ['x', ...Object.keys(initializers)], outputs: ['y'], attributes, ...domain },
    ],
    inputs: { x: MAP },
    outputs: { y: undefined },
    initializers,
    inputType: UINT8,
    outputType: UINT8,
    opset: MICROSOFT,
    ...more,
  };
}

/** Scales that are no powers of two, so that roundings count. */
const scales = (count: number) =>
  floats(
    [count],
    [...noise(count, 4)].map((one) => 0.03 + one / 50),
  );

function convolution(
  weights: TensorSpec,
  wScale: TensorSpec,
  wZero: TensorSpec,
  yZero: TensorSpec,
  bias?: TensorSpec,
): Record<string, TensorSpec> {
  return {
    xs: floats([], [0.021]),
    xz: uint8s([], [117]),
    w: weights,
    ws: wScale,
    wz: wZero,
    ys: floats([], [0.37]),
    yz: yZero,
    ...(bias && { b: bias }),
  };
}

/** Equal to onnxruntime, and computed by a kernel of integers. */
async function expectIntegers(
  spec: ModelSpec,
  feeds: Parameters<typeof expectEqual>[1],
): ReturnType<typeof expectEqual> {
  const result = await expectEqual(spec, feeds);
  expect(result.kernels).toEqual([expect.stringMatching(/^q(dw)?conv_/)]);
  return result;
}

const W = int8s([3, 4, 3, 3], integers(108, -64, 63, 7));
const BIAS = int32s([3], [4000, -123, 0]);

describe('QLinearConv', () => {
  test.each<[string, Record<string, AttributeSpec>]>([
    ['no padding', {}],
    ['a border of the zero point', { pads: [1, 1, 1, 1] }],
    ['strides and uneven pads', { pads: [0, 1, 2, 0], strides: [2, 1] }],
    ['dilations', { pads: [2, 2, 2, 2], dilations: [2, 2], kernel_shape: [3, 3] }],
    ['auto_pad', { auto_pad: 'SAME_UPPER', strides: [2, 2] }],
  ])('%s', async (_, attributes) => {
    const constants = convolution(W, floats([], [0.017]), int8s([], [0]), uint8s([], [128]), BIAS);
    await expectIntegers(model('QLinearConv', constants, attributes, {}), X);
  });

  test('a scale an output, an INT8 result', async () => {
    const constants = convolution(W, scales(3), int8s([3], [0, 0, 0]), int8s([], [-7]));
    const spec = model('QLinearConv', constants, { pads: [1, 1, 1, 1] }, { outputType: INT8 });
    const { dtype } = await expectIntegers(
      { ...spec, inputType: INT8, initializers: { ...constants, xz: int8s([], [-11]) } },
      SIGNED_X,
    );
    expect(dtype).toBe('i8');
  });

  test('UINT8 weights with a zero point', async () => {
    const w = uint8s([3, 4, 3, 3], integers(108, 0, 255, 7));
    const constants = convolution(w, floats([], [0.017]), uint8s([], [131]), uint8s([], [1]), BIAS);
    await expectIntegers(model('QLinearConv', constants, {}, {}), X);
  });

  test('depthwise, and in groups', async () => {
    for (const [groups, w] of [
      [4, int8s([8, 1, 3, 3], integers(72, -64, 63, 8))],
      [2, int8s([6, 2, 2, 3], integers(72, -64, 63, 9))],
    ] as const) {
      const constants = convolution(w, floats([], [0.08]), int8s([], [0]), uint8s([], [128]));
      await expectIntegers(model('QLinearConv', constants, { group: groups }, {}), X);
    }
  });

  test('the requantization is one product, a rounding, the zero point, a clip and a cast', () => {
    const constants = convolution(W, floats([], [0.017]), int8s([], [0]), uint8s([], [3]));
    const graph = importOnnx(encodeOnnx(model('QLinearConv', constants, {}, {})));
    const ops = topological(graph).filter(({ inputs }) => inputs.length > 0);
    const names = ops.map(({ op }) => op);
    expect(names.slice(names.indexOf('conv2d') + 1)).toEqual([
      ...['mul', 'div', 'mul', 'round', 'add', 'clip', 'cast', 'transpose'],
    ]);
    // Scales are constants, whose product a pass folds.
    const [product] = ops.filter(({ op }) => op === 'mul');
    expect(product?.inputs.every(({ op }) => op === 'constant')).toBe(true);
  });
});

describe('ConvInteger', () => {
  test.each<[string, Record<string, TensorSpec>]>([
    ['no zero points', { w: W }],
    ['a zero point of x', { w: W, xz: uint8s([], [100]) }],
  ])('%s', async (_, constants) => {
    const spec = model('ConvInteger', constants, { pads: [1, 0, 1, 2] }, { outputType: INT32 });
    const { dtype } = await expectIntegers(spec, X);
    expect(dtype).toBe('i32');
  });

  // Weights less the zero point take 9 bits.
  test('a zero point of UINT8 weights', async () => {
    const w = uint8s([3, 4, 3, 3], integers(108, 0, 255));
    const constants = { w, xz: uint8s([], [3]), wz: uint8s([], [9]) };
    await expectEqual(model('ConvInteger', constants, {}, { outputType: INT32 }), X);
  });
});

const ROWS = [3, 16];
const XROWS = feed('u8', Uint8Array.from(integers(48, 0, 255)), ROWS);
const B = int8s([16, 5], integers(80, -64, 63, 2));

describe('QLinearMatMul', () => {
  const constants = (bs: TensorSpec, bz: TensorSpec, yz: TensorSpec) => ({
    xs: floats([], [0.021]),
    xz: uint8s([], [117]),
    b: B,
    bs,
    bz,
    ys: floats([], [0.23]),
    yz,
  });
  test.each([
    ['one scale', floats([], [0.011]), int8s([], [0])],
    ['one scale, with a zero point', floats([], [0.011]), int8s([], [-5])],
    ['a scale a column', scales(5), int8s([5], [0, 0, 0, 0, 0])],
  ])('%s', async (_, bs, bz) => {
    const spec = model(
      'QLinearMatMul',
      constants(bs, bz, uint8s([], [99])),
      {},
      {
        inputs: { x: ROWS },
      },
    );
    await expectIntegers(spec, XROWS);
  });

  test('of rank 3', async () => {
    const spec = model(
      'QLinearMatMul',
      constants(floats([], [0.011]), int8s([], [0]), uint8s([], [99])),
      {},
      {
        inputs: { x: [2, 3, 16] },
      },
    );
    await expectIntegers(spec, feed('u8', Uint8Array.from(integers(96, 0, 255)), [2, 3, 16]));
  });
});

describe('MatMulInteger', () => {
  test.each<[string, Record<string, TensorSpec>]>([
    ['no zero points', { b: B }],
    ['one zero point each', { b: B, az: uint8s([], [128]), bz: int8s([], [3]) }],
    ['a zero point a column', { b: B, az: uint8s([], [7]), bz: int8s([5], [3, -4, 0, 1, 60]) }],
  ])('%s', async (_, constants) => {
    const spec = model('MatMulInteger', constants, {}, { inputs: { x: ROWS }, outputType: INT32 });
    await expectIntegers(spec, XROWS);
  });

  test('INT8 weights of all 8 bits are summed without saturation', () => {
    const b = integers(80, -128, 127, 2);
    const spec = model('MatMulInteger', { b: int8s([16, 5], b) }, {}, { inputs: { x: ROWS } });
    const y = interpret(importOnnx(encodeOnnx(spec)), XROWS).y as Tensor;
    const wanted = Array.from({ length: 15 }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < 16; k++)
        sum +=
          (XROWS.x.data[Math.floor(i / 5) * 16 + k] as number) * (b[k * 5 + (i % 5)] as number);
      return sum;
    });
    expect([...y.data]).toEqual(wanted);
  });

  test('dynamic quantization as onnxruntime writes it, to the last bit', async () => {
    const spec: ModelSpec = {
      nodes: [
        { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 's', 'z'] },
        { op: 'MatMulInteger', inputs: ['q', 'b', 'z', 'bz'], outputs: ['i'] },
        { op: 'Cast', inputs: ['i'], outputs: ['f'], attributes: { to: 1 } },
        { op: 'Mul', inputs: ['s', 'bs'], outputs: ['scale'] },
        { op: 'Mul', inputs: ['f', 'scale'], outputs: ['y'] },
      ],
      inputs: { x: ROWS },
      outputs: { y: [3, 5] },
      initializers: { b: B, bz: int8s([], [0]), bs: floats([], [0.02]) },
      opset: 13,
    };
    await expectEqual(spec, feed('f32', noise(48, 6), ROWS));
  });
});

describe('QGemm', () => {
  const constants = (b: TensorSpec, result: Record<string, TensorSpec>) => ({
    xs: floats([], [0.021]),
    xz: uint8s([], [117]),
    b,
    bs: floats([], [0.013]),
    bz: int8s([], [0]),
    c: int32s([5], [100, -2000, 0, 5, 77]),
    ...result,
  });
  const quantized = { ys: floats([], [0.41]), yz: uint8s([], [121]) };
  test('a quantized result', async () => {
    const spec = model(
      'QGemm',
      constants(B, quantized),
      { alpha: { float: 1 } },
      { inputs: { x: ROWS } },
    );
    await expectIntegers(spec, XROWS);
  });
  test('transposed weights', async () => {
    const b = int8s([5, 16], integers(80, -64, 63, 2));
    const spec = model('QGemm', constants(b, quantized), { transB: 1 }, { inputs: { x: ROWS } });
    await expectIntegers(spec, XROWS);
  });
  test('a float result, with alpha', async () => {
    const spec = model(
      'QGemm',
      constants(B, {}),
      { alpha: { float: 0.75 } },
      {
        inputs: { x: ROWS },
        outputType: 1,
      },
    );
    await expectIntegers(spec, XROWS);
  });
});

describe('sums beyond 2^24 are exact, in the graph as imported and with every pass', () => {
  const DEPTH = 700;
  const COLUMNS = 3;
  const { of } = Array;
  /** Numbers near the end of their range: sums of 700 products leave what floats hold. */
  const high = (count: number, most: number, seed: number) =>
    integers(count, most - 20, most, seed);
  const A = high(2 * DEPTH, 255, 1);
  const cases: [string, { b: number[]; signed?: boolean; az?: number; bz?: number[] }][] = [
    ['INT8 weights', { b: high(DEPTH * COLUMNS, 127, 2), signed: true, az: 3 }],
    ['UINT8 weights', { b: high(DEPTH * COLUMNS, 255, 2), az: 0 }],
    ['UINT8 weights less a zero point', { b: high(DEPTH * COLUMNS, 255, 2), bz: [9], az: 9 }],
    ['a zero point a column', { b: high(DEPTH * COLUMNS, 20, 2), bz: [255, 200, 0], az: 1 }],
    ['one that is 0', { b: high(DEPTH * COLUMNS, 255, 2), bz: [0, 0, 0], az: 255 }],
  ];
  const wantedOf = (b: readonly number[], az: number, bz: readonly number[]) =>
    of(0, 1).flatMap((row) =>
      of(0, 1, 2).map((column) => {
        let sum = 0;
        for (let k = 0; k < DEPTH; k++)
          sum +=
            ((A[row * DEPTH + k] as number) - az) *
            ((b[k * COLUMNS + column] as number) - ((bz.length === 1 ? bz[0] : bz[column]) ?? 0));
        return sum;
      }),
    );

  test.each(cases)('MatMulInteger: %s', async (_, { b, signed = false, az = 0, bz = [0] }) => {
    const bytes = signed ? int8s : uint8s;
    const wanted = wantedOf(b, az, bz);
    // Operands are constants of the file, or inputs of a run.
    const tensors = {
      b: bytes([DEPTH, COLUMNS], b),
      az: uint8s([], [az]),
      bz: bytes(bz.length === 1 ? [] : [3], bz),
    };
    const names = ['b', 'az', 'bz'] as const;
    for (let mask = 0; mask < 8; mask++) {
      const isFed = (i: number) => ((mask >> i) & 1) === 1;
      const fed = names.filter((_name, i) => isFed(i));
      // One data type for all inputs is what the encoder writes.
      if (signed && fed.some((name) => name !== 'az')) continue;
      const spec = model(
        'MatMulInteger',
        {},
        {},
        {
          nodes: [{ op: 'MatMulInteger', inputs: ['x', ...names], outputs: ['y'] }],
          inputs: {
            x: [2, DEPTH],
            ...Object.fromEntries(fed.map((name) => [name, [...tensors[name].dims]])),
          },
          initializers: Object.fromEntries(
            names.filter((name) => !fed.includes(name)).map((name) => [name, tensors[name]]),
          ),
          outputType: INT32,
        },
      );
      const feeds = {
        x: new Tensor('u8', Uint8Array.from(A), [2, DEPTH]),
        ...Object.fromEntries(
          fed.map((name) => [
            name,
            new Tensor('u8', tensors[name].bytes as Uint8Array, tensors[name].dims),
          ]),
        ),
      };
      const file = encodeOnnx(spec);
      const imported = interpret(importOnnx(file), feeds).y as Tensor;
      expect([fed, ...imported.data]).toEqual([fed, ...wanted]);
      for (const optimize of [true, false]) {
        const session = await Session.create(file, { threads: 1, optimize });
        const { y } = await session.run(feeds);
        expect([fed, optimize, ...y!.data]).toEqual([fed, optimize, ...wanted]);
        const kernels = (await session.profile(1, feeds)).map(({ kernel }) => kernel);
        expect(kernels.filter((kernel) => /conv/.test(kernel))).toEqual([
          expect.stringMatching(/^qconv/),
        ]);
        await session.release();
      }
    }
  });

  test.each([1, 2])('ConvInteger in %i groups, with a border', async (group) => {
    const [channels, outputs] = [120, 4];
    const shape = [outputs, channels / group, 3, 3];
    const count = shape.reduce((product, dim) => product * dim, 1);
    const spec = model(
      'ConvInteger',
      {},
      { pads: [1, 0, 1, 2], group },
      {
        nodes: [
          {
            op: 'ConvInteger',
            inputs: ['x', 'w', 'xz', 'wz'],
            outputs: ['y'],
            attributes: { pads: [1, 0, 1, 2], group },
          },
        ],
        inputs: { x: [1, channels, 4, 3], xz: [] },
        initializers: { w: uint8s(shape, high(count, 255, 4)), wz: uint8s([], [100]) },
        outputType: INT32,
      },
    );
    for (const xz of [0, 255]) {
      const feeds = {
        x: new Tensor('u8', Uint8Array.from(integers(channels * 12, 0, 255)), [1, channels, 4, 3]),
        xz: new Tensor('u8', Uint8Array.of(xz), []),
      };
      const { wanted, received, ran } = await results(spec, feeds);
      expect(received).toEqual(wanted);
      expect(ran).toEqual(wanted);
      if (group === 1) expect(Math.max(...wanted.map(Math.abs))).toBeGreaterThan(2 ** 24);
    }
  });

  test('a zero point a row stays in floats, where a sum beyond 2^24 rounds', async () => {
    const spec = model(
      'MatMulInteger',
      { b: B, az: uint8s([3], [1, 2, 255]) },
      {},
      { inputs: { x: ROWS }, outputType: INT32 },
    );
    // onnxruntime takes one zero point alone.
    const graph = importOnnx(encodeOnnx(spec));
    const [product] = topological(graph).filter(({ op }) => op === 'matmul');
    expect(product?.dtype).toBe('f32');
    const one = (row: number) => ({
      ...spec,
      initializers: { b: B, az: uint8s([], [[1, 2, 255][row] as number]) },
    });
    const rows = [0, 1, 2].map(
      (row) => interpret(importOnnx(encodeOnnx(one(row))), XROWS).y as Tensor,
    );
    expect([...(interpret(graph, XROWS).y as Tensor).data]).toEqual(
      rows.flatMap(({ data }, row) => [...data.slice(5 * row, 5 * row + 5)]),
    );
  });
});
