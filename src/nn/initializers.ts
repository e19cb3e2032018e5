/**
 * Initial values of parameters. An initializer fills an array; it knows the shape and a stream of
 * random numbers of its own. Not here: which layer takes which.
 */
import { fillNormal } from './random.js';

/** Makes the initial values of a parameter: from its shape and random numbers. */
export type Initializer = (
  data: Float32Array,
  shape: readonly number[],
  random: () => number,
) => void;

/** Initial values that are all the same number, for `Scope.parameter`. Never throws. */
export function constantOf(value: number): Initializer {
  return (data) => {
    data.fill(value);
  };
}

/**
 * U(low, high). Bi-Real Net and ReActNet begin binary weights with U(0, 0.001): every sign is +1
 * then, and training flips some.
 * Never throws.
 */
export function uniform(low: number, high: number): Initializer {
  return (data, _shape, random) => {
    for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * random();
  };
}

/**
 * N(0, 2 / fan-in), fan-in counting the inputs of one output: shape is [O, ...]. He et al., ICCV
 * 2015.
 */
export const heNormal: Initializer = (data, shape, random) => {
  fillNormal(data, Math.sqrt(2 / fanIn(shape)), random);
};

/** U(-1, 1) / sqrt(fan-in), what PyTorch gives dense layers. */
export const fanInUniform: Initializer = (data, shape, random) => {
  const bound = 1 / Math.sqrt(fanIn(shape));
  uniform(-bound, bound)(data, shape, random);
};

function fanIn(shape: readonly number[]): number {
  return Math.max(
    1,
    shape.slice(1).reduce((a, b) => a * b, 1),
  );
}
