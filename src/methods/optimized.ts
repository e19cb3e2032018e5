/**
 * What a step makes of values that a loss is differentiated by, an optimizer's arithmetic behind
 * the gradients: for steps whose network is no model of src/nn. Not here: models (src/train).
 */
import { gradients } from '../autodiff/gradients.js';
import type { Input, Update, Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { Tensor } from '../tensor/tensor.js';
import { type Optimizer, zerosOf } from '../train/optimizer.js';

type Float = Value<'f32'>;

export interface Optimized {
  /** One number each, as `numbersOf` feeds them. */
  readonly inputs: readonly Input[];
  /** Of the parameters and of the optimizer's moments. */
  readonly updates: readonly Update[];
}

/** @param parameters states that the loss depends on */
export function optimized(
  g: GraphBuilder,
  loss: Float,
  parameters: readonly Float[],
  optimizer: Optimizer,
): Optimized {
  const inputs = optimizer.numbers(0, 1).map((_, i) => g.input(`optimizer.${i}`, 'f32', []));
  const slopes = gradients(g, loss, parameters);
  const updates = parameters.flatMap((parameter, i): Update[] => {
    const shape = parameter.shape as readonly number[];
    const { next, moments } = optimizer.step({
      g,
      parameter,
      gradient: slopes[i] as Float,
      numbers: inputs,
      moment: (name) => g.state(zerosOf(shape), { name: `${parameter.name}.${name}` }) as Float,
    });
    return [[parameter, next], ...moments];
  });
  return { inputs, updates };
}

/** The numbers of the optimizer in a step, counted from 1, as feeds. */
export function numbersOf(
  optimizer: Optimizer,
  rate: number,
  step: number,
): Readonly<Record<string, Tensor<'f32'>>> {
  const numbers = optimizer.numbers(rate, step);
  return Object.fromEntries(numbers.map((number, i) => [`optimizer.${i}`, scalar(number)]));
}

export function scalar(value: number): Tensor<'f32'> {
  return new Tensor('f32', Float32Array.of(value), []);
}

/** Updates by the names of states, as a builder's `graph` takes them. */
export function byName(updates: readonly Update[]): Readonly<Record<string, Value>> {
  return Object.fromEntries(updates.map(([{ name }, next]) => [name, next] as const));
}
