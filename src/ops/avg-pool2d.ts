/**
 * avgPool2d: the mean of each window of x [N, H, W, C], f32. With countPad the padding counts as
 * zeros, without it not at all. Not here: windows (./pool2d.ts), the mean of a whole map
 * (./reduce.ts).
 */
import { tensorOf } from '../tensor/values.js';
import { isBoolean } from './attributes.js';
import type { OpDef } from './op.js';
import { operand } from './operands.js';
import { eachWindow, POOL2D_ATTRIBUTES, type Pool2dAttrs, poolShape, poolWork } from './pool2d.js';

export type AvgPool2dAttrs = Pool2dAttrs & { readonly countPad: boolean };

export const avgPool2d: OpDef<AvgPool2dAttrs> = {
  name: 'avgPool2d',
  operands: ['x'],
  attributes: { ...POOL2D_ATTRIBUTES, countPad: isBoolean },
  infer(draft) {
    return { dtype: 'f32', shape: poolShape(draft, operand(draft, 'x', 'f32')) };
  },
  work: poolWork,
  evaluate([x], attrs, result) {
    const values: number[] = [];
    eachWindow(x!, attrs, result.shape as number[], (elements, cells) => {
      const sum = elements.reduce((a, b) => a + b, 0);
      values.push(sum / (attrs.countPad ? cells : elements.length));
    });
    return tensorOf('f32', values, result.shape as number[]);
  },
};
