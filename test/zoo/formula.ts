/**
 * Parameters and inputs as test/golden/make-networks.py makes them, number for number: a hash of
 * each index, begun by a hash of the PyTorch name. Not a test.
 */
import type { Tensors } from '../../src/formats/tensors.js';
import type * as nn from '../../src/nn/index.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { importState, type NameRule, namesIn } from '../../src/zoo/pytorch.js';

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Float32 numbers in [-1, 1). */
export function numbers(name: string, shape: readonly number[]): Tensor<'f32'> {
  let seed = 2166136261;
  for (const byte of Buffer.from(name)) seed = Math.imul(seed ^ byte, 16777619);
  const data = new Float32Array(product(shape));
  for (let i = 0; i < data.length; i++) {
    let h = (Math.imul(i, 2654435761) + seed) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 2246822519);
    h = Math.imul(h ^ (h >>> 13), 3266489917);
    data[i] = ((h ^ (h >>> 16)) >>> 0) / 2 ** 31 - 1;
  }
  return new Tensor('f32', data, shape);
}

/** What a parameter of that PyTorch name holds. */
function parameter(name: string, shape: readonly number[]): Tensor<'f32'> {
  const plain = numbers(name, shape);
  const scaled = (scale: number, shift = 0) =>
    new Tensor(
      'f32',
      plain.data.map((n) => shift + scale * n),
      shape,
    );
  if (name.endsWith('running_var')) return scaled(0.001, 0.002);
  if (name.endsWith('running_mean')) return scaled(0.25);
  if (name.endsWith('bias')) return scaled(0.5);
  if (shape.length === 1) return scaled(0.03);
  return scaled(Math.sqrt(2 / product(shape.slice(1))));
}

/**
 * The state of a model: for each parameter the formula of its PyTorch name, in PyTorch's layout,
 * and imported from there.
 */
export function formulaState(
  model: { readonly parameters: readonly nn.Parameter[] },
  prefix: string,
  rules: readonly NameRule[],
): nn.State {
  const tensors: Tensors = Object.fromEntries(
    model.parameters.map(({ name, shape }) => {
      const theirs = namesIn(rules, name)[0]![0]!;
      const [o, kh, kw, i] = shape as [number, number, number, number];
      return [
        theirs,
        parameter(`${prefix} ${theirs}`, shape.length === 4 ? [o, i, kh, kw] : shape),
      ];
    }),
  );
  return importState(model, tensors, rules);
}
