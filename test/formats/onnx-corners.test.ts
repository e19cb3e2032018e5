/**
 * Attributes and operands at their corners, against onnxruntime: defaults left out, ends counted
 * from behind and beyond, operands that broadcast, and the integers by which exporters compute
 * shapes. Not here: the plain use of each op (./onnx-ops.test.ts).
 */
import { describe, test } from 'vitest';
import { expectAgreement, type OpCase, ramp, rampOf } from './onnx-cases.js';
import { type AttributeSpec, floats, int64s, type TensorSpec } from './onnx-encoder.js';

type More = Partial<Pick<OpCase, 'x' | 'opset'>>;

/** One node over x and constants, which follow x in the order they are given. */
function one(
  op: string,
  attributes: Record<string, AttributeSpec> = {},
  constants: Record<string, TensorSpec> = {},
  more: More = {},
): OpCase {
  const shapes = Object.values(constants).map(({ dims }) => `[${dims}]`);
  return {
    what: `${op} ${JSON.stringify(attributes)} ${shapes}`,
    nodes: [{ op, inputs: ['x', ...Object.keys(constants)], attributes }],
    initializers: constants,
    ...more,
  };
}

const g = rampOf([6, 2, 3, 3]);
const square = { kernel_shape: [3, 3] };
const windows: OpCase[] = [
  one('Conv', { group: 2 }, { g, b: rampOf([6]) }),
  one('Conv', { group: 4 }, { g: rampOf([4, 1, 3, 3]), b: rampOf([4]) }),
  one(
    'Conv',
    { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] },
    { g: rampOf([8, 1, 3, 3]), b: rampOf([8]) },
  ),
  ...[
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
    [0, 0, 2, 1],
  ].flatMap((pads) => [
    one('Conv', { pads }, { w: rampOf([3, 4, 2, 3]) }),
    one('MaxPool', { kernel_shape: [3, 2], strides: [2, 2], pads }),
    one('AveragePool', { kernel_shape: [3, 3], strides: [2, 1], pads, count_include_pad: 0 }),
  ]),
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].flatMap((mode) => [
    one('Conv', { auto_pad: mode, strides: [3, 2] }, { w: rampOf([3, 4, 1, 1]) }),
    one('MaxPool', { ...square, auto_pad: mode, strides: [2, 2] }),
    one('AveragePool', { kernel_shape: [2, 3], auto_pad: mode, strides: [1, 2] }),
  ]),
  one('Conv', { auto_pad: 'NOTSET', pads: [1, 2, 0, 1] }, { w: rampOf([3, 4, 2, 3]) }),
  one('Conv', { dilations: [2, 2] }, { w: rampOf([3, 4, 2, 2]) }),
  one('MaxPool', square),
  one('AveragePool', square),
  one('MaxPool', { ...square, ceil_mode: 0, strides: [2, 2] }),
  // Variances so small that it tells which epsilon stands for one left out.
  one(
    'BatchNormalization',
    {},
    {
      g: floats([4], [0.02, -0.02, 0.01, 0.03]),
      b: rampOf([4]),
      m: rampOf([4]),
      v: floats([4], [1e-3, 2e-3, 3e-4, 1e-3]),
    },
  ),
  one(
    'BatchNormalization',
    {},
    { g: rampOf([4]), b: rampOf([4]), m: rampOf([4]), v: floats([4], [1, 2, 3, 4]) },
    { x: [2, 4, 3] },
  ),
];

const reductions: OpCase[] = ['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin'].flatMap((op) => [
  one(op, { noop_with_empty_axes: 1 }, {}, { opset: 18 }),
  one(op, { noop_with_empty_axes: 1 }, { axes: int64s() }, { opset: 18 }),
  one(op, { noop_with_empty_axes: 1 }, { axes: int64s(-1) }, { opset: 18 }),
  one(op, { noop_with_empty_axes: 0, keepdims: 0 }, {}, { opset: 18 }),
  one(op, { keepdims: 0 }, { axes: int64s() }, { opset: 18 }),
  one(op, { keepdims: 1, axes: [0, 2] }, {}, { opset: 11 }),
  one(op, { axes: [3] }, {}, { opset: 11 }),
]);

const slice = (s: number[], e: (number | bigint)[], a: number[], t?: number[]) =>
  one(
    'Slice',
    {},
    {
      s: int64s(...s),
      e: int64s(...e),
      a: int64s(...a),
      ...(t === undefined ? {} : { t: int64s(...t) }),
    },
  );
const moves: OpCase[] = [
  slice([-100], [3], [3]),
  slice([-6], [-1], [3]),
  slice([-5], [-100], [3]),
  slice([4], [2], [3]),
  slice([9], [12], [3]),
  slice([0], [0], [2]),
  slice([1, 1], [-1, 2n ** 40n], [-2, -1]),
  slice([0], [6], [3], [4]),
  slice([1], [6], [3], [5]),
  slice([-100], [100], [3], [2]),
  slice([2, 0], [2n ** 63n - 1n, 5], [3, 2], [3, 2]),
  {
    what: 'Slice without axes',
    nodes: [{ op: 'Slice', inputs: ['x', 's', 'e'] }],
    initializers: { s: int64s(1, -3), e: int64s(2, -1) },
  },
  {
    what: 'Slice with an axis left out',
    nodes: [{ op: 'Slice', inputs: ['x', 's', 'e', '', 't'] }],
    initializers: { s: int64s(0, 1), e: int64s(2, 4), t: int64s(1, 2) },
  },
  one('Transpose', { perm: [3, 0, 1, 2] }),
  one('Flatten', { axis: 0 }),
  one('Flatten', { axis: 4 }),
  one('Flatten', { axis: 3 }),
  one('Flatten', {}, {}, { x: [3, 1, 1] }),
  one('Squeeze', {}, { s: int64s(-1, 1) }, { x: [2, 1, 3, 1] }),
  one('Squeeze', {}, {}, { x: [1, 3, 1] }),
  one('Unsqueeze', {}, { s: int64s(5, 0) }),
  one('Unsqueeze', {}, { s: int64s(-1, 1) }),
  one('Unsqueeze', {}, { s: int64s(-2) }, { x: [2, 3] }),
  one('Expand', {}, { s: int64s(3, 1, 4, 1, 1) }, { x: [4, 5, 6] }),
  one('Expand', {}, { s: int64s(1) }),
  one('Expand', {}, { s: int64s(5, 6) }),
  one('Expand', {}, { s: int64s(2, 1, 3) }, { x: [2, 4, 1] }),
  one('Reshape', {}, { s: int64s(-1) }),
  one('Reshape', {}, { s: int64s(0, 0, 30) }),
  one('Reshape', {}, { s: int64s(6, 5, -1, 2) }),
  one('Reshape', { allowzero: 0 }, { s: int64s(2, 0, -1) }, { opset: 14 }),
  {
    what: 'Reshape, allowzero, of nothing',
    opset: 14,
    nodes: [
      { op: 'Slice', inputs: ['x', 's', 's', 'a'], outputs: ['empty'] },
      { op: 'Reshape', inputs: ['empty', 'target'], attributes: { allowzero: 1 } },
    ],
    initializers: { s: int64s(1), a: int64s(1), target: int64s(0, 3) },
  },
  one('Pad', {}, { p: int64s(0, 0, 0, 0, 0, 0, 0, 2) }),
  one('Pad', {}, { p: int64s(1, 0, 0, 0, 0, 0, 0, 0), v: floats([], [2.5]) }),
  { what: 'Concat of one', nodes: [{ op: 'Concat', inputs: ['x'], attributes: { axis: 2 } }] },
  {
    what: 'Concat of data and x, on the last axis',
    nodes: [{ op: 'Concat', inputs: ['c', 'x', 'c'], attributes: { axis: -1 } }],
    initializers: { c: rampOf([2, 4, 5, 1]) },
  },
];

const operands: OpCase[] = [
  one('Gemm', { alpha: { float: 0.5 } }, { b: rampOf([5, 4]), c: rampOf([4]) }, { x: [3, 5] }),
  one('Gemm', { beta: { float: -2 } }, { b: rampOf([5, 4]), c: rampOf([3, 1]) }, { x: [3, 5] }),
  one('Gemm', { beta: { float: 0 } }, { b: rampOf([5, 4]), c: rampOf([4]) }, { x: [3, 5] }),
  one('Gemm', { beta: { float: 3 }, transB: 1 }, { b: rampOf([4, 5]) }, { x: [3, 5] }),
  one('Gemm', { transA: 1 }, { b: rampOf([5, 4]), c: rampOf([1, 4]) }, { x: [5, 3] }),
  one('PRelu', {}, { s: floats([6], [0.5, -0.25, 2, 0, 1, -1]) }),
  one('PRelu', {}, { s: floats([1], [0.25]) }),
  one('LeakyRelu', { alpha: { float: 0.3 } }),
  one('HardSigmoid', { alpha: { float: 0.5 }, beta: { float: 0.25 } }),
  one('Clip', {}, { a: floats([], [0.5]) }),
  one('Clip', { min: { float: 0.5 } }, {}, { opset: 10 }),
  one('Clip', { max: { float: 0.5 } }, {}, { opset: 10 }),
  one('Max'),
  one('Min'),
  one('Sum', {}, { a: rampOf([6]), b: rampOf([5, 1]), c: rampOf([4, 1, 1]) }),
  one('Min', {}, { a: rampOf([6]), b: rampOf([5, 1]), c: rampOf([4, 1, 1]) }),
  one('Pow', {}, { e: { dims: [1], int32s: [2] } }),
  one('Pow', {}, { e: floats([6], [0, 1, 2, 3, 2, 1]) }),
  one('Sub', {}, { c: floats([], [0.5]) }),
];

/** Nodes over integers; the last one's are given as floats. */
function ints(
  what: string,
  nodes: [op: string, inputs: string, attributes?: Record<string, AttributeSpec>][],
  constants: Record<string, TensorSpec> = {},
  more: More = {},
): OpCase {
  const steps = nodes.map(([op, inputs, attributes = {}], i) => ({
    op,
    inputs: inputs.split(' ').filter(Boolean),
    outputs: [`v${i + 1}`],
    attributes,
  }));
  const cast = { op: 'Cast', inputs: [`v${nodes.length}`], outputs: ['y'], attributes: { to: 1 } };
  return { what: `integers: ${what}`, nodes: [...steps, cast], initializers: constants, ...more };
}
const scalar = (value: number): TensorSpec => ({ dims: [], int64s: [value] });
const shapes: OpCase[] = [
  ...[
    {},
    { start: 1 },
    { end: 2 },
    { start: 1, end: 3 },
    { start: -2 },
    { end: -1 },
    { start: -100, end: 100 },
    { start: 3, end: 1 },
    { start: 0, end: 0 },
  ].map((attributes) =>
    ints(`Shape ${JSON.stringify(attributes)}`, [['Shape', 'x', attributes]], {}, { opset: 15 }),
  ),
  ints('Shape of data', [['Shape', 'w']], { w: rampOf([3, 7]) }),
  ints('Shape of integers', [['Shape', 'w']], { w: int64s(4, 5, 6) }),
  ints(
    'Shape of a scalar',
    [
      ['Shape', 'w'],
      ['Concat', 'v1 z', { axis: 0 }],
    ],
    { w: scalar(4), z: int64s(9) },
  ),
  ints(
    'Gather, a scalar',
    [
      ['Shape', 'x'],
      ['Gather', 'v1 i'],
    ],
    { i: scalar(-2) },
  ),
  ints(
    'Gather, a vector',
    [
      ['Shape', 'x'],
      ['Gather', 'v1 i', { axis: 0 }],
    ],
    { i: int64s(3, 0, -1) },
  ),
  ints(
    'Slice, every second',
    [
      ['Shape', 'x'],
      ['Slice', 'v1 s e a t'],
    ],
    { s: int64s(1), e: int64s(4), a: int64s(0), t: int64s(2) },
  ),
  ints(
    'Slice from the end',
    [
      ['Shape', 'x'],
      ['Slice', 'v1 s e'],
    ],
    { s: int64s(-3), e: int64s(-1) },
  ),
  ints(
    'Slice, steps of 3',
    [
      ['Shape', 'x'],
      ['Slice', 'v1 s e a t'],
    ],
    { s: int64s(0), e: int64s(100), a: int64s(0), t: int64s(3) },
  ),
  ints(
    'Squeeze',
    [
      ['Shape', 'x'],
      ['Gather', 'v1 i'],
      ['Squeeze', 'v2 a'],
    ],
    { i: int64s(1), a: int64s(0) },
  ),
  ints(
    'Unsqueeze',
    [
      ['Gather', 'w i'],
      ['Unsqueeze', 'v1 a'],
      ['Concat', 'v2 w', { axis: 0 }],
    ],
    { w: int64s(4, 5), i: scalar(1), a: int64s(0) },
  ),
  ints('Reshape to a vector', [['Reshape', 'w s']], { w: int64s(4, 5), s: int64s(-1) }),
  ints('Reshape to its length', [['Reshape', 'w s']], { w: int64s(4, 5), s: int64s(2) }),
  ints('Reshape to a scalar', [['Reshape', 'w s']], { w: int64s(4), s: int64s() }),
  ints('Identity', [
    ['Shape', 'x'],
    ['Identity', 'v1'],
  ]),
  ints('Cast to int32', [['Cast', 'w', { to: 6 }]], { w: int64s(4, -5) }),
  ints('Cast of floats, which truncates', [['Cast', 'w', { to: 7 }]], {
    w: floats([4], [1.7, -1.7, 0.5, -3]),
  }),
  ints('Cast of a double scalar', [['Cast', 'w', { to: 6 }]], { w: { dims: [], doubles: [2.9] } }),
  ints(
    'ConstantOfShape of integers',
    [['ConstantOfShape', 's', { value: { tensor: int64s(7) } }]],
    { s: int64s(3) },
  ),
  ints(
    'ConstantOfShape, a scalar of integers',
    [['ConstantOfShape', 's', { value: { tensor: int64s(-7) } }]],
    { s: int64s() },
  ),
  ...(['Add', 'Sub', 'Mul', 'Div'] as const).flatMap((op) => [
    ints(`${op} of vectors`, [[op, 'a b']], { a: int64s(7, -7, 8, 0), b: int64s(2, 2, 3, 5) }),
    ints(`${op} of a vector and a scalar`, [[op, 'a b']], { a: int64s(7, -7, 8), b: scalar(3) }),
    ints(`${op} of a scalar and a vector`, [[op, 'a b']], { a: scalar(12), b: int64s(2, -5, 7) }),
    ints(`${op} of scalars`, [[op, 'a b']], { a: scalar(12), b: scalar(-5) }),
    ints(`${op} of vectors of 1`, [[op, 'a b']], { a: int64s(12), b: int64s(5) }),
    ints(`${op} with 0 and 1 on the left`, [[op, 'a b']], {
      a: int64s(0, 1, 0, 1),
      b: int64s(4, 4, 1, 1),
    }),
  ]),
  ints('Constant value_ints', [['Constant', '', { value_ints: [4, -5, 6] }]]),
  ints('Constant value_int', [['Constant', '', { value_int: -5 }]]),
];

const data: OpCase[] = [
  ...(
    [
      ['value_float', { float: 1.5 }],
      ['value_floats', { floats: [1, 2, 3, -4, 5, 0.5] }],
      ['value', { tensor: { dims: [6], floats: ramp(6), raw: true } }],
    ] as [string, AttributeSpec][]
  ).map(([name, value]) => ({
    what: `Constant ${name}`,
    nodes: [
      { op: 'Constant', inputs: [], outputs: ['c'], attributes: { [name]: value } },
      { op: 'Add', inputs: ['x', 'c'] },
    ],
  })),
  ...[{}, { value: { tensor: floats([1], [2.5]) } }].map((attributes) => ({
    what: `ConstantOfShape ${JSON.stringify(attributes)}`,
    nodes: [{ op: 'ConstantOfShape', inputs: ['s'], attributes }],
    initializers: { s: int64s(2, 3) },
  })),
  ...(
    [
      ['double', { dims: [2, 3], doubles: [1.1, -2.2, 3, 1e-3, 5, 6] }],
      ['float', rampOf([2, 3])],
      ['int64', { dims: [6], int64s: [1, -2, 3, 4, 5, 6] }],
      ['bool', { dims: [6], int32s: [1, 0, 1, 1, 0, 1], dataType: 9 }],
    ] as [string, TensorSpec][]
  ).map(([name, w]) => ({
    what: `Cast of ${name} data to float`,
    nodes: [{ op: 'Cast', inputs: ['w'], attributes: { to: 1 } }],
    initializers: { w },
  })),
  {
    what: 'Cast of a computed value to int32 and back',
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['i'], attributes: { to: 6 } },
      { op: 'Cast', inputs: ['i'], attributes: { to: 1 } },
    ],
  },
  ...(
    [
      ['integers that u8 has no bits for keep their low bits', int64s(300, -1, 255)],
      ['floats that are integers of u8', floats([3], [254.9, 0.5, 7])],
    ] as [string, TensorSpec][]
  ).map(([name, w]) => ({
    what: `Cast of ${name}`,
    nodes: [
      { op: 'Cast', inputs: ['w'], outputs: ['u'], attributes: { to: 2 } },
      { op: 'Cast', inputs: ['u'], attributes: { to: 1 } },
    ],
    initializers: { w },
  })),
  {
    what: 'Cast of a computed value to float',
    nodes: [{ op: 'Cast', inputs: ['x'], attributes: { to: 1 } }],
  },
];

describe.each(Object.entries({ windows, reductions, moves, operands, shapes, data }))(
  '%s agree with onnxruntime',
  (_, cases) => {
    test.each(cases.map((c, i) => [c.what, i, c] as const))('%s (case %i)', (_what, _i, c) =>
      expectAgreement(c),
    );
  },
);
