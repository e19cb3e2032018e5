/**
 * Weights of one bit: sign(W), plain or with one scale a filter. Not here: activations
 * (./sign-activation.ts).
 */
import { requireOneOf, requireOptions } from '../core/checks.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';
import { type PseudoGradient, proxyOf } from './pseudo-gradient.js';
import { requireSignRule, type SignOfZero, type WeightQuantizer } from './quantizer.js';

/** What the sign of 0 is, and which gradient stands in for that of the sign. */
export interface SignWeightsOptions {
  /** Default 'plus'. */
  readonly zero?: SignOfZero | undefined;
  /** Default 'clip'. */
  readonly pseudoGradient?: PseudoGradient | undefined;
}

/**
 * How the gradient of alpha * sign(W), g, reaches W; p is the pseudo-gradient's factor (of 'clip'
 * 1[|W| <= 1]), n the weights of a filter, I its input channels:
 * - `exact`: alpha g p + sign(W) mean(g sign(W)), the chain rule through alpha as well (BWN)
 * - `paper`: g (1/n + alpha p), XNOR-Net as printed
 * - `release`: that times (1 - 1/I) n, XNOR-Net as released
 * - `magnitudeAware`: alpha g p, Bi-Real Net as printed
 * - `straightThrough`: g p, Bi-Real Net and ReActNet as released
 */
export type WeightGradient = (typeof WEIGHT_GRADIENTS)[number];
const WEIGHT_GRADIENTS = [
  'exact',
  'paper',
  'release',
  'magnitudeAware',
  'straightThrough',
] as const;

/** As of the sign of weights, with their scale. */
export interface ScaledSignOptions extends SignWeightsOptions {
  /** Default 'exact'. */
  readonly gradient?: WeightGradient | undefined;
}

/**
 * sign(W), without a scale. Courbariaux et al., "Binarized Neural Networks", NIPS 2016.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function sign(options: SignWeightsOptions = {}): WeightQuantizer {
  requireOptions(options, { zero: true, pseudoGradient: true }, { op: 'sign' });
  const { zero = 'plus', pseudoGradient = 'clip' } = options;
  requireSignRule('sign', zero, pseudoGradient);
  return Object.freeze({
    name: 'sign',
    precision: 1 as const,
    zero,
    formula: 'sign(W)',
    pseudoGradient,
    paper: 'Courbariaux et al., NIPS 2016, arXiv 1602.02830',
    quantize: (g: GraphBuilder, name: string, w: Value<'f32'>) => ({
      values: signs(g, name, w, zero),
    }),
    trained: (g: GraphBuilder, name: string, w: Value<'f32'>) =>
      g.surrogate(computedSigns(g, name, w, zero), proxyOf(pseudoGradient)(g, w), { name }),
  });
}

/**
 * alpha_o * sign(W_o), alpha_o = mean |W_o| over all weights of output filter o: the best
 * approximation of W_o by a scaled sign. Rastegari et al., "XNOR-Net", ECCV 2016; Bi-Real Net and
 * ReActNet use the same. A filter of zeros has alpha 0: its output is 0.
 * @throws BitplaneError ERR_ARGUMENT
 */
export function scaledSign(options: ScaledSignOptions = {}): WeightQuantizer {
  const site = { op: 'scaledSign' };
  requireOptions(options, { zero: true, pseudoGradient: true, gradient: true }, site);
  const { zero = 'plus', pseudoGradient = 'clip', gradient = 'exact' } = options;
  requireSignRule('scaledSign', zero, pseudoGradient);
  requireOneOf(gradient, WEIGHT_GRADIENTS, 'gradient', site);
  return Object.freeze({
    name: 'scaledSign',
    precision: 1 as const,
    zero,
    formula: 'mean|W_o| * sign(W)',
    pseudoGradient,
    paper: 'Rastegari et al., ECCV 2016, arXiv 1603.05279',
    quantize: (g: GraphBuilder, name: string, w: Value<'f32'>) => ({
      values: signs(g, name, w, zero),
      scale: meanMagnitudes(g, `${name}.alpha`, w),
    }),
    trained(g: GraphBuilder, name: string, w: Value<'f32'>) {
      const bits = computedSigns(g, name, w, zero);
      const each = w.shape.slice(1) as readonly number[];
      const column = [w.shape[0] as number, ...each.map(() => 1)];
      const means = computedMeans(g, `${name}.alpha`, w);
      const alpha = g.reshape(means, column, { name: `${name}.alpha.column` }) as Float;
      const proxy = proxyOf(pseudoGradient)(g, w);
      if (gradient === 'exact') return g.mul(alpha, g.surrogate(bits, proxy), { name });
      const value = g.mul(alpha, bits, { name: `${name}.value` });
      if (gradient === 'straightThrough') return g.surrogate(value, proxy, { name });
      const scaled = g.mul(g.surrogate(alpha), proxy);
      if (gradient === 'magnitudeAware') return g.surrogate(value, scaled, { name });
      const count = each.reduce((product, size) => product * size, 1);
      const printed = g.add(g.mul(w, 1 / count), scaled);
      const factor = (1 - 1 / (each.at(-1) as number)) * count;
      const through = gradient === 'paper' ? printed : g.mul(printed, factor);
      return g.surrogate(value, through, { name });
    },
  });
}

type Float = Value<'f32'>;

function signs(g: GraphBuilder, name: string, w: Value<'f32'>, zero: SignOfZero): Value<'f32'> {
  const numbers = numbersOf(w);
  if (numbers === undefined) return computedSigns(g, name, w, zero);
  // Without a zero both rules give the same signs, and one bit a weight is enough.
  if (zero === 'torch' && numbers.includes(0)) {
    return g.constant(new Tensor('f32', numbers.map(Math.sign), w.shape as readonly number[]), {
      name: `${name}.signs`,
    });
  }
  const bits = g.constant(tensorOf('b1', numbers, w.shape as readonly number[]), {
    name: `${name}.bits`,
  });
  return g.cast(bits, 'f32', { name: `${name}.signs` });
}

function meanMagnitudes(g: GraphBuilder, name: string, w: Value<'f32'>): Value<'f32'> {
  const numbers = numbersOf(w);
  if (numbers === undefined) return computedMeans(g, name, w);
  const filters = w.shape[0] as number;
  const each = numbers.length / filters;
  const alpha = Float32Array.from({ length: filters }, (_, o) => {
    let sum = 0;
    for (let i = o * each; i < (o + 1) * each; i++) sum += Math.abs(numbers[i] as number);
    return sum / each;
  });
  return g.constant(new Tensor('f32', alpha, [filters]), { name });
}

/** By ops, through which a gradient flows; for constants too. */
function computedSigns(g: GraphBuilder, name: string, w: Float, zero: SignOfZero): Float {
  return zero === 'torch'
    ? g.signum(w, { name: `${name}.signs` })
    : g.cast(g.sign(w, { name: `${name}.bits` }), 'f32', { name: `${name}.signs` });
}

function computedMeans(g: GraphBuilder, name: string, w: Float): Float {
  const axes = w.shape.slice(1).map((_, i) => i + 1);
  return g.reduce(g.abs(w, { name: `${name}.abs` }), 'mean', axes, { name });
}

function numbersOf(w: Value<'f32'>): Float32Array | undefined {
  return w.op === 'constant' ? (w.data as Tensor<'f32'>).data : undefined;
}
