/**
 * What the importer says about nodes, operands, attributes and names that it cannot take: code, node and sentence. Not here: files that are no
 * ONNX (./onnx-proto.test.ts, ./onnx-fuzz.test.ts), payloads (./onnx-tensor.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { topological } from '../../src/graph/value.js';
import { encodeCase } from './onnx-cases.js';
import { type AttributeSpec, encodeOnnx, floats, int64s, type ModelSpec, type NodeSpec, type TensorSpec } from './onnx-encoder.js';

const relu: NodeSpec = { op: 'Relu', name: 'r', inputs: ['x'], outputs: ['y'] };
const file = (spec: Partial<ModelSpec>) => encodeOnnx({ nodes: [relu], inputs: { x: ['N', 4] }, outputs: { y: undefined }, ...spec });
const error = (code: string, message: RegExp) =>
  expect.objectContaining({ name: 'BitplaneError', code, message: expect.stringMatching(message) });

/** One node "q" over x and constants. */
function one(
  op: string,
  shape: readonly (number | string)[],
  constants: Record<string, TensorSpec> = {},
  attributes: Record<string, AttributeSpec> = {},
  opset = 13,
): Partial<ModelSpec> {
  return {
    nodes: [{ op, name: 'q', inputs: ['x', ...Object.keys(constants)], outputs: ['y'], attributes }],
    inputs: { x: shape },
    initializers: constants,
    opset,
  };
}

describe('nodes', () => {
  const map = ['N', 2, 8, 8];
  const w = floats([1, 2, 1, 1], [1, 2]);
  const h = ['N', 2, 'h', 8];
  const cases: [Partial<ModelSpec>, string, RegExp][] = [
    [one('Conv', ['N', 2, 8], { w }), 'ERR_UNSUPPORTED', /Conv "q": expected an input of rank 4, \[N, C, H, W\] but received \[N, 2, 8\]/],
    [
      one('Conv', map, { w: floats([1, 2, 1], [1, 2]) }),
      'ERR_UNSUPPORTED',
      /weights of rank 4, as of a 2-d convolution but received "?rank 3/,
    ],
    [one('Conv', map, { w }, { kernel_shape: [1, 2] }), 'ERR_FORMAT', /kernel_shape to be that of the weights, \[1, 1\] but received/],
    [one('Conv', map, { w }, { kernel_shape: [2, 1] }), 'ERR_FORMAT', /kernel_shape to be that of the weights/],
    [one('Conv', map, { w }, { strides: [1] }), 'ERR_UNSUPPORTED', /strides to be two sizes, as of a 2-d window/],
    [one('Conv', map, { w }, { strides: [1, 1, 1] }), 'ERR_UNSUPPORTED', /strides to be two sizes/],
    [one('Conv', map, { w }, { strides: [-1, 1] }), 'ERR_UNSUPPORTED', /strides to be two sizes/],
    [one('Conv', map, { w }, { strides: [1, -1] }), 'ERR_UNSUPPORTED', /strides to be two sizes/],
    [one('Conv', map, { w }, { dilations: [1] }), 'ERR_UNSUPPORTED', /dilations to be two sizes/],
    [one('Conv', map, { w }, { pads: [1, 1] }), 'ERR_UNSUPPORTED', /pads to be four sizes, as of a 2-d window/],
    [one('Conv', map, { w }, { pads: [1, 1, 1, -1] }), 'ERR_UNSUPPORTED', /pads to be four sizes/],
    [
      one('Conv', map, { w }, { auto_pad: 'SAME' }),
      'ERR_FORMAT',
      /auto_pad to be NOTSET, VALID, SAME_UPPER or SAME_LOWER but received "SAME"/,
    ],
    [
      one('Conv', h, { w }, { auto_pad: 'SAME_UPPER', strides: [2, 1] }),
      'ERR_UNSUPPORTED',
      /a height and width that are numbers for auto_pad SAME_UPPER but received "h"/,
    ],
    [one('MaxPool', map), 'ERR_FORMAT', /MaxPool "q": expected an attribute kernel_shape but received "?none/],
    [one('MaxPool', map, {}, { kernel_shape: [2] }), 'ERR_UNSUPPORTED', /kernel_shape to be two sizes/],
    [one('GlobalAveragePool', ['N', 2]), 'ERR_UNSUPPORTED', /an input of rank 4/],
    [
      one('BatchNormalization', ['N'], { g: floats([1], [1]), b: floats([1], [1]), m: floats([1], [1]), v: floats([1], [1]) }),
      'ERR_SHAPE',
      /an input of rank 2 or more but received \[N\]/,
    ],
    [
      one('Softmax', ['N', 'c', 4], {}, { axis: 1 }, 11),
      'ERR_UNSUPPORTED',
      /sizes that are numbers on the axes of this Softmax but received/,
    ],
    [one('Softmax', ['N', 4], {}, { axis: -3 }), 'ERR_SHAPE', /an axis of a value of rank 2 but received -3/],
    [one('Softmax', ['N', 4], {}, { axis: 2 }), 'ERR_SHAPE', /an axis of a value of rank 2 but received 2/],
    [one('ReduceSum', ['N', 4], { a: int64s(1, -1) }), 'ERR_SHAPE', /axes that differ/],
    [one('Transpose', ['N', 4], {}, { perm: [0, 0] }), 'ERR_SHAPE', /axes that differ/],
    [one('Squeeze', [2, 1, 3], { a: int64s(1, 2) }), 'ERR_SHAPE', /axes 1,2 of size 1 but received \[2, 1, 3\]/],
    [one('Unsqueeze', ['N', 4]), 'ERR_FORMAT', /Unsqueeze "q": expected axes but received "?none/],
    [one('Flatten', ['N', 'c', 'h', 4], {}, { axis: 2 }), 'ERR_UNSUPPORTED', /a shape with one unknown size but received \[N, c, h, 4\]/],
    [one('Flatten', ['N', 4], {}, { axis: 3 }), 'ERR_SHAPE', /an axis of a value of rank 2/],
    [
      one('Reshape', ['N', 4], { s: int64s(0, 0, 0) }),
      'ERR_SHAPE',
      /a 0 in the new shape only where the input has that axis but received "?no such axis/,
    ],
    [one('Slice', ['N', 4], {}, { starts: [0] }, 9), 'ERR_FORMAT', /starts and ends but received "?none/],
    [one('Slice', ['N', 4], {}, { ends: [0] }, 9), 'ERR_FORMAT', /starts and ends/],
    [
      one('Slice', ['N', 4], { s: int64s(0, 0), e: int64s(1), a: int64s(1) }),
      'ERR_FORMAT',
      /as many starts, ends, axes and steps but received 2, 1, 1, 1/,
    ],
    [one('Slice', ['N', 4], { s: int64s(0), e: int64s(1, 2), a: int64s(1) }), 'ERR_FORMAT', /received 1, 2, 1, 1/],
    [one('Slice', ['N', 4], { s: int64s(0), e: int64s(1), a: int64s(1), t: int64s(1, 1) }), 'ERR_FORMAT', /received 1, 1, 1, 2/],
    [one('Slice', ['N', 4], { s: int64s(0), e: int64s(1), a: int64s(1), t: int64s(0) }), 'ERR_UNSUPPORTED', /steps of 1 or more/],
    [
      one('Slice', ['N', 4], { s: int64s(1), e: int64s(2n ** 63n - 1n), a: int64s(0) }),
      'ERR_UNSUPPORTED',
      /the axis of unknown size N to be taken whole but received 1 to Infinity by 1/,
    ],
    [one('Slice', ['N', 4], { s: int64s(0), e: int64s(2 ** 31 - 2), a: int64s(0) }), 'ERR_UNSUPPORTED', /taken whole/],
    [one('Slice', ['N', 4], { s: int64s(0), e: int64s(2 ** 31 - 1), a: int64s(0), t: int64s(2) }), 'ERR_UNSUPPORTED', /taken whole/],
    [one('Split', ['N', 4], {}, { axis: 0 }), 'ERR_UNSUPPORTED', /an axis to split whose size is a number but received "N"/],
    [
      one('Gather', ['N', 4], { i: int64s(0) }),
      'ERR_UNSUPPORTED',
      /the data of Gather to be a shape known at import but received a float value/,
    ],
    [one('Pad', ['N', 4], { p: int64s(0, 1, 0) }), 'ERR_FORMAT', /4 pads but received 3/],
    [one('Pad', ['N', 4]), 'ERR_FORMAT', /4 pads but received "?none/],
    [one('Pad', ['N', 4], { p: int64s(0, 1, 0, 1) }, { mode: 'edge' }), 'ERR_UNSUPPORTED', /mode to be constant but received "edge"/],
    [
      one('Cast', ['N', 4], {}, { to: 10 }),
      'ERR_UNSUPPORTED',
      /a cast between float, and integers known at import but received a cast to FLOAT16/,
    ],
    [one('Cast', ['N', 4]), 'ERR_FORMAT', /Cast "q": expected an attribute to but received "?none/],
    [
      one('PRelu', ['N', 4], { s: floats([2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8]) }),
      'ERR_SHAPE',
      /a slope that broadcasts to the input but received \[2, 1, 4\]/,
    ],
    [
      one('Clip', ['N', 4], { a: floats([2], [1, 2]) }),
      'ERR_UNSUPPORTED',
      /input 1 to be one constant number but received a tensor of the file/,
    ],
    [one('Dropout', ['N', 4], { r: floats([], [0.5]), t: int64s(1) }), 'ERR_UNSUPPORTED', /training_mode = 1 is not inference/],
    [one('Quant', ['N', 4]), 'ERR_UNSUPPORTED_OP', /1 nodes of unknown ops: Quant "q" \(domain "ai.onnx"\)/],
  ];
  test.each(cases.map(([spec, code, message]) => [spec.nodes![0]!.op, message.source, code, spec, message] as const))(
    '%s: %s',
    (_op, _what, code, spec, message) => {
      expect(() => importOnnx(file(spec))).toThrow(error(code, message));
    },
  );
});

describe('operands', () => {
  test.each<[string, Partial<ModelSpec>, string, RegExp]>([
    [
      'none',
      { nodes: [{ op: 'Add', name: 'q', inputs: ['x'], outputs: ['y'] }] },
      'ERR_FORMAT',
      /Add "q": expected an input number 1 but received none/,
    ],
    [
      'an empty name',
      { nodes: [{ op: 'Add', name: 'q', inputs: ['', 'x'], outputs: ['y'] }] },
      'ERR_FORMAT',
      /an input number 0 but received none/,
    ],
    [
      'integers for a float',
      {
        nodes: [
          { op: 'Shape', inputs: ['x'], outputs: ['s'] },
          { op: 'Relu', name: 'q', inputs: ['s'], outputs: ['y'] },
        ],
      },
      'ERR_DTYPE',
      /Relu "q": expected input 0 to be float but received "?integers/,
    ],
    [
      'a matrix of integers for a list',
      one('Reshape', ['N', 4], { s: { dims: [1, 2], int64s: [2, 2] } }),
      'ERR_UNSUPPORTED',
      /input 1 to be a vector of integers known at import but received a tensor of the file/,
    ],
    [
      'floats for a list',
      one('Reshape', ['N', 4], { s: floats([2], [2, 2]) }),
      'ERR_UNSUPPORTED',
      /input 1 to be a vector of integers known at import/,
    ],
    [
      'a computed value for a list',
      {
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['s'] },
          { op: 'Reshape', name: 'q', inputs: ['x', 's'], outputs: ['y'] },
        ],
      },
      'ERR_UNSUPPORTED',
      /received a value computed by relu/,
    ],
    [
      'a size that is not known for an integer',
      {
        nodes: [
          { op: 'Shape', inputs: ['x'], outputs: ['s'] },
          { op: 'ReduceSum', name: 'q', inputs: ['x', 's'], outputs: ['y'] },
        ],
      },
      'ERR_UNSUPPORTED',
      /input 1 to hold integers of up to 53 bits known at import but received "N"/,
    ],
    [
      'an integer beyond 53 bits',
      one('ReduceSum', ['N', 4], { a: int64s(2n ** 53n) }),
      'ERR_UNSUPPORTED',
      /integers of up to 53 bits known at import but received Infinity/,
    ],
    [
      'a symbol for a number',
      {
        nodes: [
          { op: 'Shape', inputs: ['x'], outputs: ['s'], attributes: { end: 1 } },
          { op: 'Clip', name: 'q', inputs: ['x', 's'], outputs: ['y'] },
        ],
      },
      'ERR_UNSUPPORTED',
      /input 1 to be one constant number but received integers that hold the size of an unknown dimension/,
    ],
    [
      'a computed value for a number',
      {
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['s'] },
          { op: 'Clip', name: 'q', inputs: ['x', 's'], outputs: ['y'] },
        ],
      },
      'ERR_UNSUPPORTED',
      /one constant number but received a value computed by relu/,
    ],
    [
      'an output that is not computed',
      {
        nodes: [
          { op: 'Dropout', inputs: ['x'], outputs: ['d', 'mask'] },
          { op: 'Relu', name: 'q', inputs: ['mask'], outputs: ['y'] },
        ],
      },
      'ERR_UNSUPPORTED',
      /its input "mask" is an output that bitplane does not compute/,
    ],
    [
      'such an output of the model',
      { nodes: [{ op: 'Dropout', inputs: ['x'], outputs: ['d', 'y'] }] },
      'ERR_UNSUPPORTED',
      /output "y": expected a float value but received an output that is not computed/,
    ],
    [
      'integers as an output of the model',
      { nodes: [{ op: 'Shape', inputs: ['x'], outputs: ['y'] }] },
      'ERR_UNSUPPORTED',
      /output "y": expected a float value but received "?integers/,
    ],
    [
      'integers of different lengths',
      one('Relu', ['N', 4], {}) && {
        nodes: [
          { op: 'Add', name: 'q', inputs: ['a', 'b'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(1, 2), b: int64s(1, 2, 3) },
      },
      'ERR_SHAPE',
      /Add "q": expected integer vectors of one length but received 2 and 3 entries/,
    ],
    [
      'a division by zero',
      {
        nodes: [
          { op: 'Div', name: 'q', inputs: ['a', 'b'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(1), b: int64s(0) },
      },
      'ERR_UNSUPPORTED',
      /integers whose result is known at import but received 1 and 0/,
    ],
    [
      'a product beyond 53 bits',
      {
        nodes: [
          { op: 'Mul', name: 'q', inputs: ['a', 'a'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(2 ** 30) },
      },
      'ERR_UNSUPPORTED',
      /integers whose result is known/,
    ],
    [
      'integers reshaped to two axes',
      {
        nodes: [
          { op: 'Reshape', name: 'q', inputs: ['a', 't'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(2, 2), t: int64s(1, 2) },
      },
      'ERR_UNSUPPORTED',
      /integers known at import to stay a vector of 2 but received \[1, 2\]/,
    ],
    [
      'integers reshaped to another length',
      {
        nodes: [
          { op: 'Reshape', name: 'q', inputs: ['a', 't'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(2, 2), t: int64s(3) },
      },
      'ERR_UNSUPPORTED',
      /stay a vector of 2 but received \[3\]/,
    ],
    [
      'two integers reshaped to a scalar',
      {
        nodes: [
          { op: 'Reshape', name: 'q', inputs: ['a', 't'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(2, 2), t: int64s() },
      },
      'ERR_UNSUPPORTED',
      /stay a vector of 2 but received \[\]/,
    ],
    [
      'a vector of integers with another axis',
      {
        nodes: [
          { op: 'Unsqueeze', name: 'q', inputs: ['a', 't'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(2, 2), t: int64s(0) },
      },
      'ERR_UNSUPPORTED',
      /integers known at import may be a scalar or a vector only/,
    ],
    [
      'a scalar of integers with two axes',
      {
        nodes: [
          { op: 'Unsqueeze', name: 'q', inputs: ['a', 't'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: { dims: [], int64s: [2] }, t: int64s(0, 1) },
      },
      'ERR_UNSUPPORTED',
      /may be a scalar or a vector only/,
    ],
    [
      'an index beyond the shape',
      {
        nodes: [
          { op: 'Shape', inputs: ['x'], outputs: ['a'] },
          { op: 'Gather', name: 'q', inputs: ['a', 't'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { t: int64s(2) },
      },
      'ERR_SHAPE',
      /an axis of a value of rank 2 but received 2/,
    ],
    [
      'another axis of a vector',
      {
        nodes: [
          { op: 'Shape', inputs: ['x'], outputs: ['a'] },
          { op: 'Gather', name: 'q', inputs: ['a', 't'], outputs: ['s'], attributes: { axis: 1 } },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { t: int64s(0) },
      },
      'ERR_SHAPE',
      /an axis of a value of rank 1 but received 1/,
    ],
    [
      'a matrix of integers to be filled',
      one('Relu', ['N', 4]) && {
        nodes: [
          { op: 'ConstantOfShape', name: 'q', inputs: ['a'], outputs: ['s'], attributes: { value: { tensor: int64s(1) } } },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(1, 2) },
      },
      'ERR_UNSUPPORTED',
      /integers known at import to be a vector but received \[1, 2\]/,
    ],
    [
      'a negative size to be filled',
      { nodes: [{ op: 'ConstantOfShape', name: 'q', inputs: ['a'], outputs: ['y'] }], initializers: { a: int64s(-1) } },
      'ERR_UNSUPPORTED',
      /a shape of up to 16777216 elements but received \[-1\]/,
    ],
    [
      'more than 64 MB to be filled',
      { nodes: [{ op: 'ConstantOfShape', name: 'q', inputs: ['a'], outputs: ['y'] }], initializers: { a: int64s(2 ** 24 + 1) } },
      'ERR_UNSUPPORTED',
      /a shape of up to 16777216 elements/,
    ],
    [
      'two numbers to fill with',
      {
        nodes: [
          { op: 'ConstantOfShape', name: 'q', inputs: ['a'], outputs: ['y'], attributes: { value: { tensor: floats([2], [1, 2]) } } },
        ],
        initializers: { a: int64s(2) },
      },
      'ERR_UNSUPPORTED',
      /one float or integer to fill with but received 2 of f32/,
    ],
    [
      'a double to fill with',
      {
        nodes: [
          {
            op: 'ConstantOfShape',
            name: 'q',
            inputs: ['a'],
            outputs: ['y'],
            attributes: { value: { tensor: { dims: [1], doubles: [1] } } },
          },
        ],
        initializers: { a: int64s(2) },
      },
      'ERR_UNSUPPORTED',
      /received 1 of f64/,
    ],
    [
      'a constant of nothing',
      { nodes: [{ op: 'Constant', name: 'q', inputs: [], outputs: ['y'] }] },
      'ERR_UNSUPPORTED',
      /Constant "q": expected a dense numeric constant/,
    ],
    [
      'integers where data is wanted',
      one('Add', ['N', 4], { c: int64s(1) }),
      'ERR_DTYPE',
      /initializer "c": expected data of type FLOAT but received INT64/,
    ],
    [
      'doubles where data is wanted',
      one('Add', ['N', 4], { c: { dims: [1], doubles: [1] } }),
      'ERR_DTYPE',
      /data of type FLOAT but received DOUBLE/,
    ],
  ])('%s', (_, spec, code, message) => {
    expect(() => importOnnx(file(spec))).toThrow(error(code, message));
  });

  test('ends of up to 2^24 elements are filled, an end of 2^31 - 1 is the end', () => {
    const filled = importOnnx(
      file({ nodes: [{ op: 'ConstantOfShape', inputs: ['a'], outputs: ['y'] }], initializers: { a: int64s(2 ** 24) } }),
    );
    expect(filled.outputs.y?.shape).toEqual([2 ** 24]);
    const sliced = importOnnx(file(one('Slice', ['N', 4], { s: int64s(0), e: int64s(2 ** 31 - 1), a: int64s(0) })));
    expect(sliced.outputs.y?.shape).toEqual(['N', 4]);
  });
});

describe('attributes', () => {
  test.each<[Record<string, AttributeSpec>, RegExp]>([
    [{ axis: 'last' }, /Softmax "q": expected axis to be an attribute of type 2 but received 3/],
    [{ axis: { float: 1 } }, /axis to be an attribute of type 2 but received 1/],
    [{ axis: [1] }, /axis to be an attribute of type 2 but received 7/],
  ])('%j is of another kind', (attributes, message) => {
    expect(() => importOnnx(file(one('Softmax', ['N', 4], {}, attributes)))).toThrow(error('ERR_FORMAT', message));
  });
  test.each<[string, Record<string, AttributeSpec>, RegExp]>([
    ['Gemm', { alpha: 2 }, /alpha to be an attribute of type 1 but received 2/],
    ['Conv', { auto_pad: 1 }, /auto_pad to be an attribute of type 3 but received 2/],
    ['Conv', { strides: 1 }, /strides to be an attribute of type 7 but received 2/],
    ['Conv', { strides: { floats: [1, 1] } }, /strides to be an attribute of type 7 but received 6/],
  ])('%s %j', (op, attributes, message) => {
    const spec =
      op === 'Gemm'
        ? one(op, ['N', 4], { w: floats([4, 1], [1, 2, 3, 4]) }, attributes)
        : one(op, ['N', 1, 2, 2], { w: floats([1, 1, 1, 1], [1]) }, attributes);
    expect(() => importOnnx(file(spec))).toThrow(error('ERR_FORMAT', message));
  });
  test('of a type that the file does not give are taken as what is asked for', () => {
    const bytes = Buffer.from(file(one('Softmax', ['N', 4], {}, { axis: 1 })));
    // The attribute's type is the two bytes a0 01 (field 20), then 02.
    const at = bytes.indexOf(Buffer.of(0xa0, 0x01, 0x02));
    bytes[at + 2] = 0;
    expect(importOnnx(bytes).outputs.y).toMatchObject({ op: 'softmax', attrs: { axis: 1 } });
  });
  test('integers beyond 53 bits', () => {
    const bytes = (attributes: Record<string, AttributeSpec>) => file(one('ReduceSum', ['N', 4], {}, attributes, 11));
    expect(() => importOnnx(bytes({ axes: [2 ** 60] }))).toThrow(error('ERR_FORMAT', /axes to hold integers of up to 53 bits/));
    expect(() => importOnnx(bytes({ axes: [1], keepdims: 2 ** 60 }))).toThrow(
      error('ERR_FORMAT', /keepdims to be an integer of up to 53 bits/),
    );
  });
});

describe('files', () => {
  test('sparse initializers', () => {
    const bytes = Buffer.from(file({}));
    // An empty field 15 at the end of the graph, which is field 7 of a file of fewer than 128 bytes.
    const at = bytes.indexOf(0x3a, 2);
    const end = at + 2 + bytes[at + 1]!;
    bytes[at + 1]! += 2;
    const sparse = Buffer.concat([bytes.subarray(0, end), Buffer.of(0x7a, 0), bytes.subarray(end)]);
    expect(() => importOnnx(sparse, { name: 'm.onnx' })).toThrow(
      error('ERR_UNSUPPORTED', /onnx "m.onnx": sparse initializers are not supported/),
    );
  });
  test.each<[string, ModelSpec['opset'], string | number]>([
    ['7, the oldest', 7, 7],
    ['23, the newest', 23, 23],
    ['of the standard domain by its long name', [['ai.onnx', 10]], 10],
    [
      'twice: the newer',
      [
        ['', 11],
        ['ai.onnx', 10],
      ],
      11,
    ],
    [
      'beside others, which do not count',
      [
        ['com.example', 99],
        ['', 10],
        ['ai.onnx.ml', 3],
      ],
      10,
    ],
  ])('operator set %s', (_, opset, version) => {
    // Clip tells 10, whose bounds are attributes, from 11.
    const graph = importOnnx(file({ ...one('Clip', ['N', 4], { a: floats([], [0.5]) }, { min: { float: -3 } }), opset }));
    expect(graph.outputs.y?.attrs.min).toBe(Number(version) < 11 ? -3 : 0.5);
  });
  test('without standard ops need no version of them', () => {
    const nodes = [{ op: 'BipolarQuant', domain: 'qonnx.custom_op.general', inputs: ['x', 's'], outputs: ['y'] }];
    const spec = { nodes, initializers: { s: floats([], [1]) } };
    expect(importOnnx(file({ ...spec, opset: null })).outputs.y?.dtype).toBe('f32');
    expect(importOnnx(file({ ...spec, opset: [['qonnx.custom_op.general', 1]] })).outputs.y?.dtype).toBe('f32');
    for (const domain of ['', 'ai.onnx'])
      expect(() =>
        importOnnx(
          file({
            ...spec,
            nodes: [...nodes, { op: 'Relu', domain, inputs: ['x'], outputs: ['z'] }],
            opset: [['qonnx.custom_op.general', 1]],
          }),
        ),
      ).toThrow(error('ERR_FORMAT', /an opset_import that says which version of the standard operators the file uses but received "?none/));
  });
  test('an unknown op is named by its node or its output; a hundred are listed, the rest counted', () => {
    const nodes = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ op: 'Erf', inputs: ['x'], outputs: [i === 0 ? 'y' : `o${i}`] }));
    const message = (count: number) => {
      try {
        importOnnx(file({ nodes: nodes(count) }), { name: 'm.onnx' });
      } catch (cause) {
        return (cause as Error).message;
      }
      return '';
    };
    expect(message(1)).toBe('onnx "m.onnx": 1 nodes of unknown ops: Erf "y" (domain "ai.onnx")');
    expect(message(100)).toMatch(/Erf "o99" \(domain "ai.onnx"\)$/);
    expect(message(101)).toMatch(/Erf "o99" \(domain "ai.onnx"\), and 1 more$/);
    expect(message(103)).not.toContain('"o100"');
  });
  test('that are none are named', () => {
    expect(() => importOnnx(Buffer.from('a text'), { name: 'm.onnx' })).toThrow(
      error('ERR_FORMAT', /onnx "m.onnx": this is no ONNX model/),
    );
    expect(() => importOnnx(Buffer.of(0x3a, 9), { name: 'm.onnx' })).toThrow(
      error('ERR_FORMAT', /onnx "m.onnx": this is no ONNX model, or a damaged one \(.*truncated/),
    );
    expect(() => importOnnx(file({ outputs: {} }), { name: 'm.onnx' })).toThrow(
      error('ERR_FORMAT', /this is no ONNX model: it holds no graph with outputs/),
    );
  });
});

describe('names', () => {
  const add = (inputs: string[], outputs: string[], name = 'n'): NodeSpec => ({ op: 'Add', name, inputs, outputs });
  test.each<[string, Partial<ModelSpec>, RegExp]>([
    ['an input without a name', { inputs: { '': ['N', 4], x: ['N', 4] } }, /input "": expected inputs with names/],
    ['data without a name', { initializers: { '': floats([1], [1]) } }, /initializer "": expected initializers with names/],
    ['an input that a node defines', { nodes: [relu, add(['x', 'x'], ['x'])] }, /Add "n": its output "x" is already defined/],
    [
      'data that a node defines',
      { nodes: [relu, add(['x', 'x'], ['w'])], initializers: { w: floats([1], [1]) } },
      /its output "w" is already defined/,
    ],
    ['a node that reads itself', { nodes: [{ ...relu, inputs: ['y'] }] }, /Relu "r": the node depends on its own result/],
    [
      'two nodes that read each other',
      { nodes: [add(['x', 'b'], ['a'], ''), add(['a', 'x'], ['b'], ''), { ...relu, inputs: ['a'] }] },
      /Add "[ab]": the node depends on its own result/,
    ],
    [
      'an input from nowhere, in a node that no output needs',
      { nodes: [relu, add(['x', 'nowhere'], ['z'])] },
      /Add "n": its input "nowhere" is not defined anywhere/,
    ],
    ['an output from nowhere', { outputs: { y: undefined, z: undefined } }, /output "z": it is not defined anywhere/],
  ])('%s', (_, spec, message) => {
    expect(() => importOnnx(file(spec))).toThrow(error('ERR_FORMAT', message));
  });
  const twice = (field: number, spec: Partial<ModelSpec>, name: string) => {
    // The same file with an entry of the graph doubled.
    const bytes = Buffer.from(file(spec));
    const graphAt = bytes.indexOf(0x3a, 2);
    for (let at = graphAt + 2; at < graphAt + 2 + bytes[graphAt + 1]!; at += 2 + bytes[at + 1]!) {
      if (bytes[at] !== field * 8 + 2) continue;
      const end = at + 2 + bytes[at + 1]!;
      const entry = bytes.subarray(at, end);
      if (!entry.includes(name)) continue;
      const grown = Buffer.concat([bytes.subarray(0, end), entry, bytes.subarray(end)]);
      grown[graphAt + 1]! += entry.length;
      return grown;
    }
    throw new Error('no such entry');
  };
  test.each([
    ['inputs', 11, {}, 'x'],
    ['outputs', 12, {}, 'y'],
    ['initializers', 5, { initializers: { w: floats([], [1]) } }, 'w'],
  ] as const)('%s of one name', (what, field, spec, name) => {
    expect(() => importOnnx(twice(field, spec, name))).toThrow(
      error('ERR_FORMAT', new RegExp(`${what.slice(0, -1)} "${name}": expected ${what} with names that differ`)),
    );
  });

  test('optional operands and results without a name are none', () => {
    const nodes = [
      { op: 'Clip', inputs: ['x', '', ''], outputs: ['c'] },
      { op: 'Split', inputs: ['c', ''], outputs: ['', 'y'], attributes: { axis: 1 } },
      { op: 'Split', inputs: ['c'], outputs: ['', 'z'], attributes: { axis: 1 } },
    ];
    expect(importOnnx(file({ nodes })).outputs.y?.shape).toEqual(['N', 2]);
  });
  test('nodes that no output needs are left out; what two outputs need is computed once', () => {
    const nodes = [
      { op: 'Relu', name: 'shared', inputs: ['x'], outputs: ['s'] },
      { op: 'Neg', name: 'y', inputs: ['s'], outputs: ['y'] },
      { op: 'Abs', name: 'z', inputs: ['s'], outputs: ['z'] },
      { op: 'Tanh', name: 'unused', inputs: ['s'], outputs: ['u'] },
    ];
    const graph = importOnnx(file({ nodes, outputs: { y: undefined, z: undefined } }));
    expect(
      topological(graph)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['shared', 'x', 'y', 'z']);
  });
  test('a constant that several nodes read is one', () => {
    const nodes = [add(['x', 'w'], ['a']), add(['a', 'w'], ['y'])];
    const graph = importOnnx(file({ nodes, initializers: { w: floats([4], [1, 2, 3, 4]) } }));
    expect(
      topological(graph)
        .filter(({ op }) => op === 'constant')
        .map(({ name }) => name),
    ).toEqual(['w']);
  });
  test('the parts of a node are named after it', () => {
    const names = (spec: Parameters<typeof encodeCase>[0]) =>
      topological(importOnnx(encodeCase(spec))).map(({ op, name }) => `${op} ${name}`);
    const conv = names({
      what: '',
      nodes: [{ op: 'Conv', name: 'q', inputs: ['x', 'w', 'b'] }],
      initializers: { w: floats([1, 4, 2, 2], new Array(16).fill(1)), b: floats([1], [1]) },
    });
    expect(conv.sort()).toEqual([
      'add q/bias',
      'constant b',
      'constant w',
      'conv2d q',
      'input x',
      'transpose q/channels_first',
      'transpose q/channels_last',
      'transpose q/weights_channels_last',
    ]);
    const gemm = names({
      what: '',
      x: [4, 3],
      nodes: [{ op: 'Gemm', name: 'q', inputs: ['x', 'w', 'c'], attributes: { alpha: { float: 2 }, beta: { float: 3 }, transA: 1 } }],
      initializers: { w: floats([4, 2], new Array(8).fill(1)), c: floats([2], [1, 2]) },
    });
    expect(gemm.sort()).toEqual([
      'add q/bias',
      'constant c',
      'constant q/alpha',
      'constant q/beta',
      'constant w',
      'dense q',
      'input x',
      'mul q/bias_scaled',
      'mul q/scaled',
      'transpose q/a_transposed',
      'transpose q/weights_transposed',
    ]);
    const max = names({ what: '', nodes: [{ op: 'Max', name: 'q', inputs: ['x', 'x', 'x', 'x'] }] });
    expect(max).toEqual(['input x', 'max q/1', 'max q/2', 'max q']);
  });
});

describe('padding to the same size', () => {
  const pads = (shape: readonly (number | string)[], attributes: Record<string, AttributeSpec>, kernel: readonly number[]) => {
    const count = kernel.reduce((a, b) => a * b, 1);
    const graph = importOnnx(file(one('Conv', shape, { w: floats([1, 1, ...kernel], new Array(count).fill(1)) }, attributes)));
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
  ] as const)('%s of %j by %j, dilated %j, kernel %j', (mode, shape, strides, dilations, kernel, wanted) => {
    expect(pads(shape, { auto_pad: mode, strides, dilations }, kernel)).toEqual(wanted);
  });
});
