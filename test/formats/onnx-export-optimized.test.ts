/**
 * Files of quantized graphs under onnxruntime's default optimizations, which fuse quantized nodes
 * and quantize what reads like quantization: integers to the integer, floats within the rounding of
 * a sum. Scales are no multiples of each other, so that no sum is a tie. Not here: what the nodes
 * are (./onnx-export-quantized.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { type ByteInteger, integerBounds } from '../../src/core/dtype.js';
import { DataType } from '../../src/formats/onnx/data-type.js';
import { encodeOnnx as encodeGraph } from '../../src/formats/onnx/export.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { Numbers } from '../passes/fixtures.js';
import { encodeOnnx, floats, type ModelSpec } from './onnx-encoder.js';
import {
  tensorOf as fileTensor,
  int8s,
  int32s,
  integers,
  MICROSOFT,
  uint8s,
} from './onnx-integers.js';
import { expectOnnxruntime, expectSameBits, fileOf, opsOf } from './onnx-round-trip.js';

type Float = Value<'f32'>;
type Feeds = Readonly<Record<string, Tensor>>;

/** Float results may differ by the order of a sum, integers and their floats not at all. */
async function expectTheSame(graph: Graph, feeds: Feeds, isFloat = (_: string) => false) {
  const file = expectSameBits(graph, feeds, 'onnx');
  const limit = (name: string, wanted: number) =>
    isFloat(name) ? 1e-5 * Math.max(1, Math.abs(wanted)) : 0;
  for (const level of ['all', 'disabled'] as const)
    await expectOnnxruntime(file, graph, feeds, limit, level);
}

const real = (n: Numbers, shape: readonly number[], by = 1) =>
  n.fill(shape, () => (by * n.int(-1000, 1000)) / 317);

function quantized(g: GraphBuilder, x: Float, to: ByteInteger, scale: number, zero: number): Float {
  const { lo, hi } = integerBounds(to);
  const rounded = g.round(g.div(x, scale));
  const q = g.cast(g.clip(zero === 0 ? rounded : g.add(rounded, zero), lo, hi), to);
  const held = g.cast(q, 'f32');
  return g.mul(zero === 0 ? held : g.sub(held, zero), scale);
}

test.each(['u8', 'i8', 'u4'] as const)('weights of %s less zero points', async (dtype) => {
  const n = new Numbers(15);
  const g = new GraphBuilder();
  const { lo, hi } = integerBounds(dtype);
  const map = g.input('map', 'u8', ['N', 5, 4, 6]);
  const rows = g.input('rows', 'i8', ['N', 3, 6]);
  const weights = (shape: readonly number[]) =>
    g.constant(tensorOf(dtype, n.integers(shape, lo, hi).data, shape)) as Value<ByteInteger>;
  const each = Array.from({ length: 6 }, (_, o) => [lo, hi, 3, lo + 1, hi - 1, 0][o]!);
  const [one, deep, flat] = [weights([6, 3, 3, 6]), weights([6, 2, 3, 1]), weights([6, 6])];
  const graph = g.graph([map, rows], {
    all: g.conv2d(map, one, { zeroPoint: 9, weightZeros: [hi], pads: [1, 0, 1, 2] }),
    each: g.conv2d(map, one, { weightZeros: each, strides: [2, 1] }),
    deep: g.conv2d(map, deep, { zeroPoint: 255, weightZeros: each, groups: 6 }),
    dense: g.dense(rows, flat, { zeroPoint: -5, weightZeros: each }),
  });
  await expectTheSame(graph, {
    map: tensorOf('u8', n.integers([2, 5, 4, 6], 0, 255).data, [2, 5, 4, 6]),
    rows: tensorOf('i8', n.integers([2, 3, 6], -128, 127).data, [2, 3, 6]),
  });
});

describe('residual blocks between quantized activations', () => {
  test.each<[ByteInteger, number, ByteInteger | 'b1']>([
    ['u8', 0, 'i8'],
    ['u8', 128, 'i8'],
    ['i8', 0, 'i8'],
    ['u8', 0, 'u8'],
    ['u8', 3, 'i7'],
    ['u8', 7, 'i4'],
    ['u4', 3, 'i4'],
    ['i4', 0, 'i4'],
    // Operator set 13: of 21, onnxruntime refuses the zero point of INT8.
    ['i4', -3, 'i4'],
    ['i8', 5, 'i3'],
    ['u2', 0, 'i2'],
    ['u8', 0, 'b1'],
    ['u2', 0, 'b1'],
  ])('%s less %i times %s', async (a, zero, w) => {
    const n = new Numbers(5);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [4, 6, 6, 16]);
    const weights = (shape: number[]) => {
      const { lo, hi } = w === 'b1' ? { lo: -1, hi: 1 } : integerBounds(w);
      const q = g.constant(tensorOf(w, n.integers(shape, lo, hi).data, shape));
      const by = n.fill([shape[0]!, ...shape.slice(1).map(() => 1)], () => n.int(50, 150) / 1000);
      return g.mul(
        g.cast(q, 'f32'),
        g.constant(
          new Tensor(
            'f32',
            by.data.map((one) => one / (hi + 1)),
            by.shape,
          ),
        ),
      );
    };
    const step = 16.37 / integerBounds(a).hi;
    const padded = { pads: [1, 1, 1, 1] as const };
    const bias = () => g.constant(real(n, [8], 0.1));
    const stem = g.conv2d(quantized(g, x, a, step / 3.713, zero), weights([8, 3, 3, 16]), padded);
    const block = quantized(g, g.relu(g.add(stem, bias())), a, step / 2.131, zero);
    const deep = quantized(g, g.conv2d(block, weights([8, 3, 3, 8]), padded), a, step, zero);
    const depthwise = g.conv2d(deep, weights([8, 3, 3, 1]), { ...padded, groups: 8 });
    const moved = quantized(g, g.add(depthwise, bias()), a, step / 1.7, zero);
    const joined = quantized(g, g.add(block, moved), a, step * 1.3, zero);
    const flat = g.dense(g.reshape(joined, [4, 288]), weights([5, 288]));
    const graph = g.graph([x], { block, deep, moved, joined, flat });
    await expectTheSame(graph, { x: real(n, [4, 6, 6, 16]) }, (name) => name === 'flat');
  });
});

test('weights whose products with UINT8 may leave 16 bits are raised to UINT8', () => {
  const n = new Numbers(6);
  const written = (to: ByteInteger, most: number) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 9]);
    const q = g.constant(tensorOf('i8', [most, ...n.integers([44], -64, 64).data], [5, 9]));
    const y = g.dense(quantized(g, x, to, 0.1, 0), g.mul(g.cast(q, 'f32'), 0.01));
    const { initializers } = fileOf(g.graph([x], { y })).graph!;
    return initializers.find(({ dims }) => dims.join() === '5,9')?.dataType;
  };
  expect(written('u8', -65)).toBe(DataType.UINT8);
  expect(written('u8', 64)).toBe(DataType.INT8);
  expect(written('u7', 127)).toBe(DataType.INT8);
  // Signed activations are raised themselves.
  expect(written('i8', 127)).toBe(DataType.UINT8);
  expect(written('i8', 64)).toBe(DataType.INT8);
});

describe('weights of one bit', () => {
  test('are INT8 in the file, and bits again when it is read', async () => {
    const n = new Numbers(7);
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 6, 6, 16]);
    const bits = (shape: number[]) =>
      g.constant(tensorOf('b1', n.floats(shape).data, shape)) as Value<'b1'>;
    const scales = g.constant(n.fill([8, 1, 1, 1], () => n.int(50, 150) / 1000));
    const real = g.conv2d(x, g.mul(g.cast(bits([8, 3, 3, 16]), 'f32'), scales));
    const sums = g.conv2d(g.sign(x), bits([4, 3, 3, 16]), { pads: [1, 1, 1, 1], padValue: 1 });
    const dense = g.dense(g.reshape(x, [2, 576]), bits([3, 576]));
    const graph = g.graph([x], { real, sums: g.cast(sums, 'f32'), dense });
    const feeds = { x: n.floats([2, 6, 6, 16]) };
    await expectTheSame(graph, feeds, (name) => name !== 'sums');
    const { initializers } = fileOf(graph).graph!;
    const weights = initializers.filter(({ raw }) => (raw?.length ?? 0) > 500);
    expect(weights.map(({ dataType }) => dataType)).toEqual(weights.map(() => DataType.INT8));
    expect(weights).toHaveLength(3);
    const back = topological(importOnnx(expectSameBits(graph, feeds, 'onnx')));
    expect(back.filter(({ op, dtype }) => op === 'constant' && dtype === 'b1')).toHaveLength(3);
    expectSameBits(graph, feeds, 'qonnx');
  });

  test('keep their bias in an Add, which the optimizer would round', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 9]);
    const bits = g.constant(tensorOf('b1', new Float32Array(27).fill(-1), [3, 9])) as Value<'b1'>;
    const y = g.add(g.dense(x, bits), g.constant(new Tensor('f32', new Float32Array(3), [3])));
    expect(opsOf(g.graph([x], { y }))).toEqual(['DequantizeLinear', 'Gemm', 'Add']);
  });
});

test('a MatMul of floats by weights of few bits does not round the floats', async () => {
  const n = new Numbers(11);
  for (const dtype of ['b1', 'i2', 'i4', 'u4', 'i8', 'u8'] as const) {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [2, 3, 64]);
    const bounds = dtype === 'b1' ? { lo: -1, hi: 1 } : integerBounds(dtype);
    const q = g.constant(tensorOf(dtype, n.integers([5, 64], bounds.lo, bounds.hi).data, [5, 64]));
    const held = g.cast(q, 'f32');
    const scales = g.constant(n.fill([5, 1], () => n.int(50, 150) / 1000));
    const centered = dtype.startsWith('u') ? g.sub(held, bounds.hi >> 1) : held;
    const y = g.dense(x, g.mul(centered, scales));
    const graph = g.graph([x], { y, plain: g.dense(x, held) });
    const feeds = { x: real(n, [2, 3, 64]) };
    await expectTheSame(graph, feeds, () => true);
    const small = dtype === 'b1' ? 'b1' : dtype.replace('2', '4');
    // Read back, the weights are as small as they were.
    const back = topological(importOnnx(encodeGraph(graph)));
    expect(back.filter((value) => value.op === 'constant' && value.dtype === small)).not.toEqual(
      [],
    );
  }
});

describe('products of integers are integers in the file', () => {
  test('of the builder: every sign, zero points, groups, borders, depthwise', async () => {
    const n = new Numbers(8);
    const g = new GraphBuilder();
    const [x, s] = [g.input('x', 'u8', [2, 6, 5, 6]), g.input('s', 'i8', [2, 6, 5, 6])];
    const of = (dtype: ByteInteger, shape: number[]) => {
      const { lo, hi } = integerBounds(dtype);
      return g.constant(tensorOf(dtype, n.integers(shape, lo, hi).data, shape));
    };
    const signs = g.constant(tensorOf('b1', n.floats([3, 2, 2, 6]).data, [3, 2, 2, 6]));
    const rows = g.reshape(x, [2, 5, 36]);
    const graph = g.graph([x, s], {
      conv: g.conv2d(x, of('i8', [4, 3, 3, 6]), { zeroPoint: 100, pads: [1, 0, 2, 1] }),
      unsigned: g.conv2d(x, of('u8', [4, 3, 3, 6]), { strides: [2, 1] }),
      signed: g.conv2d(s, of('i7', [4, 3, 3, 3]), { groups: 2, zeroPoint: -128 }),
      wide: g.conv2d(s, of('i8', [4, 3, 3, 3]), { groups: 2, zeroPoint: 3 }),
      depthwise: g.conv2d(s, of('i4', [6, 3, 3, 1]), { groups: 6, dilations: [1, 2] }),
      bits: g.conv2d(x, signs as Value<'b1'>, { zeroPoint: 3 }),
      dense: g.dense(rows, of('i8', [7, 36]), { zeroPoint: 7 }),
      turned: g.dense(g.reshape(s, [2, 180]), of('i8', [7, 180])),
      floats: g.mul(g.cast(g.dense(rows, of('i3', [7, 36])), 'f32'), 0.3),
    });
    const feeds = {
      x: tensorOf('u8', n.integers([2, 6, 5, 6], 0, 255).data, [2, 6, 5, 6]),
      s: tensorOf('i8', n.integers([2, 6, 5, 6], -128, 127).data, [2, 6, 5, 6]),
    };
    await expectTheSame(graph, feeds);
    const ops = opsOf(graph);
    expect(ops.filter((op) => op === 'ConvInteger')).toHaveLength(5);
    expect(ops.filter((op) => op === 'MatMulInteger')).toHaveLength(3);
    // INT8 by INT8 saturates in onnxruntime's ConvInteger.
    expect(ops.filter((op) => op === 'Conv')).toHaveLength(1);
    expectSameBits(graph, feeds, 'qonnx');
  });

  const B = int8s([16, 5], integers(80, -128, 127, 2));
  const rows = { x: new Tensor('u8', Uint8Array.from(integers(48, 0, 255)), [3, 16]) };
  const integer = (constants: ModelSpec['initializers'], op: string, outputType: number) => ({
    nodes: [
      {
        op,
        inputs: ['x', ...Object.keys(constants ?? {})],
        outputs: ['y'],
        ...(op === 'QGemm' && { domain: 'com.microsoft' }),
      },
    ],
    inputs: { x: [3, 16] },
    outputs: { y: undefined },
    initializers: constants,
    inputType: DataType.UINT8,
    outputType,
    opset: MICROSOFT,
  });

  test.each<[string, Required<ModelSpec>['initializers']]>([
    ['no zero points', { b: B }],
    ['a zero point each', { b: B, az: uint8s([], [128]), bz: int8s([], [3]) }],
    ['one a column', { b: B, az: uint8s([], [7]), bz: int8s([5], [3, -4, 0, 1, 60]) }],
    ['UINT8 weights', { b: uint8s([16, 5], integers(80, 0, 255, 3)), az: uint8s([], [7]) }],
  ])('MatMulInteger: %s', async (_, constants) => {
    const spec = integer(constants, 'MatMulInteger', DataType.INT32);
    const graph = importOnnx(encodeOnnx(spec as ModelSpec), { rebatch: false });
    await expectTheSame(graph, rows);
    expect(opsOf(graph)).toContain('MatMulInteger');
  });

  test.each([true, false])('QGemm, quantized again: %s', async (isQuantized) => {
    const constants = {
      ...{ xs: floats([], [0.021]), xz: uint8s([], [117]) },
      ...{ b: B, bs: floats([], [0.013]), bz: int8s([], [0]) },
      c: int32s([5], [100, -2000, 0, 5, 77]),
      ...(isQuantized && { ys: floats([], [0.41]), yz: uint8s([], [121]) }),
    };
    const spec = integer(constants, 'QGemm', isQuantized ? DataType.UINT8 : DataType.FLOAT);
    const graph = importOnnx(encodeOnnx(spec as ModelSpec), { rebatch: false });
    await expectTheSame(graph, rows);
    expect(opsOf(graph)).toContain('MatMulInteger');
  });

  test('dynamic quantization', async () => {
    const spec: ModelSpec = {
      nodes: [
        { op: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['q', 's', 'z'] },
        { op: 'MatMulInteger', inputs: ['q', 'b', 'z', 'bz'], outputs: ['i'] },
        { op: 'Cast', inputs: ['i'], outputs: ['f'], attributes: { to: 1 } },
        { op: 'Mul', inputs: ['f', 's'], outputs: ['y'] },
      ],
      inputs: { x: [3, 16] },
      outputs: { y: [3, 5] },
      initializers: { b: B, bz: int8s([], [0]) },
      opset: 13,
    };
    const graph = importOnnx(encodeOnnx(spec), { rebatch: false });
    await expectTheSame(graph, { x: real(new Numbers(9), [3, 16]) });
  });
});

describe('weights of 4 bits in blocks', () => {
  test.each([0, 1])('along axis %i', async (axis) => {
    const shape = axis === 1 ? [5, 128] : [128, 5];
    const scales = floats(
      axis === 1 ? [5, 4] : [4, 5],
      integers(20, 10, 100, 3).map((one) => one / 100),
    );
    const attributes = { axis, block_size: 32 };
    const spec: ModelSpec = {
      nodes: [
        { op: 'DequantizeLinear', inputs: ['w', 's'], outputs: ['f'], attributes },
        axis === 1
          ? { op: 'Gemm', inputs: ['x', 'f'], outputs: ['y'], attributes: { transB: 1 } }
          : { op: 'MatMul', inputs: ['x', 'f'], outputs: ['y'] },
      ],
      inputs: { x: [3, 128] },
      outputs: { y: [3, 5] },
      initializers: { w: fileTensor(DataType.INT4, shape, integers(640, -8, 7)), s: scales },
      opset: 21,
    };
    const graph = importOnnx(encodeOnnx(spec), { rebatch: false });
    await expectTheSame(graph, { x: real(new Numbers(10), [3, 128]) }, () => true);
    const { initializers } = fileOf(graph).graph!;
    expect(initializers.some(({ dataType }) => dataType === DataType.INT4)).toBe(true);
  });
});
