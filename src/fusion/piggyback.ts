/**
 * Piggyback: a task is a mask over the weights of a network that never changes. A real number a
 * weight, which is trained, says whether the weight takes part. Mallya, Davis and Lazebnik,
 * "Piggyback: Adapting a Single Network to Multiple Tasks by Learning to Mask Weights", ECCV 2018,
 * arXiv 1801.06519, as released (arunmallya/piggyback). Not here: training, heads, batch norms.
 */
import { type Complete, requireOneOf, requireOptions } from '../core/checks.js';
import { type ErrorSite, expected } from '../core/errors.js';
import { sameShape, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { type GraphBuilder, requireBuilder } from '../ops/builder.js';
import { finiteFloats } from '../quant/formats/block-float.js';
import { Tensor, type TensorLike } from '../tensor/tensor.js';
import { MASK_KINDS, type MaskKind } from './choices.js';

type Float = Value<'f32'>;

/** How masks are made of real numbers. */
export interface MaskOptions {
  /** `binary`: 1 above the threshold, else 0. `ternary`: also -1 below 0. Default `binary`. */
  readonly kind?: MaskKind | undefined;
  /** Above it a weight takes part, at it not; default 5e-3. */
  readonly threshold?: number | undefined;
}

const THRESHOLD = 5e-3;

/**
 * The mask that real numbers stand for. Their beginnings in the paper: all 1e-2, every weight on.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function maskOf(real: TensorLike<'f32'>, options: MaskOptions = {}): Tensor<'f32'> {
  const { kind, threshold } = settings(options, { op: 'maskOf' });
  const { data, shape } = finiteFloats(real, { op: 'maskOf' });
  const least = kind === 'ternary' ? -1 : 0;
  return new Tensor(
    'f32',
    data.map((m) => (m > threshold ? 1 : m < 0 ? least : 0)),
    shape,
  );
}

/**
 * The weights of a task: those of the network where its mask is 1, turned where it is -1, else 0.
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE
 */
export function maskWith(
  weights: TensorLike<'f32'>,
  real: TensorLike<'f32'>,
  options: MaskOptions = {},
): Tensor<'f32'> {
  const site = { op: 'maskWith' };
  const w = finiteFloats(weights, site);
  const mask = maskOf(real, options);
  if (!sameShape(w.shape, mask.shape))
    throw expected(
      'ERR_SHAPE',
      `a mask of shape ${showShape(w.shape)}`,
      showShape(mask.shape),
      site,
    );
  const masked = w.data.map((value, i) => (mask.data[i] === 0 ? 0 : value * mask.data[i]!));
  return new Tensor('f32', masked, w.shape);
}

/**
 * `maskWith` as ops, for training: the gradient reaches the real numbers, as if the mask were they
 * (times the weight), and never the weights. With
 *
 *   binary   (1 - sign(threshold - m)) / 2
 *   ternary  (sign(m) - sign(threshold - m)) / 2        sign(0) = 1
 *
 * @param name of the result; names of other values begin with it
 * @throws BitplaneError ERR_ARGUMENT, ERR_SHAPE
 */
export function maskedWeights(
  g: GraphBuilder,
  name: string,
  weights: Float,
  real: Float,
  options: MaskOptions = {},
): Float {
  requireBuilder(g, 'maskedWeights');
  const { kind, threshold } = settings(options, { op: 'maskedWeights', node: name });
  const sign = (value: Float, part: string) =>
    g.cast(g.sign(value, { name: `${name}.${part}.bits` }), 'f32', { name: `${name}.${part}` });
  const above = sign(g.sub(threshold, real, { name: `${name}.below` }), 'above');
  const upper = kind === 'binary' ? 1 : sign(real, 'positive');
  const twice = g.sub(upper as Float, above, { name: `${name}.twice` });
  const mask = g.mul(twice, 0.5, { name: `${name}.mask` });
  const trained = g.surrogate(mask, real, { name: `${name}.trained` });
  const frozen = g.surrogate(weights, 0, { name: `${name}.frozen` });
  return g.mul(trained, frozen, { name });
}

function settings(
  options: MaskOptions,
  site: ErrorSite,
): Complete<MaskOptions> & { threshold: number } {
  requireOptions(options, { kind: true, threshold: true }, site);
  const { kind = 'binary', threshold = THRESHOLD } = options;
  requireOneOf(kind, MASK_KINDS, 'kind', site);
  if (!(typeof threshold === 'number' && threshold >= 0 && threshold < Infinity))
    throw expected('ERR_ARGUMENT', 'a threshold of 0 or more', threshold, site);
  // Real numbers are float32, and so is what they are compared with.
  return { kind, threshold: Math.fround(threshold) };
}
