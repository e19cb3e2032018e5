/**
 * QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear against onnxruntime, integer by
 * integer: every type, one scale, one a channel, and blocks. Not here: what is refused
 * (./onnx-quantized-refused.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { DataType, dataTypeName } from '../../src/formats/onnx/data-type.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Session } from '../../src/formats/session.js';
import { topological } from '../../src/graph/value.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import { encodeOnnx, floats, type ModelSpec, type TensorSpec } from './onnx-encoder.js';
import {
  expectEqual,
  feed,
  int32s,
  integers,
  MICROSOFT,
  noise,
  results,
  tensorOf,
} from './onnx-integers.js';

const { UINT8, INT8, UINT16, INT16, UINT4, INT4, UINT2, INT2, INT32 } = DataType;
const SHAPE = [2, 3, 4];

/** Ties, both infinities, and numbers far outside every range, among ordinary ones. */
const XS = Float32Array.from(
  noise(24),
  (one, i) => [40 * one, Math.round(20 * one) / 4, 1e9 * one, (i - 12) / 2][i % 4] as number,
);

/** quantize and dequantize, so that the file's output is float whatever lies between. */
function roundTrip(
  scale: TensorSpec,
  zero: TensorSpec | undefined,
  attributes: NonNullable<ModelSpec['nodes'][number]['attributes']> = {},
  opset: ModelSpec['opset'] = 21,
  domain?: string,
): ModelSpec {
  const tail = zero === undefined ? ['s'] : ['s', 'z'];
  const where = domain === undefined ? {} : { domain };
  const { output_dtype: _, ...shared } = attributes;
  return {
    nodes: [
      { op: 'QuantizeLinear', inputs: ['x', ...tail], outputs: ['q'], attributes, ...where },
      {
        op: 'DequantizeLinear',
        inputs: ['q', ...tail],
        outputs: ['y'],
        attributes: shared,
        ...where,
      },
    ],
    inputs: { x: SHAPE },
    outputs: { y: SHAPE },
    initializers: { s: scale, ...(zero && { z: zero }) },
    opset,
  };
}

describe('one scale', () => {
  const middles = [
    [UINT8, 'u8', 131],
    [INT8, 'i8', -3],
    [UINT16, 'i32', 30001],
    [INT16, 'i32', -5],
    [UINT4, 'u4', 7],
    [INT4, 'i4', -3],
  ] as const;
  test.each(middles)(
    'of type %i: every integer and every value is equal',
    async (type, dtype, middle) => {
      const spec = roundTrip(floats([], [0.75]), tensorOf(type, [], [middle]));
      await expectEqual(spec, feed('f32', XS, SHAPE));
      const q = topological(importOnnx(encodeOnnx(spec))).filter((value) => value.dtype === dtype);
      expect(q).toHaveLength(1);
    },
  );

  test.each([10, 13, 19, 21, 23])('of operator set %i, a vector of one', async (opset) => {
    const spec = roundTrip(floats([1], [0.25]), tensorOf(UINT8, [1], [9]), {}, opset);
    await expectEqual(spec, feed('f32', XS, SHAPE));
  });

  test('without a zero point the integers are UINT8 from 0', async () => {
    await expectEqual(roundTrip(floats([], [0.5]), undefined), feed('f32', XS, SHAPE));
  });

  test('output_dtype says the type where no zero point does', async () => {
    const spec = roundTrip(floats([], [0.5]), undefined, { output_dtype: INT8 });
    await expectEqual(spec, feed('f32', XS, SHAPE));
  });

  test.each([UINT16, INT16])('of com.microsoft, with its type %i of older files', async (type) => {
    const zero = tensorOf(type, [], [100]);
    const spec = roundTrip(floats([], [0.5]), zero, {}, MICROSOFT, 'com.microsoft');
    await expectEqual(spec, feed('f32', XS, SHAPE));
  });

  test('the graph is the ops of the specification, and no more', () => {
    const ops = (scale: number, zero: number) =>
      topological(
        importOnnx(encodeOnnx(roundTrip(floats([], [scale]), tensorOf(UINT8, [], [zero])))),
      )
        .filter(({ inputs }) => inputs.length > 0)
        .map(({ op }) => op);
    const [divided, cast, scaled] = [['div'], ['clip', 'cast', 'cast'], ['mul']];
    expect(ops(0.5, 3)).toEqual([...divided, 'round', 'add', ...cast, 'sub', ...scaled]);
    expect(ops(0.5, 0)).toEqual([...divided, 'round', ...cast, ...scaled]);
    expect(ops(1, 0)).toEqual(['round', ...cast]);
  });

  test('NaN becomes 0, and the infinities become the ends of the range', () => {
    const graph = importOnnx(encodeOnnx(roundTrip(floats([], [0.5]), tensorOf(INT8, [], [0]))));
    const x = new Tensor(
      'f32',
      new Float32Array(24).fill(NaN, 0, 8).fill(Infinity, 8, 16).fill(-Infinity, 16),
      SHAPE,
    );
    const { data } = interpret(graph, { x }).y as Tensor;
    expect([data[0], data[8], data[16]]).toEqual([0, 63.5, -64]);
  });
});

describe('one scale a channel', () => {
  test.each([
    [0, 2],
    [1, 3],
    [-1, 4],
    [undefined, 3],
  ])('along axis %j', async (axis, count) => {
    const scale = floats([count], [0.5, 2, 0.125, 10].slice(0, count));
    const zero = tensorOf(INT8, [count], [3, 0, -7, 1].slice(0, count));
    const spec = roundTrip(scale, zero, axis === undefined ? {} : { axis }, 13);
    await expectEqual(spec, feed('f32', XS, SHAPE));
  });

  test('weights stay a constant of their dtype, and scales broadcast from the first axis', () => {
    const graph = importOnnx(
      encodeOnnx({
        nodes: [
          { op: 'DequantizeLinear', inputs: ['w', 's'], outputs: ['f'], attributes: { axis: 0 } },
          { op: 'Conv', inputs: ['x', 'f'], outputs: ['y'] },
        ],
        inputs: { x: ['N', 2, 3, 3] },
        outputs: { y: undefined },
        initializers: {
          w: tensorOf(INT4, [3, 2, 1, 1], [-8, 7, 1, -1, 0, 3]),
          s: floats([3], [1, 2, 4]),
        },
        opset: 21,
      }),
    );
    const leaves = topological(graph).filter(({ op }) => op === 'constant');
    expect(leaves.map(({ dtype, shape }) => [dtype, shape])).toEqual([
      ['i4', [3, 2, 1, 1]],
      ['f32', [3, 1, 1, 1]],
    ]);
    expect([...(leaves[0]?.data?.data ?? [])]).toEqual([-8, 7, 1, -1, 0, 3]);
  });
});

describe('a scale for each block', () => {
  test.each([
    [2, 2, [2, 3, 2]],
    [1, 3, [2, 1, 4]],
    [0, 2, [1, 3, 4]],
    // The last block is cut short.
    [2, 3, [2, 3, 2]],
    [1, 2, [2, 2, 4]],
  ])('along axis %i, %i elements long', async (axis, block, dims) => {
    const count = dims.reduce((a, b) => a * b, 1);
    const scale = floats(
      dims,
      [...noise(count, 3)].map((one) => 1.25 + one),
    );
    const zero = tensorOf(INT8, dims, integers(count, -20, 20, 5));
    await expectEqual(roundTrip(scale, zero, { axis, block_size: block }), feed('f32', XS, SHAPE));
  });
});

describe('integers of the file', () => {
  test.each([
    [UINT8, 0, 255],
    [INT8, -128, 127],
    [UINT16, 0, 65535],
    [INT16, -32768, 32767],
    [UINT4, 0, 15],
    [INT4, -8, 7],
  ])('DequantizeLinear of type %i, added to x', async (type, lo, hi) => {
    const spec: ModelSpec = {
      nodes: [
        { op: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['f'] },
        { op: 'Add', inputs: ['x', 'f'], outputs: ['y'] },
      ],
      inputs: { x: SHAPE },
      outputs: { y: SHAPE },
      initializers: {
        q: tensorOf(type, SHAPE, [lo, hi, ...integers(22, lo, hi)]),
        s: floats([3], [0.5, 3, 0.1]),
        z: tensorOf(type, [3], [lo, hi, 1]),
      },
      opset: 21,
    };
    await expectEqual(spec, feed('f32', XS, SHAPE));
  });

  test('DequantizeLinear of INT32, as biases are', async () => {
    const spec: ModelSpec = {
      nodes: [
        { op: 'DequantizeLinear', inputs: ['q', 's'], outputs: ['f'] },
        { op: 'Add', inputs: ['x', 'f'], outputs: ['y'] },
      ],
      inputs: { x: SHAPE },
      outputs: { y: SHAPE },
      initializers: { q: int32s([4], [2 ** 30 + 1, -5, 0, 7]), s: floats([1], [1e-6]) },
    };
    await expectEqual(spec, feed('f32', XS, SHAPE));
  });

  test.each([
    [UINT2, 'u2', [0, 1, 2, 3, 3]],
    [INT2, 'i2', [0, 1, -2, -1, -1]],
  ] as const)('of type %i, four in a byte', async (type, dtype, values) => {
    const spec: ModelSpec = {
      nodes: [
        { op: 'DequantizeLinear', inputs: ['q', 's'], outputs: ['f'] },
        { op: 'Add', inputs: ['x', 'f'], outputs: ['y'] },
      ],
      inputs: { x: [5] },
      outputs: { y: [5] },
      initializers: { q: tensorOf(type, [5], values), s: floats([], [0.5]) },
      opset: 25,
    };
    const { received } = await expectEqual(spec, feed('f32', new Float32Array(5), [5]));
    expect(received).toEqual(values.map((value) => value / 2));
    const graph = importOnnx(encodeOnnx(spec));
    expect(topological(graph).some((value) => value.dtype === dtype)).toBe(true);
  });

  test('typed fields hold them too: int32_data, one byte an entry', () => {
    const read = (spec: TensorSpec) => {
      const graph = importOnnx(
        encodeOnnx({
          nodes: [{ op: 'DequantizeLinear', inputs: ['q', 's'], outputs: ['y'] }],
          inputs: { x: [1] },
          outputs: { y: [3] },
          initializers: { q: spec, s: floats([], [1]) },
          opset: 21,
        }),
      );
      return [
        ...(interpret(graph, { x: new Tensor('f32', new Float32Array(1), [1]) }).y as Tensor).data,
      ];
    };
    expect(read({ dims: [3], int32s: [0x7f, 0xf1 & 0x0f], dataType: UINT4 })).toEqual([15, 7, 1]);
    expect(read({ dims: [3], int32s: [-128, 127, -1], dataType: INT8 })).toEqual([-128, 127, -1]);
    expect(read({ dims: [3], int32s: [0, 255, 1], dataType: UINT8 })).toEqual([0, 255, 1]);
  });
});

test.each([UINT8, INT8])(
  'PyTorch: a zero point is cast to type %i from INT64, and a Clip leaves 7 bits',
  async (type) => {
    const spec: ModelSpec = {
      nodes: [
        { op: 'Cast', inputs: ['z64'], outputs: ['z'], attributes: { to: type } },
        { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'] },
        { op: 'Clip', inputs: ['q', 'lo', 'hi'], outputs: ['c'] },
        { op: 'DequantizeLinear', inputs: ['c', 's', 'z'], outputs: ['y'] },
      ],
      inputs: { x: SHAPE },
      outputs: { y: SHAPE },
      initializers: {
        z64: { dims: [], int64s: [5] },
        s: floats([], [0.5]),
        lo: tensorOf(type, [], [0]),
        hi: tensorOf(type, [], [100]),
      },
      opset: 13,
    };
    await expectEqual(spec, feed('f32', XS, SHAPE));
    const graph = importOnnx(encodeOnnx(spec));
    expect(topological(graph).some((value) => value.dtype === 'u7')).toBe(true);
  },
);

test.each([
  [0, 100, 5, 'u7'],
  [0, 15, 3, 'u4'],
  [-8, 7, 0, 'i4'],
  // The zero point is no integer of the smaller dtype.
  [0, 15, 20, undefined],
  // The whole range.
  [-128, 127, 0, undefined],
] as const)(
  'a Clip from %i to %i, zero point %i: the integers are %s',
  async (lo, hi, zero, dtype) => {
    const spec: ModelSpec = {
      nodes: [
        { op: 'QuantizeLinear', inputs: ['x', 's', 'z'], outputs: ['q'] },
        { op: 'Clip', inputs: ['q', 'lo', 'hi'], outputs: ['c'] },
        { op: 'DequantizeLinear', inputs: ['c', 's', 'z'], outputs: ['y'] },
      ],
      inputs: { x: SHAPE },
      outputs: { y: SHAPE },
      initializers: {
        z: tensorOf(INT8, [], [zero]),
        s: floats([], [0.5]),
        lo: tensorOf(INT8, [], [lo]),
        hi: tensorOf(INT8, [], [hi]),
      },
      opset: 13,
    };
    await expectEqual(spec, feed('f32', XS, SHAPE));
    const dtypes = topological(importOnnx(encodeOnnx(spec))).map((value) => value.dtype);
    const small = dtypes.filter((one) => one !== 'f32' && one !== 'i8');
    expect(small).toEqual(dtype === undefined ? [] : [dtype]);
  },
);

describe('DynamicQuantizeLinear', () => {
  const spec = (output: 'q' | 's' | 'z'): ModelSpec => ({
    nodes: [
      {
        op: 'DynamicQuantizeLinear',
        inputs: ['x'],
        outputs: [
          output === 'q' ? 'y' : 'q',
          output === 's' ? 'y' : 's',
          output === 'z' ? 'y' : 'z',
        ],
      },
    ],
    inputs: { x: [24] },
    outputs: { y: output === 'q' ? [24] : [] },
    outputType: output === 's' ? 1 : UINT8,
    opset: 13,
  });
  const inputs: [string, (one: number, i: number) => number][] = [
    ['around 0', (one) => 3 * one],
    ['above 0', (one) => one + 5],
    ['below 0', (one) => one - 5],
    ['all 0', () => 0],
    ['one spike', (_, i) => (i === 3 ? 7 : 0)],
  ];
  test.each(inputs)('x %s: integers, scale and zero point are equal', async (_, formula) => {
    const x = feed('f32', noise(24, 9).map(formula), [24]);
    for (const output of ['q', 's', 'z'] as const) {
      const { wanted, received } = await results(spec(output), x);
      expect(received).toEqual(wanted);
    }
  });
});

test('the names of data types are those of ONNX', () => {
  expect([UINT4, INT4, UINT2, INT2, UINT16, INT32].map(dataTypeName)).toEqual([
    'UINT4',
    'INT4',
    'UINT2',
    'INT2',
    'UINT16',
    'INT32',
  ]);
});

describe('weights of a layer of floats rest in their bits', () => {
  const [k, n] = [256, 64];
  const x = feed('f32', noise(3 * k, 5), [3, k]);
  test.each<[string, number, number, number, boolean]>([
    ['blocks of rows', 0, 32, DataType.INT4, false],
    ['blocks of rows, with zero points', 0, 64, DataType.UINT4, true],
    ['blocks of columns', 1, 32, DataType.INT8, false],
    ['a zero point in UINT8', 1, 0, DataType.UINT8, true],
    ['a zero point in UINT4', 1, 0, DataType.UINT4, true],
  ])('%s', async (_, axis, block, type, hasZeros) => {
    // MatMul has its weights as [K, N], Gemm as [N, K] here.
    const shape = axis === 0 ? [k, n] : [n, k];
    const lanes = shape[axis] as number;
    const grain =
      block === 0 ? [] : shape.map((size, i) => (i === axis ? Math.ceil(lanes / block) : size));
    const count = grain.reduce((product, size) => product * size, 1);
    const isFour = type === DataType.INT4 || type === DataType.UINT4;
    const [lo, hi] = [
      type === DataType.INT4 ? -8 : type === DataType.INT8 ? -128 : 0,
      type === DataType.INT4 ? 7 : type === DataType.INT8 ? 127 : isFour ? 15 : 255,
    ];
    const spec: ModelSpec = {
      nodes: [
        {
          op: 'DequantizeLinear',
          inputs: ['w', 's', ...(hasZeros ? ['z'] : [])],
          outputs: ['f'],
          attributes: { axis, ...(block > 0 && { block_size: block }) },
        },
        axis === 0
          ? { op: 'MatMul', inputs: ['x', 'f'], outputs: ['y'] }
          : { op: 'Gemm', inputs: ['x', 'f'], outputs: ['y'], attributes: { transB: 1 } },
      ],
      inputs: { x: [3, k] },
      outputs: { y: [3, n] },
      initializers: {
        w: tensorOf(type, shape, integers(k * n, lo, hi, 7)),
        s: floats(
          grain,
          integers(count, 10, 100, 8).map((one) => one / 1000),
        ),
        ...(hasZeros && { z: tensorOf(type, grain, integers(count, lo + 1, hi - 1, 9)) }),
      },
      opset: 21,
    };
    const file = encodeOnnx(spec);
    const session = await Session.create(file, { threads: 1 });
    const { y } = await session.run(x as never);
    const wanted = interpret(importOnnx(file), x).y as Tensor;
    for (const [i, one] of (y as Tensor).data.entries())
      expect(Math.abs(one - (wanted.data[i] as number))).toBeLessThan(1e-3);
    const layers = await session.profile(1, x as never);
    expect(layers.map(({ kernel }) => kernel).join(' ')).toMatch(/wconv_f32/);
    const least = (k * n * (isFour ? 4 : 8)) / 8;
    expect(session.info.packedBytes).toBeGreaterThanOrEqual(least);
    expect(session.info.packedBytes).toBeLessThanOrEqual(least + 5 * Math.max(n, count) + 256);
    await session.release();
  });
});
