/**
 * Convolutions and pooling of signals [N, C, W], and global pooling of any rank, against
 * onnxruntime. Not here: maps [N, C, H, W] (../../onnx-ops.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../../../src/formats/onnx/import.js';
import { topological } from '../../../../src/graph/value.js';
import { optimize } from '../../../../src/passes/index.js';
import { encodeCase, expectAgreement, type OpCase, rampOf } from '../../onnx-cases.js';
import { type AttributeSpec, encodeOnnx, type TensorSpec } from '../../onnx-encoder.js';

const X = [2, 4, 13];

function one(
  op: string,
  attributes: Record<string, AttributeSpec> = {},
  initializers: Record<string, TensorSpec> = {},
  x: readonly number[] = X,
  opset = 13,
): OpCase {
  const inputs = ['x', ...Object.keys(initializers)];
  return {
    what: `${op} of [${x}] ${JSON.stringify(attributes)}`,
    nodes: [{ op, inputs, attributes }],
    initializers,
    x,
    opset,
  };
}

const w = { w: rampOf([6, 4, 3]) };
const cases: OpCase[] = [
  one('Conv', {}, w),
  one('Conv', { kernel_shape: [3], pads: [2, 1], strides: [2], dilations: [2] }, w),
  one('Conv', { pads: [1, 1] }, { ...w, b: rampOf([6]) }),
  one('Conv', { group: 2 }, { w: rampOf([6, 2, 3]) }),
  one('Conv', { group: 4 }, { w: rampOf([4, 1, 5]) }),
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].flatMap((mode) =>
    [1, 2, 3].map((stride) =>
      one('Conv', { auto_pad: mode, strides: [stride] }, { w: rampOf([2, 4, 4]) }),
    ),
  ),
  ...['MaxPool', 'AveragePool'].flatMap((op) => [
    one(op, { kernel_shape: [3] }),
    one(op, { kernel_shape: [3], strides: [2], pads: [1, 2] }),
    one(op, { kernel_shape: [2], strides: [2], ceil_mode: 1 }),
    one(op, { kernel_shape: [4], strides: [3], auto_pad: 'SAME_LOWER' }),
  ]),
  one('MaxPool', { kernel_shape: [3], dilations: [2] }),
  one('AveragePool', { kernel_shape: [3], pads: [1, 2], count_include_pad: 1 }),
  ...['GlobalAveragePool', 'GlobalMaxPool'].flatMap((op) => [
    one(op),
    one(op, {}, {}, [2, 3, 2, 3, 4]),
  ]),
];

describe('signals as onnxruntime', () => {
  test.each(cases)('$what', expectAgreement);
});

test('two convolutions of a signal in a row leave no transposition between them', () => {
  const node = (x: string, w: string, y: string) => [
    { op: 'Conv', inputs: [x, w], outputs: [`${y}c`], attributes: { pads: [1, 1] } },
    { op: 'Relu', inputs: [`${y}c`], outputs: [y] },
  ];
  const file = encodeOnnx({
    nodes: [...node('x', 'v', 'h'), ...node('h', 'w', 'y')],
    inputs: { x: ['N', 4, 13] },
    outputs: { y: undefined },
    initializers: { v: rampOf([8, 4, 3]), w: rampOf([6, 8, 3]) },
  });
  const ops = topological(optimize(importOnnx(file))).map(({ op }) => op);
  expect(ops.filter((op) => op === 'transpose')).toHaveLength(2);
});

test('a signal keeps its batch free', () => {
  const file = encodeCase(one('Conv', {}, w, [1, 4, 13]));
  expect(importOnnx(file).outputs.y?.shape).toEqual(['N', 6, 11]);
});
