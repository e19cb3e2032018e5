/**
 * The same model in onnxruntime-node, for `bitplane bench --vs onnxruntime`. Not here: how the
 * times are compared (bench.ts).
 */
import { BitplaneError } from '../core/errors.js';
import type { Tensors } from './run-rows.js';

export interface Competitor {
  readonly name: string;
  run(): Promise<unknown>;
  release(): Promise<void>;
}

/** onnxruntime's names of the dtypes that its JavaScript interface shares with ours. */
const TYPES = { f32: 'float32', i32: 'int32', i8: 'int8', u8: 'uint8' } as const;

/**
 * Every graph optimisation, `threads` threads, no others beside them.
 * @throws BitplaneError ERR_UNSUPPORTED where onnxruntime-node is not installed or cannot load the
 * model, as with QONNX ops
 */
export async function openOnnxruntime(
  model: string,
  feeds: Tensors,
  threads: number,
): Promise<Competitor> {
  const ort = await loadOnnxruntime();
  let session: Awaited<ReturnType<typeof ort.InferenceSession.create>>;
  try {
    session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
    });
  } catch (error) {
    const why = (error as Error).message.split('\n')[0];
    const sentence =
      'onnxruntime cannot run this model: it takes plain .onnx files of standard ops, no ' +
      `QONNX or safetensors (${why})`;
    throw new BitplaneError('ERR_UNSUPPORTED', sentence, {
      op: 'bench',
      node: model,
      cause: error,
    });
  }
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, data, shape }]) => {
      if (!(dtype in TYPES))
        throw new BitplaneError('ERR_UNSUPPORTED', `onnxruntime has no ${dtype} inputs`, {
          op: 'bench',
          node: name,
        });
      return [name, new ort.Tensor(TYPES[dtype as keyof typeof TYPES], data, shape)];
    }),
  );
  return {
    name: `onnxruntime-node ${ort.env.versions.node ?? ''}`.trim(),
    run: () => session.run(inputs),
    release: () => session.release(),
  };
}

async function loadOnnxruntime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    throw new BitplaneError(
      'ERR_UNSUPPORTED',
      '--vs onnxruntime needs the package onnxruntime-node: npm install onnxruntime-node',
      {
        cause: error,
      },
    );
  }
}
