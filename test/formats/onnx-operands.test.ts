/**
 * The importer's errors for operands that it cannot take, among them the integers by which
 * exporters compute shapes. Not here: payloads (./onnx-tensor.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { verify } from '../../src/ops/verify.js';
import { errorLike, fileOf, oneNode } from './onnx-cases.js';
import { floats, int64s, type ModelSpec } from './onnx-encoder.js';

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
      oneNode('Reshape', ['N', 4], { s: { dims: [1, 2], int64s: [2, 2] } }),
      'ERR_UNSUPPORTED',
      /input 1 to be a vector of integers known at import but received a tensor of shape \[1, 2\]/,
    ],
    [
      'floats for a list',
      oneNode('Reshape', ['N', 4], { s: floats([2], [2, 2]) }),
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
      oneNode('ReduceSum', ['N', 4], { a: int64s(2n ** 53n) }),
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
      /input 1 to be one constant number but received integers that hold the size of an unknown/,
    ],
    [
      'a computed value for a number',
      {
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['s'] },
          { op: 'CumSum', name: 'q', inputs: ['x', 's'], outputs: ['y'] },
        ],
      },
      'ERR_UNSUPPORTED',
      /one constant number but received a value computed by relu/,
    ],
    [
      'an output that is not computed',
      {
        nodes: [
          { op: 'Relu', inputs: ['x'], outputs: ['d', 'mask'] },
          { op: 'Relu', name: 'q', inputs: ['mask'], outputs: ['y'] },
        ],
      },
      'ERR_UNSUPPORTED',
      /its input "mask" is an output that bitplane does not compute/,
    ],
    [
      'such an output of the model',
      { nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['d', 'y'] }] },
      'ERR_UNSUPPORTED',
      /output "y": expected a value but received an output that is not computed/,
    ],
    [
      'a size that only a run knows as an output of the model',
      { nodes: [{ op: 'Shape', inputs: ['x'], outputs: ['y'] }] },
      'ERR_UNSUPPORTED',
      /output "y": expected integers that i32 holds, known at import but received "N"/,
    ],
    [
      'integers of different lengths',
      {
        nodes: [
          { op: 'Add', name: 'q', inputs: ['a', 'b'], outputs: ['s'] },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(1, 2), b: int64s(1, 2, 3) },
      },
      'ERR_SHAPE',
      /Add "q": expected shapes that broadcast but received \[2\] and \[3\]/,
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
      /input 1 to be a vector of integers known at import but received a tensor of shape \[1, 2\]/,
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
      'ERR_SHAPE',
      /a shape of 2 elements but received \[3\]/,
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
      'ERR_SHAPE',
      /a shape of 2 elements but received \[\]/,
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
      /input 1 to be a vector of integers known at import but received a tensor of shape \[1, 2\]/,
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
      /to be a vector of integers known at import but received a tensor of shape \[1, 1\]/,
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
      {
        nodes: [
          {
            op: 'ConstantOfShape',
            name: 'q',
            inputs: ['a'],
            outputs: ['s'],
            attributes: { value: { tensor: int64s(1) } },
          },
          { op: 'Reshape', inputs: ['x', 's'], outputs: ['y'] },
        ],
        initializers: { a: int64s(1, 2) },
      },
      'ERR_UNSUPPORTED',
      /input 1 to be a vector of integers known at import but received a tensor of shape \[1, 2\]/,
    ],
    [
      'a negative size to be filled',
      {
        nodes: [{ op: 'ConstantOfShape', name: 'q', inputs: ['a'], outputs: ['y'] }],
        initializers: { a: int64s(-1) },
      },
      'ERR_UNSUPPORTED',
      /a shape of sizes but received \[-1\]/,
    ],
    [
      'more than 64 MB to be filled',
      {
        nodes: [{ op: 'ConstantOfShape', name: 'q', inputs: ['a'], outputs: ['y'] }],
        initializers: { a: int64s(2 ** 24 + 1) },
      },
      'ERR_LIMIT',
      /at most 64\.0 MiB for what an import makes out of nothing .* maxBytes raises the limit/,
    ],
    [
      'two numbers to fill with',
      {
        nodes: [
          {
            op: 'ConstantOfShape',
            name: 'q',
            inputs: ['a'],
            outputs: ['y'],
            attributes: { value: { tensor: floats([2], [1, 2]) } },
          },
        ],
        initializers: { a: int64s(2) },
      },
      'ERR_UNSUPPORTED',
      /one number to fill with but received 2/,
    ],
    [
      'a constant of nothing',
      { nodes: [{ op: 'Constant', name: 'q', inputs: [], outputs: ['y'] }] },
      'ERR_UNSUPPORTED',
      /Constant "q": expected a dense numeric constant/,
    ],
    [
      'integers where data is wanted',
      oneNode('Add', ['N', 4], { c: int64s(1) }),
      'ERR_DTYPE',
      /initializer "c": expected data of a float type but received INT64/,
    ],
  ])('%s', (_, spec, code, message) => {
    expect(() => verify(importOnnx(fileOf(spec)))).toThrow(errorLike(code, message));
  });

  test('ends of up to 2^24 elements are filled, an end of 2^31 - 1 is the end', () => {
    const filled = importOnnx(
      fileOf({
        nodes: [{ op: 'ConstantOfShape', inputs: ['a'], outputs: ['y'] }],
        initializers: { a: int64s(2 ** 24) },
      }),
    );
    expect(filled.outputs.y?.shape).toEqual([2 ** 24]);
    const sliced = importOnnx(
      fileOf(oneNode('Slice', ['N', 4], { s: int64s(0), e: int64s(2 ** 31 - 1), a: int64s(0) })),
    );
    expect(sliced.outputs.y?.shape).toEqual(['N', 4]);
  });
});
