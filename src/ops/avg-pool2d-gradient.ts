/**
 * avgPool2dGradient: the gradient of avgPool2d with respect to its operand, f32 [N, height, width,
 * C] from dy [N, OH, OW, C]: each element gets, of every window that it lies in, dy divided by what
 * the window's sum was divided by. Not here: windows (./pool2d.ts).
 */
import { tensorOf } from '../tensor/values.js';
import { isBoolean, isPositive, type Pair } from './attributes.js';
import type { AvgPool2dAttrs } from './avg-pool2d.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';
import {
  eachWindowOf,
  POOL2D_ATTRIBUTES,
  POOL2D_DEFAULTS,
  poolGradientWork,
  requireWindows,
} from './pool2d.js';

export type AvgPool2dGradientAttrs = AvgPool2dAttrs & {
  readonly height: number;
  readonly width: number;
};

export const avgPool2dGradient = {
  name: 'avgPool2dGradient',
  operands: ['dy'],
  attributes: {
    ...POOL2D_ATTRIBUTES,
    countPad: isBoolean,
    height: isPositive,
    width: isPositive,
  },
  infer(draft) {
    const dy = operand(draft, 'dy', 'f32');
    const { height, width } = draft.attrs;
    const shape = [dy.shape[0] ?? 0, height, width, dy.shape[3] ?? 0];
    requireWindows(draft, dy, shape);
    return { dtype: 'f32', shape };
  },
  method:
    (maker: NodeMaker<AvgPool2dGradientAttrs>) =>
    (
      dy: Float,
      kernel: Pair,
      [height, width]: Pair,
      options?: Partial<Omit<AvgPool2dAttrs, 'kernel'>> & Named,
    ): Float =>
      maker.node([dy], { kernel, height, width }, options, {
        strides: kernel,
        ...POOL2D_DEFAULTS,
        countPad: false,
      }) as Float,
  // It is linear, and what it takes back is the pooling.
  gradient({ attrs }, upstream, e) {
    const { height: _, width: __, ...pooling } = attrs as AvgPool2dGradientAttrs;
    return [e.op('avgPool2d', [upstream], pooling)];
  },
  work: poolGradientWork,
  evaluate([dy], attrs, result) {
    const shape = result.shape as number[];
    const dx = new Float32Array(shape.reduce((size, dim) => size * dim, 1));
    let at = 0;
    eachWindowOf(shape, attrs, dy!.shape, (places, cells) => {
      const share = Math.fround(
        (dy!.data[at++] as number) / (attrs.countPad ? cells : places.length),
      );
      for (const place of places) dx[place]! += share;
    });
    return tensorOf('f32', dx, shape);
  },
  channelsLast: true,
  epilogue: () => true,
} satisfies OpDef<AvgPool2dGradientAttrs>;
