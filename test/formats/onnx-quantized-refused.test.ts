/**
 * What quantized ONNX nodes may not say: scales, zero points, shapes and types that are wrong, each
 * an error that names the node. Not here: QONNX (./qonnx.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/formats/onnx/data-type.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { errorLike } from './onnx-cases.js';
import { type AttributeSpec, encodeOnnx, floats, type TensorSpec } from './onnx-encoder.js';
import { int8s, int32s, MICROSOFT, tensorOf, uint8s } from './onnx-integers.js';

type Constants = Record<string, TensorSpec>;
type Attributes = Record<string, AttributeSpec>;

interface Case {
  readonly constants?: Constants;
  readonly attributes?: Attributes;
  readonly shape?: readonly (number | string)[];
  readonly type?: number;
  readonly opset?: number;
  readonly domain?: string;
}

function read(op: string, { constants = {}, attributes = {}, domain, ...more }: Case): void {
  const { shape = [2, 3, 4], type = DataType.FLOAT, opset } = more;
  const where = domain === undefined ? {} : { domain };
  importOnnx(
    encodeOnnx({
      nodes: [
        {
          op,
          name: 'q',
          inputs: ['x', ...Object.keys(constants)],
          outputs: ['y'],
          attributes,
          ...where,
        },
      ],
      inputs: { x: shape },
      outputs: { y: undefined },
      initializers: constants,
      inputType: type,
      opset: domain === undefined ? (opset ?? 21) : MICROSOFT,
    }),
    { rebatch: false },
  );
}

const ONE = floats([], [1]);
const U8 = DataType.UINT8;

const SCALES = [0, -1, NaN, Infinity].map((scale) => [scale] as const);

describe('scales that are zero, negative, NaN or infinite', () => {
  const refused = /q": expected scales that are finite and above 0 but received/;
  test.each(SCALES)('%d', (scale) => {
    const bad = floats([3], [1, scale, 1]);
    const one = floats([], [scale]);
    const w = int8s([2, 2, 1, 1], [1, 2, 3, 4]);
    const conv = { w, ws: ONE, wz: int8s([], [0]), ys: ONE, yz: uint8s([], [0]) };
    const own = { xs: ONE, xz: uint8s([], [0]) };
    const map = { shape: [1, 2, 3, 3], type: U8 };
    const cases: [string, Case][] = [
      ['QuantizeLinear', { constants: { s: bad } }],
      ['DequantizeLinear', { constants: { s: bad }, type: U8 }],
      ['QLinearConv', { ...map, constants: { ...own, ...conv, xs: one } }],
      ['QLinearConv', { ...map, constants: { ...own, ...conv, ws: floats([2], [1, scale]) } }],
      ['QLinearConv', { ...map, constants: { ...own, ...conv, ys: one } }],
      [
        'QLinearGlobalAveragePool',
        { ...map, constants: { ...own, ys: one }, domain: 'com.microsoft' },
      ],
      [
        'MatMulNBits',
        {
          constants: { b: uint8s([1, 1, 8], new Array(8).fill(0)), s: one },
          attributes: { K: 16, N: 1, block_size: 16 },
          shape: [1, 16],
          domain: 'com.microsoft',
        },
      ],
    ];
    for (const [op, one] of cases) {
      expect(() => read(op, one)).toThrow(errorLike('ERR_UNSUPPORTED', refused));
    }
  });
});

const nbits = (attributes: Attributes, constants: Constants = {}): Case => ({
  constants: { b: uint8s([1, 1, 8], new Array(8).fill(0)), s: floats([1], [1]), ...constants },
  attributes: { K: 16, N: 1, block_size: 16, ...attributes },
  shape: [1, 16],
  domain: 'com.microsoft',
});

test.each<[string, string, Case, string, RegExp]>([
  [
    'QuantizeLinear',
    'a scale of another length than the axis',
    { constants: { s: floats([2], [1, 1]) } },
    'ERR_SHAPE',
    /of one number, or of shape \[3\] along axis 1 but received \[2\]/,
  ],
  [
    'QuantizeLinear',
    'an axis that x lacks',
    { constants: { s: floats([2], [1, 1]) }, attributes: { axis: 3 } },
    'ERR_SHAPE',
    /an axis of a value of rank 3 but received 3/,
  ],
  [
    'QuantizeLinear',
    'a scale a channel before operator set 13',
    { constants: { s: floats([3], [1, 1, 1]) }, opset: 10 },
    'ERR_SHAPE',
    /one scale, as before version 13/,
  ],
  [
    'QuantizeLinear',
    'a scale of integers',
    { constants: { s: int8s([], [1]) } },
    'ERR_DTYPE',
    /input 1, a scale, to be float but received "i8"/,
  ],
  [
    'QuantizeLinear',
    'a zero point of another length than the scale',
    { constants: { s: floats([3], [1, 1, 1]), z: int8s([2], [1, 1]) } },
    'ERR_SHAPE',
    /a zero point of the scale's shape \[3\] but received \[2\]/,
  ],
  [
    'QuantizeLinear',
    'a zero point of floats',
    { constants: { s: ONE, z: floats([], [0]) } },
    'ERR_DTYPE',
    /input 2 to be quantized integers but received "f32"/,
  ],
  [
    'QuantizeLinear',
    'INT32 as a result',
    { constants: { s: ONE, z: int32s([], [0]) } },
    'ERR_UNSUPPORTED',
    /a result of integers of 2, 4, 8 or 16 bits but received "?INT32/,
  ],
  [
    'QuantizeLinear',
    'an output_dtype against the zero point',
    { constants: { s: ONE, z: int8s([], [0]) }, attributes: { output_dtype: U8 } },
    'ERR_FORMAT',
    /output_dtype to be that of the zero point, INT8 but received "UINT8"/,
  ],
  [
    'QuantizeLinear',
    'float8',
    { constants: { s: ONE }, attributes: { output_dtype: 17 } },
    'ERR_UNSUPPORTED',
    /a result of integers of 2, 4, 8 or 16 bits but received data type 17/,
  ],
  [
    'QuantizeLinear',
    'half precision',
    { constants: { s: ONE }, attributes: { precision: 10 }, opset: 23 },
    'ERR_UNSUPPORTED',
    /precision to be FLOAT but received "FLOAT16"/,
  ],
  [
    'QuantizeLinear',
    'a negative block',
    { constants: { s: ONE }, attributes: { block_size: -1 } },
    'ERR_FORMAT',
    /block_size to be 0 or more but received -1/,
  ],
  [
    'QuantizeLinear',
    'scales for other blocks',
    {
      constants: { s: floats([2, 3, 1], [1, 1, 1, 1, 1, 1]) },
      attributes: { axis: 2, block_size: 2 },
    },
    'ERR_SHAPE',
    /a scale of shape \[2, 3, 2\], one a block but received \[2, 3, 1\]/,
  ],
  [
    'QuantizeLinear',
    'blocks along an unknown size',
    {
      constants: { s: floats([2, 3, 1], [1, 1, 1, 1, 1, 1]) },
      attributes: { axis: 2, block_size: 2 },
      shape: [2, 3, 'w'],
    },
    'ERR_UNSUPPORTED',
    /blocks along an axis of known size/,
  ],
  [
    'DequantizeLinear',
    'floats',
    { constants: { s: ONE } },
    'ERR_DTYPE',
    /input 0 to be quantized integers but received "f32"/,
  ],
  [
    'DequantizeLinear',
    'a zero point of another type',
    { constants: { s: ONE, z: int8s([], [0]) }, type: U8 },
    'ERR_DTYPE',
    /a zero point of the type of the integers, UINT8 but received "INT8"/,
  ],
  [
    'DequantizeLinear',
    'a zero point of INT32 data',
    { constants: { s: ONE, z: int32s([], [4]) }, type: DataType.INT32 },
    'ERR_UNSUPPORTED',
    /expected a zero point of 0 for INT32/,
  ],
  [
    'QLinearConv',
    'a zero point of x for each channel',
    {
      constants: {
        xs: ONE,
        xz: uint8s([2], [1, 2]),
        w: int8s([2, 2, 1, 1], [1, 2, 3, 4]),
        ws: ONE,
        wz: int8s([], [0]),
        ys: ONE,
        yz: uint8s([], [0]),
      },
      shape: [1, 2, 3, 3],
      type: U8,
    },
    'ERR_SHAPE',
    /input 2, a zero point, to be one number but received \[2\]/,
  ],
  [
    'QLinearConv',
    'scales of another number than outputs',
    {
      constants: {
        xs: ONE,
        xz: uint8s([], [1]),
        w: int8s([2, 2, 1, 1], [1, 2, 3, 4]),
        ws: floats([3], [1, 1, 1]),
        wz: int8s([], [0]),
        ys: ONE,
        yz: uint8s([], [0]),
      },
      shape: [1, 2, 3, 3],
      type: U8,
    },
    'ERR_SHAPE',
    /of shape \[2\] along axis 0 but received \[3\]/,
  ],
  [
    'ConvInteger',
    'float weights',
    { constants: { w: floats([1, 2, 1, 1], [1, 2]) }, shape: [1, 2, 3, 3], type: U8 },
    'ERR_DTYPE',
    /input 1 to be quantized integers/,
  ],
  [
    'QLinearAveragePool',
    'channels that are last',
    {
      constants: { xs: ONE, xz: uint8s([], [0]), ys: ONE, yz: uint8s([], [0]) },
      attributes: { channels_last: 1, kernel_shape: [1, 1] },
      shape: [1, 2, 3, 3],
      type: U8,
      domain: 'com.microsoft',
    },
    'ERR_UNSUPPORTED',
    /channels_last = 1 is not supported/,
  ],
  ['MatMulNBits', '3 bits', nbits({ bits: 3 }), 'ERR_UNSUPPORTED', /bits to be 2, 4 or 8/],
  ['MatMulNBits', 'no K', nbits({ K: 0 }), 'ERR_FORMAT', /K, N and block_size of 1 or more/],
  [
    'MatMulNBits',
    'a block of odd length',
    nbits({ block_size: 3 }),
    'ERR_UNSUPPORTED',
    /a block_size that fills whole bytes/,
  ],
  [
    'MatMulNBits',
    'another number of bytes',
    nbits({ K: 48 }),
    'ERR_SHAPE',
    /input 1 of shape \[1, 3, 8\] but received \[1, 1, 8\]/,
  ],
  [
    'MatMulNBits',
    'another number of scales',
    nbits({}, { s: floats([2], [1, 1]) }),
    'ERR_SHAPE',
    /one number a block, \[1, 1\] but received \[2\]/,
  ],
  [
    'MatMulNBits',
    'g_idx',
    nbits({}, { z: uint8s([1], [8]), g: int32s([16], new Array(16).fill(0)) }),
    'ERR_UNSUPPORTED',
    /g_idx is not supported/,
  ],
  [
    'MatMulNBits',
    'weights of another type',
    nbits({}, { b: int8s([1, 1, 8], new Array(8).fill(0)) }),
    'ERR_UNSUPPORTED',
    /input 1 to be constant UINT8/,
  ],
])('%s: %s is refused by name', (op, _, spec, code, message) => {
  expect(() => read(op, spec)).toThrow(errorLike(code, message));
  expect(() => read(op, spec)).toThrow(expect.objectContaining({ op, node: 'q' }));
});

test.each([
  ['INT8', DataType.INT8, 200, '-128 to 127'],
  ['UINT8', DataType.UINT8, -1, '0 to 255'],
  ['INT16', DataType.INT16, 40000, '-32768 to 32767'],
  ['UINT4', DataType.UINT4, 300, '0 to 255'],
])('%s data that its type lacks is refused', (_, type, value, range) => {
  expect(() =>
    read('QuantizeLinear', {
      constants: { s: ONE, z: { dims: [], int32s: [value], dataType: type } },
    }),
  ).toThrow(errorLike('ERR_FORMAT', new RegExp(`data from ${range} but received ${value}`)));
});

test('a payload of UINT4 that is a byte short is refused', () => {
  const z = { ...tensorOf(DataType.UINT4, [3], [1, 2, 3]), bytes: new Uint8Array(1) };
  expect(() => read('QuantizeLinear', { constants: { s: floats([3], [1, 1, 1]), z } })).toThrow(
    errorLike('ERR_FORMAT', /2 bytes of data for shape \[3\] but received 1/),
  );
});

test.each(['com.ms.internal.nhwc', 'com.microsoft.nchwc'])(
  'ops of the domain %s, which onnxruntime keeps to itself, are refused by name',
  (domain) => {
    expect(() => read('QLinearConv', { domain })).toThrow(
      errorLike('ERR_UNSUPPORTED_OP', new RegExp(`QLinearConv \\("q", domain "${domain}"\\)`)),
    );
  },
);

test.each([DataType.UINT16, DataType.INT16])(
  'an input of type %i, which no dtype is, is refused',
  (type) => {
    expect(() => read('Relu', { type })).toThrow(
      errorLike(
        'ERR_UNSUPPORTED',
        /input "x": expected an input of floats, truth values, INT64, INT32, or integers/,
      ),
    );
  },
);

test('means of integers are refused with what is missing', () => {
  const refused = (op: string, type: number) => () =>
    importOnnx(
      encodeOnnx({
        nodes: [{ op, name: 'q', inputs: ['x'], outputs: ['y'] }],
        inputs: { x: [2, 3] },
        outputs: { y: undefined },
        inputType: type,
        outputType: type,
        opset: 13,
      }),
    );
  for (const type of [DataType.INT32, DataType.UINT8]) {
    expect(refused('ReduceMean', type)).toThrow(
      'ReduceMean "q": expected floats, as integers have no mean here, but received',
    );
    for (const op of ['ReduceSum', 'ReduceMax']) expect(refused(op, type)).not.toThrow();
  }
});
