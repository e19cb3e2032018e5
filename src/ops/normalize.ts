/**
 * normalize: batch norm with the statistics of x itself, gamma (x - mean) / sqrt(var + epsilon) +
 * beta, mean and var those of `moments(x)`. x is [..., C], gamma and beta [C]. It runs as moments
 * and then the arithmetic of batchNorm, so that a `moments(x)` beside it, for running statistics,
 * is the same node. Not here: given statistics (./batch-norm.ts).
 */
import { Tensor } from '../tensor/tensor.js';
import { isReal } from './attributes.js';
import { batchNorm } from './batch-norm.js';
import { moments, momentsOf } from './moments.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand, requireChannels } from './operands.js';

export type NormalizeAttrs = { readonly epsilon: number };

export const normalize = {
  name: 'normalize',
  operands: ['x', 'gamma', 'beta'],
  attributes: { epsilon: isReal },
  infer(draft) {
    moments.infer({ ...draft, attrs: {} });
    const x = operand(draft, 'x', 'f32');
    for (const name of ['gamma', 'beta'])
      requireChannels(draft, name, operand(draft, name, 'f32'), x.shape.at(-1)!);
    return { dtype: 'f32', shape: x.shape };
  },
  method:
    (maker: NodeMaker<NormalizeAttrs>) =>
    (x: Float, gamma: Float, beta: Float, options?: Partial<NormalizeAttrs> & Named): Float =>
      maker.node([x, gamma, beta], {}, options, { epsilon: 1e-5 }) as Float,
  // With s = sum of dy, t = sum of dy (x - mean) over the n rows and v = var + epsilon:
  //   dx = gamma / sqrt(v) (dy - s / n - (x - mean) t / (n v))
  // The statistics lose what of dy lies along them: 1 and x - mean. dx begins at x and has operands
  // by channel beside dy, so that it is one pass; mean - x, because x - mean is the forward pass's
  // own, which would be stored for it.
  gradient({ inputs, attrs }, upstream, e) {
    const [x, gamma] = inputs as readonly [Float, Float];
    const statistics = e.op('moments', [x]);
    const mean = e.row(statistics, 0);
    const spread = e.add(e.row(statistics, 1), (attrs as NormalizeAttrs).epsilon);
    const deviation = e.op('sqrt', [spread]);
    const sums = e.op('normalizeSums', [upstream, x, mean]);
    const along = e.mul(e.sub(mean, x), e.div(e.row(sums, 3), spread));
    const rest = e.add(e.sub(along, e.row(sums, 2)), upstream);
    return [e.mul(rest, e.div(gamma, deviation)), e.div(e.row(sums, 1), deviation), e.row(sums, 0)];
  },
  evaluate([x, gamma, beta], attrs, result) {
    const channels = gamma!.size;
    const statistics = momentsOf(x!.data as Float32Array, channels);
    const [mean, variance] = [0, 1].map(
      (row) =>
        new Tensor('f32', statistics.subarray(row * channels, (row + 1) * channels), [channels]),
    );
    return batchNorm.evaluate([x!, gamma!, beta!, mean!, variance!], attrs, result);
  },
} satisfies OpDef<NormalizeAttrs>;
