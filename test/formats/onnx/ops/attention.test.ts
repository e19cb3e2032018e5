/** A small transformer of token numbers, over any batch, in a session against onnxruntime. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { Session } from '../../../../src/formats/session.js';
import { node, rampOf } from '../../onnx-cases.js';
import { encodeOnnx, floats } from '../../onnx-encoder.js';

test('attention over tokens, and the likeliest of them', async () => {
  const [tokens, width, words] = [6, 8, 11];
  const file = encodeOnnx({
    nodes: [
      node('Gather', ['table', 'ids'], 'e'),
      node('MatMul', ['e', 'wq'], 'q'),
      node('MatMul', ['e', 'wk'], 'k'),
      node('Transpose', ['k'], 'kt', { perm: [0, 2, 1] }),
      node('MatMul', ['q', 'kt'], 'scores'),
      node('Mul', ['scores', 'scale'], 'scaled'),
      node('Softmax', ['scaled'], 'weights', { axis: -1 }),
      node('MatMul', ['weights', 'e'], 'mixed'),
      node('MatMul', ['mixed', 'head'], 'logits'),
      node('ArgMax', ['logits'], 'best', { axis: -1, keepdims: 0 }),
    ],
    inputs: { ids: ['N', tokens] },
    outputs: { logits: undefined, best: undefined },
    initializers: {
      table: rampOf([words, width], 0.1),
      wq: rampOf([width, width], 0.05),
      wk: rampOf([width, width], 0.04),
      head: rampOf([width, words], 0.1),
      scale: floats([], [0.35]),
    },
    inputType: 7,
    outputTypes: { best: 7 },
    opset: 17,
  });
  const reference = await InferenceSession.create(file, {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  const session = await Session.create(file, { threads: 1 });
  for (const batch of [1, 3]) {
    const ids = BigInt64Array.from({ length: batch * tokens }, (_, i) => BigInt((i * 5) % words));
    const feed = new OrtTensor('int64', ids, [batch, tokens]);
    const wanted = await reference.run({ ids: feed });
    const { logits, best } = await session.run({ ids });
    expect(best!.shape).toEqual([batch, tokens]);
    const target = wanted['logits']!.data as Float32Array;
    const off = logits!.data.map((value, i) => Math.abs(value - target[i]!));
    expect(Math.max(...off)).toBeLessThan(1e-5);
    expect([...best!.data]).toEqual(Array.from(wanted['best']!.data as BigInt64Array, Number));
  }
  await session.release();
  await reference.release();
});
