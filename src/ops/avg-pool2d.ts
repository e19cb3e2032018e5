/**
 * avgPool2d: the mean of each window of x [N, H, W, C], f32. With countPad the padding counts as
 * zeros, without it not at all. Not here: windows (./pool2d.ts), the mean of a whole map
 * (./reduce.ts).
 */
import { tensorOf } from '../tensor/values.js';
import { isBoolean, type Pair } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';
import {
  eachWindow,
  POOL2D_ATTRIBUTES,
  POOL2D_DEFAULTS,
  type Pool2dAttrs,
  poolShape,
  poolWork,
} from './pool2d.js';

export type AvgPool2dAttrs = Pool2dAttrs & { readonly countPad: boolean };

export const avgPool2d = {
  name: 'avgPool2d',
  operands: ['x'],
  attributes: { ...POOL2D_ATTRIBUTES, countPad: isBoolean },
  infer(draft) {
    return { dtype: 'f32', shape: poolShape(draft, operand(draft, 'x', 'f32')) };
  },
  method:
    (maker: NodeMaker<AvgPool2dAttrs>) =>
    (x: Float, kernel: Pair, options?: Partial<Omit<AvgPool2dAttrs, 'kernel'>> & Named): Float =>
      maker.node([x], { kernel }, options, {
        strides: kernel,
        ...POOL2D_DEFAULTS,
        countPad: false,
      }) as Float,
  gradient({ inputs: [x], attrs }, upstream, e) {
    const [, height, width] = x!.shape;
    return [e.op('avgPool2dGradient', [upstream], { ...attrs, height, width })];
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
  channelsLast: true,
  readsIntegers: () => true,
  epilogue: () => true,
} satisfies OpDef<AvgPool2dAttrs>;
