/**
 * The published networks, imported and interpreted: the imported graph alone must give the shipped
 * outputs. Needs BITPLANE_DATA to hold models/; skipped loudly without it. Not here: the executor.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadModel } from '../../src/formats/model.js';
import { readNpy } from '../../src/formats/npy.js';
import { decodeModel, encodeModel } from '../../src/formats/safetensors/model.js';
import { topological } from '../../src/graph/value.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { interpret } from './interpret.js';

const folder = join(process.env.BITPLANE_DATA ?? '', 'models');
const absent = process.env.BITPLANE_DATA === undefined || !existsSync(folder);
if (absent)
  console.warn(
    'SKIPPED, BITPLANE_DATA is not set or holds no models/: import of the published networks',
  );
const models = absent ? [] : readdirSync(folder).filter((name) => /\.onnx(\.gz)?$/.test(name));

/**
 * How many samples formulas in TypeScript run within seconds, and whether the outputs are integers.
 */
const RUNS: Readonly<Record<string, readonly [samples: number, kind: 'integers' | 'floats']>> = {
  'cnv-w1a1': [4, 'integers'],
  'cnv-w1a1-std': [4, 'integers'],
  'cnv-w1a2': [4, 'integers'],
  'lfc-w1a1': [16, 'integers'],
  'mnist-w1a1': [16, 'floats'],
  'tfc-w1a1': [16, 'floats'],
  'tfc-w2a2': [16, 'floats'],
  'resnet20-cifar10': [4, 'floats'],
  'mobilenetv2-035': [1, 'floats'],
  'resnet18-w1a1-imagenet': [1, 'floats'],
};

describe.skipIf(absent)(
  `the published networks${absent ? ' (skipped: BITPLANE_DATA holds no models/)' : ''}`,
  () => {
    test('every network of this list is in BITPLANE_DATA', () => {
      expect(models.map((file) => file.replace(/\.onnx(\.gz)?$/, ''))).toEqual(
        expect.arrayContaining(Object.keys(RUNS)),
      );
    });

    test.each(models)('%s imports with any batch, and survives our own format', async (file) => {
      const graph = await loadModel(join(folder, file));
      for (const value of [...graph.inputs, ...Object.values(graph.outputs)])
        expect(value.shape[0]).toBe('N');
      const again = decodeModel(encodeModel(graph));
      expect(topological(again).map(describeValue)).toEqual(topological(graph).map(describeValue));
    });

    test.each(Object.entries(RUNS))(
      '%s gives the shipped outputs',
      { timeout: 120_000 },
      async (name, [samples, kind]) => {
        const graph = await loadModel(
          join(
            folder,
            models.find((file) => file.replace(/\.onnx(\.gz)?$/, '') === name) as string,
          ),
        );
        const input = firstSamples(
          readNpy(readFileSync(join(folder, `${name}.input.npy`))),
          samples,
        );
        const wanted = firstSamples(
          readNpy(readFileSync(join(folder, `${name}.expected.npy`))),
          samples,
        );
        const output = Object.values(
          interpret(graph, { [graph.inputs[0]?.name as string]: input }),
        )[0] as Tensor;
        expect(output.shape).toEqual(wanted.shape);
        const tolerance = kind === 'integers' ? 0 : 1e-3;
        for (const [i, target] of (wanted.data as Float32Array).entries()) {
          expect(Math.abs((output.data[i] as number) - target)).toBeLessThanOrEqual(
            tolerance * Math.max(1, Math.abs(target)),
          );
        }
      },
    );
  },
);

function describeValue(value: {
  op: string;
  name: string;
  dtype: string;
  shape: readonly unknown[];
  attrs: unknown;
}): unknown {
  return [value.op, value.name, value.dtype, value.shape, value.attrs];
}

function firstSamples(tensor: Tensor, count: number): Tensor {
  const [samples = 0, ...rest] = tensor.shape;
  const taken = Math.min(count, samples);
  return new Tensor(
    'f32',
    (tensor.data as Float32Array).subarray(0, (tensor.data.length / samples) * taken),
    [taken, ...rest],
  );
}
