/**
 * batchNorm: gamma * (x - mean) / sqrt(var + epsilon) + beta over the last axis, with given statistics. x is [..., C], the others [C].
 * It means its affine, x * scale + shift with one float32 multiplication and one addition: that is what runs, and what thresholds are
 * derived from. Not here: statistics of a batch (training writes those with reduce).
 */
import { tensorOf } from '../tensor/values.js';
import { isReal } from './attributes.js';
import type { OpDef } from './op.js';
import { operand, requireChannels, requireRankAtLeast } from './operands.js';

export type BatchNormAttrs = { readonly epsilon: number };

export interface Affine {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/**
 * scale = gamma / sqrt(var + epsilon), shift = beta - mean * scale, both in double and rounded once: the shift is a difference of close
 * numbers, and must not be taken from a rounded scale.
 */
export function batchNormAffine(
  gamma: ArrayLike<number>,
  beta: ArrayLike<number>,
  mean: ArrayLike<number>,
  variance: ArrayLike<number>,
  epsilon: number,
): Affine {
  const scale = new Float32Array(gamma.length);
  const shift = new Float32Array(gamma.length);
  for (let c = 0; c < gamma.length; c++) {
    const exact = gamma[c]! / Math.sqrt(variance[c]! + epsilon);
    scale[c] = exact;
    shift[c] = beta[c]! - mean[c]! * exact;
  }
  return { scale, shift };
}

export const batchNorm: OpDef<BatchNormAttrs> = {
  name: 'batchNorm',
  operands: ['x', 'gamma', 'beta', 'mean', 'var'],
  attributes: { epsilon: isReal },
  infer(draft) {
    const x = operand(draft, 'x', 'f32');
    requireRankAtLeast(draft, 'x', x, 1);
    for (const name of draft.operands.slice(1)) requireChannels(draft, name, operand(draft, name, 'f32'), x.shape.at(-1)!);
    return { dtype: 'f32', shape: x.shape };
  },
  evaluate([x, gamma, beta, mean, variance], { epsilon }, result) {
    const { scale, shift } = batchNormAffine(gamma!.data, beta!.data, mean!.data, variance!.data, epsilon);
    const channels = scale.length;
    const values = Float32Array.from(x!.data, (value, i) => Math.fround(value * scale[i % channels]!) + shift[i % channels]!);
    return tensorOf('f32', values, result.shape as number[]);
  },
};
