/**
 * maxPool2d: the largest element of each window of x [N, H, W, C], f32 or b1; neither padding nor
 * NaN ever wins. The maximum is taken as max is, a < b ? b : a from -Infinity on. Not here: windows
 * (./pool2d.ts).
 */
import { tensorOf } from '../tensor/values.js';
import type { OpDef } from './op.js';
import { operand } from './operands.js';
import { eachWindow, POOL2D_ATTRIBUTES, type Pool2dAttrs, poolShape, poolWork } from './pool2d.js';
import { larger } from './select.js';

export const maxPool2d: OpDef<Pool2dAttrs> = {
  name: 'maxPool2d',
  operands: ['x'],
  attributes: POOL2D_ATTRIBUTES,
  infer(draft) {
    const x = operand(draft, 'x', 'f32', 'b1');
    return { dtype: x.dtype, shape: poolShape(draft, x) };
  },
  work: poolWork,
  evaluate([x], attrs, result) {
    const values: number[] = [];
    eachWindow(x!, attrs, result.shape as number[], (elements) =>
      values.push(elements.reduce(larger, Number.NEGATIVE_INFINITY)),
    );
    return tensorOf(result.dtype, values, result.shape as number[]);
  },
};
