/** The recorded parameters of a released generator under the names of ours. Not a test. */
import type { Model } from '../../src/nn/model.js';
import type { State } from '../../src/nn/state.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { channelsLast, floats, type GoldenArray } from '../quant/golden-numbers.js';

/** Ours, and theirs without 'gen_'. */
const NAMES: Readonly<Record<string, string>> = {
  'first/weight': 'l1.0.weight',
  'first/bias': 'l1.0.bias',
  'conv1/weight': 'conv_blocks1.0.weight',
  'conv1/bias': 'conv_blocks1.0.bias',
  'conv2/weight': 'conv_blocks2.0.weight',
  'conv2/bias': 'conv_blocks2.0.bias',
  'conv3/weight': 'conv_blocks2.3.weight',
  'conv3/bias': 'conv_blocks2.3.bias',
};
const NORMS: Readonly<Record<string, string>> = {
  norm1: 'conv_blocks0.0',
  norm2: 'conv_blocks1.1',
  norm3: 'conv_blocks2.1',
  norm4: 'conv_blocks2.5',
};
const OF_NORM: Readonly<Record<string, string>> = {
  gamma: 'weight',
  beta: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
};

export function generatorState(model: Model, arrays: Readonly<Record<string, GoldenArray>>): State {
  return Object.fromEntries(
    model.parameters.map(({ name, shape }) => {
      if (name === 'embedding') {
        const { shape: theirs, values } = arrays['gen_label_emb.weight']!;
        const [classes, latent] = theirs as [number, number];
        const turned = Float32Array.from(
          { length: values.length },
          (_, i) => values[(i % classes) * latent + Math.floor(i / classes)]!,
        );
        return [name, new Tensor('f32', turned, [latent, classes])];
      }
      const [layer, own] = name.split('/') as [string, string];
      const theirs = NAMES[name] ?? `${NORMS[layer]}.${OF_NORM[own]}`;
      const array = arrays[`gen_${theirs}`]!;
      return [name, floats(shape.length === 4 ? channelsLast(array) : array)];
    }),
  );
}
