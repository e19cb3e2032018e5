/**
 * Networks that PyTorch quantized and exported as QuantizeLinear and DequantizeLinear pairs
 * (test/golden/make-qdq.py): the imported graph against onnxruntime, under its default
 * optimizations and without any, and against PyTorch's own results.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { readNpy } from '../../src/formats/npy.js';
import { importOnnx } from '../../src/formats/onnx/import.js';
import { Session } from '../../src/formats/session.js';
import { topological } from '../../src/graph/value.js';
import { supportedIsas } from '../../src/native/isa.js';
import type { Isa } from '../../src/runtime/session-types.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';

const folder = join(import.meta.dirname, '../golden/qdq');

/** Float sums in another order; one step of an activation moves a result by 1e-4 or so. */
const FLOAT_SUMS = 1e-6;
/**
 * PyTorch multiplies by 1 / scale where the files divide, so that an activation next to a tie may
 * be one step away. One step of an input of the last layer, its scale times the largest weight:
 */
const ONE_STEP = 0.0025;

describe.each(readdirSync(folder))('%s', (name) => {
  const read = (file: string) => readFileSync(join(folder, name, file));
  const model = read('model.onnx');
  const x = readNpy(read('in.x.npy'));
  const graph = importOnnx(model);
  const received = interpret(graph, { x: x as Tensor }).y?.data as Float32Array;
  const distance = (wanted: ArrayLike<number>) =>
    received.reduce((most, one, i) => Math.max(most, Math.abs(one - (wanted[i] as number))), 0);

  // Where scales are vectors of one, onnxruntime's optimizer fails to fuse a sum.
  const levels = name === 'per-tensor' ? (['disabled'] as const) : (['disabled', 'all'] as const);
  test.each(levels)(
    'every activation is that of onnxruntime, its optimizations: %s',
    async (graphOptimizationLevel) => {
      const session = await InferenceSession.create(model, {
        graphOptimizationLevel,
        logSeverityLevel: 4,
        intraOpNumThreads: 1,
      });
      const feed = new OrtTensor('float32', x.data as Float32Array, [...x.shape]);
      const { y } = await session.run({ x: feed });
      expect(distance(y?.data as Float32Array)).toBeLessThanOrEqual(FLOAT_SUMS);
      await session.release();
    },
  );

  test('results are within one step of those of PyTorch', () => {
    expect(distance(readNpy(read('out.y.npy')).data as Float32Array)).toBeLessThanOrEqual(ONE_STEP);
  });

  test.each(supportedIsas() as Isa[])(
    'every convolution and dense layer runs on integers, to the same result: %s',
    async (isa) => {
      const session = await Session.create(model, { isa, threads: 1 });
      const { y } = (await session.run({ x } as never)) as Record<string, Tensor>;
      expect(distance(y?.data as Float32Array)).toBeLessThanOrEqual(FLOAT_SUMS);
      const products = (await session.profile(1, { x } as never)).filter(
        ({ op }) => op === 'conv2d' || op === 'dense',
      );
      expect(products).toHaveLength(5);
      for (const { kernel } of products) expect(kernel).toMatch(/^q(dw)?conv_/);
      await session.release();
    },
  );

  test('activations and weights of all five layers are stored as bytes', () => {
    const bytes = topological(graph).filter(({ dtype }) => dtype === 'u8' || dtype === 'i8');
    // The weights and the input of each layer, and both sides of the residual sum.
    expect(bytes.filter(({ op }) => op === 'cast')).toHaveLength(12);
    const signed = name === 'per-channel-signed';
    expect(bytes.some(({ dtype }) => dtype === 'u8')).toBe(!signed);
  });
});
