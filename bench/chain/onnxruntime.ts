/**
 * The settings that all onnxruntime competitors share: the threads asked for, every graph
 * optimisation, fixed feeds.
 */
import ort from 'onnxruntime-node';
import { type OnnxModel, writeOnnx } from '../onnx-writer.js';
import type { Runner } from './workload.js';

export function onnxruntimeRunner(
  model: OnnxModel,
  threads: number,
  feed: ort.Tensor,
): Promise<Runner> {
  return onnxruntimeFile(writeOnnx(model), threads, { x: feed });
}

/** The same of the bytes of a file; results go into `results` where given. */
export async function onnxruntimeFile(
  bytes: Uint8Array,
  threads: number,
  feeds: Readonly<Record<string, ort.Tensor>>,
  results?: Readonly<Record<string, ort.Tensor>>,
): Promise<Runner> {
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  const run = () => (results === undefined ? session.run(feeds) : session.run(feeds, results));
  return { run, release: () => session.release() };
}
