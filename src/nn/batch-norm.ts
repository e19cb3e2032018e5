/**
 * Batch normalisation over the last axis: with running statistics, or, in training, with those of
 * the batch, from which the running ones are updated. Ioffe and Szegedy, ICML 2015. Not here: its
 * folding into affines and thresholds (src/passes).
 */
import { type OptionNames, requireOneOf, requireOptions } from '../core/checks.js';
import { expected } from '../core/errors.js';
import { elementCount } from '../core/shape.js';
import { Emit } from '../ops/gradient.js';
import { Tensor } from '../tensor/tensor.js';
import { constantOf } from './initializers.js';
import { type Float, type Layer, layer, type Scope } from './scope.js';

/** How a batch norm computes, and what it is called. */
export interface BatchNormOptions {
  /** Default 1e-5, PyTorch's. */
  readonly epsilon?: number | undefined;
  /**
   * In training, the share of a batch's statistics in the running ones. Default 0.1, PyTorch's;
   * Keras calls 1 minus this its momentum.
   */
  readonly momentum?: number | undefined;
  /** Whether a scale and a shift are learned; else they are 1 and 0. Default true. */
  readonly affine?: boolean | undefined;
  /** Of the layer in the names of its parameters. */
  readonly name?: string | undefined;
}

const OPTIONS: OptionNames<BatchNormOptions> = {
  epsilon: true,
  momentum: true,
  affine: true,
  name: true,
};

/** PyTorch's. */
const MOMENTUM = 0.1;

/**
 * A layer: (x - mean) / sqrt(variance + epsilon) * gamma + beta for each channel, the last axis; in
 * training by the statistics of the batch, else by the running ones.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function batchNorm(options: BatchNormOptions = {}): Layer {
  requireOptions(options, OPTIONS, { op: 'batchNorm' });
  return layer('batchNorm', (scope, x) => normalizer(scope, x, options)(x, scope.path), {
    name: options.name,
  });
}

/**
 * Declares the parameters of a batch norm over x in `scope`, and gives the function that it
 * computes: the same affine for x and for whatever is derived from x, such as its mean over a map.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function normalizer(
  scope: Scope,
  x: Float,
  options: BatchNormOptions = {},
): (value: Float, name: string) => Float {
  requireOptions(options, OPTIONS, { op: 'batchNorm' });
  const { epsilon = 1e-5, momentum = MOMENTUM, affine = true } = options;
  requireOneOf(affine, [true, false], 'affine', { op: 'batchNorm' });
  const shape = [scope.channels('batchNorm', x)];
  const given = (name: string, role: 'scale' | 'shift', value: number) =>
    affine
      ? scope.parameter(name, shape, role, constantOf(value))
      : filled(scope, name, shape[0] as number, value);
  const gamma = given('gamma', 'scale', 1);
  const beta = given('beta', 'shift', 0);
  const mean = scope.parameter('mean', shape, 'mean', constantOf(0));
  const variance = scope.parameter('variance', shape, 'variance', constantOf(1));
  return normalizing(scope, x, { gamma, beta, mean, variance }, { epsilon, momentum });
}

export interface BatchNormValues {
  readonly gamma: Float;
  readonly beta: Float;
  readonly mean: Float;
  readonly variance: Float;
}

/** The function of a batch norm over x whose parameters are given. */
export function normalizing(
  scope: Scope,
  x: Float,
  { gamma, beta, mean, variance }: BatchNormValues,
  { epsilon, momentum = MOMENTUM }: { readonly epsilon: number; readonly momentum?: number },
): (value: Float, name: string) => Float {
  const { g } = scope;
  if (!scope.training)
    return (value, name) => g.batchNorm(value, gamma, beta, mean, variance, { epsilon, name });
  const batch = batchStatistics(scope, x);
  const share = scope.share ?? momentum;
  const rest = typeof share === 'number' ? 1 - share : g.sub(1, share);
  const running = (old: Float, now: Float) => g.add(g.mul(old, rest), g.mul(now, share));
  scope.update(mean, running(mean, batch.mean));
  // The running variance is the unbiased one, as in PyTorch.
  scope.update(variance, running(variance, g.mul(batch.variance, batch.unbiased)));
  return (value, name) =>
    value === x
      ? g.normalize(x, gamma, beta, { epsilon, name })
      : g.batchNorm(value, gamma, beta, batch.mean, batch.variance, { epsilon, name });
}

function filled(scope: Scope, name: string, size: number, value: number): Float {
  const numbers = new Float32Array(size).fill(value);
  const tensor = new Tensor('f32', numbers, [size]);
  return scope.g.constant(tensor, { name: scope.named(name) }) as Float;
}

/** Of x over all axes but the last; `unbiased` makes its variance that of a sample. */
function batchStatistics(scope: Scope, x: Float) {
  const { g } = scope;
  const channels = scope.channels('batchNorm', x);
  const both = g.moments(x, { name: scope.named('moments') });
  const row = (i: number, name: string) =>
    g.reshape(
      g.slice(both, [i, 0], [i + 1, channels], { name: scope.named(`${name}.row`) }),
      [channels],
      { name: scope.named(name) },
    ) as Float;
  return {
    mean: row(0, 'batch.mean'),
    variance: row(1, 'batch.variance'),
    unbiased: unbiased(scope, x),
  };
}

/** n / (n - 1), n being how many numbers of x a channel has. */
function unbiased(scope: Scope, x: Float): number | Float {
  const { g } = scope;
  const axes = [...x.shape.keys()].slice(0, -1);
  const sizes = axes.map((axis) => x.shape[axis]);
  if (sizes.some((size) => typeof size !== 'number')) {
    const count = new Emit(g).count(x, axes);
    return g.div(count, g.sub(count, 1));
  }
  const count = elementCount(sizes as readonly number[]);
  if (count > 1) return count / (count - 1);
  throw expected('ERR_SHAPE', 'more than one number a channel to train on', count, {
    op: 'batchNorm',
    node: scope.path,
  });
}
