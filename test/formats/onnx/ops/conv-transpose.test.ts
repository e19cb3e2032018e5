/**
 * ConvTranspose of maps and signals against onnxruntime, interpreted and in a session. Not here:
 * Conv (./window.test.ts).
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../../../src/formats/onnx/import.js';
import { Session } from '../../../../src/formats/session.js';
import { verify } from '../../../../src/ops/verify.js';
import { Tensor } from '../../../../src/tensor/tensor.js';
import { interpret } from '../../interpret.js';
import {
  encodeCase,
  expectAgreement,
  fileOf,
  type OpCase,
  oneNode,
  ramp,
  rampOf,
} from '../../onnx-cases.js';
import { type AttributeSpec, floats, type TensorSpec } from '../../onnx-encoder.js';

function one(
  attributes: Record<string, AttributeSpec> = {},
  w: readonly number[] = [4, 6, 3, 2],
  x: readonly number[] = [2, 4, 5, 3],
  bias?: TensorSpec,
): OpCase {
  return {
    what: `${JSON.stringify(attributes)}, w [${w}]`,
    nodes: [{ op: 'ConvTranspose', inputs: ['x', 'w', ...(bias ? ['b'] : [])], attributes }],
    initializers: { w: rampOf(w), ...(bias && { b: bias }) },
    x,
    opset: 11,
  };
}
const strides = [2, 3];
const cases: OpCase[] = [
  one(),
  one({}, [4, 6, 3, 2], [2, 4, 5, 3], rampOf([6])),
  one({ strides, pads: [1, 0, 2, 1], kernel_shape: [3, 2] }),
  one({ strides, pads: [1, 0, 1, 1], output_padding: [1, 2] }, [4, 2, 3, 3], [1, 4, 4, 4]),
  one({ strides, output_padding: [1, 2] }, [4, 2, 3, 3], [1, 4, 4, 4], rampOf([2])),
  one({ dilations: [2, 3], pads: [1, 2, 0, 2] }),
  one({ dilations: [3, 3], strides: [2, 2], output_padding: [1, 1] }, [4, 2, 2, 2]),
  one({ group: 2, strides: [2, 2] }, [4, 3, 3, 3]),
  one({ group: 4 }, [4, 1, 3, 3]),
  one({ group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }, [4, 1, 4, 4]),
  one({ pads: [3, 2, 4, 1] }, [4, 2, 3, 3], [1, 4, 7, 7]),
  one({ strides: [3, 3] }, [4, 2, 2, 2]),
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].flatMap((mode) => [
    one({ auto_pad: mode, strides: [2, 2] }, [4, 2, 3, 3]),
    one({ auto_pad: mode, strides: [2, 3] }, [4, 2, 4, 4]),
    one({ auto_pad: mode }, [4, 2, 2, 4]),
  ]),
  one({ output_shape: [9, 8], strides: [2, 3] }),
  one({ output_shape: [10, 8], strides: [2, 3], auto_pad: 'SAME_UPPER' }),
  one({ strides: [2], pads: [1, 1], output_padding: [1] }, [4, 6, 3], [2, 4, 7], rampOf([6])),
  one({ group: 2, dilations: [2] }, [4, 3, 3], [1, 4, 7]),
  one({ auto_pad: 'SAME_UPPER', strides: [3] }, [4, 2, 4], [2, 4, 5]),
];

describe('as onnxruntime', () => {
  test.each(cases)('$what', expectAgreement);
  test.each(cases)('in a session: $what', async (c) => {
    const file = encodeCase(c);
    const shape = [...c.x!];
    const x = Float32Array.from(ramp(shape.reduce((a, b) => a * b, 1)));
    const reference = await InferenceSession.create(file, { intraOpNumThreads: 1 });
    const wanted = (await reference.run({ x: new OrtTensor('float32', x, shape) })).y!;
    await reference.release();
    const session = await Session.create(file, { threads: 1 });
    const y = (await session.run({ x })).y!;
    await session.release();
    expect(y.shape).toEqual(wanted.dims);
    (wanted.data as Float32Array).forEach((value, i) => {
      expect(Math.abs(y.data[i]! - value)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(value)));
    });
  });
});

test('an output_padding of a stride and more, which onnxruntime lacks, adds zeros', () => {
  const x = new Tensor('f32', Float32Array.from(ramp(120)), [2, 4, 5, 3]);
  const attributes = { dilations: [3, 3], strides: [2, 2] };
  const of = (more: Record<string, AttributeSpec>) =>
    interpret(importOnnx(encodeCase(one({ ...attributes, ...more }, [4, 2, 2, 2]))), { x }).y!;
  const [plain, padded] = [of({}), of({ output_padding: [2, 3] })];
  expect([plain.shape, padded.shape]).toEqual([
    [2, 2, 12, 8],
    [2, 2, 14, 11],
  ]);
  padded.data.forEach((value, i) => {
    const [plane, row, column] = [Math.floor(i / 154), Math.floor(i / 11) % 14, i % 11];
    const inside = row < 12 && column < 8;
    expect(value).toBe(inside ? plain.data[(plane * 12 + row) * 8 + column] : 0);
  });
});

const w = { w: floats([2, 1, 2, 2], [1, 1, 1, 1, 1, 1, 1, 1]) };
test.each([
  [
    'an open height',
    ['N', 2, 'h', 8],
    {},
    'ERR_UNSUPPORTED',
    /a number on axis 2 but received "h"/,
  ],
  [
    'pads that leave nothing',
    ['N', 2, 3, 8],
    { pads: [2, 0, 2, 0] },
    'ERR_SHAPE',
    /a result of 1 or more elements on axis 2 but received 0/,
  ],
  [
    'an output_padding of one number',
    ['N', 2, 3, 8],
    { output_padding: [1] },
    'ERR_UNSUPPORTED',
    /output_padding to be two sizes, as of a 2-d window/,
  ],
] as const)('%s is named', (_, shape, attributes, code, message) => {
  const file = fileOf(oneNode('ConvTranspose', shape, w, attributes));
  expect(() => verify(importOnnx(file))).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});
