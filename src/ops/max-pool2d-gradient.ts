/**
 * maxPool2dGradient: the gradient of maxPool2d with respect to its operand x [N, H, W, C], f32,
 * from dy [N, OH, OW, C]: of every window, the first of its largest elements in row order gets dy.
 * Neither padding nor NaN is ever the largest; a window of NaN alone gives nothing to anybody. Not
 * here: windows (./pool2d.ts).
 */
import { tensorOf } from '../tensor/values.js';
import type { Pair } from './attributes.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { operand } from './operands.js';
import {
  eachWindowOf,
  POOL2D_ATTRIBUTES,
  POOL2D_DEFAULTS,
  type Pool2dAttrs,
  poolGradientWork,
  requireWindows,
} from './pool2d.js';

export const maxPool2dGradient = {
  name: 'maxPool2dGradient',
  operands: ['dy', 'x'],
  attributes: POOL2D_ATTRIBUTES,
  infer(draft) {
    const { shape } = operand(draft, 'x', 'f32');
    requireWindows(draft, operand(draft, 'dy', 'f32'), shape);
    return { dtype: 'f32', shape };
  },
  method:
    (maker: NodeMaker<Pool2dAttrs>) =>
    (
      dy: Float,
      x: Float,
      kernel: Pair,
      options?: Partial<Omit<Pool2dAttrs, 'kernel'>> & Named,
    ): Float =>
      maker.node([dy, x], { kernel }, options, { strides: kernel, ...POOL2D_DEFAULTS }) as Float,
  noGradient: 'it is part of a gradient itself',
  work: poolGradientWork,
  evaluate([dy, x], attrs, result) {
    const shape = result.shape as number[];
    const dx = new Float32Array(x!.size);
    let at = 0;
    eachWindowOf(shape, attrs, dy!.shape, (places) => {
      const upstream = dy!.data[at++] as number;
      const value = (place: number) => x!.data[place] as number;
      const numbers = places.filter((place) => !Number.isNaN(value(place)));
      const [first, ...others] = numbers;
      if (first === undefined) return;
      const largest = others.reduce(
        (best, place) => (value(best) < value(place) ? place : best),
        first,
      );
      dx[largest]! += upstream;
    });
    return tensorOf('f32', dx, shape);
  },
  channelsLast: true,
  epilogue: () => true,
} satisfies OpDef<Pool2dAttrs>;
