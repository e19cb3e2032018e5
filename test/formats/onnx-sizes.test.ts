/**
 * ONNX models of which ops need sizes that the file leaves open: against onnxruntime at several
 * sizes, and how a session keeps what it makes for each. Not here: symbols that ops merely hand on
 * (./onnx-batch.test.ts).
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../src/formats/safetensors/model.js';
import { encodeOnnx as exportOnnx, loadModel, Session } from '../../src/index.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { errorLike, node, ramp, rampOf } from './onnx-cases.js';
import { encodeOnnx, int64s, type ModelSpec } from './onnx-encoder.js';

const ORT = { logSeverityLevel: 4, intraOpNumThreads: 1, interOpNumThreads: 1 } as const;
const MAP = ['batch', 2, 'height', 'width'];

const f32 = (shape: readonly number[]) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return new Tensor('f32', Float32Array.from(ramp(count)), shape);
};
const spec = (change: Partial<ModelSpec>): Uint8Array =>
  encodeOnnx({ nodes: [], inputs: { x: MAP }, outputs: { y: undefined }, ...change });
const open = (file: Uint8Array) => Session.create(file, { threads: 1 });

/** A strided convolution, which has no size for a symbol. */
const conv = (from: string, to: string, attributes = {}) =>
  node('Conv', [from, 'w'], to, { strides: [2, 2], pads: [1, 1, 1, 1], ...attributes });
const W = { w: rampOf([2, 2, 3, 3], 0.125) };
const CONV = spec({ nodes: [conv('x', 'y')], initializers: W });
/** A map of pixels by a dense layer: only 6 x 6 pixels fit its weights. */
const FLAT = spec({
  nodes: [conv('x', 'a'), node('Flatten', ['a'], 'b'), node('Gemm', ['b', 'm'], 'y')],
  initializers: { ...W, m: rampOf([18, 4], 0.125) },
  outputs: { y: ['batch', 4] },
});

/** Runs a file here and in onnxruntime. */
async function expectAgreement(file: Uint8Array, shapes: Record<string, number[]>[]) {
  const reference = await InferenceSession.create(file, ORT);
  const session = await open(file);
  for (const each of shapes) {
    const feeds = Object.entries(each).map(([name, shape]) => [name, f32(shape)] as const);
    const wanted = await reference.run(
      Object.fromEntries(
        feeds.map(([name, { data, shape }]) => [name, new OrtTensor('float32', data, [...shape])]),
      ),
    );
    const results = (await session.run(Object.fromEntries(feeds))) as Record<string, Tensor>;
    for (const name of session.outputNames) {
      const [got, want] = [results[name] as Tensor, wanted[name] as OrtTensor];
      expect([each, got.shape]).toEqual([each, want.dims]);
      got.data.forEach((value, i) => {
        const target = (want.data as Float32Array)[i] as number;
        expect(Math.abs(value - target)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(target)));
      });
    }
  }
  await reference.release();
  await session.release();
}
const x = (...shape: number[]) => ({ x: shape });

describe('the numbers are those of onnxruntime at every size', () => {
  test.each<[string, Partial<ModelSpec>, Record<string, number[]>[]]>([
    [
      'global pooling, its sizes read off the map as exporters write it',
      {
        nodes: [
          conv('x', 'a'),
          node('GlobalAveragePool', ['a'], 'b'),
          node('Shape', ['b'], 's'),
          node('Gather', ['s', 'first'], 'n', { axis: 0 }),
          node('Concat', ['n', 'rest'], 'to', { axis: 0 }),
          node('Reshape', ['b', 'to'], 'c'),
          node('Gemm', ['c', 'm'], 'y'),
        ],
        initializers: { ...W, first: int64s(0), rest: int64s(-1), m: rampOf([2, 3]) },
      },
      [x(1, 2, 8, 8), x(3, 2, 5, 12), x(2, 2, 1, 1)],
    ],
    [
      'auto_pad, whose padding depends on the size',
      {
        nodes: [
          node('Conv', ['x', 'w'], 'a', { strides: [2, 2], auto_pad: 'SAME_UPPER' }),
          node('MaxPool', ['a'], 'y', {
            kernel_shape: [3, 3],
            strides: [2, 2],
            auto_pad: 'SAME_LOWER',
          }),
        ],
        initializers: W,
      },
      [x(1, 2, 8, 9), x(1, 2, 9, 8), x(1, 2, 7, 3)],
    ],
    [
      'Resize by scales',
      {
        nodes: [
          conv('x', 'a'),
          node('Resize', ['a', '', 'scales'], 'y', {
            mode: 'linear',
            coordinate_transformation_mode: 'half_pixel',
          }),
        ],
        initializers: { ...W, scales: rampless([1, 1, 2, 1.5]) },
      },
      [x(1, 2, 8, 8), x(1, 2, 5, 13)],
    ],
    [
      'Resize to the size of another map, and their concatenation',
      {
        nodes: [
          conv('x', 'a'),
          node('Shape', ['x'], 's'),
          node('Slice', ['s', 'two', 'four'], 'hw'),
          node('Shape', ['a'], 't'),
          node('Slice', ['t', 'zero', 'two'], 'nc'),
          node('Concat', ['nc', 'hw'], 'to', { axis: 0 }),
          node('Resize', ['a', '', '', 'to'], 'b', {
            mode: 'nearest',
            coordinate_transformation_mode: 'asymmetric',
            nearest_mode: 'floor',
          }),
          node('Concat', ['x', 'b'], 'y', { axis: 1 }),
        ],
        initializers: { ...W, zero: int64s(0), two: int64s(2), four: int64s(4) },
      },
      [x(1, 2, 8, 8), x(2, 2, 7, 5)],
    ],
    [
      'a pad to a multiple of four, computed from the size',
      {
        nodes: [
          node('Shape', ['x'], 's'),
          node('Slice', ['s', 'two', 'four'], 'hw'),
          node('Div', ['hw', 'fours'], 'quarters'),
          node('Mul', ['quarters', 'fours'], 'whole'),
          node('Sub', ['hw', 'whole'], 'r'),
          node('Sub', ['fours', 'r'], 'p'),
          node('Concat', ['zeros', 'p'], 'pads', { axis: 0 }),
          node('Pad', ['x', 'pads'], 'a'),
          conv('a', 'y'),
        ],
        initializers: {
          ...W,
          two: int64s(2),
          four: int64s(4),
          fours: int64s(4, 4),
          zeros: int64s(0, 0, 0, 0, 0, 0),
        },
      },
      [x(1, 2, 6, 9), x(1, 2, 4, 5)],
    ],
    [
      'two inputs of shared symbols',
      {
        nodes: [conv('x', 'a'), conv('z', 'b'), node('Add', ['a', 'b'], 'y')],
        inputs: { x: MAP, z: MAP },
        initializers: W,
      },
      [
        { x: [1, 2, 8, 6], z: [1, 2, 8, 6] },
        { x: [2, 2, 5, 5], z: [2, 2, 5, 5] },
      ],
    ],
    [
      'a part of the batch',
      {
        nodes: [node('Slice', ['x', 'from', 'to'], 'y')],
        initializers: { from: int64s(1), to: int64s(2 ** 31 - 1) },
        inputs: { x: ['batch', 4] },
      },
      [x(3, 4), x(2, 4)],
    ],
    [
      'signals, and symbols with the names of what every object has',
      {
        nodes: [node('Conv', ['x', 'w'], 'y', { strides: [2] })],
        initializers: { w: rampOf([2, 2, 3]) },
        inputs: { x: ['constructor', 2, '__proto__'] },
      },
      [x(1, 2, 8), x(2, 2, 5)],
    ],
  ])('%s', async (_, change, shapes) => {
    await expectAgreement(spec(change), shapes);
  });
});

/** Floats as they are. */
function rampless(values: number[]) {
  return { dims: [values.length], floats: values };
}

describe('the interface', () => {
  test('has the names of the file, those that only an output has too', async () => {
    const file = spec({
      nodes: [conv('x', 'y')],
      initializers: W,
      outputs: { y: ['batch', 2, 'half_height', undefined] },
      metadata: { author: 'somebody' },
    });
    const session = await open(file);
    expect(session.inputMetadata).toEqual([{ name: 'x', dtype: 'f32', shape: MAP }]);
    expect(session.outputMetadata).toEqual([
      { name: 'y', dtype: 'f32', shape: ['batch', 2, 'half_height', 'y_dim3'] },
    ]);
    expect(session.metadata).toMatchObject({ author: 'somebody' });
    const { y } = (await session.run({ x: f32([1, 2, 8, 6]) })) as { y: Tensor };
    expect(y.shape).toEqual([1, 2, 4, 3]);
    await session.release();
  });

  test('frees a batch of 1 where ops allow it at every size', async () => {
    const inputs = { x: [1, 2, 'height', 'width'] };
    const session = await open(spec({ nodes: [conv('x', 'y')], initializers: W, inputs }));
    expect(session.inputMetadata[0]?.shape).toEqual(['N', 2, 'height', 'width']);
    const both = (await session.run({ x: f32([2, 2, 7, 5]) })) as { y: Tensor };
    const [, second] = [0, 1].map((i) => f32([2, 2, 7, 5]).data.slice(i * 70, i * 70 + 70));
    const alone = (await session.run({ x: new Tensor('f32', second as never, [1, 2, 7, 5]) })) as {
      y: Tensor;
    };
    expect(both.y.shape).toEqual([2, 2, 4, 3]);
    expect(both.y.data.slice(24)).toEqual(alone.y.data);
    await session.release();
  });

  test('keeps a batch of 1 that an op needs', async () => {
    const file = spec({
      nodes: [conv('x', 'a'), node('Reshape', ['a', 'to'], 'y')],
      initializers: { ...W, to: int64s(1, 2, -1) },
      inputs: { x: [1, 2, 'height', 'width'] },
    });
    const session = await open(file);
    expect(session.inputMetadata[0]?.shape).toEqual([1, 2, 'height', 'width']);
    await session.release();
  });
});

describe('sizes that a model cannot have', () => {
  test.each([
    ['a convolution without a result', CONV.slice(), [1, 2, 8, 0], 'ERR_FEED', /width to be 1 or/],
    [
      'too small a map',
      spec({ nodes: [conv('x', 'y', { pads: [0, 0, 0, 0] })], initializers: W }),
      [1, 2, 2, 8],
      'ERR_SHAPE',
      /^conv2d "y": .* at least 3 .* received 2 \(with batch = 1, height = 2, width = 8\)$/,
    ],
    [
      'weights for another size',
      FLAT,
      [1, 2, 8, 8],
      'ERR_SHAPE',
      /^dense "y": expected w of shape \[O, 32\] but received \[4, 18\] \(with .*height = 8/,
    ],
  ] as const)('%s: the error names the node', async (_, file, shape, code, message) => {
    const session = await open(file);
    await expect(session.run({ x: f32(shape) })).rejects.toThrow(errorLike(code, message));
    // Another size runs all the same.
    await session.run({ x: f32([1, 2, 6, 6]) });
    await session.release();
  });

  test('two inputs that give one symbol two sizes: the error names both', async () => {
    const session = await open(
      spec({
        nodes: [conv('x', 'a'), conv('z', 'b'), node('Add', ['a', 'b'], 'y')],
        inputs: { x: MAP, z: MAP },
        initializers: W,
      }),
    );
    const feeds = { x: f32([1, 2, 8, 6]), z: f32([1, 2, 9, 6]) };
    const sentence = /"z": expected height = 8, as the feed of "x" has it, .* height = 9/;
    await expect(session.run(feeds)).rejects.toThrow(errorLike('ERR_FEED', sentence));
    const warm = session.warm([{ x: [1, 2, 8, 6], z: [1, 2, 9, 6] }]);
    const words = /"z": expected height = 8, as input "x" has it, .* height = 9/;
    await expect(warm).rejects.toThrow(errorLike('ERR_SHAPE', words));
    await session.release();
  });

  test('a file whose faults no size mends is refused when it is loaded', async () => {
    const file = spec({
      nodes: [conv('x', 'y', { auto_pad: 'SAME_ABOVE' })],
      initializers: W,
    });
    await expect(open(file)).rejects.toThrow(errorLike('ERR_FORMAT', /Conv "y": .*auto_pad/));
  });
});

describe('a session', () => {
  test('packs weights once, for sizes in turn and at once', async () => {
    const wide = spec({
      nodes: [
        node('Conv', ['x', 'v'], 'a', { strides: [2, 2] }),
        node('BatchNormalization', ['a', 'c', 'c', 'c', 'c'], 'y'),
      ],
      initializers: { v: rampOf([64, 2, 3, 3]), c: { dims: [64], floats: Array(64).fill(1.5) } },
    });
    const session = await open(wide);
    await session.run({ x: f32([1, 2, 8, 8]) });
    const { packedBytes } = session.info;
    expect(packedBytes).toBeGreaterThanOrEqual(64 * 18 * 4);
    const sizes = [9, 10, 11, 12, 8, 9];
    const results = await Promise.all(
      sizes.map((size) => session.run({ x: f32([1, 2, size, size + 1]) })),
    );
    for (const [i, { y }] of results.entries()) {
      const half = (size: number) => Math.floor((size - 3) / 2) + 1;
      expect(y?.shape).toEqual([1, 64, half(sizes[i] as number), half((sizes[i] as number) + 1)]);
    }
    expect(results[5]?.['y']?.data).toEqual(results[0]?.['y']?.data);
    expect(session.info).toMatchObject({ programs: 6, packedBytes });
    await session.release();
  });

  test('keeps programs within programBytes, and gives the same bits after', async () => {
    const session = await Session.create(CONV, { threads: 1, programBytes: 2 ** 17 });
    const first = await session.run({ x: f32([1, 2, 40, 40]) });
    for (let size = 41; size < 60; size++) {
      await session.run({ x: f32([1, 2, size, size]) });
      expect(session.info.heldBytes).toBeLessThanOrEqual(2 ** 17);
    }
    expect(session.info.programs).toBeLessThan(19);
    expect(await session.run({ x: f32([1, 2, 40, 40]) })).toEqual(first);
    await session.release();
  });

  test('forgets constants that only sizes of the past had', async () => {
    const file = spec({
      nodes: [
        conv('x', 'a'),
        node('Shape', ['a'], 's'),
        node('ConstantOfShape', ['s'], 'c'),
        node('Add', ['a', 'c'], 'b'),
        node('Resize', ['b', '', 'scales'], 'y', { mode: 'linear' }),
      ],
      initializers: { ...W, scales: rampless([1, 1, 1.5, 1.5]) },
    });
    const session = await Session.create(file, { threads: 1, programBytes: 2 ** 12 });
    let most = 0;
    let sum = 0;
    for (let size = 30; size < 60; size++) {
      const before = session.info.packedBytes;
      await session.run({ x: f32([1, 2, size, size]) });
      const { packedBytes } = session.info;
      sum += Math.max(0, packedBytes - before);
      most = Math.max(most, packedBytes);
    }
    expect(most).toBeLessThan(sum / 2);
    await session.release();
  });

  test('compiles ahead by sizes and by shapes, and some outputs of a size', async () => {
    const file = spec({
      nodes: [conv('x', 'y'), node('Relu', ['y'], 'z')],
      initializers: W,
      outputs: { y: ['batch', 2, 'h', 'w'], z: ['batch', 2, 'h', 'w'] },
    });
    const session = await Session.create(file, { threads: 1, warm: [{ x: [1, 2, 8, 8] }] });
    expect(session.info.programs).toBe(1);
    await session.warm([
      { batch: 1, height: 9, width: 9 },
      { x: [1, 2, 8, 8], batch: 1 },
    ]);
    expect(session.info.programs).toBe(2);
    const all = await session.run({ x: f32([1, 2, 9, 9]) });
    expect(session.info.programs).toBe(2);
    const some = await session.run({ x: f32([1, 2, 9, 9]) }, ['z']);
    expect(some).toEqual({ z: all['z'] });
    for (const [entry, code, message] of [
      [
        { x: [1, 2, 8] },
        'ERR_SHAPE',
        /"x": expected a shape that fits \[batch, 2, height, width\]/,
      ],
      [{ v: [1, 2, 8, 8] }, 'ERR_ARGUMENT', /shapes for x but received "v"/],
      [{ height: 8, width: 8 }, 'ERR_ARGUMENT', /batch to be a whole number of 1 or more/],
      [{ x: [1, 2, 8, 8], width: 9 }, 'ERR_ARGUMENT', /width = 8, as a shape has it, .* 9/],
      [4, 'ERR_ARGUMENT', /the sizes of batch, height, width/],
    ] as const)
      await expect(session.warm([entry])).rejects.toThrow(errorLike(code, message));
    await session.release();
  });

  test('has kernels and profiles of the sizes used last', async () => {
    const session = await open(CONV);
    const unknown = errorLike('ERR_SHAPE', /a run gives sizes for batch, height, width/);
    expect(() => session.kernels()).toThrow(unknown);
    await expect(session.profile(1)).rejects.toThrow(unknown);
    await session.warm([{ x: [1, 2, 8, 8] }]);
    expect(session.kernels().map(({ name }) => name)).toContain('y');
    expect((await session.profile(1)).map(({ name }) => name)).toContain('y');
    await session.release();
  });
});

describe('the option shapes', () => {
  test('fixes a model for all that needs sizes', async () => {
    const graph = await loadModel(CONV, { shapes: { x: [1, 2, 8, 9] } });
    expect(graph.inputs[0]?.shape).toEqual([1, 2, 8, 9]);
    expect(graph.outputs['y']?.shape).toEqual([1, 2, 4, 5]);
    expect(encodeModel(optimize(graph)).length).toBeGreaterThan(0);
    const kept = await loadModel(CONV, { shapes: { x: ['batch', 2, 8, 9] } });
    expect(kept.outputs['y']?.shape).toEqual(['batch', 2, 4, 5]);
    const partly = await Session.create(CONV, { shapes: { x: [3, 2, 'height', 9] } });
    expect(partly.inputMetadata[0]?.shape).toEqual([3, 2, 'height', 9]);
    const { y } = (await partly.run({ x: f32([3, 2, 8, 9]) })) as { y: Tensor };
    expect(y.shape).toEqual([3, 2, 4, 5]);
    await partly.release();
  });

  test('fixes a batch that the file has as a symbol, or as a 1 that may be more', async () => {
    const relu = (batch: number | string) =>
      spec({ nodes: [node('Relu', ['x'], 'y')], inputs: { x: [batch, 4] } });
    for (const batch of ['n', 1]) {
      const graph = await loadModel(relu(batch), { shapes: { x: [3, 4] } });
      expect(graph.outputs['y']?.shape).toEqual([3, 4]);
    }
    const saved = encodeModel(await loadModel(relu('n')));
    const graph = await loadModel(saved, { shapes: { x: [3, 4] } });
    expect(graph.outputs['y']?.shape).toEqual([3, 4]);
  });

  test.each([
    [{ x: [1, 2, 8] }, 'ERR_SHAPE', /"x": expected a shape that fits \[batch, 2, height, width\]/],
    [{ x: [1, 3, 8, 8] }, 'ERR_SHAPE', /fits \[batch, 2, height, width\] .* \[1, 3, 8, 8\]/],
    [{ x: ['n', 2, 8, 8] }, 'ERR_SHAPE', /fits \[batch, 2, height, width\] .* \[n, 2, 8, 8\]/],
    [{ X: [1, 2, 8, 8] }, 'ERR_ARGUMENT', /shapes for x but received "X": did you mean "x"/],
    [{ x: [1, 2, 0, 8] }, 'ERR_ARGUMENT', /"x": expected a list of sizes of 1 or more/],
    [{ x: '1,2,8,8' }, 'ERR_ARGUMENT', /"x": expected a list of sizes of 1 or more/],
    [[1, 2, 8, 8], 'ERR_ARGUMENT', /shapes as an object of lists/],
  ])('%j is refused', async (shapes, code, message) => {
    await expect(loadModel(CONV, { shapes: shapes as never })).rejects.toThrow(
      errorLike(code, message),
    );
  });

  test('is asked for with what goes wrong at common sizes, where no such size fits', async () => {
    const graph = await loadModel(FLAT);
    const both = /^conv2d "a": .*"height", and with 224 for such sizes: dense "y": expected w of/;
    expect(() => optimize(graph)).toThrow(errorLike('ERR_SHAPE', both));
    const fixed = await loadModel(FLAT, { shapes: { x: ['batch', 2, 6, 6] } });
    expect(optimize(fixed).outputs['y']?.shape).toEqual(['batch', 4]);
  });

  test('is what errors name where a graph for all sizes is asked for', async () => {
    const graph = await loadModel(CONV);
    const wayOut =
      /^conv2d "y": .*"height"; .* such as { x: \[1, 2, 64, 64\] }, .* --shape x=1,2,64,64$/;
    for (const use of [optimize, encodeModel, exportOnnx])
      expect(() => use(graph)).toThrow(errorLike('ERR_SHAPE', wayOut));
  });
});
