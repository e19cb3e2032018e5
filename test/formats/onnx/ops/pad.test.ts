/**
 * Pad in every mode, with pads that take away, against onnxruntime. Not here: what is refused
 * (../../onnx-refused.test.ts).
 */
import { describe, test } from 'vitest';
import { expectAgreement, type OpCase } from '../../onnx-cases.js';
import { floats, int64s } from '../../onnx-encoder.js';

const X = [2, 3, 5, 4];

function pad(mode: string, pads: number[], opset = 18, value?: number): OpCase {
  return {
    what: `${mode} ${pads}, operator set ${opset}`,
    x: X,
    opset,
    nodes: [
      {
        op: 'Pad',
        inputs: ['x', 'p', ...(value === undefined ? [] : ['v'])],
        attributes: { mode },
      },
    ],
    initializers: {
      p: int64s(...pads),
      ...(value !== undefined && { v: floats([], [value]) }),
    },
  };
}

describe('as onnxruntime', () => {
  test.each([
    pad('constant', [0, 0, -1, 2, 0, 0, 1, -1], 13, 1.5),
    pad('constant', [0, 0, -1, -1, 0, 0, -2, -1]),
    pad('constant', [-1, 1, 0, 0, 0, -2, 0, 0]),
    ...['edge', 'reflect', 'wrap'].flatMap((mode) => [
      pad(mode, [0, 0, 1, 2, 0, 0, 3, 1], 19),
      pad(mode, [0, 2, 0, 0, 0, 0, 4, 3], 19),
      pad(mode, [0, 0, 0, 0, 0, 0, 0, 0], 19),
    ]),
    pad('reflect', [0, 0, 4, 3, 0, 0, 4, 3], 13),
    pad('edge', [1, 2, 7, 0, 3, 0, 0, 9], 11),
    pad('wrap', [1, 3, 5, 4, 2, 3, 5, 4], 19),
  ])('$what', expectAgreement);

  test('pads of named axes', () =>
    expectAgreement({
      what: '',
      x: X,
      opset: 18,
      nodes: [{ op: 'Pad', inputs: ['x', 'p', '', 'a'], attributes: { mode: 'reflect' } }],
      initializers: { p: int64s(2, 1, 0, 3), a: int64s(-1, 2) },
    }));

  test('pads and mode as attributes', () =>
    expectAgreement({
      what: '',
      x: X,
      opset: 9,
      nodes: [
        {
          op: 'Pad',
          inputs: ['x'],
          attributes: { mode: 'reflect', pads: [0, 0, 1, 2, 0, 0, 0, 1] },
        },
      ],
    }));
});
