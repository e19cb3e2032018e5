/**
 * The importer's errors for nodes and attributes that it cannot take: code, node and sentence; and
 * the numbers of auto_pad. Not here: operands (./onnx-operands.test.ts), names
 * (./onnx-names.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { topological } from '../../src/graph/value.js';
import { verify } from '../../src/ops/verify.js';
import { errorLike, fileOf, oneNode } from './onnx-cases.js';
import { type AttributeSpec, floats, int64s, type ModelSpec } from './onnx-encoder.js';

describe('nodes', () => {
  const map = ['N', 2, 8, 8];
  const w = floats([1, 2, 1, 1], [1, 2]);
  const h = ['N', 2, 'h', 8];
  const cases: [Partial<ModelSpec>, string, RegExp][] = [
    [
      oneNode('Conv', ['N', 2, 8, 8, 8], { w }),
      'ERR_UNSUPPORTED',
      /Conv "q": expected an input of rank 4, .* or 3, .* but received \[N, 2, 8, 8, 8\]/,
    ],
    [
      oneNode('Conv', map, { w: floats([1, 2, 1], [1, 2]) }),
      'ERR_UNSUPPORTED',
      /weights of rank 4, as of a 2-d convolution but received "?rank 3/,
    ],
    [
      oneNode('Conv', map, { w }, { kernel_shape: [1, 2] }),
      'ERR_FORMAT',
      /kernel_shape to be that of the weights, \[1, 1\] but received/,
    ],
    [
      oneNode('Conv', map, { w }, { kernel_shape: [2, 1] }),
      'ERR_FORMAT',
      /kernel_shape to be that of the weights/,
    ],
    [
      oneNode('Conv', map, { w }, { strides: [1] }),
      'ERR_UNSUPPORTED',
      /strides to be two sizes, as of a 2-d window/,
    ],
    [
      oneNode('Conv', map, { w }, { strides: [1, 1, 1] }),
      'ERR_UNSUPPORTED',
      /strides to be two sizes/,
    ],
    [
      oneNode('Conv', map, { w }, { strides: [-1, 1] }),
      'ERR_UNSUPPORTED',
      /strides to be two sizes/,
    ],
    [
      oneNode('Conv', map, { w }, { strides: [1, -1] }),
      'ERR_UNSUPPORTED',
      /strides to be two sizes/,
    ],
    [
      oneNode('Conv', map, { w }, { dilations: [1] }),
      'ERR_UNSUPPORTED',
      /dilations to be two sizes/,
    ],
    [
      oneNode('Conv', map, { w }, { pads: [1, 1] }),
      'ERR_UNSUPPORTED',
      /pads to be four sizes, as of a 2-d window/,
    ],
    [
      oneNode('Conv', map, { w }, { pads: [1, 1, 1, -1] }),
      'ERR_UNSUPPORTED',
      /pads to be four sizes/,
    ],
    [
      oneNode('Conv', map, { w }, { auto_pad: 'SAME' }),
      'ERR_FORMAT',
      /auto_pad to be NOTSET, VALID, SAME_UPPER or SAME_LOWER but received "SAME"/,
    ],
    [
      oneNode('Conv', h, { w }, { auto_pad: 'SAME_UPPER', strides: [2, 1] }),
      'ERR_UNSUPPORTED',
      /a height and width that are numbers for auto_pad SAME_UPPER but received "h"/,
    ],
    [
      oneNode('MaxPool', map),
      'ERR_FORMAT',
      /MaxPool "q": expected an attribute kernel_shape but received "?none/,
    ],
    [
      oneNode('MaxPool', map, {}, { kernel_shape: [2] }),
      'ERR_UNSUPPORTED',
      /kernel_shape to be two sizes/,
    ],
    [
      oneNode('Conv', ['N', 2, 8], { w }),
      'ERR_UNSUPPORTED',
      /weights of rank 3, as of a 1-d convolution but received "?rank 4/,
    ],
    [
      oneNode('MaxPool', ['N', 2, 8], {}, { kernel_shape: [2, 2] }),
      'ERR_UNSUPPORTED',
      /kernel_shape to be one size, as of a 1-d window/,
    ],
    [
      oneNode('MaxPool', ['N', 2, 8], {}, { kernel_shape: [2], pads: [1, 1, 1, 1] }),
      'ERR_UNSUPPORTED',
      /pads to be two sizes, as of a 1-d window/,
    ],
    [oneNode('GlobalAveragePool', ['N', 2]), 'ERR_SHAPE', /an input of rank 3 or more/],
    [
      oneNode('BatchNormalization', ['N'], {
        g: floats([1], [1]),
        b: floats([1], [1]),
        m: floats([1], [1]),
        v: floats([1], [1]),
      }),
      'ERR_SHAPE',
      /an input of rank 2 or more but received \[N\]/,
    ],
    [
      oneNode('Softmax', ['N', 'c', 4], {}, { axis: 1 }, 11),
      'ERR_UNSUPPORTED',
      /sizes that are numbers on the axes of this Softmax but received/,
    ],
    [
      oneNode('Softmax', ['N', 4], {}, { axis: -3 }),
      'ERR_SHAPE',
      /an axis of a value of rank 2 but received -3/,
    ],
    [
      oneNode('Softmax', ['N', 4], {}, { axis: 2 }),
      'ERR_SHAPE',
      /an axis of a value of rank 2 but received 2/,
    ],
    [oneNode('ReduceSum', ['N', 4], { a: int64s(1, -1) }), 'ERR_SHAPE', /axes that differ/],
    [oneNode('Transpose', ['N', 4], {}, { perm: [0, 0] }), 'ERR_SHAPE', /axes that differ/],
    [
      oneNode('Squeeze', [2, 1, 3], { a: int64s(1, 2) }),
      'ERR_SHAPE',
      /axes 1,2 of size 1 but received \[2, 1, 3\]/,
    ],
    [
      oneNode('Unsqueeze', ['N', 4]),
      'ERR_FORMAT',
      /Unsqueeze "q": expected axes but received "?none/,
    ],
    [
      oneNode('Flatten', ['N', 'c', 'h', 4], {}, { axis: 2 }),
      'ERR_UNSUPPORTED',
      /a shape with one unknown size but received \[N, c, h, 4\]/,
    ],
    [oneNode('Flatten', ['N', 4], {}, { axis: 3 }), 'ERR_SHAPE', /an axis of a value of rank 2/],
    [
      oneNode('Reshape', ['N', 4], { s: int64s(0, 0, 0) }),
      'ERR_SHAPE',
      /a 0 in the new shape only where the input has that axis but received "?no such axis/,
    ],
    [
      oneNode('Slice', ['N', 4], {}, { starts: [0] }, 9),
      'ERR_FORMAT',
      /starts and ends but received "?none/,
    ],
    [oneNode('Slice', ['N', 4], {}, { ends: [0] }, 9), 'ERR_FORMAT', /starts and ends/],
    [
      oneNode('Slice', ['N', 4], { s: int64s(0, 0), e: int64s(1), a: int64s(1) }),
      'ERR_FORMAT',
      /as many starts, ends, axes and steps but received 2, 1, 1, 1/,
    ],
    [
      oneNode('Slice', ['N', 4], { s: int64s(0), e: int64s(1, 2), a: int64s(1) }),
      'ERR_FORMAT',
      /received 1, 2, 1, 1/,
    ],
    [
      oneNode('Slice', ['N', 4], { s: int64s(0), e: int64s(1), a: int64s(1), t: int64s(1, 1) }),
      'ERR_FORMAT',
      /received 1, 1, 1, 2/,
    ],
    [
      oneNode('Slice', ['N', 4], { s: int64s(0), e: int64s(1), a: int64s(1), t: int64s(0) }),
      'ERR_FORMAT',
      /steps other than 0/,
    ],
    [
      oneNode('Slice', ['N', 4], { s: int64s(1), e: int64s(2n ** 63n - 1n), a: int64s(0) }),
      'ERR_UNSUPPORTED',
      /the axis of unknown size N to be taken whole but received 1 to Infinity by 1/,
    ],
    [
      oneNode('Slice', ['N', 4], { s: int64s(0), e: int64s(2 ** 31 - 2), a: int64s(0) }),
      'ERR_UNSUPPORTED',
      /taken whole/,
    ],
    [
      oneNode('Slice', ['N', 4], {
        s: int64s(0),
        e: int64s(2 ** 31 - 1),
        a: int64s(0),
        t: int64s(2),
      }),
      'ERR_UNSUPPORTED',
      /taken whole/,
    ],
    [
      oneNode('Split', ['N', 4], {}, { axis: 0 }),
      'ERR_UNSUPPORTED',
      /an axis to split whose size is a number but received "N"/,
    ],
    [
      oneNode('Gather', ['N', 4], { i: int64s(0) }),
      'ERR_UNSUPPORTED',
      /an axis to gather from of known size but received "N"/,
    ],
    [oneNode('Pad', ['N', 4], { p: int64s(0, 1, 0) }), 'ERR_FORMAT', /4 pads but received 3/],
    [oneNode('Pad', ['N', 4]), 'ERR_FORMAT', /4 pads but received "?none/],
    [
      oneNode('Pad', ['N', 4], { p: int64s(0, 1, 0, 1) }, { mode: 'mirror' }),
      'ERR_FORMAT',
      /mode to be constant, edge, reflect or wrap but received "mirror"/,
    ],
    [
      oneNode('Pad', ['N', 4], { p: int64s(0, 4, 0, 0) }, { mode: 'reflect' }),
      'ERR_UNSUPPORTED',
      /at most 3 pads on axis 1 but received 4/,
    ],
    [
      oneNode('Pad', ['N', 4], { p: int64s(0, 0, 0, 5) }, { mode: 'wrap' }),
      'ERR_UNSUPPORTED',
      /at most 4 pads on axis 1 but received 5/,
    ],
    [
      oneNode('Pad', ['N', 4], { p: int64s(0, -1, 0, 0) }, { mode: 'edge' }),
      'ERR_UNSUPPORTED',
      /pads of 0 or more in mode edge/,
    ],
    [
      oneNode('Pad', ['N', 4], { p: int64s(1, 0, 0, 0) }, { mode: 'edge' }),
      'ERR_UNSUPPORTED',
      /a size of 1 or more on axis 0 but received "N"/,
    ],
    [
      oneNode('Pad', ['N', 4], { p: int64s(0, -3, 0, -2) }),
      'ERR_UNSUPPORTED',
      /axis 1 to have 5 elements but received 4/,
    ],
    [
      oneNode('Pad', ['N', 4], { p: int64s(0, 0, -1, 0) }),
      'ERR_UNSUPPORTED',
      /axis 0 to have 1 elements but received "N"/,
    ],
    [
      oneNode('Cast', ['N', 4], {}, { to: 8 }),
      'ERR_UNSUPPORTED',
      /a cast between float and integers of up to 32 bits but received a cast to STRING/,
    ],
    [
      oneNode('Cast', ['N', 4]),
      'ERR_FORMAT',
      /Cast "q": expected an attribute to but received "?none/,
    ],
    [
      oneNode('PRelu', ['N', 4], { s: floats([2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8]) }),
      'ERR_SHAPE',
      /a slope that broadcasts to the input but received \[2, 1, 4\]/,
    ],
    [
      oneNode('Clip', ['N', 4], { a: floats([2], [1, 2]) }),
      'ERR_UNSUPPORTED',
      /input 1 to be one number but received \[2\]/,
    ],
    [
      oneNode('Dropout', ['N', 4], { r: floats([], [0.5]), t: int64s(1) }),
      'ERR_UNSUPPORTED',
      /training_mode = 1 drops by chance, at inference too/,
    ],
    [
      oneNode('Quant', ['N', 4]),
      'ERR_UNSUPPORTED_OP',
      /unknown ops: Quant \("q", domain "ai.onnx"\)/,
    ],
  ];
  test.each(
    cases.map(
      ([spec, code, message]) => [spec.nodes![0]!.op, message.source, code, spec, message] as const,
    ),
  )('%s: %s', (_op, _what, code, spec, message) => {
    expect(() => verify(importOnnx(fileOf(spec)))).toThrow(errorLike(code, message));
  });
});

describe('attributes', () => {
  test.each<[Record<string, AttributeSpec>, RegExp]>([
    [{ axis: 'last' }, /Softmax "q": expected axis to be an attribute of type 2 but received 3/],
    [{ axis: { float: 1 } }, /axis to be an attribute of type 2 but received 1/],
    [{ axis: [1] }, /axis to be an attribute of type 2 but received 7/],
  ])('%j is of another kind', (attributes, message) => {
    expect(() => importOnnx(fileOf(oneNode('Softmax', ['N', 4], {}, attributes)))).toThrow(
      errorLike('ERR_FORMAT', message),
    );
  });
  test.each<[string, Record<string, AttributeSpec>, RegExp]>([
    ['Gemm', { alpha: 2 }, /alpha to be an attribute of type 1 but received 2/],
    ['Conv', { auto_pad: 1 }, /auto_pad to be an attribute of type 3 but received 2/],
    ['Conv', { strides: 1 }, /strides to be an attribute of type 7 but received 2/],
    [
      'Conv',
      { strides: { floats: [1, 1] } },
      /strides to be an attribute of type 7 but received 6/,
    ],
  ])('%s %j', (op, attributes, message) => {
    const spec =
      op === 'Gemm'
        ? oneNode(op, ['N', 4], { w: floats([4, 1], [1, 2, 3, 4]) }, attributes)
        : oneNode(op, ['N', 1, 2, 2], { w: floats([1, 1, 1, 1], [1]) }, attributes);
    expect(() => importOnnx(fileOf(spec))).toThrow(errorLike('ERR_FORMAT', message));
  });
  test('without a type in the file are read as the type that the op needs', () => {
    const bytes = Buffer.from(fileOf(oneNode('Softmax', ['N', 4], {}, { axis: 1 })));
    // The attribute's type is the two bytes a0 01 (field 20), then 02.
    const at = bytes.indexOf(Buffer.of(0xa0, 0x01, 0x02));
    bytes[at + 2] = 0;
    expect(importOnnx(bytes).outputs.y).toMatchObject({ op: 'softmax', attrs: { axis: 1 } });
  });
  test('integers beyond 53 bits', () => {
    const bytes = (attributes: Record<string, AttributeSpec>) =>
      fileOf(oneNode('ReduceSum', ['N', 4], {}, attributes, 11));
    expect(() => importOnnx(bytes({ axes: [2 ** 60] }))).toThrow(
      errorLike('ERR_FORMAT', /axes to hold integers of up to 53 bits/),
    );
    expect(() => importOnnx(bytes({ axes: [1], keepdims: 2 ** 60 }))).toThrow(
      errorLike('ERR_FORMAT', /keepdims to be an integer of up to 53 bits/),
    );
  });
});

describe('padding to the same size', () => {
  const pads = (
    shape: readonly (number | string)[],
    attributes: Record<string, AttributeSpec>,
    kernel: readonly number[],
  ) => {
    const count = kernel.reduce((a, b) => a * b, 1);
    const graph = importOnnx(
      fileOf(
        oneNode(
          'Conv',
          shape,
          { w: floats([1, 1, ...kernel], new Array(count).fill(1)) },
          attributes,
        ),
      ),
    );
    return topological(graph).find(({ op }) => op === 'conv2d')?.attrs.pads;
  };
  test.each([
    ['SAME_UPPER', ['N', 1, 7, 8], [1, 1], [1, 1], [3, 2], [1, 0, 1, 1]],
    ['SAME_LOWER', ['N', 1, 7, 8], [1, 1], [1, 1], [3, 2], [1, 1, 1, 0]],
    ['SAME_UPPER', ['N', 1, 7, 8], [2, 2], [1, 1], [3, 3], [1, 0, 1, 1]],
    ['SAME_UPPER', ['N', 1, 7, 7], [1, 1], [3, 2], [3, 2], [3, 1, 3, 1]],
    ['SAME_LOWER', ['N', 1, 7, 8], [2, 2], [2, 3], [2, 2], [1, 1, 1, 1]],
    ['SAME_UPPER', ['N', 1, 10, 10], [4, 4], [1, 1], [1, 2], [0, 0, 0, 0]],
    ['SAME_UPPER', ['N', 1, 'h', 'w'], [1, 1], [2, 1], [3, 2], [2, 0, 2, 1]],
    ['SAME_LOWER', ['N', 1, 'h', 'w'], [1, 1], [1, 1], [2, 4], [1, 2, 0, 1]],
    ['VALID', ['N', 1, 5, 5], [2, 2], [1, 1], [3, 3], [0, 0, 0, 0]],
  ] as const)(
    '%s of %j by %j, dilated %j, kernel %j',
    (mode, shape, strides, dilations, kernel, wanted) => {
      expect(pads(shape, { auto_pad: mode, strides, dilations }, kernel)).toEqual(wanted);
    },
  );
});
