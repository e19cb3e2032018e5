/**
 * A batch that a file fixes to 1: which networks take any batch nevertheless, and no result has
 * another rank than the file declares.
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { verify } from '../../src/ops/verify.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import {
  type AttributeSpec,
  encodeOnnx,
  floats,
  int64s,
  type ModelSpec,
  type NodeSpec,
} from './onnx-encoder.js';

type Step = readonly [op: string, inputs: string, attributes?: Record<string, AttributeSpec>];

/** Nodes in a row: each gives v1, v2, ..., the last one y. */
function chain(
  x: readonly (number | string)[],
  steps: readonly Step[],
  initializers: ModelSpec['initializers'] = {},
  declared?: readonly (number | string)[],
): Uint8Array {
  const nodes = steps.map(
    ([op, inputs, attributes = {}], i): NodeSpec => ({
      op,
      inputs: inputs.split(' '),
      outputs: [i === steps.length - 1 ? 'y' : `v${i + 1}`],
      attributes,
    }),
  );
  return encodeOnnx({ nodes, inputs: { x }, outputs: { y: declared }, initializers });
}

const relu: Step = ['Relu', 'x'];
const shapeOf = (file: Uint8Array) => importOnnx(file).outputs.y?.shape;

describe('becomes any batch', () => {
  const w = floats([5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  test.each([
    ['nothing depends on it', chain([1, 4], [relu]), ['N', 4]],
    [
      'the rest is reshaped to -1',
      chain([1, 2, 3], [['Reshape', 'x s']], { s: int64s(-1, 6) }),
      ['N', 6],
    ],
    [
      'it is copied by a reshape',
      chain([1, 2, 3], [['Reshape', 'x s']], { s: int64s(0, -1) }),
      ['N', 6],
    ],
    ['it is flattened', chain([1, 2, 1, 1], [['Flatten', 'x']]), ['N', 2]],
    [
      'other axes of 1 are squeezed',
      chain([1, 2, 1, 1], [['Squeeze', 'x a']], { a: int64s(2, 3) }),
      ['N', 2],
    ],
    [
      'axes are put behind it',
      chain([1, 2], [['Unsqueeze', 'x a']], { a: int64s(1) }),
      ['N', 1, 2],
    ],
    [
      'its size is gathered from a shape',
      chain(
        [1, 2, 3],
        [
          ['Shape', 'x'],
          ['Gather', 'v1 i'],
          ['Concat', 'v2 r'],
          ['Reshape', 'x v3'],
        ],
        { i: int64s(0), r: int64s(-1) },
      ),
      ['N', 6],
    ],
    [
      'it is expanded by 1',
      chain([1, 1, 3], [['Expand', 'x s']], { s: int64s(1, 2, 3) }),
      ['N', 2, 3],
    ],
    ['a matrix multiplies it', chain([1, 5], [['MatMul', 'x w']], { w }), ['N', 2]],
    [
      'it is reduced on other axes',
      chain([1, 4], [['ReduceMean', 'x', { axes: [1], keepdims: 0 }]]),
      ['N'],
    ],
    ['softmax runs along another axis', chain([1, 4], [['Softmax', 'x', { axis: 1 }]]), ['N', 4]],
    [
      'transposes leave it first',
      chain([1, 4, 3], [['Transpose', 'x', { perm: [0, 2, 1] }]]),
      ['N', 3, 4],
    ],
  ] as const)('where %s', (_, file, shape) => expect(shapeOf(file)).toEqual(shape));

  test('of every input', () => {
    const file = encodeOnnx({
      nodes: [{ op: 'Add', inputs: ['x', 'z'], outputs: ['y'] }],
      inputs: { x: [1, 4], z: [1, 4] },
      outputs: { y: undefined },
    });
    expect(importOnnx(file).inputs.map(({ shape }) => shape)).toEqual([
      ['N', 4],
      ['N', 4],
    ]);
  });
});

describe('stays 1', () => {
  const weights = { w: floats([5, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), e: floats([2, 1], [3, 4]) };
  test.each([
    ['a reshape needs it', chain([1, 2, 3], [['Reshape', 'x s']], { s: int64s(1, 6) }), [1, 6]],
    ['a reshape drops it', chain([1, 2, 3], [['Reshape', 'x s']], { s: int64s(2, 3) }), [2, 3]],
    [
      'a reshape makes more of it',
      chain([1, 6], [['Reshape', 'x s']], { s: int64s(-1, 3) }),
      [2, 3],
    ],
    [
      'a reshape makes it the last',
      chain([1, 1], [['Reshape', 'x s']], { s: int64s(1, -1) }),
      [1, 1],
    ],
    ['all is flattened', chain([1, 6], [['Flatten', 'x', { axis: 0 }]]), [1, 6]],
    ['an op moves it', chain([1, 4], [['Transpose', 'x']]), [4, 1]],
    [
      'an op mixes pictures',
      chain(
        [1, 4],
        [
          ['ReduceMean', 'x', { axes: [0] }],
          ['Sub', 'x v1'],
        ],
      ),
      [1, 4],
    ],
    ['an op reduces all axes', chain([1, 4], [['ReduceSum', 'x', { keepdims: 0 }]]), []],
    ['softmax runs along it', chain([1, 4], [['Softmax', 'x', { axis: 0 }]]), [1, 4]],
    ['Squeeze takes it away', chain([1, 4], [['Squeeze', 'x']]), [4]],
    ['Squeeze names it', chain([1, 4], [['Squeeze', 'x a']], { a: int64s(0) }), [4]],
    [
      'Squeeze takes it away and a reshape hides that',
      chain(
        [1, 4, 4],
        [
          ['Squeeze', 'x'],
          ['Softmax', 'v1', { axis: 1 }],
          ['Reshape', 'v2 s'],
        ],
        { s: int64s(-1, 16) },
      ),
      [1, 16],
    ],
    [
      'Unsqueeze brings it back',
      chain(
        [1, 4],
        [
          ['Squeeze', 'x'],
          ['Unsqueeze', 'v1 a'],
        ],
        { a: int64s(0) },
      ),
      [1, 4],
    ],
    [
      'Squeeze leaves a 1 that Unsqueeze made',
      chain(
        [1, 4],
        [
          ['Unsqueeze', 'x a'],
          ['Squeeze', 'v1'],
        ],
        { a: int64s(1) },
      ),
      [4],
    ],
    ['it broadcasts against another size', chain([1, 4], [['Add', 'x e']], weights), [2, 4]],
    [
      'it is expanded to another size',
      chain([1, 4], [['Expand', 'x s']], { s: int64s(3, 4) }),
      [3, 4],
    ],
    ['it is cut', chain([1, 4], [['Slice', 'x s t']], { s: int64s(0), t: int64s(1) }), [1, 4]],
    ['it is padded', chain([1, 4], [['Pad', 'x p']], { p: int64s(1, 0, 0, 0) }), [2, 4]],
    ['it is doubled', chain([1, 4], [['Concat', 'x x', { axis: 0 }]]), [2, 4]],
    ['it is split', chain([1, 4], [['Split', 'x', { axis: 0 }]]), [1, 4]],
    [
      'its size becomes a number',
      chain(
        [1, 4],
        [
          ['Shape', 'x'],
          ['Cast', 'v1', { to: 1 }],
          ['ReduceMax', 'v2'],
          ['Mul', 'x v3'],
        ],
      ),
      [1, 4],
    ],
    [
      'its size is computed with',
      chain(
        [1, 4],
        [
          ['Shape', 'x'],
          ['Gather', 'v1 i'],
          ['Mul', 'v2 two'],
          ['Concat', 'v3 r'],
          ['Reshape', 'x v4'],
        ],
        { i: int64s(0), two: int64s(2), r: int64s(-1) },
      ),
      [2, 2],
    ],
    ['it is multiplied over', chain([1, 1], [['MatMul', 'e x']], weights), [2, 1]],
    ['rank 1 has no batch', chain([1], [relu]), [1]],
    ['it is 2', chain([2, 4], [relu]), [2, 4]],
  ] as const)('where %s', (_, file, shape) => {
    const graph = importOnnx(file);
    expect(graph.outputs.y?.shape).toEqual(shape);
    expect(graph.inputs[0]?.shape[0]).not.toBe('N');
  });

  test('where one of two inputs has another size first', () => {
    const file = encodeOnnx({
      nodes: [{ op: 'Add', inputs: ['x', 'z'], outputs: ['y'] }],
      inputs: { x: [1, 4], z: [2, 4] },
      outputs: { y: undefined },
    });
    expect(importOnnx(file).inputs.map(({ shape }) => shape[0])).toEqual([1, 2]);
  });

  test('where an output does not have it', () => {
    const file = encodeOnnx({
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['y'] },
        { op: 'Relu', inputs: ['c'], outputs: ['z'] },
      ],
      inputs: { x: [1, 4] },
      outputs: { y: undefined, z: undefined },
      initializers: { c: floats([1, 2], [1, 2]) },
    });
    expect(importOnnx(file).outputs.y?.shape).toEqual([1, 4]);
  });

  test('on request', () => {
    const file = chain([1, 4], [relu]);
    expect(importOnnx(file, { rebatch: false }).inputs[0]?.shape).toEqual([1, 4]);
    expect(importOnnx(file, { rebatch: true }).inputs[0]?.shape).toEqual(['N', 4]);
  });
});

test('a model without inputs is a constant', () => {
  const file = encodeOnnx({
    nodes: [{ op: 'Neg', inputs: ['c'], outputs: ['y'] }],
    inputs: {},
    outputs: { y: undefined },
    initializers: { c: floats([1, 2], [1, 2]) },
  });
  expect([...(interpret(importOnnx(file), {}).y as Tensor).data]).toEqual([-1, -2]);
});

test('an error names the file as written, not the attempt with any batch', () => {
  expect(() => importOnnx(chain([1, 4], [['Reshape', 'x s']], { s: int64s(1, 5) }))).toThrow(
    expect.objectContaining({ code: 'ERR_SHAPE', message: expect.not.stringContaining('N') }),
  );
});

describe('the declared rank', () => {
  test('is the rank of the result, whatever its sizes are', () => {
    // With a batch of any size Squeeze cannot know whether it is 1; the file says which rank it
    // means.
    expect(shapeOf(chain(['N', 1, 4], [['Squeeze', 'x']], {}, ['N', 4]))).toEqual(['N', 4]);
    // As the file declares it, the batch must be 1.
    expect(() => verify(importOnnx(chain(['N', 1, 4], [['Squeeze', 'x']], {}, [4])))).toThrow(
      expect.objectContaining({
        code: 'ERR_SHAPE',
        op: 'output',
        node: 'y',
        message: expect.stringContaining(
          'a value of rank 1, as the file declares but received [N, 4]',
        ),
      }),
    );
  });
  test('is not declared by an empty shape, nor by none', () => {
    for (const declared of [[], undefined])
      expect(shapeOf(chain(['N', 4], [relu], {}, declared))).toEqual(['N', 4]);
  });
  test('is kept where the batch was freed', () => {
    const { y } = interpret(importOnnx(chain([1, 4], [relu], {}, [1, 4])), {
      x: new Tensor('f32', Float32Array.of(1, -2, 3, -4, 5, 6, 7, 8), [2, 4]),
    });
    expect(y).toMatchObject({ shape: [2, 4], data: Float32Array.of(1, 0, 3, 0, 5, 6, 7, 8) });
  });
});
