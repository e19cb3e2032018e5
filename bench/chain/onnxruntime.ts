/**
 * The settings that both onnxruntime competitors share: one thread, every graph optimisation, one
 * fixed feed.
 */
import ort from 'onnxruntime-node';
import { type OnnxModel, writeOnnx } from '../onnx-writer.js';
import type { Runner } from './workload.js';

export async function onnxruntimeRunner(
  model: OnnxModel,
  threads: number,
  feed: ort.Tensor,
): Promise<Runner> {
  const session = await ort.InferenceSession.create(writeOnnx(model), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  return { run: () => session.run({ x: feed }), release: () => session.release() };
}
