/**
 * normalize: batch norm with the statistics of x itself, gamma (x - mean) / sqrt(var + epsilon) +
 * beta, mean and var those of `moments(x)`. x is [..., C], gamma and beta [C]. It runs as moments and
 * then the arithmetic of batchNorm, so that a `moments(x)` beside it, for running statistics, is the
 * same node. Not here: given statistics (./batch-norm.ts).
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
