/**
 * Quantized ops of onnxruntime against onnxruntime. Sums and means of quantized maps may be one
 * step apart where a result is next to a tie: onnxruntime merges scales (a_scale / y_scale and so
 * on) and adds in another order than its documentation, which the importer follows.
 */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/formats/onnx/data-type.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Session } from '../../src/formats/session.js';
import { topological } from '../../src/graph/value.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import {
  type AttributeSpec,
  encodeOnnx,
  floats,
  type ModelSpec,
  type TensorSpec,
} from './onnx-encoder.js';
import {
  expectWithinOne,
  feed,
  int8s,
  integers,
  MICROSOFT,
  noise,
  results,
  uint8s,
} from './onnx-integers.js';

const { UINT8, INT8 } = DataType;
const MAP = [2, 3, 6, 8];
const COUNT = 288;
const X = feed('u8', Uint8Array.from(integers(COUNT, 0, 255)), MAP);
const SIGNED_X = feed('i8', Int8Array.from(integers(COUNT, -128, 127)), MAP);

function model(
  op: string,
  inputs: readonly string[],
  initializers: Record<string, TensorSpec>,
  attributes: Record<string, AttributeSpec> = {},
  type: number = UINT8,
): ModelSpec {
  return {
    nodes: [{ op, domain: 'com.microsoft', inputs, outputs: ['y'], attributes }],
    inputs: { x: MAP },
    outputs: { y: undefined },
    initializers,
    inputType: type,
    outputType: type,
    opset: MICROSOFT,
  };
}

const zero = (type: number, value: number) =>
  type === UINT8 ? uint8s([], [value + 128]) : int8s([], [value]);

describe.each([
  [UINT8, X],
  [INT8, SIGNED_X],
] as const)('of type %i', (type, x) => {
  const b = type === UINT8 ? uint8s([3, 1, 1], [200, 3, 128]) : int8s([3, 1, 1], [72, -125, 0]);
  const constants = {
    xs: floats([], [0.031]),
    xz: zero(type, 5),
    b,
    bs: floats([], [0.045]),
    bz: zero(type, -9),
    ys: floats([], [0.053]),
    yz: zero(type, 3),
  };
  const inputs = ['x', 'xs', 'xz', 'b', 'bs', 'bz', 'ys', 'yz'];

  test('QLinearAdd', async () => {
    await expectWithinOne(model('QLinearAdd', inputs, constants, {}, type), x, 0.02);
  });
  test('QLinearMul', async () => {
    await expectWithinOne(model('QLinearMul', inputs, constants, {}, type), x, 0.02);
  });
  const own = ['x', 'xs', 'xz', 'ys', 'yz'];
  const pair = { xs: constants.xs, xz: constants.xz, ys: floats([], [0.027]), yz: constants.yz };
  test('QLinearGlobalAveragePool', async () => {
    const spec = model('QLinearGlobalAveragePool', own, pair, { channels_last: 0 }, type);
    await expectWithinOne(spec, x, 0.2);
  });
  test.each<[string, Record<string, AttributeSpec>]>([
    ['a plain window', { kernel_shape: [2, 2], strides: [2, 2] }],
    ['a window over the border', { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
    ['counting the border', { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 }],
  ])('QLinearAveragePool, %s', async (_, attributes) => {
    await expectWithinOne(model('QLinearAveragePool', own, pair, attributes, type), x, 0.02);
  });
  test('QLinearLeakyRelu', async () => {
    const spec = model('QLinearLeakyRelu', own, pair, { alpha: { float: 0.1 } }, type);
    await expectWithinOne(spec, x, 0.02);
  });
  test('QLinearSigmoid', async () => {
    const result = { ...pair, ys: floats([], [1 / 256]), yz: zero(type, -128) };
    await expectWithinOne(model('QLinearSigmoid', own, result, {}, type), x, 0.02);
  });
  test.each([
    [-1, 13],
    [1, 13],
    [1, 11],
    [undefined, 11],
  ])('QLinearSoftmax along %s of operator set %i', async (axis, opset) => {
    const sums = { ...pair, ys: floats([], [1 / 256]), yz: zero(type, -128) };
    const attributes = { opset, ...(axis !== undefined && { axis }) };
    await expectWithinOne(model('QLinearSoftmax', own, sums, attributes, type), x, 0.02);
  });

  test.each([
    ['rows', [2, 3], 1],
    ['all', undefined, 0],
  ])('QLinearReduceMean of %s is the float mean between its scales', async (_, axes, keepdims) => {
    // onnxruntime has the op's schema and no kernel.
    const attributes = { keepdims, ...(axes && { axes }) };
    const spec = model('QLinearReduceMean', own, pair, attributes, type);
    const graph = importOnnx(encodeOnnx(spec));
    const shape = axes === undefined ? [] : [2, 3, 1, 1];
    expect(graph.outputs['y']!.shape).toEqual(shape);
    const session = Session.fromGraph(graph);
    const { y } = await session.run(x);
    const [from, to] = type === UINT8 ? [133, 131] : [5, 3];
    const each = 288 / y!.size;
    for (let i = 0; i < y!.size; i++) {
      const part = [...(x.x as Tensor).data].slice(i * each, (i + 1) * each);
      const mean = part.reduce((sum, q) => sum + (q - from) * 0.031, 0) / each;
      expect(Math.abs(Number(y!.data[i]) - (mean / 0.027 + to))).toBeLessThanOrEqual(0.51);
    }
    await session.release();
  });

  test('QLinearWhere', async () => {
    const condition = { dims: [3, 1, 1], dataType: DataType.BOOL, int32s: [1, 0, 1] };
    const chosen = ['c', 'x', 'xs', 'xz', 'b', 'bs', 'bz', 'ys', 'yz'];
    const spec = model('QLinearWhere', chosen, { ...constants, c: condition }, {}, type);
    await expectWithinOne(spec, x, 0.02);
  });

  test('QLinearConcat', async () => {
    const wide =
      type === UINT8
        ? uint8s([2, 1, 6, 8], integers(96, 0, 255))
        : int8s([2, 1, 6, 8], integers(96, -128, 127));
    const parts = ['ys', 'yz', 'x', 'xs', 'xz', 'w', 'bs', 'bz'];
    const { b: _, ...scales } = constants;
    const spec = model('QLinearConcat', parts, { ...scales, w: wide }, { axis: 1 }, type);
    await expectWithinOne(spec, x, 0.02);
  });
});

test('absent zero points are 0', () => {
  const constants = {
    xs: floats([], [0.031]),
    b: uint8s([1], [9]),
    bs: floats([], [0.5]),
    ys: floats([], [0.05]),
    z: uint8s([], [0]),
  };
  const [absent, present] = [
    ['x', 'xs', '', 'b', 'bs', '', 'ys', ''],
    ['x', 'xs', 'z', 'b', 'bs', 'z', 'ys', 'z'],
  ].map((inputs) => {
    const graph = importOnnx(encodeOnnx(model('QLinearAdd', inputs, constants)));
    return (interpret(graph, X).y as Tensor).data;
  });
  expect(absent).toEqual(present);
});

/** Integers of a bit width, packed into bytes from the lowest bits on. */
function packed(values: readonly number[], bits: number): number[] {
  const per = 8 / bits;
  return Array.from({ length: Math.ceil(values.length / per) }, (_, i) =>
    values
      .slice(i * per, (i + 1) * per)
      .reduce((byte, value, k) => byte | (value << (k * bits)), 0),
  );
}

test.each([
  ['ReduceMax', UINT8, X],
  ['ReduceMin', UINT8, X],
  ['ReduceMax', INT8, SIGNED_X],
  ['ReduceMin', INT8, SIGNED_X],
] as const)('%s of integers of type %i is one of them', async (op, type, x) => {
  const spec = model(op, ['x'], {}, { axes: [2, 3], keepdims: 0 }, type);
  const own = { ...spec, nodes: spec.nodes.map((node) => ({ ...node, domain: '' })) };
  const { wanted, received } = await results({ ...own, outputs: { y: [2, 3] } }, x);
  expect([...received]).toEqual([...wanted]);
  const session = await Session.create(encodeOnnx(own));
  const kernels = await session.profile(1, x as never);
  expect(kernels.map(({ kernel }) => kernel).join(' ')).toMatch(/reduce_[iu]8/);
  await session.release();
});

test('a quantized average reads integers', async () => {
  const constants = {
    xs: floats([], [0.031]),
    xz: uint8s([], [5]),
    ys: floats([], [0.02]),
    yz: uint8s([], [3]),
  };
  const inputs = ['x', 'xs', 'xz', 'ys', 'yz'];
  const spec = model('QLinearGlobalAveragePool', inputs, constants);
  const session = await Session.create(encodeOnnx(spec));
  const kernels = await session.profile(1, X as never);
  expect(kernels.map(({ kernel }) => kernel).join(' ')).toMatch(/reduce_u8/);
  await session.release();
});

describe('MatMulNBits', () => {
  const [depth, outputs] = [64, 5];
  function nbits(
    bits: number,
    block: number,
    zeros: 'packed' | 'float' | 'none',
    k = depth,
    rows: number = outputs,
  ): ModelSpec {
    const blocks = Math.ceil(k / block);
    const most = 2 ** bits - 1;
    const bytes = packed(integers(rows * blocks * block, 0, most, 3), bits);
    const zeroBytes = Array.from({ length: rows }, (_, row) =>
      packed(integers(blocks, 0, most, 20 + row), bits),
    ).flat();
    const zero =
      zeros === 'packed'
        ? { z: uint8s([zeroBytes.length], zeroBytes) }
        : {
            z: floats(
              [rows * blocks],
              [...noise(rows * blocks, 8)].map((one) => 7 + one),
            ),
          };
    return {
      ...model(
        'MatMulNBits',
        zeros === 'none' ? ['x', 'b', 's'] : ['x', 'b', 's', 'z'],
        {
          b: uint8s([rows, blocks, (block * bits) / 8], bytes),
          s: floats(
            [rows * blocks],
            [...noise(rows * blocks, 4)].map((one) => 0.1 + one / 20),
          ),
          ...(zeros !== 'none' && zero),
        },
        { K: k, N: rows, bits, block_size: block },
        1,
      ),
      inputs: { x: [2, 3, k] },
      outputs: { y: [2, 3, rows] },
    };
  }

  // Sums of floats: the order differs.
  async function expectClose(spec: ModelSpec, k = depth): Promise<void> {
    const { wanted, received } = await results(spec, feed('f32', noise(6 * k, 11), [2, 3, k]));
    received.forEach((value, i) => {
      const target = wanted[i] as number;
      expect(Math.abs(value - target)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(target)));
    });
  }

  test.each([
    [4, 16, 'none'],
    [4, 16, 'packed'],
    [4, 32, 'packed'],
    [4, 16, 'float'],
    [8, 16, 'none'],
    [8, 32, 'packed'],
    [2, 16, 'none'],
    [2, 16, 'packed'],
  ] as const)('%i bits in blocks of %i, zero points: %s', async (bits, block, zeros) => {
    await expectClose(nbits(bits, block, zeros));
  });

  test('a last block that is cut short', async () => {
    await expectClose(nbits(4, 32, 'packed', 40), 40);
  });

  test.each([
    [4, 16, 'none'],
    [4, 32, 'packed'],
    [8, 16, 'none'],
    [2, 16, 'packed'],
  ] as const)(
    '%i bits in blocks of %i, zero points %s, rest in them',
    async (bits, block, zeros) => {
      const [k, n] = [512, 64];
      const weights = nbits(bits, block, zeros, k, n);
      const session = await Session.create(encodeOnnx(weights), { threads: 1 });
      const feeds = feed('f32', noise(6 * k, 11), [2, 3, k]);
      await session.run(feeds as never);
      const layers = await session.profile(1, feeds as never);
      expect(layers.map(({ kernel }) => kernel).join(' ')).toMatch(/wconv_f32/);
      const least = (k * n * bits) / 8;
      // A float scale a block, and a byte for its zero point.
      const perBlock = (k / block) * n * (zeros === 'packed' ? 5 : 4);
      expect(session.info.packedBytes).toBeGreaterThanOrEqual(least);
      expect(session.info.packedBytes).toBeLessThanOrEqual(least + perBlock + 256);
      await session.release();
    },
  );

  test('a bias', async () => {
    const spec = nbits(4, 16, 'none');
    const [node] = spec.nodes;
    await expectClose({
      ...spec,
      nodes: [{ ...(node as NonNullable<typeof node>), inputs: ['x', 'b', 's', '', '', 'bias'] }],
      initializers: { ...spec.initializers, bias: floats([outputs], [1, -2, 3, 0, 0.5]) },
    });
  });

  test('the weights stay integers of their width, with a scale and a zero point a block', () => {
    const graph = importOnnx(encodeOnnx(nbits(4, 16, 'packed')));
    const weights = topological(graph).find(({ dtype }) => dtype === 'u4');
    expect(weights?.shape).toEqual([outputs, 4, 16]);
    expect(
      topological(graph)
        .filter(({ inputs }) => inputs.length > 0)
        .map(({ op }) => op),
    ).toEqual(['cast', 'sub', 'mul', 'reshape', 'dense']);
  });
});
