/**
 * The importer on whole files: names, inputs, the batch, and the errors for wrong files. Not here:
 * the values of each op (./onnx-ops.test.ts, ./quant.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { BitplaneError } from '../../src/core/errors.js';
import { UNLIMITED } from '../../src/core/limits.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { topological } from '../../src/graph/value.js';
import { verify } from '../../src/ops/verify.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';
import { encodeOnnx, floats, int64s, type ModelSpec, type NodeSpec } from './onnx-encoder.js';

const relu: NodeSpec = { op: 'Relu', name: 'r', inputs: ['x'], outputs: ['y'] };
function file(spec: Partial<ModelSpec>): Uint8Array {
  return encodeOnnx({ nodes: [relu], inputs: { x: ['N', 4] }, outputs: { y: undefined }, ...spec });
}

function failure(spec: Partial<ModelSpec>): BitplaneError {
  try {
    verify(importOnnx(file(spec)));
  } catch (error) {
    expect(error).toBeInstanceOf(BitplaneError);
    return error as BitplaneError;
  }
  throw new Error('the import succeeded');
}

describe('names', () => {
  test('the main value takes the name of its node, or of its output', () => {
    const conv = { op: 'Conv', name: 'conv', inputs: ['x', 'w', 'b'], outputs: ['c'] };
    const graph = importOnnx(
      file({
        nodes: [conv, { op: 'Relu', inputs: ['c'], outputs: ['y'] }],
        inputs: { x: ['N', 2, 5, 5] },
        initializers: { w: floats([1, 2, 1, 1], [1, 2]), b: floats([1], [3]) },
      }),
    );
    verify(graph);
    const names = topological(graph).map(({ op, name }) => [op, name]);
    expect(names).toContainEqual(['conv2d', 'conv']);
    expect(names).toContainEqual(['add', 'conv/bias']);
    expect(names).toContainEqual(['relu', 'y']);
    expect(names).toContainEqual(['constant', 'w']);
    expect(Object.keys(graph.outputs)).toEqual(['y']);
  });

  test('names that nodes, inputs and data share are told apart', () => {
    const nodes = [
      { op: 'Add', name: 'x', inputs: ['x', 'c'], outputs: ['a'] },
      { op: 'Add', name: 'x', inputs: ['a', 'c'], outputs: ['y'] },
    ];
    const graph = importOnnx(file({ nodes, initializers: { c: floats([4], [1, 2, 3, 4]) } }));
    verify(graph);
    expect(
      topological(graph)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['c', 'x', 'x_2', 'x_3']);
  });
});

describe('inputs', () => {
  test('an initializer with the name of an input replaces the input', () => {
    const nodes = [{ op: 'Add', inputs: ['x', 'c'], outputs: ['y'] }];
    const graph = importOnnx(
      file({
        nodes,
        inputs: { c: [4], x: ['N', 4] },
        initializers: { c: floats([4], [1, 2, 3, 4]) },
      }),
    );
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x']);
  });
  test('sizes that the file leaves open become symbols', () => {
    expect(
      importOnnx(file({ inputs: { x: [undefined, 'channels', undefined, 0] } })).inputs[0]?.shape,
    ).toEqual(['N', 'channels', 'x_dim2', 'x_dim3']);
  });
  test('types that nothing here holds are refused', () => {
    expect(failure({ inputType: 8 })).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      node: 'x',
      message: expect.stringContaining('STRING'),
    });
  });
});

describe('data', () => {
  const add = [{ op: 'Add', inputs: ['x', 'c'], outputs: ['y'] }];
  test.each([true, false])('as raw_data (%s) or typed fields', (raw) => {
    const graph = importOnnx(
      file({ nodes: add, initializers: { c: { dims: [4], floats: [1, -2, 3.5, 0], raw } } }),
    );
    const y = interpret(graph, { x: new Tensor('f32', new Float32Array(4), [1, 4]) }).y as Tensor;
    expect([...y.data]).toEqual([1, -2, 3.5, 0]);
  });
  test.each([
    ['too little', { dims: [4], floats: [1, 2, 3] }],
    ['too much', { dims: [4], floats: [1, 2, 3, 4, 5], raw: true }],
    ['a huge shape', { dims: [2 ** 40], floats: [1] }],
    ['a shape beyond 2^53', { dims: [2 ** 30, 2 ** 30], floats: [1] }],
    ['a negative size', { dims: [-4], floats: [1, 2, 3, 4] }],
  ])('%s is ERR_FORMAT', (_, c) => {
    expect(failure({ nodes: add, initializers: { c } })).toMatchObject({
      code: 'ERR_FORMAT',
      node: 'c',
    });
  });
  test.each([
    ['in another file', { dims: [4], floats: [], external: true }, 'another file'],
    ['of 8-bit floats', { dims: [4], floats: [], dataType: 17 }, 'data type 17'],
  ])('%s is ERR_UNSUPPORTED', (_, c, sentence) => {
    expect(failure({ nodes: add, initializers: { c } })).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      node: 'c',
      message: expect.stringContaining(sentence),
    });
  });
  test('of another type than the op wants is ERR_DTYPE', () => {
    expect(failure({ nodes: add, initializers: { c: int64s(1, 2, 3, 4) } })).toMatchObject({
      code: 'ERR_DTYPE',
      node: 'c',
    });
  });
});

describe('what is refused', () => {
  test('unknown ops, all at once, with node, op and domain', () => {
    const nodes = [
      { op: 'Det', name: 'first', inputs: ['x'], outputs: ['a'] },
      { op: 'Relu', domain: 'com.example', inputs: ['a'], outputs: ['b'] },
      { op: 'Relu', domain: 'com.example', inputs: ['a'], outputs: ['other'] },
      { op: 'constructor', name: 'third', inputs: ['b'], outputs: ['c'] },
      { ...relu, inputs: ['c'] },
    ];
    const error = failure({ nodes });
    expect(error.code).toBe('ERR_UNSUPPORTED_OP');
    for (const part of [
      'Det ("first", domain "ai.onnx")',
      'Relu (2 times, first "b", domain "com.example")',
      'constructor ("third"',
    ])
      expect(error.message).toContain(part);
  });
  test.each([
    [
      'a cycle',
      {
        nodes: [
          { op: 'Add', name: 'a', inputs: ['x', 'v'], outputs: ['u'] },
          { op: 'Relu', name: 'b', inputs: ['u'], outputs: ['v'] },
          { ...relu, inputs: ['v'] },
        ],
      },
      'own result',
    ],
    [
      'an undefined input',
      { nodes: [{ ...relu, inputs: ['nowhere'] }] },
      '"nowhere" is not defined',
    ],
    ['an undefined output', { outputs: { z: undefined } }, 'not defined'],
    ['a name defined twice', { nodes: [relu, { ...relu, name: 'again' }] }, 'already defined'],
    [
      'a node that redefines an input',
      { nodes: [relu, { ...relu, outputs: ['x'] }] },
      'already defined',
    ],
    ['no output', { outputs: {} }, 'no graph with outputs'],
    ['no version of the operators', { opset: null }, 'opset_import'],
  ])('%s is ERR_FORMAT', (_, spec, sentence) => {
    expect(failure(spec)).toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining(sentence),
    });
  });
  test.each([0, 26, 99])('operator set %i', (opset) =>
    expect(failure({ opset })).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining(String(opset)),
    }),
  );

  test('operator sets before 7 where an op meant something else, and only there', () => {
    const add = [{ op: 'Add', name: 'q', inputs: ['x', 'x'], outputs: ['y'] }];
    expect(failure({ opset: 6, nodes: add })).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('version 7 to 25 of the standard operators, as it has Add'),
    });
    expect(() => importOnnx(file({ opset: 6 }))).not.toThrow();
  });

  const of = (
    node: Omit<NodeSpec, 'outputs' | 'name'>,
    shape: readonly (number | string)[],
    initializers: ModelSpec['initializers'] = {},
  ) => ({
    nodes: [{ ...node, name: 'r', outputs: ['y'] }],
    inputs: { x: shape },
    initializers,
  });
  test.each([
    [
      'a 3-d convolution',
      of({ op: 'Conv', inputs: ['x', 'w'] }, ['N', 2, 8, 8, 8], {
        w: floats([1, 2, 1, 1, 1], [1, 1]),
      }),
      'ERR_UNSUPPORTED',
    ],
    [
      'a kernel shape that lies',
      of({ op: 'Conv', inputs: ['x', 'w'], attributes: { kernel_shape: [2, 2] } }, ['N', 1, 8, 8], {
        w: floats([1, 1, 1, 1], [1]),
      }),
      'ERR_FORMAT',
    ],
    [
      'weights of other channels',
      of({ op: 'Conv', inputs: ['x', 'w'] }, ['N', 3, 8, 8], { w: floats([1, 2, 1, 1], [1, 1]) }),
      'ERR_SHAPE',
    ],
    [
      'a batch norm a pixel',
      of(
        {
          op: 'BatchNormalization',
          inputs: ['x', 'x', 'x', 'x', 'x'],
          attributes: { spatial: 0 },
        },
        ['N', 4],
      ),
      'ERR_UNSUPPORTED',
    ],
    [
      'a slice of the batch',
      of({ op: 'Slice', inputs: ['x', 's', 'e'] }, ['N', 4], { s: int64s(1), e: int64s(2) }),
      'ERR_UNSUPPORTED',
    ],
    [
      'a backward slice of an axis of unknown size',
      of({ op: 'Slice', inputs: ['x', 's', 'e', 'a', 't'] }, ['N', 4], {
        s: int64s(3),
        e: int64s(0),
        a: int64s(0),
        t: int64s(-1),
      }),
      'ERR_UNSUPPORTED',
    ],
    [
      'an axis beyond the rank',
      of({ op: 'Softmax', inputs: ['x'], attributes: { axis: 2 } }, ['N', 4]),
      'ERR_SHAPE',
    ],
    [
      'an attribute of another kind',
      of({ op: 'Softmax', inputs: ['x'], attributes: { axis: 'last' } }, ['N', 4]),
      'ERR_FORMAT',
    ],
    [
      'a reshape by a computed value',
      of({ op: 'Reshape', inputs: ['x', 'x'] }, ['N', 4]),
      'ERR_UNSUPPORTED',
    ],
    ['a missing operand', of({ op: 'Add', inputs: ['x'] }, ['N', 4]), 'ERR_FORMAT'],
    [
      'a huge ConstantOfShape',
      {
        ...of({ op: 'ConstantOfShape', inputs: ['s'] }, ['N', 4], { s: int64s(2 ** 20, 2 ** 20) }),
      },
      'ERR_LIMIT',
    ],
    [
      'shapes that do not broadcast',
      of({ op: 'Add', inputs: ['x', 'c'] }, ['N', 4], { c: floats([3], [1, 2, 3]) }),
      'ERR_SHAPE',
    ],
  ])('%s, naming the node', (_, spec, code) => {
    const error = failure(spec);
    expect(error.code).toBe(code);
    expect(error.message).toContain('"r"');
  });
});

test('nodes may come in any order, and nesting is not bounded by the call stack', () => {
  const depth = 20_000;
  const nodes = Array.from({ length: depth }, (_, i) => ({
    op: 'Neg',
    inputs: [i === 0 ? 'x' : `t${i}`],
    outputs: [i === depth - 1 ? 'y' : `t${i + 1}`],
  }));
  const graph = importOnnx(file({ nodes: nodes.reverse() }), { limits: UNLIMITED });
  expect(topological(graph)).toHaveLength(depth + 1);
});
