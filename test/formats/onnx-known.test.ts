/**
 * Integers that an import computes, as exporters write them around shapes and paddings, and ops on
 * values with indices known at import: against onnxruntime.
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { topological } from '../../src/graph/value.js';
import { verify } from '../../src/ops/verify.js';
import { encodeCase, expectAgreement, fileOf, node, type OpCase } from './onnx-cases.js';
import type { NodeSpec, TensorSpec } from './onnx-encoder.js';

/** A scalar, or a tensor of a shape. */
const int64s = (
  first: number | readonly number[],
  values: readonly (number | bigint)[] = [first as number],
): TensorSpec => ({ dims: typeof first === 'number' ? [] : first, int64s: values });

const bools = (dims: readonly number[], int32s: readonly number[]): TensorSpec => ({
  dims,
  int32s,
  dataType: 9,
});

/** PyTorch's F.pad: pairs from the last axis on, turned round by Reshape, Slice and Transpose. */
const torchPad = (pads: readonly number[]): OpCase => ({
  what: `F.pad ${pads}`,
  nodes: [
    node('ConstantOfShape', ['missing'], 'zeros', { value: { tensor: int64s([1], [0]) } }),
    node('Concat', ['pads', 'zeros'], 'all', { axis: 0 }),
    node('Reshape', ['all', 'pairs'], 'matrix'),
    node('Slice', ['matrix', 'last', 'first', 'axis', 'back'], 'turned'),
    node('Transpose', ['turned'], 'columns', { perm: [1, 0] }),
    node('Reshape', ['columns', 'flat'], 'vector'),
    node('Cast', ['vector'], 'list', { to: 7 }),
    node('Pad', ['x', 'list'], 'y'),
  ],
  initializers: {
    pads: int64s([pads.length], pads),
    missing: int64s([1], [8 - pads.length]),
    pairs: int64s([2], [-1, 2]),
    flat: int64s([1], [-1]),
    last: int64s([1], [-1]),
    first: int64s([1], [-9223372036854775807n]),
    axis: int64s([1], [0]),
    back: int64s([1], [-1]),
  },
});

/** torch.expand: sizes of -1 stay, found by a comparison with -1. */
const torchExpand: OpCase = {
  what: 'expand',
  x: [1, 4, 1, 3],
  nodes: [
    node('Shape', ['wanted'], 'length'),
    node('ConstantOfShape', ['length'], 'ones', { value: { tensor: int64s([1], [1]) } }),
    node('Mul', ['ones', 'minus'], 'minuses'),
    node('Equal', ['wanted', 'minuses'], 'stays'),
    node('Where', ['stays', 'ones', 'wanted'], 'target'),
    node('Expand', ['x', 'target'], 'y'),
  ],
  initializers: { wanted: int64s([4], [2, -1, 5, -1]), minus: int64s(-1) },
};

const cases: OpCase[] = [
  torchPad([1, 2]),
  torchPad([1, 2, 0, 3]),
  torchPad([2, 0, 1, 1, 3, 0, 0, 1]),
  torchExpand,
  {
    what: 'rows of a matrix of integers, transposed and sliced by steps',
    nodes: [
      node('Transpose', ['table'], 'columns'),
      node('Slice', ['columns', 'from', 'to', 'axes', 'by'], 'part'),
      node('Concat', ['part', 'part'], 'both', { axis: 1 }),
      node('Reshape', ['both', 'flat'], 'vector'),
      node('ReduceSum', ['vector'], 'sum', { keepdims: 0 }),
      node('Cast', ['both'], 'floats', { to: 1 }),
      node('Mul', ['x', 'floats'], 'y'),
    ].filter(({ op }) => op !== 'ReduceSum'),
    x: [2, 4],
    initializers: {
      table: int64s([3, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
      from: int64s([2], [3, 0]),
      to: int64s([2], [-5, 3]),
      axes: int64s([2], [0, 1]),
      by: int64s([2], [-2, 2]),
      flat: int64s([1], [-1]),
    },
  },
  {
    what: 'entries at a matrix of places',
    nodes: [
      node('Gather', ['table', 'places'], 'found', { axis: 1 }),
      node('Unsqueeze', ['found', 'front'], 'deep'),
      node('Squeeze', ['deep', 'front'], 'flat'),
      node('Cast', ['flat'], 'floats', { to: 1 }),
      node('Add', ['x', 'floats'], 'y'),
    ],
    x: [2, 2, 2],
    initializers: {
      table: int64s([2, 3], [1, 2, 3, 4, 5, 6]),
      places: int64s([2, 2], [0, -1, 1, 1]),
      front: int64s([1], [0]),
    },
  },
  {
    what: 'integers that broadcast, their logic and their extremes',
    nodes: [
      node('Add', ['column', 'row'], 'sum'),
      node('Greater', ['sum', 'four'], 'above'),
      node('LessOrEqual', ['sum', 'row'], 'below'),
      node('Xor', ['above', 'below'], 'either'),
      node('Not', ['either'], 'neither'),
      node('And', ['neither', 'above'], 'both'),
      node('Or', ['both', 'below'], 'some'),
      node('Where', ['some', 'sum', 'minus'], 'kept'),
      node('Max', ['kept', 'row', 'minus'], 'most'),
      node('Neg', ['most'], 'negative'),
      node('Abs', ['negative'], 'size'),
      node('Min', ['size', 'sum'], 'least'),
      node('Cast', ['least'], 'floats', { to: 1 }),
      node('Mul', ['x', 'floats'], 'y'),
    ],
    x: [2, 3],
    initializers: {
      column: int64s([2, 1], [0, 5]),
      row: int64s([3], [-6, 1, 4]),
      four: int64s(4),
      minus: int64s(-1),
    },
  },
  {
    what: 'parts of a list of integers',
    nodes: [
      { op: 'Split', inputs: ['list', 'sizes'], outputs: ['a', 'b'], attributes: { axis: 0 } },
      node('Reshape', ['x', 'b'], 'y'),
    ],
    x: [2, 6],
    initializers: { list: int64s([4], [7, 8, 3, 4]), sizes: int64s([2], [2, 2]) },
  },
  {
    what: 'the number of elements',
    nodes: [
      node('Size', ['x'], 'count'),
      node('Cast', ['count'], 'float', { to: 1 }),
      node('Div', ['x', 'float'], 'y'),
    ],
  },
  ...(
    [
      ['one place', int64s(2), 1],
      ['a place from the end', int64s(-1), 3],
      ['neighbours', int64s([3], [1, 2, 3]), 2],
      ['a matrix of places', int64s([2, 2], [3, 0, 0, -2]), 1],
    ] as const
  ).map(
    ([what, places, axis]): OpCase => ({
      what: `values at ${what}`,
      nodes: [node('Gather', ['x', 'places'], 'y', { axis })],
      initializers: { places },
    }),
  ),
];

describe('against onnxruntime', () => {
  test.each(cases)('$what', async (c) => {
    await expectAgreement(c);
  });

  test('what is known never becomes part of the graph', () => {
    const ops = topological(importOnnx(encodeCase(torchPad([1, 2])))).map(({ op }) => op);
    expect(ops.filter((op) => op !== 'constant')).toEqual(['input', 'pad']);
  });
});

describe('sizes that are not known', () => {
  const sized = (nodes: NodeSpec[], initializers = {}) =>
    importOnnx(fileOf({ nodes, inputs: { x: ['N', 4] }, initializers }));
  const comparison = (op: string, other: number) =>
    sized(
      [
        node('Shape', ['x'], 'shape'),
        node(op, ['shape', 'other'], 'holds'),
        node('Where', ['holds', 'ones', 'shape'], 'target'),
        node('Expand', ['x', 'target'], 'y'),
      ],
      { other: int64s(other), ones: int64s([2], [1, 1]) },
    );

  test('are above negative numbers, and equal to themselves', () => {
    expect(comparison('Equal', -1).outputs['y']!.shape).toEqual(['N', 4]);
    expect(comparison('Less', -1).outputs['y']!.shape).toEqual(['N', 4]);
  });

  test('are named where a comparison depends on them, so that one size does not serve all', () => {
    expect(() => verify(comparison('Equal', 3))).toThrow(
      'Equal "holds": expected sizes whose comparison is known at import but received N and 3',
    );
  });
});

test('parts of integers that do not fit are refused by name', () => {
  const nodes = [
    node('Concat', ['a', 'b'], 'both', { axis: 0 }),
    node('Reshape', ['x', 'both'], 'y'),
  ];
  const initializers = { a: int64s([1, 2], [1, 2]), b: int64s([2], [1, 2]) };
  expect(() => importOnnx(fileOf({ nodes, initializers }))).toThrow(
    /Concat "both": expected parts that differ along axis 0 only/,
  );
  const slice = [
    node('Slice', ['a', 'b', 'b', 'b', 'zero'], 'part'),
    node('Reshape', ['x', 'part'], 'y'),
  ];
  const steps = { a: int64s([2], [1, 2]), b: int64s([1], [0]), zero: int64s([1], [0]) };
  expect(() => importOnnx(fileOf({ nodes: slice, initializers: steps }))).toThrow(
    /Slice "part": expected steps other than 0/,
  );
});

test('truth values of the file are integers 0 and 1', async () => {
  await expectAgreement({
    what: 'Where with a constant condition',
    nodes: [node('Where', ['mask', 'x', 'minus'], 'y')],
    x: [2, 3],
    initializers: { mask: bools([3], [1, 0, 1]), minus: { dims: [], floats: [-Infinity] } },
  });
});

test.each(['Max', 'Min', 'Sum', 'Concat'])('%s of nothing is refused by name', (op) => {
  const nodes = [node(op, [], 'none', { axis: 0 }), node('Reshape', ['x', 'none'], 'y')];
  expect(() => importOnnx(fileOf({ nodes }))).toThrow(
    `${op} "none": expected an input number 0 but received none`,
  );
});
