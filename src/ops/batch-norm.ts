/**
 * batchNorm: gamma * (x - mean) / sqrt(var + epsilon) + beta over the last axis, with given
 * statistics. x is [..., C], the others [C].
 *
 * It means (x - mean) * scale + beta in float32: one subtraction, one multiplication, one addition,
 * in this order. That is what runs, and what thresholds are derived from. The order decides signs.
 * A result near zero means x near the root r = mean - beta / scale. As x * scale + shift, with
 * shift = beta - mean * scale, it is a difference of two numbers near |r * scale|, and each of them
 * has been rounded by up to 2^-24 of that. Here the two numbers are near |beta|, which is smaller
 * wherever the root is nearer to the mean than to zero, and x - mean is exact where x and mean are
 * within a factor of two (Sterbenz). So the error at the root follows beta, not the root.
 * Not here: statistics of a batch (training writes those with reduce).
 */
import { tensorOf } from '../tensor/values.js';
import { isReal } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand, requireChannels, requireRankAtLeast } from './operands.js';

export type BatchNormAttrs = { readonly epsilon: number };

/** scale[c] = gamma[c] / sqrt(var[c] + epsilon), in double and rounded once. */
export function batchNormScale(
  gamma: ArrayLike<number>,
  variance: ArrayLike<number>,
  epsilon: number,
): Float32Array {
  return Float32Array.from(gamma, (factor, c) => factor / Math.sqrt(variance[c]! + epsilon));
}

export const batchNorm = {
  name: 'batchNorm',
  operands: ['x', 'gamma', 'beta', 'mean', 'var'],
  attributes: { epsilon: isReal },
  infer(draft) {
    const x = operand(draft, 'x', 'f32');
    requireRankAtLeast(draft, 'x', x, 1);
    for (const name of draft.operands.slice(1))
      requireChannels(draft, name, operand(draft, name, 'f32'), x.shape.at(-1)!);
    return { dtype: 'f32', shape: x.shape };
  },
  method:
    (maker: NodeMaker<BatchNormAttrs>) =>
    (
      x: Float,
      gamma: Float,
      beta: Float,
      mean: Float,
      variance: Float,
      options?: Partial<BatchNormAttrs> & Named,
    ): Float =>
      maker.node([x, gamma, beta, mean, variance], {}, options, { epsilon: 1e-5 }) as Float,
  // The scale is said as in the forward pass with computed statistics, which then computes it once.
  gradient({ inputs, attrs }, upstream, e) {
    const [x, gamma, , mean, variance] = inputs as readonly Float[];
    const spread = e.add(variance!, (attrs as BatchNormAttrs).epsilon);
    const deviation = e.op('sqrt', [spread]);
    const scale = e.div(gamma!, deviation);
    const sums = e.op('normalizeSums', [upstream, x!, mean!]);
    const [sum, centred] = [e.row(sums, 0), e.row(sums, 1)];
    return [
      e.mul(upstream, scale),
      e.div(centred, deviation),
      sum,
      e.neg(e.mul(sum, scale)),
      e.mul(e.mul(centred, e.div(scale, spread)), -0.5),
    ];
  },
  evaluate([x, gamma, beta, mean, variance], { epsilon }, result) {
    const scale = batchNormScale(gamma!.data, variance!.data, epsilon);
    const channels = scale.length;
    const values = Float32Array.from(x!.data, (value, i) => {
      const c = i % channels;
      return Math.fround(Math.fround(value - mean!.data[c]!) * scale[c]!) + beta!.data[c]!;
    });
    return tensorOf('f32', values, result.shape as number[]);
  },
} satisfies OpDef<BatchNormAttrs>;
