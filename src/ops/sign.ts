/**
 * sign: f32 -> b1, the binarization. The bit (-1) is set iff x < 0, an ordered comparison: 0, -0
 * and NaN give +1. Not here: ONNX Sign with its zero (signum, in ./unary.ts).
 */

import type { Value } from '../graph/value.js';
import { partsOf } from '../tensor/stored.js';
import type { Tensor } from '../tensor/tensor.js';
import { signsOf } from '../tensor/values.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';

export const sign = {
  name: 'sign',
  operands: ['x'],
  attributes: {},
  infer: (draft) => ({ dtype: 'b1', shape: operand(draft, 'x', 'f32').shape }),
  method:
    (maker: NodeMaker<Readonly<Record<never, unknown>>>) =>
    (x: Float, options?: Named): Value<'b1'> =>
      maker.node([x], {}, options) as Value<'b1'>,
  elementwise: true,
  evaluate: ([x], _attrs, result) => signsOf(partsOf(x as Tensor<'f32'>), result.shape as number[]),
  noGradient: 'it is constant almost everywhere; surrogate() says what stands for its gradient',
} satisfies OpDef<Readonly<Record<never, unknown>>>;
