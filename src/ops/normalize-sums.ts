/**
 * normalizeSums: what the backward pass of a batch norm sums over the rows of dy and x [..., C],
 * f32 [4, C]: row 0 the sum of dy, row 1 the sum of dy (x - mean[c]), rows 2 and 3 the same divided
 * by the number of rows, which a graph of any batch size could not say itself. Not here: moments
 * (./moments.ts).
 */
import { sameShape, showShape } from '../core/shape.js';
import { tensorOf } from '../tensor/values.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireChannels, requireRankAtLeast } from './operands.js';

type NoAttrs = Readonly<Record<never, unknown>>;

export const normalizeSums = {
  name: 'normalizeSums',
  operands: ['dy', 'x', 'mean'],
  attributes: {},
  infer(draft) {
    const dy = operand(draft, 'dy', 'f32');
    const x = operand(draft, 'x', 'f32');
    requireRankAtLeast(draft, 'x', x, 1);
    if (!sameShape(dy.shape, x.shape))
      throw mismatch(draft, 'ERR_SHAPE', `dy of shape ${showShape(x.shape)}`, showShape(dy.shape));
    if (x.shape.slice(0, -1).includes(0))
      throw mismatch(draft, 'ERR_SHAPE', 'at least one row', showShape(x.shape));
    requireChannels(draft, 'mean', operand(draft, 'mean', 'f32'), x.shape.at(-1)!);
    return { dtype: 'f32', shape: [4, x.shape.at(-1)!] };
  },
  method:
    (maker: NodeMaker<NoAttrs>) =>
    (dy: Float, x: Float, mean: Float, options?: Named): Float =>
      maker.node([dy, x, mean], {}, options) as Float,
  noGradient: 'it is part of a gradient itself',
  evaluate([dy, x, mean], _, result) {
    const channels = result.shape[1] as number;
    const [first, second] = [new Float64Array(channels), new Float64Array(channels)];
    x!.data.forEach((value, i) => {
      const c = i % channels;
      const upstream = dy!.data[i] as number;
      first[c]! += upstream;
      second[c]! += upstream * ((value as number) - (mean!.data[c] as number));
    });
    const rows = x!.size / channels;
    const sums = [...first, ...second];
    return tensorOf('f32', [...sums, ...sums.map((sum) => sum / rows)], result.shape as number[]);
  },
} satisfies OpDef<NoAttrs>;
