/**
 * Quantization in ONNX files that are written: as QuantizeLinear and DequantizeLinear, which
 * onnxruntime runs to the same numbers, and as Quant and BipolarQuant; read back, the same bits.
 * Not here: all other ops (./onnx-export.test.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ByteInteger, DTYPES, integerBounds } from '../../src/core/dtype.js';
import { inMemory } from '../../src/formats/file-part.js';
import { readNpy } from '../../src/formats/npy.js';
import { encodeOnnx } from '../../src/formats/onnx/export.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { type Graph, topological, type Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { encodeOnnx as encodeSpec, floats } from './onnx-encoder.js';
import { integers, noise } from './onnx-integers.js';
import { expectOnnxruntime, expectSameBits, fileOf, opsOf } from './onnx-round-trip.js';

type Float = Value<'f32'>;
const f32 = (values: readonly number[], shape: readonly number[]) =>
  new Tensor('f32', Float32Array.from(values), shape);

/** Exact: what follows the last rounding is a product of a float and an integer. */
const EXACT = () => 0;

const SHAPE = [2, 3, 4];
const X = {
  x: f32(
    [...noise(24, 3)].map((one, i) => (i === 5 ? 1e6 : 12 * one)),
    SHAPE,
  ),
};

interface Steps {
  readonly dtype: ByteInteger;
  readonly scale?: number | Tensor<'f32'>;
  readonly zero?: number | Tensor<'f32'>;
  readonly lo?: number;
  readonly hi?: number;
}

/** cast(clip(round(x / scale) + zero)), and (cast(q) - zero) * scale. */
function quantizer(g: GraphBuilder, { dtype, scale = 0.5, zero = 0, ...range }: Steps) {
  const { lo, hi } = { ...integerBounds(dtype), ...range };
  const operand = (one: number | Tensor<'f32'>) =>
    typeof one === 'number' ? one : g.constant(one);
  return {
    quantize: (x: Float) => {
      const rounded = g.round(scale === 1 ? x : g.div(x, operand(scale)));
      return g.cast(g.clip(zero === 0 ? rounded : g.add(rounded, operand(zero)), lo, hi), dtype);
    },
    dequantize: (q: Value<ByteInteger>) => {
      const values = g.cast(q, 'f32');
      const centered = zero === 0 ? values : g.sub(values, operand(zero));
      return scale === 1 ? centered : g.mul(centered, operand(scale));
    },
  };
}

function fake(steps: Steps): Graph {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', SHAPE);
  const { quantize, dequantize } = quantizer(g, steps);
  return g.graph([x], { y: dequantize(quantize(x)) });
}

const ALL: readonly ByteInteger[] = [
  ...(['i2', 'i3', 'i4', 'i5', 'i6', 'i7', 'i8'] as const),
  ...(['u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8'] as const),
];

describe('a quantizer of every width', () => {
  test.each(ALL)('%s, as ONNX: the same numbers in onnxruntime, zero points too', async (dtype) => {
    const { lo, hi } = integerBounds(dtype);
    for (const zero of [0, lo, hi, Math.floor((lo + hi) / 2)]) {
      const graph = fake({ dtype, zero });
      await expectOnnxruntime(expectSameBits(graph, X, 'onnx'), graph, X, EXACT);
      const inner = DTYPES[dtype].bits === 8 ? [] : ['Clip'];
      expect(opsOf(graph)).toEqual(['QuantizeLinear', ...inner, 'DequantizeLinear']);
      // Read back, the integers have their width again.
      const back = importOnnx(encodeOnnx(graph));
      expect(topological(back).some((value) => value.dtype === dtype)).toBe(true);
    }
  });

  test.each(ALL)('%s, as QONNX: one Quant of its width', (dtype) => {
    const graph = fake({ dtype });
    expectSameBits(graph, X, 'qonnx');
    const [node, ...rest] = fileOf(graph, 'qonnx').graph!.nodes;
    expect([node?.opType, node?.domain, rest]).toEqual(['Quant', 'qonnx.custom_op.general', []]);
    expect(node?.attributes.get('signed')?.int).toBe(dtype.startsWith('i') ? 1 : 0);
    const { initializers } = fileOf(graph, 'qonnx').graph!;
    const bits = initializers.find(({ name }) => name === node?.inputs[3]);
    const raw = Uint8Array.from(inMemory(bits!.raw!));
    expect(new Float32Array(raw.buffer)[0]).toBe(DTYPES[dtype].bits);
  });

  test('a narrow range is a Clip in ONNX, and narrow in QONNX', async () => {
    const graph = fake({ dtype: 'i8', lo: -127 });
    expect(opsOf(graph)).toEqual(['QuantizeLinear', 'Clip', 'DequantizeLinear']);
    await expectOnnxruntime(expectSameBits(graph, X, 'onnx'), graph, X, EXACT);
    expectSameBits(graph, X, 'qonnx');
    const [node] = fileOf(graph, 'qonnx').graph!.nodes;
    expect(node?.attributes.get('narrow')?.int).toBe(1);
  });

  test('one scale and zero point a channel, on whichever axis', async () => {
    for (const [axis, count] of SHAPE.entries()) {
      const shape = SHAPE.map((_, i) => (i === axis ? count : 1));
      const scale = f32([0.5, 0.3, 2, 0.1].slice(0, count), shape);
      const zero = f32([3, -7, 0, 100].slice(0, count), shape);
      for (const steps of [{ scale }, { scale, zero }]) {
        const graph = fake({ dtype: 'i8', ...steps });
        await expectOnnxruntime(expectSameBits(graph, X, 'onnx'), graph, X, EXACT);
        expect(opsOf(graph)).toEqual(['QuantizeLinear', 'DequantizeLinear']);
        const [node] = fileOf(graph).graph!.nodes;
        expect(node?.attributes.get('axis')?.int).toBe(axis);
        expectSameBits(graph, X, 'qonnx');
      }
    }
  });

  test('a zero point that QONNX adds before it rounds stays as it is', () => {
    // Halves are ties: rounding before or after an odd zero point differs.
    const ties = {
      x: f32(
        Array.from({ length: 24 }, (_, i) => (i - 12) / 4),
        SHAPE,
      ),
    };
    const graph = fake({ dtype: 'u8', zero: 3 });
    expectSameBits(graph, ties, 'qonnx');
    expect(opsOf(graph, 'qonnx')).toEqual(['QuantizeLinear', 'DequantizeLinear']);

    const quant = importOnnx(
      encodeSpec({
        nodes: [
          {
            op: 'Quant',
            domain: 'qonnx.custom_op.general',
            inputs: ['x', 's', 'z', 'b'],
            outputs: ['y'],
            attributes: { signed: 0 },
          },
        ],
        inputs: { x: SHAPE },
        outputs: { y: SHAPE },
        initializers: { s: floats([], [0.5]), z: floats([], [3]), b: floats([], [8]) },
        opset: null,
      }),
      { rebatch: false },
    );
    expectSameBits(quant, ties, 'onnx');
    expect(opsOf(quant)).not.toContain('QuantizeLinear');
    expectSameBits(quant, ties, 'qonnx');
    expect(opsOf(quant, 'qonnx')).toEqual(['Quant']);
  });

  test.each(['FLOOR', 'CEIL', 'ROUND', 'HALF_UP'])('QONNX that rounds by %s', (mode) => {
    const graph = importOnnx(
      encodeSpec({
        nodes: [
          {
            op: 'Quant',
            domain: 'qonnx.custom_op.general',
            inputs: ['x', 's', 'z', 'b'],
            outputs: ['y'],
            attributes: { rounding_mode: mode },
          },
        ],
        inputs: { x: SHAPE },
        outputs: { y: SHAPE },
        initializers: { s: floats([], [0.5]), z: floats([], [0]), b: floats([], [4]) },
        opset: null,
      }),
      { rebatch: false },
    );
    expectSameBits(graph, X, 'onnx');
    expectSameBits(graph, X, 'qonnx');
    expect(opsOf(graph).includes('QuantizeLinear')).toBe(mode === 'ROUND');
    expect(opsOf(graph, 'qonnx').includes('Quant')).toBe(mode !== 'HALF_UP');
  });

  test('integers that other ops read are one tensor, of 8 bits', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', SHAPE);
    const { quantize, dequantize } = quantizer(g, { dtype: 'u4', zero: 2 });
    const q = quantize(x);
    const graph = g.graph([x], {
      y: dequantize(q),
      turned: dequantize(g.transpose(g.reshape(q, [2, 3, 2, 2]), [0, 2, 1, 3])),
    });
    await expectOnnxruntime(expectSameBits(graph, X, 'onnx'), graph, X, EXACT);
    expect(opsOf(graph).filter((op) => op === 'QuantizeLinear')).toHaveLength(1);
    expectSameBits(graph, X, 'qonnx');
  });
});

/** A convolution and a dense layer of quantized activations and weights. */
function layers(activations: Steps, weights: ByteInteger): { graph: Graph; feeds: { x: Tensor } } {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 5, 5, 3]);
  const { lo, hi } = integerBounds(weights);
  const of = (shape: readonly number[], seed: number) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const q = g.constant(tensorOf(weights, integers(count, lo, hi, seed), shape));
    const scale = f32(
      [...noise(shape[0] as number, seed)].map((one) => 1.5 + one),
      [shape[0] as number, ...shape.slice(1).map(() => 1)],
    );
    return g.mul(g.cast(q, 'f32'), g.constant(scale));
  };
  const through = (y: Float) => {
    const { quantize, dequantize } = quantizer(g, activations);
    return dequantize(quantize(y));
  };
  const bias = g.constant(f32([1, -2, 3, 0.5], [4]));
  const map = g.conv2d(through(x), of([4, 3, 3, 3], 5), { pads: [1, 1, 1, 1] });
  const y = g.maxPool2d(through(g.relu(g.add(map, bias))), [2, 2]);
  const scores = g.dense(g.reshape(through(y), ['N', 16]), of([6, 16], 8));
  return {
    graph: g.graph([x], { scores }),
    feeds: {
      x: f32(
        [...noise(150, 9)].map((one) => 4 * one),
        [2, 5, 5, 3],
      ),
    },
  };
}

/**
 * onnxruntime's optimizer is left out where it would change numbers: it rounds biases to multiples
 * of the product of both scales, which are coarse here, and on CPUs without VNNI it saturates sums
 * of UINT8 by INT8.
 */
test.each<[Steps, ByteInteger]>([
  [{ dtype: 'u8', zero: 128, scale: 0.03 }, 'i8'],
  [{ dtype: 'i8', scale: 0.05 }, 'i4'],
  [{ dtype: 'u4', scale: 0.25 }, 'i2'],
  [{ dtype: 'u2', scale: 1 }, 'i3'],
  [{ dtype: 'u8', scale: 0.03 }, 'u4'],
])('layers of activations %j and weights %s', async (activations, weights) => {
  const { graph, feeds } = layers(activations, weights);
  const file = expectSameBits(graph, feeds, 'onnx');
  await expectOnnxruntime(file, graph, feeds, undefined, 'disabled');
  if (weights !== 'i8' && activations.dtype !== 'u4')
    await expectOnnxruntime(file, graph, feeds, undefined, 'all');
  expectSameBits(graph, feeds, 'qonnx');
  const stored = fileOf(graph).graph!.initializers.filter(
    ({ dims, dataType }) => dims.length === 4 && dataType !== 1,
  );
  const bits = DTYPES[weights].bits <= 4 ? 4 : 8;
  expect(stored.map(({ raw }) => raw?.length)).toEqual([Math.ceil((108 * bits) / 8)]);
  // Read back, the layers are products of integers again.
  for (const dialect of ['onnx', 'qonnx'] as const) {
    const back = optimize(importOnnx(encodeOnnx(graph, { dialect })));
    const products = topological(back).filter(({ op }) => op === 'conv2d' || op === 'dense');
    expect(products.map(({ dtype }) => dtype)).toEqual(['i32', 'i32']);
  }
});

test('products of integers, as optimizing leaves them, are exact in onnxruntime', async () => {
  const { graph, feeds } = layers({ dtype: 'u8', zero: 100, scale: 0.03 }, 'i8');
  const optimized = optimize(graph);
  expect(topological(optimized).some(({ op, dtype }) => op === 'conv2d' && dtype === 'i32')).toBe(
    true,
  );
  const file = expectSameBits(optimized, feeds, 'onnx');
  await expectOnnxruntime(file, optimized, feeds, undefined, 'disabled');
});

test('weights of 4 bits with a scale a block stay so: DequantizeLinear in blocks', async () => {
  const [rows, blocks, block] = [5, 3, 16];
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', blocks * block]);
  const q = g.constant(tensorOf('u4', integers(240, 0, 15), [rows, blocks, block]));
  const of = (values: readonly number[]) => g.constant(f32(values, [rows, blocks, 1]));
  const centered = g.sub(g.cast(q, 'f32'), of(integers(15, 0, 15, 4)));
  const weights = g.mul(centered, of([...noise(15, 6)].map((one) => 1.5 + one)));
  const w = g.reshape(weights, [rows, blocks * block]);
  const graph = g.graph([x], { y: g.dense(x, w) });
  const feeds = { x: f32([...noise(96, 2)], [2, 48]) };
  expect(opsOf(graph)).toEqual(['DequantizeLinear', 'Reshape', 'Gemm']);
  await expectOnnxruntime(expectSameBits(graph, feeds, 'onnx'), graph, feeds);
  expectSameBits(graph, feeds, 'qonnx');
});

describe('networks that PyTorch quantized', () => {
  const folder = join(import.meta.dirname, '../golden/qdq');
  test.each(readdirSync(folder))('%s: the nodes that it had, and the same bits', async (name) => {
    const model = readFileSync(join(folder, name, 'model.onnx'));
    const graph = importOnnx(model);
    const feeds = { x: readNpy(readFileSync(join(folder, name, 'in.x.npy'))) };
    const file = expectSameBits(graph, feeds, 'onnx');
    expectSameBits(graph, feeds, 'qonnx');
    const ops = opsOf(graph);
    expect(ops.filter((op) => op === 'QuantizeLinear')).toHaveLength(12);
    expect(ops.filter((op) => op === 'DequantizeLinear')).toHaveLength(12);
    expect(ops).not.toContain('Transpose');
    await expectOnnxruntime(file, graph, feeds, () => 1e-6);
  });
});
