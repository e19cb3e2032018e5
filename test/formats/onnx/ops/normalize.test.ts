/**
 * Normalizations against onnxruntime; GroupNormalization of operator set 18, which onnxruntime
 * lacks, against its formula. Not here: BatchNormalization (../../onnx-ops.test.ts).
 */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { importOnnx } from '../../../../src/formats/onnx/import.js';
import { Session } from '../../../../src/formats/session.js';
import { Tensor } from '../../../../src/tensor/tensor.js';
import { interpret } from '../../interpret.js';
import { encodeCase, expectAgreement, type OpCase, ramp, rampOf } from '../../onnx-cases.js';
import { type AttributeSpec, encodeOnnx, floats, type TensorSpec } from '../../onnx-encoder.js';

const MAP = [2, 6, 5, 3];

function one(
  op: string,
  attributes: Record<string, AttributeSpec> = {},
  initializers: Record<string, TensorSpec> = {},
  x: readonly number[] = MAP,
  opset = 21,
): OpCase {
  return {
    what: `${op} ${JSON.stringify(attributes)} of [${x}]`,
    nodes: [{ op, inputs: ['x', ...Object.keys(initializers)], attributes }],
    initializers,
    x,
    opset,
  };
}
const channels = { s: rampOf([6]), b: rampOf([6], 1) };
const epsilon = { float: 0.01 };
const cases: OpCase[] = [
  one('InstanceNormalization', {}, channels),
  one('InstanceNormalization', { epsilon }, channels, [2, 6, 7]),
  one('LayerNormalization', {}, { s: rampOf([3]), b: rampOf([3]) }),
  one('LayerNormalization', { axis: 2, epsilon }, { s: rampOf([5, 3]) }),
  one('LayerNormalization', { axis: 1 }, { s: rampOf(MAP.slice(1)), b: rampOf(MAP.slice(1)) }),
  one('GroupNormalization', { num_groups: 3 }, channels),
  one('GroupNormalization', { num_groups: 1, epsilon }, channels),
  one('GroupNormalization', { num_groups: 6 }, channels, [2, 6, 4]),
  one('MeanVarianceNormalization', {}, {}, MAP, 13),
  one('MeanVarianceNormalization', { axes: [2, 3] }, {}, MAP, 13),
  ...[1, 3, 5, 9].map((size) => one('LRN', { size, alpha: { float: 2 } }, {}, MAP, 13)),
  one('LRN', {
    size: 3,
    alpha: { float: 0.5 },
    beta: { float: 0.3 },
    bias: { float: 2 },
  }),
  one('LRN', { size: 3, alpha: { float: 0.5 } }, {}, [2, 6, 5, 3], 13),
];

describe('as onnxruntime', () => {
  test.each(cases)('$what', expectAgreement);

  test('the mean and the inverse deviation of LayerNormalization', async () => {
    const file = encodeOnnx({
      nodes: [
        {
          op: 'LayerNormalization',
          inputs: ['x', 's'],
          outputs: ['y', 'mean', 'inverse'],
          attributes: { axis: 1 },
        },
      ],
      inputs: { x: [4, 6] },
      outputs: { y: undefined, mean: undefined, inverse: undefined },
      initializers: { s: rampOf([6]) },
      opset: 17,
    });
    const x = Float32Array.from(ramp(24));
    const reference = await InferenceSession.create(file, { intraOpNumThreads: 1 });
    const wanted = await reference.run({ x: new OrtTensor('float32', x, [4, 6]) });
    await reference.release();
    const results = interpret(importOnnx(file), { x: new Tensor('f32', x, [4, 6]) });
    for (const name of ['y', 'mean', 'inverse']) {
      const target = wanted[name]!;
      expect(results[name]!.shape).toEqual(target.dims);
      (target.data as Float32Array).forEach((value, i) => {
        expect(results[name]!.data[i]).toBeCloseTo(value, 5);
      });
    }
  });
});

test('GroupNormalization of operator set 18 has one scale and bias a group', () => {
  const grouped = { s: floats([3], [1, 2, -1]), b: floats([3], [0.5, 0, 3]) };
  const spread = (numbers: number[]) =>
    floats(
      [6],
      numbers.flatMap((number) => [number, number]),
    );
  const x = new Tensor('f32', Float32Array.from(ramp(180)), MAP);
  const of = (initializers: Record<string, TensorSpec>, opset: number) =>
    interpret(
      importOnnx(
        encodeCase(one('GroupNormalization', { num_groups: 3 }, initializers, MAP, opset)),
      ),
      { x },
    ).y!;
  const wanted = of({ s: spread([1, 2, -1]), b: spread([0.5, 0, 3]) }, 21);
  expect([...of(grouped, 18).data]).toEqual([...wanted.data]);
});

test('LRN of an even size, unknown to onnxruntime, has one more channel behind than before', () => {
  const attributes = { size: 2, alpha: { float: 2 }, beta: { float: 1 } };
  const file = encodeCase(one('LRN', attributes, {}, [1, 3, 1], 13));
  const { y } = interpret(importOnnx(file), {
    x: new Tensor('f32', Float32Array.of(1, 2, 3), [1, 3, 1]),
  });
  const wanted = [1 / (1 + 1 + 4), 2 / (1 + 4 + 9), 3 / (1 + 9)];
  y!.data.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 6);
  });
});

test('RMSNormalization divides by the root of the mean square', () => {
  const file = encodeCase(
    one('RMSNormalization', { axis: -1 }, { s: floats([2], [1, 2]) }, [1, 2, 2], 23),
  );
  const x = new Tensor('f32', Float32Array.of(1, 7, -6, 8), [1, 2, 2]);
  const { y } = interpret(importOnnx(file), { x });
  const wanted = [1 / 5, 14 / 5, -6 / Math.sqrt(50), 16 / Math.sqrt(50)];
  y!.data.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 5);
  });
});

test('a mean far from zero costs a session no accuracy', async () => {
  const file = encodeCase(one('InstanceNormalization', {}, channels, [1, 6, 8, 8]));
  const x = Float32Array.from(ramp(384), (value) => value + 4096);
  const near = Float32Array.from(ramp(384));
  const session = await Session.create(file, { threads: 1 });
  const far = (await session.run({ x })).y!.data.slice();
  const wanted = (await session.run({ x: near })).y!.data;
  await session.release();
  far.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-4);
  });
});

test('InstanceNormalization and GroupNormalization take maps of any size', () => {
  for (const op of ['InstanceNormalization', 'GroupNormalization']) {
    const file = encodeOnnx({
      nodes: [
        {
          op,
          inputs: ['x', 's', 'b'],
          outputs: ['y'],
          attributes: op === 'GroupNormalization' ? { num_groups: 2 } : {},
        },
      ],
      inputs: { x: ['N', 6, 'h', 'w'] },
      outputs: { y: undefined },
      initializers: channels,
      opset: 21,
    });
    expect(importOnnx(file).outputs.y!.shape).toEqual(['N', 6, 'h', 'w']);
  }
});
