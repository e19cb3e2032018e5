/**
 * Each op's import against onnxruntime: one small file, the same input, the imported graph
 * interpreted by the ops' formulas. Not here: the quantizers, which onnxruntime does not know
 * (./quant.test.ts), and kernels.
 */
import { describe, test } from 'vitest';
import { expectAgreement, type OpCase, ramp, rampOf } from './onnx-cases.js';
import { floats, int64s } from './onnx-encoder.js';

const F = rampOf;
const w = { w: F([6, 4, 3, 3]) };
const cases: OpCase[] = [
  { what: 'Conv', nodes: [{ op: 'Conv', inputs: ['x', 'w'] }], initializers: w },
  {
    what: 'Conv with bias',
    nodes: [{ op: 'Conv', inputs: ['x', 'w', 'b'] }],
    initializers: { ...w, b: F([6]) },
  },
  {
    what: 'Conv, strides, uneven pads, dilations',
    nodes: [
      {
        op: 'Conv',
        inputs: ['x', 'w'],
        attributes: {
          strides: [2, 1],
          pads: [1, 0, 2, 3],
          dilations: [1, 2],
          kernel_shape: [3, 3],
        },
      },
    ],
    initializers: w,
  },
  {
    what: 'Conv, groups',
    nodes: [{ op: 'Conv', inputs: ['x', 'g'], attributes: { group: 2 } }],
    initializers: { g: F([6, 2, 3, 3]) },
  },
  {
    what: 'Conv, depthwise',
    nodes: [{ op: 'Conv', inputs: ['x', 'g'], attributes: { group: 4 } }],
    initializers: { g: F([4, 1, 3, 3]) },
  },
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].flatMap((mode) =>
    [1, 2, 3].map((stride) => ({
      what: `Conv, auto_pad ${mode}, stride ${stride}`,
      nodes: [
        {
          op: 'Conv',
          inputs: ['x', 'e'],
          attributes: { auto_pad: mode, strides: [stride, stride] },
        },
      ],
      initializers: { e: F([3, 4, 2, 3]) },
    })),
  ),
  ...[7, 9, 13, 15].map((opset) => ({
    what: `BatchNormalization ${opset}`,
    opset,
    nodes: [
      {
        op: 'BatchNormalization',
        inputs: ['x', 'g', 'b', 'm', 'v'],
        attributes: { epsilon: { float: 0.01 } },
      },
    ],
    initializers: { g: F([4]), b: F([4]), m: F([4]), v: floats([4], [1, 2, 0.5, 4]) },
  })),
  {
    what: 'BatchNormalization of a matrix',
    x: [3, 4],
    nodes: [{ op: 'BatchNormalization', inputs: ['x', 'g', 'b', 'm', 'v'] }],
    initializers: { g: F([4]), b: F([4]), m: F([4]), v: floats([4], [1, 2, 0.5, 4]) },
  },
  {
    what: 'MaxPool',
    nodes: [{ op: 'MaxPool', inputs: ['x'], attributes: { kernel_shape: [2, 3] } }],
  },
  {
    what: 'MaxPool, pads',
    nodes: [
      {
        op: 'MaxPool',
        inputs: ['x'],
        attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
      },
    ],
  },
  {
    what: 'MaxPool, ceil',
    nodes: [
      {
        op: 'MaxPool',
        inputs: ['x'],
        attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 },
      },
    ],
  },
  {
    what: 'MaxPool, dilations',
    nodes: [
      { op: 'MaxPool', inputs: ['x'], attributes: { kernel_shape: [2, 2], dilations: [2, 3] } },
    ],
  },
  {
    what: 'AveragePool',
    nodes: [
      { op: 'AveragePool', inputs: ['x'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
    ],
  },
  ...[0, 1].map((count) => ({
    what: `AveragePool, pads, count_include_pad ${count}`,
    nodes: [
      {
        op: 'AveragePool',
        inputs: ['x'],
        attributes: {
          kernel_shape: [3, 3],
          strides: [2, 2],
          pads: [1, 1, 1, 1],
          count_include_pad: count,
        },
      },
    ],
  })),
  ...['MaxPool', 'AveragePool'].flatMap((op) => [
    {
      what: `${op}, ceil, hanging over`,
      nodes: [
        { op, inputs: ['x'], attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 } },
      ],
    },
    {
      what: `${op}, ceil, pads`,
      nodes: [
        {
          op,
          inputs: ['x'],
          attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
        },
      ],
    },
    {
      what: `${op}, ceil, a window within the pads`,
      nodes: [
        {
          op,
          inputs: ['x'],
          attributes: { kernel_shape: [2, 3], strides: [2, 4], pads: [0, 2, 0, 2], ceil_mode: 1 },
        },
      ],
    },
  ]),
  { what: 'GlobalAveragePool', nodes: [{ op: 'GlobalAveragePool', inputs: ['x'] }] },
  { what: 'GlobalMaxPool', nodes: [{ op: 'GlobalMaxPool', inputs: ['x'] }] },

  {
    what: 'Gemm',
    x: [3, 5],
    nodes: [{ op: 'Gemm', inputs: ['x', 'b'] }],
    initializers: { b: F([5, 4]) },
  },
  {
    what: 'Gemm, transposed, scaled, biased',
    x: [5, 3],
    nodes: [
      {
        op: 'Gemm',
        inputs: ['x', 'b', 'c'],
        attributes: { transA: 1, transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } },
      },
    ],
    initializers: { b: F([4, 5]), c: F([4]) },
  },
  {
    what: 'MatMul',
    x: [3, 5],
    nodes: [{ op: 'MatMul', inputs: ['x', 'b'] }],
    initializers: { b: F([5, 4]) },
  },
  {
    what: 'MatMul of rank 3',
    x: [2, 3, 5],
    nodes: [{ op: 'MatMul', inputs: ['x', 'b'] }],
    initializers: { b: F([5, 4]) },
  },

  ...[
    'Relu',
    'Tanh',
    'Sigmoid',
    'Abs',
    'Neg',
    'Exp',
    'Floor',
    'Ceil',
    'Round',
    'Sign',
    'LeakyRelu',
    'HardSigmoid',
  ].map((op) => ({
    what: op,
    nodes: [{ op, inputs: ['x'] }],
  })),
  ...['Sqrt', 'Log'].map((op) => ({
    what: op,
    nodes: [
      { op: 'Exp', inputs: ['x'], outputs: ['e'] },
      { op, inputs: ['e'] },
    ],
  })),
  ...['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum'].flatMap((op) => [
    {
      what: `${op}, per channel`,
      nodes: [{ op, inputs: ['x', 'c'] }],
      initializers: { c: floats([4, 1, 1], [0.5, -2, 3, 1.5]) },
    },
    {
      what: `${op}, constant first`,
      nodes: [{ op, inputs: ['c', 'x'] }],
      initializers: { c: F([6]) },
    },
  ]),
  {
    what: 'Max of three',
    nodes: [{ op: 'Max', inputs: ['x', 'a', 'b'] }],
    initializers: { a: F([6]), b: F([5, 1]) },
  },
  {
    what: 'Pow',
    nodes: [{ op: 'Pow', inputs: ['x', 'two'] }],
    initializers: { two: floats([], [2]) },
  },
  {
    what: 'Pow with an int64 exponent',
    nodes: [{ op: 'Pow', inputs: ['x', 'three'] }],
    initializers: { three: { dims: [], int64s: [3] } },
  },
  {
    what: 'PRelu',
    nodes: [{ op: 'PRelu', inputs: ['x', 's'] }],
    initializers: { s: floats([4, 1, 1], [0.5, -0.25, 2, 0]) },
  },
  {
    what: 'Clip 9',
    opset: 9,
    nodes: [{ op: 'Clip', inputs: ['x'], attributes: { min: { float: -1 }, max: { float: 1.5 } } }],
  },
  {
    what: 'Clip 13',
    nodes: [{ op: 'Clip', inputs: ['x', 'a', 'b'] }],
    initializers: { a: floats([], [-1]), b: floats([], [1.5]) },
  },
  {
    what: 'Clip above only',
    nodes: [{ op: 'Clip', inputs: ['x', '', 'b'] }],
    initializers: { b: floats([], [1.5]) },
  },

  { what: 'Softmax 13', nodes: [{ op: 'Softmax', inputs: ['x'] }] },
  {
    what: 'Softmax 13 on channels',
    nodes: [{ op: 'Softmax', inputs: ['x'], attributes: { axis: 1 } }],
  },
  {
    what: 'Softmax 11 flattens',
    opset: 11,
    nodes: [{ op: 'Softmax', inputs: ['x'], attributes: { axis: 2 } }],
  },
  ...['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin'].flatMap((op) => [
    {
      what: `${op} 11`,
      opset: 11,
      nodes: [{ op, inputs: ['x'], attributes: { axes: [-1, 1], keepdims: 0 } }],
    },
    {
      what: `${op} 18`,
      opset: 18,
      nodes: [{ op, inputs: ['x', 'axes'] }],
      initializers: { axes: int64s(2, 3) },
    },
    { what: `${op} of all`, opset: 11, nodes: [{ op, inputs: ['x'] }] },
  ]),

  {
    what: 'Transpose',
    nodes: [{ op: 'Transpose', inputs: ['x'], attributes: { perm: [0, 2, 3, 1] } }],
  },
  { what: 'Transpose, reversed', nodes: [{ op: 'Transpose', inputs: ['x'] }] },
  { what: 'Flatten', nodes: [{ op: 'Flatten', inputs: ['x'] }] },
  { what: 'Flatten at 2', nodes: [{ op: 'Flatten', inputs: ['x'], attributes: { axis: 2 } }] },
  { what: 'Flatten at -1', nodes: [{ op: 'Flatten', inputs: ['x'], attributes: { axis: -1 } }] },
  {
    what: 'Reshape',
    nodes: [{ op: 'Reshape', inputs: ['x', 's'] }],
    initializers: { s: int64s(0, -1, 3) },
  },
  {
    what: 'Squeeze 11',
    opset: 11,
    x: [2, 1, 3, 1],
    nodes: [{ op: 'Squeeze', inputs: ['x'], attributes: { axes: [-1] } }],
  },
  {
    what: 'Squeeze 13',
    x: [2, 1, 3, 1],
    nodes: [{ op: 'Squeeze', inputs: ['x', 's'] }],
    initializers: { s: int64s(1) },
  },
  {
    what: 'Unsqueeze 11',
    opset: 11,
    nodes: [{ op: 'Unsqueeze', inputs: ['x'], attributes: { axes: [0, -1] } }],
  },
  {
    what: 'Unsqueeze 13',
    nodes: [{ op: 'Unsqueeze', inputs: ['x', 's'] }],
    initializers: { s: int64s(2) },
  },
  {
    what: 'Expand',
    x: [2, 1, 3],
    nodes: [{ op: 'Expand', inputs: ['x', 's'] }],
    initializers: { s: int64s(4, 1) },
  },
  {
    what: 'Identity and Dropout',
    nodes: [
      { op: 'Identity', inputs: ['x'], outputs: ['i'] },
      { op: 'Dropout', inputs: ['i'] },
    ],
  },
  {
    what: 'Concat',
    nodes: [
      { op: 'Neg', inputs: ['x'], outputs: ['n'] },
      { op: 'Concat', inputs: ['x', 'n'], attributes: { axis: -3 } },
    ],
  },
  {
    what: 'Slice 9',
    opset: 9,
    nodes: [
      { op: 'Slice', inputs: ['x'], attributes: { starts: [1, -3], ends: [4, 100], axes: [1, 3] } },
    ],
  },
  {
    what: 'Slice 13',
    nodes: [{ op: 'Slice', inputs: ['x', 'starts', 'ends', 'axes', 'steps'] }],
    initializers: {
      starts: int64s(1, -5),
      ends: int64s(2n ** 63n - 1n, -1),
      axes: int64s(2, -1),
      steps: int64s(2, 1),
    },
  },
  {
    what: 'Split 13',
    nodes: [
      { op: 'Split', inputs: ['x', 's'], outputs: ['a', 'b'], attributes: { axis: 1 } },
      { op: 'Concat', inputs: ['b', 'a'], attributes: { axis: 1 } },
    ],
    initializers: { s: int64s(1, 3) },
  },
  {
    what: 'Pad 9',
    opset: 9,
    nodes: [
      {
        op: 'Pad',
        inputs: ['x'],
        attributes: { pads: [0, 0, 1, 2, 0, 1, 0, 3], value: { float: 1.5 } },
      },
    ],
  },
  {
    what: 'Pad 13',
    nodes: [{ op: 'Pad', inputs: ['x', 'p', 'v'] }],
    initializers: { p: int64s(0, 0, 1, 2, 0, 1, 0, 3), v: floats([], [-1]) },
  },
  {
    what: 'Pad 18',
    opset: 18,
    nodes: [{ op: 'Pad', inputs: ['x', 'p', '', 'a'] }],
    initializers: { p: int64s(1, 2, 3, 4), a: int64s(-1, 2) },
  },
  {
    what: 'shape arithmetic: the batch, and the product of the rest',
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
      { op: 'Gather', inputs: ['shape', 'zero'], outputs: ['batch'] },
      { op: 'Slice', inputs: ['shape', 'one', 'four'], outputs: ['rest'] },
      { op: 'Gather', inputs: ['rest', 'zero'], outputs: ['c'] },
      { op: 'Gather', inputs: ['rest', 'last'], outputs: ['w'] },
      { op: 'Mul', inputs: ['c', 'w'], outputs: ['cw'] },
      { op: 'Unsqueeze', inputs: ['batch', 'axis'], outputs: ['batch1'] },
      { op: 'Unsqueeze', inputs: ['cw', 'axis'], outputs: ['cw1'] },
      { op: 'Cast', inputs: ['minus'], outputs: ['minus64'], attributes: { to: 7 } },
      {
        op: 'Concat',
        inputs: ['batch1', 'cw1', 'minus64'],
        outputs: ['target'],
        attributes: { axis: 0 },
      },
      { op: 'Reshape', inputs: ['x', 'target'] },
    ],
    initializers: {
      zero: { dims: [], int64s: [0] },
      last: { dims: [], int64s: [-1] },
      one: int64s(1),
      four: int64s(4),
      axis: int64s(0),
      minus: { dims: [1], doubles: [-1] },
    },
  },
  {
    what: 'Constant and ConstantOfShape',
    nodes: [
      {
        op: 'Constant',
        inputs: [],
        outputs: ['c'],
        attributes: { value: { tensor: floats([6], ramp(6)) } },
      },
      {
        op: 'Constant',
        inputs: [],
        outputs: ['s'],
        attributes: { value: { tensor: int64s(4, 1, 1) } },
      },
      {
        op: 'ConstantOfShape',
        inputs: ['s'],
        outputs: ['f'],
        attributes: { value: { tensor: floats([1], [2.5]) } },
      },
      { op: 'Add', inputs: ['x', 'c'], outputs: ['a'] },
      { op: 'Mul', inputs: ['a', 'f'] },
    ],
  },
  {
    what: 'Cast of integers to float',
    nodes: [
      { op: 'Cast', inputs: ['i'], outputs: ['f'], attributes: { to: 1 } },
      { op: 'Add', inputs: ['x', 'f'] },
    ],
    initializers: { i: int64s(1, 2, 3, 4, 5, 6) },
  },
];

describe('imported ops agree with onnxruntime', () => {
  test.each(cases.map((c) => [c.what, c] as const))('%s', (_, c) => expectAgreement(c));
});
