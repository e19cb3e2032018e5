/**
 * Both sides of every operator set at which an op changed its meaning or moved an attribute to an
 * input, against onnxruntime. Not here: what an op computes besides (./onnx-ops.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { topological } from '../../src/graph/value.js';
import { encodeCase, expectAgreement, type OpCase, rampOf } from './onnx-cases.js';
import { type AttributeSpec, floats, int64s, type TensorSpec } from './onnx-encoder.js';

type Side = Omit<OpCase, 'what' | 'opset' | 'nodes'> & {
  readonly inputs?: string[];
  readonly attributes?: Record<string, AttributeSpec>;
};

/** One node over x at each of some operator sets. */
function at(op: string, opsets: readonly number[], side: Side = {}): OpCase[] {
  const { inputs = ['x'], attributes = {}, ...rest } = side;
  return opsets.map((opset) => ({
    what: `${op} ${opset}`,
    opset,
    nodes: [{ op, inputs, attributes }],
    ...rest,
  }));
}

const bounds = { a: floats([], [-1]), b: floats([], [1.5]) };
const pads = [0, 0, 1, 2, 0, 1, 0, 3];
const norm: Side = {
  inputs: ['x', 'g', 'b', 'm', 'v'],
  attributes: { epsilon: { float: 0.01 } },
  initializers: { g: rampOf([4]), b: rampOf([4]), m: rampOf([4]), v: floats([4], [1, 2, 0.5, 4]) },
};
const window = { kernel_shape: [2, 2], strides: [2, 2] };
const axes = (...list: number[]): Record<string, TensorSpec> => ({ axes: int64s(...list) });

const cases: OpCase[] = [
  // The bounds are attributes, then inputs.
  ...at('Clip', [7, 10], { attributes: { min: { float: -1 }, max: { float: 1.5 } } }),
  ...at('Clip', [11, 12, 13], { inputs: ['x', 'a', 'b'], initializers: bounds }),
  ...at('Clip', [11], { inputs: ['x', 'a'], initializers: bounds }),
  ...at('Clip', [10, 11]),

  ...at('Pad', [7, 10], { attributes: { pads, value: { float: 1.5 } } }),
  ...at('Pad', [11, 12, 13, 17], {
    inputs: ['x', 'p', 'v'],
    initializers: { p: int64s(...pads), v: floats([], [1.5]) },
  }),
  ...at('Pad', [11, 13], { inputs: ['x', 'p'], initializers: { p: int64s(...pads) } }),
  ...at('Pad', [18, 19, 21], {
    inputs: ['x', 'p', 'v', 'axes'],
    initializers: { p: int64s(1, 2, 3, 4), v: floats([], [-1]), ...axes(-1, 2) },
  }),

  // Over all axes from `axis` on, then along one.
  ...at('Softmax', [7, 10, 11, 12, 13, 14]),
  ...at('Softmax', [7, 10, 11, 12, 13, 14], { attributes: { axis: 1 } }),
  ...at('Softmax', [7, 11, 12, 13], { attributes: { axis: 2 } }),
  ...at('Softmax', [11, 12, 13], { attributes: { axis: -1 } }),
  ...at('Softmax', [11, 12, 13], { attributes: { axis: -3 } }),
  ...at('Softmax', [11, 12, 13], { x: [3, 7] }),
  ...at('Softmax', [12, 13], { attributes: { axis: 0 }, x: [3, 7] }),

  ...at('Slice', [7, 9], { attributes: { starts: [1, -3], ends: [4, 100], axes: [1, 3] } }),
  ...at('Slice', [9], { attributes: { starts: [1, 2], ends: [2, 4] } }),
  ...at('Slice', [10, 11, 13], {
    inputs: ['x', 's', 'e', 'a'],
    initializers: { s: int64s(1, -3), e: int64s(4, 100), a: int64s(1, 3) },
  }),

  ...at('Squeeze', [7, 11, 12], { x: [2, 1, 3, 1], attributes: { axes: [1] } }),
  ...at('Squeeze', [13, 21], { x: [2, 1, 3, 1], inputs: ['x', 'axes'], initializers: axes(1) }),
  ...at('Squeeze', [11, 12, 13], { x: [2, 1, 3, 1] }),
  ...at('Unsqueeze', [7, 11, 12], { attributes: { axes: [1, 3] } }),
  ...at('Unsqueeze', [13, 21], { inputs: ['x', 'axes'], initializers: axes(1, 3) }),

  ...at('ReduceSum', [11, 12], { attributes: { axes: [1, 2], keepdims: 0 } }),
  ...at('ReduceSum', [13, 18], {
    inputs: ['x', 'axes'],
    initializers: axes(1, 2),
    attributes: { keepdims: 0 },
  }),
  ...['ReduceMean', 'ReduceMax', 'ReduceMin'].flatMap((op) => [
    ...at(op, [12, 13, 17], { attributes: { axes: [1, 2], keepdims: 0 } }),
    ...at(op, [18], {
      inputs: ['x', 'axes'],
      initializers: axes(1, 2),
      attributes: { keepdims: 0 },
    }),
  ]),

  ...at('BatchNormalization', [7, 8], { ...norm, attributes: { ...norm.attributes, spatial: 1 } }),
  ...at('BatchNormalization', [9, 13, 14, 15], norm),
  ...at('BatchNormalization', [14, 15], {
    ...norm,
    attributes: { ...norm.attributes, training_mode: 0 },
  }),

  ...['MaxPool', 'AveragePool'].flatMap((op) => [
    ...at(op, [7, 8, 9], { attributes: window }),
    ...at(op, [10, 11, 12, 19, 22], { attributes: { ...window, ceil_mode: 1 } }),
  ]),
  ...at('AveragePool', [7, 10, 11, 19, 22], {
    attributes: { ...window, pads: [1, 1, 1, 1], count_include_pad: 1 },
  }),
  ...at('MaxPool', [10, 12], { attributes: { ...window, dilations: [2, 3] } }),

  ...at('Reshape', [7, 13, 14, 19], { inputs: ['x', 's'], initializers: { s: int64s(0, -1, 3) } }),
  ...at('Flatten', [7, 9, 11], { attributes: { axis: 2 } }),
  ...at('Flatten', [11], { attributes: { axis: -2 } }),
  ...at('Concat', [7, 11], { inputs: ['x', 'x'], attributes: { axis: 1 } }),
  ...at('Dropout', [7, 10], { attributes: { ratio: { float: 0.25 } } }),
  ...at('Dropout', [12, 13], {
    inputs: ['x', 'r', 't'],
    initializers: { r: floats([], [0.25]), t: { dims: [], int32s: [0], dataType: 9 } },
  }),
  ...['Max', 'Min', 'Sum'].flatMap((op) =>
    at(op, [8, 13], { inputs: ['x', 'c'], initializers: { c: rampOf([4, 1, 1]) } }),
  ),
  ...at('Gemm', [7, 9, 11, 13], {
    x: [3, 5],
    inputs: ['x', 'b', 'c'],
    initializers: { b: rampOf([5, 4]), c: rampOf([4]) },
  }),
  ...at('PRelu', [7, 9, 16], { inputs: ['x', 's'], initializers: { s: rampOf([4, 1, 1]) } }),
  ...['HardSigmoid', 'LeakyRelu'].flatMap((op) => at(op, [7, 16, 22])),
  ...at('Pow', [7, 11, 12, 15], { inputs: ['x', 's'], initializers: { s: floats([], [3]) } }),
  ...at('Conv', [7, 11, 22], {
    inputs: ['x', 'w', 'b'],
    initializers: { w: rampOf([3, 4, 2, 2]), b: rampOf([3]) },
  }),
  ...at('Sign', [9, 13]),
  ...at('Round', [11, 22]),
];

describe('both sides of a boundary agree with onnxruntime', () => {
  test.each(cases.map((c, i) => [c.what, i, c] as const))('%s (case %i)', (_, _i, c) =>
    expectAgreement(c),
  );
});

describe('Split', () => {
  const parts = (
    opset: number,
    node: { inputs?: string[]; attributes?: Record<string, AttributeSpec> },
    rest: Side = {},
  ): OpCase => ({
    what: `Split ${opset}`,
    opset,
    nodes: [
      {
        op: 'Split',
        inputs: node.inputs ?? ['x'],
        outputs: ['a', 'b', 'c'],
        attributes: { axis: 3, ...node.attributes },
      },
      { op: 'Concat', inputs: ['c', 'a', 'b'], attributes: { axis: 3 } },
    ],
    ...rest,
  });
  const sizes = { s: int64s(1, 3, 2) };
  test.each([7, 11, 12])('sizes by attribute, %i', (opset) =>
    expectAgreement(parts(opset, { attributes: { split: [1, 3, 2] } })),
  );
  test.each([13, 17])('sizes by input, %i', (opset) =>
    expectAgreement(parts(opset, { inputs: ['x', 's'] }, { initializers: sizes })),
  );
  test('sizes by input, 18', () =>
    expectAgreement(parts(18, { inputs: ['x', 's'] }, { initializers: sizes })));
  test.each([7, 13])('equal parts, %i', (opset) => expectAgreement(parts(opset, {})));
  test('equal parts, 18', () => expectAgreement(parts(18, { attributes: { num_outputs: 3 } })));
  test.each([
    [8, '3, 3, 2'],
    [7, '3, 3, 1'],
  ])('of %i in parts of %s: the last is smaller', (size) =>
    expectAgreement(parts(18, { attributes: { num_outputs: 3 } }, { x: [2, 2, 2, size] })),
  );
  test('4 elements in 3 parts are 2, 2 and 0', () => {
    const graph = importOnnx(
      encodeCase(parts(18, { attributes: { num_outputs: 3 } }, { x: [2, 2, 2, 4] })),
    );
    expect(
      topological(graph)
        .filter(({ op }) => op === 'slice')
        .map(({ shape }) => shape.at(-1))
        .sort(),
    ).toEqual([0, 2, 2]);
  });
  test.each([
    ['too few', int64s(1, 5)],
    ['another sum', int64s(1, 3, 3)],
    ['a negative one', int64s(-1, 3, 4)],
  ])('sizes that do not fit are refused: %s', (_, s) => {
    expect(() =>
      importOnnx(encodeCase(parts(13, { inputs: ['x', 's'] }, { initializers: { s } }))),
    ).toThrow(expect.objectContaining({ code: 'ERR_FORMAT', op: 'Split' }));
  });
});

describe('attributes and inputs that an older version did not know are refused', () => {
  const only = (
    op: string,
    opset: number,
    attributes: Record<string, AttributeSpec>,
    side: Side = {},
  ): Uint8Array => encodeCase(at(op, [opset], { ...side, attributes })[0]!);
  test.each([
    ['spatial = 0', only('BatchNormalization', 8, { spatial: 0 }, norm)],
    ['storage_order = 1', only('MaxPool', 8, { ...window, storage_order: 1 })],
    [
      'training_mode of Dropout',
      only(
        'Dropout',
        12,
        {},
        {
          inputs: ['x', 'r', 't'],
          initializers: { r: floats([], [0.5]), t: { dims: [], int32s: [1], dataType: 9 } },
        },
      ),
    ],
  ])('%s', (_, file) =>
    expect(() => importOnnx(file)).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' })),
  );
});
