/**
 * threshold: i32 [..., C] -> b1, one integer comparison a channel: -1 iff (x < t[c]) xor flip[c].
 * It is what an affine, a batch norm or any monotone chain before a sign folds to. Not here: the
 * fold (src/passes), several levels (./multi-threshold.ts).
 */

import type { Value } from '../graph/value.js';
import { tensorOf } from '../tensor/values.js';
import type { Named, NodeMaker, OpDef } from './op.js';
import { operand, requireChannels, requireRankAtLeast } from './operands.js';

export const threshold = {
  name: 'threshold',
  operands: ['x', 't', 'flip'],
  attributes: {},
  infer(draft) {
    const x = operand(draft, 'x', 'i32');
    requireRankAtLeast(draft, 'x', x, 1);
    const channels = x.shape.at(-1)!;
    requireChannels(draft, 't', operand(draft, 't', 'i32'), channels);
    requireChannels(draft, 'flip', operand(draft, 'flip', 'i32'), channels);
    return { dtype: 'b1', shape: x.shape };
  },
  method:
    (maker: NodeMaker<Readonly<Record<never, unknown>>>) =>
    (x: Value<'i32'>, t: Value<'i32'>, flip: Value<'i32'>, options?: Named): Value<'b1'> =>
      maker.node([x, t, flip], {}, options) as Value<'b1'>,
  evaluate([x, t, flip], _attrs, result) {
    const channels = t!.size;
    const signs = Int8Array.from(x!.data, (value, i) => {
      const c = i % channels;
      return value < t!.data[c]! !== (flip!.data[c] !== 0) ? -1 : 1;
    });
    return tensorOf('b1', signs, result.shape as number[]);
  },
  fixed: ['t', 'flip'],
  noGradient: 'it is constant almost everywhere; surrogate() says what stands for its gradient',
} satisfies OpDef<Readonly<Record<never, unknown>>>;
