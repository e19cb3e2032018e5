/**
 * The published networks, written as ONNX and QONNX and read back: the same bits in a session, the
 * same numbers in onnxruntime. Needs BITPLANE_DATA to hold models/; skipped loudly without it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { loadModel } from '../../src/formats/model.js';
import { readNpy } from '../../src/formats/npy.js';
import { encodeOnnx } from '../../src/formats/onnx/export.js';
import { Session } from '../../src/formats/session.js';
import { type Graph, topological } from '../../src/graph/value.js';
import { optimize } from '../../src/passes/index.js';
import { Tensor } from '../../src/tensor/tensor.js';

const folder = join(process.env['BITPLANE_DATA'] ?? '', 'models');
const absent = process.env['BITPLANE_DATA'] === undefined || !existsSync(folder);
if (absent)
  console.warn(
    'SKIPPED, BITPLANE_DATA is not set or holds no models/: export of the published networks',
  );
/** Those of a few megabytes; the large ones take a minute each. */
const MODELS = [
  ...['cnv-w1a1', 'cnv-w1a1-std', 'cnv-w1a2', 'lfc-w1a1', 'mnist-w1a1', 'tfc-w1a1', 'tfc-w2a2'],
  ...['mobilenetv2-035', 'resnet20-cifar10', 'resnet20-cifar100'],
];

const SAMPLES = 2;
/** Of floats in another order of summation, against results of some tens. */
const TOLERANCE = 1e-4;

describe.skipIf(absent)(
  `the published networks${absent ? ' (skipped: BITPLANE_DATA holds no models/)' : ''}`,
  () => {
    test.each(MODELS)('%s', { timeout: 240_000 }, async (model) => {
      const path = join(folder, `${model}.onnx`);
      const graph = await loadModel(path);
      const x = firstSamples(readNpy(readFileSync(path.replace(/\.onnx$/, '.input.npy'))));
      const [name = ''] = graph.inputs.map((input) => input.name);
      const wanted = await output(path, name, x);
      for (const written of [graph, optimize(graph)])
        for (const dialect of ['onnx', 'qonnx'] as const) {
          // ONNX has no thresholds that count.
          if (dialect === 'onnx' && counts(written)) continue;
          const bytes = encodeOnnx(written, { dialect });
          expect(await output(bytes, name, x)).toEqual(wanted);
          if (dialect === 'qonnx') continue;
          const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
          const feeds = { [name]: new OrtTensor('float32', x.data as Float32Array, [...x.shape]) };
          const [result] = Object.values(await session.run(feeds));
          await session.release();
          // Classes come as int64.
          const numbers = Array.from((result as OrtTensor).data as Float32Array, Number);
          const far = numbers.findIndex((one, i) => !(Math.abs(one - wanted[i]!) <= TOLERANCE));
          expect(far).toBe(-1);
        }
    });
  },
);

function counts(graph: Graph): boolean {
  return topological(graph).some(({ op }) => op === 'multiThreshold');
}

async function output(model: string | Uint8Array, name: string, x: Tensor): Promise<number[]> {
  const session = await Session.create(model);
  const [result] = Object.values((await session.run({ [name]: x })) as Record<string, Tensor>);
  await session.release();
  return Array.from(result?.data ?? [], Number);
}

function firstSamples(tensor: Tensor): Tensor {
  const [samples = 0, ...rest] = tensor.shape;
  const data = tensor.data as Float32Array;
  return new Tensor('f32', data.subarray(0, (data.length / samples) * SAMPLES), [SAMPLES, ...rest]);
}
