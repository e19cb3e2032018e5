/**
 * Weights of one bit: sign(W), plain or with one scale a filter. Not here: activations
 * (./sign-activation.ts).
 */
import { requireOptions } from '../core/checks.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { Tensor } from '../tensor/tensor.js';
import { tensorOf } from '../tensor/values.js';
import {
  type PseudoGradient,
  requireSignRule,
  type SignOfZero,
  type WeightQuantizer,
} from './quantizer.js';

export interface SignWeightsOptions {
  /** Default 'plus'. */
  readonly zero?: SignOfZero;
  /** Default 'clip'. */
  readonly pseudoGradient?: PseudoGradient;
}

/** sign(W), without a scale. Courbariaux et al., "Binarized Neural Networks", NIPS 2016. */
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
  });
}

/**
 * alpha_o * sign(W_o), alpha_o = mean |W_o| over all weights of output filter o: the best
 * approximation of W_o by a scaled sign. Rastegari et al., "XNOR-Net", ECCV 2016; Bi-Real Net and
 * ReActNet use the same. A filter of zeros has alpha 0: its output is 0.
 */
export function scaledSign(options: SignWeightsOptions = {}): WeightQuantizer {
  requireOptions(options, { zero: true, pseudoGradient: true }, { op: 'scaledSign' });
  const { zero = 'plus', pseudoGradient = 'clip' } = options;
  requireSignRule('scaledSign', zero, pseudoGradient);
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
  });
}

function signs(g: GraphBuilder, name: string, w: Value<'f32'>, zero: SignOfZero): Value<'f32'> {
  const numbers = numbersOf(w);
  if (numbers === undefined) {
    return zero === 'torch'
      ? g.signum(w, { name: `${name}.signs` })
      : g.cast(g.sign(w, { name: `${name}.bits` }), 'f32', { name: `${name}.signs` });
  }
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
  const axes = w.shape.slice(1).map((_, i) => i + 1);
  if (numbers === undefined)
    return g.reduce(g.abs(w, { name: `${name}.abs` }), 'mean', axes, { name });
  const filters = w.shape[0] as number;
  const each = numbers.length / filters;
  const alpha = Float32Array.from({ length: filters }, (_, o) => {
    let sum = 0;
    for (let i = o * each; i < (o + 1) * each; i++) sum += Math.abs(numbers[i] as number);
    return sum / each;
  });
  return g.constant(new Tensor('f32', alpha, [filters]), { name });
}

function numbersOf(w: Value<'f32'>): Float32Array | undefined {
  return w.op === 'constant' ? (w.data as Tensor<'f32'>).data : undefined;
}
