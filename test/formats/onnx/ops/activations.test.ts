/**
 * Activations against onnxruntime, over small numbers and at the ends of the floats, where no exp
 * may make NaN of a number. Not here: kernels.
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../../../src/formats/onnx/import.js';
import { Session } from '../../../../src/formats/session.js';
import { encodeCase, expectAgreement, fileOf, type OpCase, oneNode } from '../../onnx-cases.js';
import { type AttributeSpec, floats } from '../../onnx-encoder.js';

/** opset 14 has HardSwish, 18 Mish, 20 Gelu. */
function one(op: string, attributes: Record<string, AttributeSpec> = {}, opset = 20): OpCase {
  return {
    what: `${op} ${JSON.stringify(attributes)}, operator set ${opset}`,
    nodes: [{ op, inputs: ['x'], attributes }],
    opset,
  };
}
const float = (number: number) => ({ float: number });
const cases: OpCase[] = [
  one('Elu'),
  one('Elu', { alpha: float(1.5) }, 7),
  one('Selu'),
  one('Selu', { alpha: float(2), gamma: float(0.5) }, 7),
  one('Celu'),
  one('Celu', { alpha: float(2.5) }),
  one('Celu', { alpha: float(-1.5) }),
  one('ThresholdedRelu'),
  one('ThresholdedRelu', { alpha: float(0.25) }),
  one('ThresholdedRelu', { alpha: float(0) }),
  one('ThresholdedRelu', { alpha: float(-1.25) }),
  one('Softplus'),
  one('Erf'),
  one('Gelu'),
  one('Gelu', { approximate: 'tanh' }),
  one('Softsign'),
  one('Mish'),
  one('HardSigmoid'),
  one('HardSigmoid', { alpha: float(0.3), beta: float(0.25) }),
  one('HardSwish'),
  one('Shrink'),
  one('Shrink', { lambd: float(0.75), bias: float(0.5) }),
  one('Shrink', { lambd: float(0), bias: float(0.5) }),
  one('LeakyRelu', { alpha: float(0.3) }),
  one('LogSoftmax'),
  one('LogSoftmax', { axis: 1 }),
  one('LogSoftmax', { axis: 2 }, 11),
  one('Reciprocal'),
];

describe('as onnxruntime', () => {
  test.each(cases)('$what', expectAgreement);

  test.each([1, 2, 3])('Mean and Sum of %i', async (count) => {
    const more = Object.fromEntries(
      ['b', 'c'].slice(0, count - 1).map((name, i) => [name, floats([6], [1, 2, 3, 4, 5, 6 + i])]),
    );
    for (const op of ['Mean', 'Sum'])
      await expectAgreement({
        what: '',
        nodes: [{ op, inputs: ['x', ...Object.keys(more)] }],
        initializers: more,
      });
  });
});

const ENDS = [
  ...[1e-40, 1e-6, 0.5, 1, 3, 10, 17, 20, 88, 89, 104, 200, 1e5, 1e20, 3.4e38, Infinity],
].flatMap((x) => [x, -x]);

test.each(cases.filter(({ what }) => !what.startsWith('LogSoftmax')))(
  '$what gives a number where onnxruntime does, in a session',
  async (c) => {
    const x = Float32Array.of(...ENDS, 0, -0, NaN);
    const file = encodeCase({ ...c, x: [1, x.length] });
    const reference = await InferenceSession.create(file, {
      logSeverityLevel: 4,
      intraOpNumThreads: 1,
    });
    const { y: wanted } = await reference.run({ x: new OrtTensor('float32', x, [1, x.length]) });
    await reference.release();
    const session = await Session.create(file, { threads: 1 });
    const { y } = await session.run({ x });
    await session.release();
    (wanted!.data as Float32Array).forEach((target, i) => {
      // A product of 0 and Infinity is left to each.
      if (Number.isNaN(target)) return;
      const what = `of ${x[i]}: ${y!.data[i]}, not ${target}`;
      if (!Number.isFinite(target)) expect(y!.data[i], what).toBe(target);
      else
        expect(Math.abs(y!.data[i]! - target), what).toBeLessThanOrEqual(
          2e-6 * Math.max(1, Math.abs(target)),
        );
    });
  },
);

test.each([
  ['Celu', { alpha: float(0) }, /an alpha other than 0 but received 0/],
  ['Gelu', { approximate: 'fast' }, /approximate to be none or tanh but received "fast"/],
  ['Shrink', { lambd: float(-1) }, /a lambd of 0 or more but received -1/],
])('%s without a formula is refused', (op, attributes, message) => {
  expect(() => importOnnx(fileOf(oneNode(op, ['N', 4], {}, attributes)))).toThrow(message);
});
