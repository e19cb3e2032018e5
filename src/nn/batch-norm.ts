/**
 * Batch normalisation over the last axis, with running statistics. Ioffe and Szegedy, ICML 2015.
 * Not here: its folding into affines and thresholds (src/passes).
 */
import { type OptionNames, requireOptions } from '../core/checks.js';
import { constantOf } from './initializers.js';
import { type Float, type Layer, layer, type Scope } from './scope.js';

export interface BatchNormOptions {
  /** Default 1e-5, PyTorch's. */
  readonly epsilon?: number;
  readonly name?: string;
}

const OPTIONS: OptionNames<BatchNormOptions> = { epsilon: true, name: true };

export function batchNorm(options: BatchNormOptions = {}): Layer {
  requireOptions(options, OPTIONS, { op: 'batchNorm' });
  return layer('batchNorm', (scope, x) => normalizer(scope, x, options)(x, scope.path), {
    name: options.name,
  });
}

/**
 * Declares the parameters of a batch norm over x in `scope`, and gives the function that it
 * computes: the same affine for x and for whatever is derived from x, such as its mean over a map.
 */
export function normalizer(
  scope: Scope,
  x: Float,
  options: BatchNormOptions = {},
): (value: Float, name: string) => Float {
  requireOptions(options, OPTIONS, { op: 'batchNorm' });
  const { epsilon = 1e-5 } = options;
  const shape = [scope.channels('batchNorm', x)];
  const gamma = scope.parameter('gamma', shape, 'scale', constantOf(1));
  const beta = scope.parameter('beta', shape, 'shift', constantOf(0));
  const mean = scope.parameter('mean', shape, 'mean', constantOf(0));
  const variance = scope.parameter('variance', shape, 'variance', constantOf(1));
  return (value, name) => scope.g.batchNorm(value, gamma, beta, mean, variance, { epsilon, name });
}
