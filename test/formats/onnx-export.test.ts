/**
 * Graphs as ONNX files: what is read back computes the same bits, and onnxruntime computes the same
 * numbers within the tolerance of float sums; interface, names, metadata and axes are kept. Not
 * here: quantization (./onnx-export-quantized.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { UNWRITTEN, WRITERS } from '../../src/formats/onnx/export/writers/index.js';
import { encodeOnnx } from '../../src/formats/onnx/export.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { type Graph, graphOf, outputsOf, topological } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import { OPS } from '../../src/ops/index.js';
import { make } from '../../src/ops/make.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { tensorOf } from '../../src/tensor/values.js';
import { randomNetwork } from '../passes/random-network.js';
import { RandomGraph } from '../runtime/random-graph.js';
import { encodeOnnx as encodeSpec, floats, int64s, type ModelSpec } from './onnx-encoder.js';
import { expectOnnxruntime, expectSameBits, fileOf, opsOf } from './onnx-round-trip.js';

/** onnxruntime refuses windows that padding could fill, although the graph and ONNX allow them. */
const POOL_LIMIT = /pool_attributes/;

/** Bits have no type in ONNX: outputs of bits become floats. */
function withoutBits(graph: Graph): Graph {
  return graphOf(
    graph.inputs,
    outputsOf(graph).map(
      ([name, value]) =>
        [
          name,
          value.dtype === 'b1' ? make('cast', `${name}.values`, [value], { to: 'f32' }) : value,
        ] as const,
    ),
  );
}

/** Messages of what an ONNX file cannot say, which random graphs hold at times. */
const NO_FORM = [/training/, /stands for a gradient/];

describe('random graphs over all ops', () => {
  // About half of them hold an op of training, which has no form.
  const seeds = Array.from({ length: 150 }, (_, i) => i + 1);
  test.each([
    ['as written', (graph: Graph) => graph],
    ['optimized', (graph: Graph) => optimize(graph)],
  ])(
    '%s: the same bits when read back, the same numbers in onnxruntime',
    async (_, prepare) => {
      let written = 0;
      for (const seed of seeds) {
        const { graph: drawn, feeds, want } = new RandomGraph(seed).draw();
        if (drawn.inputs.some(({ dtype }) => dtype === 'b1')) continue;
        const graph = prepare(withoutBits(drawn));
        for (const dialect of ['onnx', 'qonnx'] as const) {
          try {
            const file = expectSameBits(graph, feeds, dialect);
            written++;
            if (dialect === 'qonnx') continue;
            const limit = (name: string) => 1e-5 * Math.max(1, want[name]?.scale ?? 1);
            await expectOnnxruntime(file, graph, feeds, limit);
          } catch (error) {
            const message = (error as Error).message;
            if (error instanceof BitplaneError && NO_FORM.some((one) => one.test(message)))
              continue;
            if (!POOL_LIMIT.test(message))
              throw new Error(`seed ${seed}, ${dialect}`, { cause: error });
          }
        }
      }
      expect(written).toBeGreaterThan(60);
    },
    120_000,
  );

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('a random binary network, seed %i', async (seed) => {
    const { graph, feeds } = randomNetwork(seed);
    for (const written of [graph, optimize(graph)]) {
      expectSameBits(written, feeds, 'qonnx');
      if (topological(written).some(({ op }) => op === 'multiThreshold')) continue;
      const file = expectSameBits(written, feeds, 'onnx');
      await expectOnnxruntime(file, written, feeds);
    }
  });
});

/** What a converter writes: a convolutional network with a residual sum, channels second. */
const NETWORK: ModelSpec = {
  nodes: [
    {
      op: 'Conv',
      name: 'stem',
      inputs: ['x', 'w1', 'b1'],
      outputs: ['c1'],
      attributes: { pads: [1, 1, 1, 1], strides: [2, 2] },
    },
    { op: 'BatchNormalization', name: 'bn', inputs: ['c1', 's', 's', 'm', 's'], outputs: ['n1'] },
    { op: 'Relu', name: 'r1', inputs: ['n1'], outputs: ['r1'] },
    { op: 'Conv', name: 'down', inputs: ['r1', 'w2'], outputs: ['c2'], attributes: { group: 2 } },
    { op: 'Add', name: 'sum', inputs: ['c2', 'r1'], outputs: ['a'] },
    { op: 'PRelu', name: 'act', inputs: ['a', 'slope'], outputs: ['p'] },
    {
      op: 'MaxPool',
      name: 'pool',
      inputs: ['p'],
      outputs: ['q'],
      attributes: { kernel_shape: [2, 2] },
    },
    { op: 'GlobalAveragePool', name: 'gap', inputs: ['q'], outputs: ['g'] },
    { op: 'Flatten', name: 'flat', inputs: ['g'], outputs: ['f'] },
    {
      op: 'Gemm',
      name: 'fc',
      inputs: ['f', 'w3', 'b3'],
      outputs: ['z'],
      attributes: { transB: 1 },
    },
    { op: 'Softmax', name: 'soft', inputs: ['z'], outputs: ['y'] },
  ],
  inputs: { x: ['N', 3, 8, 8] },
  outputs: { y: ['N', 5] },
  initializers: {
    w1: floats([4, 3, 3, 3], ramp(108)),
    b1: floats([4], [1, -1, 0.5, 0]),
    s: floats([4], [1, 2, 0.5, 1.5]),
    m: floats([4], [0, 1, -1, 2]),
    w2: floats([4, 2, 1, 1], ramp(8)),
    slope: floats([4, 1, 1], [0.25, 0.5, 0, 1]),
    w3: floats([5, 4], ramp(20)),
    b3: floats([5], [0, 1, 2, 3, 4]),
  },
  producer: ['somebody', '9'],
  metadata: { author: 'me', 'bitplane.recipe': '{}' },
};

function ramp(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (((i * 7) % 23) - 11) / 16);
}

const X = new Tensor('f32', Float32Array.from(ramp(2 * 3 * 64)), [2, 3, 8, 8]);

describe('a model that came from ONNX', () => {
  const graph = importOnnx(encodeSpec(NETWORK));

  test('has the nodes that it had: no transposition is left, biases are inputs', () => {
    expect(opsOf(graph)).toEqual(
      NETWORK.nodes.map(({ op }) => (op === 'Flatten' ? 'Reshape' : op)),
    );
    const { nodes } = fileOf(graph).graph!;
    expect(nodes.map(({ name }) => name)).toEqual(NETWORK.nodes.map(({ name }) => name));
    expect(nodes.find(({ opType }) => opType === 'Conv')?.inputs).toEqual(['x', 'w1', 'b1']);
  });
  test('keeps inputs, outputs, shapes and symbols', () => {
    const { inputs, outputs } = fileOf(graph).graph!;
    expect(inputs).toEqual([{ name: 'x', elementType: 1, dims: ['N', 3, 8, 8] }]);
    expect(outputs).toEqual([{ name: 'y', elementType: 1, dims: ['N', 5] }]);
  });
  test('computes the same bits, and in onnxruntime the same numbers', async () => {
    await expectOnnxruntime(expectSameBits(graph, { x: X }, 'onnx'), graph, { x: X });
    expect(encodeOnnx(graph)).toEqual(encodeOnnx(graph));
  });
  test('optimized, it keeps its interface and numbers', async () => {
    const optimized = optimize(graph);
    await expectOnnxruntime(expectSameBits(optimized, { x: X }, 'onnx'), optimized, { x: X });
    expect(opsOf(optimized)).not.toContain('Transpose');
  });
  test('brings its metadata back; the header says who wrote the file', () => {
    const file = encodeSpec({ ...NETWORK, producer: ['somebody', '9'] });
    const first = importOnnx(file).metadata ?? {};
    const again = importOnnx(encodeOnnx(importOnnx(file))).metadata ?? {};
    expect(again).toMatchObject({
      author: 'me',
      'bitplane.recipe': '{}',
      'onnx.graph_name': 'test',
    });
    expect(again['onnx.producer_name']).toBe('bitplane');
    expect(again['onnx.producer_version']).toBeUndefined();
    expect(first['onnx.graph_name']).toBe(again['onnx.graph_name']);
    const model = {
      ...importOnnx(file),
      metadata: { 'onnx.domain': 'a.b', 'onnx.model_version': '7', 'onnx.doc_string': 'says' },
    };
    expect(importOnnx(encodeOnnx(model)).metadata).toMatchObject(model.metadata);
    expect(readProperties(model)).toEqual([]);
  });
});

function readProperties(graph: Graph): string[] {
  return fileOf(graph).properties.map(({ key }) => key);
}

describe('names', () => {
  test('an output that is an input, a constant or another output is a node', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const c = g.constant(new Tensor('f32', Float32Array.of(1, 2), [2]), { name: 'c' });
    const y = g.relu(x, { name: 'r' });
    const graph = g.graph([x], { copy: x, c2: c, a: y, b: y });
    const feeds = { x: new Tensor('f32', Float32Array.of(-1, 2), [1, 2]) };
    await expectOnnxruntime(expectSameBits(graph, feeds, 'onnx'), graph, feeds);
    expect(opsOf(graph)).toEqual(['Relu', 'Identity', 'Identity', 'Identity']);
  });
  test('a value inside that has the name of an output gives it up', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const inner = g.relu(x, { name: 'y' });
    const graph = g.graph([x], { y: g.neg(inner, { name: 'outer' }) });
    const feeds = { x: new Tensor('f32', Float32Array.of(-1, 2), [1, 2]) };
    await expectOnnxruntime(expectSameBits(graph, feeds, 'onnx'), graph, feeds);
  });
  test('outputs named by numbers keep their order', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', ['N', 2]);
    const graph = graphOf(
      [x],
      [
        ['495', g.relu(x)],
        ['21', g.neg(x)],
      ],
    );
    expect(fileOf(graph).graph!.outputs.map(({ name }) => name)).toEqual(['495', '21']);
  });
});

test('a network of channels last is transposed at its ends and nowhere else', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 6, 6, 3]);
  const w = g.constant(new Tensor('f32', Float32Array.from(ramp(108)), [4, 3, 3, 3]));
  const scale = g.constant(new Tensor('f32', Float32Array.of(1, 2, 3, 4), [4]));
  const y = g.maxPool2d(g.relu(g.mul(g.conv2d(x, w), scale)), [2, 2]);
  const graph = g.graph([x], { y });
  const feeds = { x: new Tensor('f32', Float32Array.from(ramp(216)), [2, 6, 6, 3]) };
  expect(opsOf(graph)).toEqual(['Transpose', 'Conv', 'Mul', 'Relu', 'MaxPool', 'Transpose']);
  await expectOnnxruntime(expectSameBits(graph, feeds, 'onnx'), graph, feeds);
});

test('bits are floats in ONNX and BipolarQuant in QONNX, whose weights stay bits when read', () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', ['N', 16]);
  const w = g.constant(tensorOf('b1', ramp(48), [3, 16]));
  const graph = g.graph([x], { y: g.cast(g.dense(g.sign(x), w), 'f32') });
  const feeds = { x: new Tensor('f32', Float32Array.from(ramp(16)), [1, 16]) };
  expectSameBits(graph, feeds, 'onnx');
  expect(opsOf(graph)).toEqual(['Sign', 'Add', 'Sign', 'DequantizeLinear', 'Gemm']);
  expect(opsOf(graph, 'qonnx')).toEqual(['BipolarQuant', 'BipolarQuant', 'Gemm']);
  for (const dialect of ['onnx', 'qonnx'] as const) {
    const back = optimize(importOnnx(encodeOnnx(graph, { dialect })));
    expect(back.outputs['y']?.inputs[0]?.inputs.map(({ dtype }) => dtype)).toEqual(['b1', 'b1']);
  }
});

test('unknown sizes: one is computed, others are copied where they stand', async () => {
  const file = encodeSpec({
    nodes: [{ op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] }],
    inputs: { x: ['N', 'T', 4, 3] },
    outputs: { y: undefined },
    initializers: { s: int64s(0, 0, 12) },
  });
  const graph = importOnnx(file);
  const feeds = { x: new Tensor('f32', Float32Array.from(ramp(72)), [2, 3, 4, 3]) };
  await expectOnnxruntime(expectSameBits(graph, feeds, 'onnx'), graph, feeds);
});

test('functions of a library, remainders, sums along lines and products', async () => {
  const g = new GraphBuilder();
  const x = g.input('x', 'f32', [2, 3, 4]);
  const y = g.remainder(g.add(g.sin(x), g.atan(x)), g.add(g.cosh(x), 1));
  const sums = g.cumsum(g.transpose(y, [0, 2, 1]), 1, { exclusive: true });
  const outputs = { sums, z: g.reduce(g.cumsum(y, 0, { reverse: true }), 'product', [2]) };
  const graph = g.graph([x], outputs);
  const feeds = { x: new Tensor('f32', Float32Array.from(ramp(24)), [2, 3, 4]) };
  await expectOnnxruntime(expectSameBits(graph, feeds, 'onnx'), graph, feeds, () => 1e-5);
});

test('an op has neither a form in a file nor a reason; a transposition is an order of axes', () => {
  const without = Object.keys(OPS).filter((op) => !WRITERS.has(op));
  expect(without.sort()).toEqual([...UNWRITTEN.keys(), 'transpose'].sort());
});

describe('what ONNX has no form for is refused by name', () => {
  const failure = (build: (g: GraphBuilder) => Graph, dialect: 'onnx' | 'qonnx' = 'onnx') => {
    try {
      encodeOnnx(build(new GraphBuilder()), { dialect });
    } catch (error) {
      return `${(error as BitplaneError).code} ${(error as Error).message}`;
    }
    return 'no error';
  };
  test.each<[string, (g: GraphBuilder) => Graph, RegExp]>([
    [
      'an input of bits',
      (g) => {
        const x = g.input('x', 'b1', ['N', 4]);
        return g.graph([x], { y: g.cast(x, 'f32') });
      },
      /^ERR_UNSUPPORTED input "x": expected a dtype of f32, i32, i8 or u8, as ONNX has it but/,
    ],
    [
      'an output of 4 bits',
      (g) => {
        const x = g.input('x', 'f32', ['N', 4]);
        return g.graph([x], { y: g.cast(x, 'u4') });
      },
      /^ERR_UNSUPPORTED output "y": expected a dtype of f32/,
    ],
    [
      'a layer in training',
      (g) => {
        const [x, c] = [g.input('x', 'f32', [2, 4]), g.input('c', 'f32', [4])];
        return g.graph([x, c], { y: g.normalize(x, c, c, { name: 'm' }) });
      },
      /^ERR_UNSUPPORTED normalize "m": statistics of a batch are part of training; give the layer/,
    ],
    [
      'the last of equal elements before the others',
      (g) => {
        const x = g.input('x', 'f32', ['N', 4]);
        return g.graph([x], { y: g.order(x, 1, { count: 2, last: true, name: 'm' }) });
      },
      /^ERR_UNSUPPORTED order "m": expected the first of equal elements before, as in ONNX/,
    ],
    [
      'states that a run updates',
      (g) => {
        const s = g.state(new Tensor('f32', Float32Array.of(1), [1]), { name: 's' });
        const x = g.input('x', 'f32', [1]);
        return g.graph([x], { y: g.add(x, s) }, { updates: { s: g.add(s, x) } });
      },
      /^ERR_UNSUPPORTED state "s": ONNX has no states that a run updates/,
    ],
    [
      'an output that has the name of an input',
      (g) => {
        const x = g.input('x', 'f32', [1]);
        return g.graph([x], { x: g.relu(x) });
      },
      /^ERR_UNSUPPORTED output "x": expected an output of another name than every input/,
    ],
  ])('%s', (_, build, message) => {
    expect(failure(build)).toMatch(message);
  });

  test('an unknown dialect or option is an ERR_ARGUMENT', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'f32', [1]);
    const graph = g.graph([x], { y: g.relu(x) });
    expect(() => encodeOnnx(graph, { dialect: 'tflite' as 'onnx' })).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    );
    expect(() => encodeOnnx(graph, { format: 'onnx' } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    );
  });
  test('states that nothing updates are constants of the file', () => {
    const g = new GraphBuilder();
    const s = g.state(new Tensor('f32', Float32Array.of(3), [1]), { name: 's' });
    const x = g.input('x', 'f32', [1]);
    const graph = g.graph([x], { y: g.add(x, s) });
    expect(fileOf(graph).graph!.initializers.map(({ name }) => name)).toEqual(['s']);
  });
});
