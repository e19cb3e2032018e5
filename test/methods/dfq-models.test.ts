/**
 * DFQ on a published MobileNetV2 whose layers have dead channels and strong depthwise ones, with
 * one scale a tensor. Needs BITPLANE_DATA to hold models/; skipped loudly without it. Not here: its
 * steps (./dfq.test.ts, ./dfq-golden.test.ts).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadModel } from '../../src/formats/model.js';
import { readNpy } from '../../src/formats/npy.js';
import { Session } from '../../src/formats/session.js';
import type { Graph } from '../../src/graph/value.js';
import { dfq } from '../../src/methods/dfq/dfq.js';
import { quantizeGraph } from '../../src/quant/network/quantize-graph.js';
import type { Tensor } from '../../src/tensor/tensor.js';

const folder = join(process.env['BITPLANE_DATA'] ?? '', 'models');
const path = (file: string) => join(folder, `mobilenetv2-035.${file}`);
const absent = process.env['BITPLANE_DATA'] === undefined || !existsSync(path('onnx'));
if (absent)
  console.warn('SKIPPED, BITPLANE_DATA is not set or holds no models/: DFQ on MobileNetV2');
const name = (text: string) =>
  absent ? `${text} (skipped: BITPLANE_DATA holds no models/)` : text;

const [image] = ['image'];
function samples(): Tensor<'f32'> {
  return readNpy(readFileSync(path('input.npy'))) as Tensor<'f32'>;
}

/** The features of the shipped pictures. */
async function features(graph: Graph): Promise<Float32Array> {
  const session = Session.fromGraph(graph, { threads: 1 });
  const pictures = samples();
  const results = (await session.run({ [image]: pictures })) as Record<string, Tensor<'f32'>>;
  await session.release();
  return results['features']!.data;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (const [i, x] of a.entries()) {
    ab += x * b[i]!;
    aa += x * x;
    bb += b[i]! * b[i]!;
  }
  return ab / Math.sqrt(aa * bb);
}

const W8A8 = { weights: 8, activations: 8 } as const;
const inputs = { [image]: { lo: -1, hi: 1 } };

test.skipIf(absent)(name('DFQ loses features of MobileNetV2 that plain ranges lose'), async () => {
  const graph = await loadModel(path('onnx'));
  const float = await features(graph);
  const pictures = samples();
  const naive = await quantizeGraph(graph, { ...W8A8, calibration: [{ [image]: pictures }] });
  expect(cosine(float, await features(naive.graph))).toBeLessThan(0.9);
  const done = await dfq(graph, { ...W8A8, inputs });
  expect(cosine(float, await features(done.graph))).toBeGreaterThan(0.995);
});
