/**
 * conv2dWeightGradient: dy [N, OH, OW, O] with x [N, H, W, C] -> dw [O, kh, kw, C / groups], the
 * gradient of y = conv2d(x, w) with respect to w, for the gradient dy with respect to y.
 *
 *   dw[o, i, j, c] = sum over n, p, q of dy[n, p, q, o] *
 *                    x[n, p * sh + i * dh - top, q * sw + j * dw - left, group(o) + c]
 *
 * The strides, pads, dilations and groups are those of the convolution, outside x stands 0, and
 * kernel is [kh, kw], which strides hide. x may be bits: what a binary layer keeps for its backward
 * pass. Not here: the gradient with respect to x (./conv2d-input-gradient.ts).
 */
import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isPositivePair, type Pair } from './attributes.js';
import {
  CONV_GRADIENT_ATTRIBUTES,
  CONV_GRADIENT_DEFAULTS,
  type ConvGradientAttrs,
  type Convolution,
  eachProduct,
  gradientMacs,
  gradientWork,
  requireConvolution,
} from './conv2d-gradient.js';
import type { Float, Macs, Named, NodeMaker, OpDef } from './op.js';
import { operand, requireNumber, requireRank } from './operands.js';

export type Conv2dWeightGradientAttrs = ConvGradientAttrs & { readonly kernel: Pair };

export type Conv2dWeightGradientMethod = (
  dy: Float,
  x: Value<'f32' | 'b1'>,
  options: Pick<Conv2dWeightGradientAttrs, 'kernel'> & Partial<ConvGradientAttrs> & Named,
) => Float;

export const conv2dWeightGradient = {
  name: 'conv2dWeightGradient',
  operands: ['dy', 'x'],
  attributes: { ...CONV_GRADIENT_ATTRIBUTES, kernel: isPositivePair },
  infer(draft) {
    const dy = operand(draft, 'dy', 'f32');
    const x = operand(draft, 'x', 'f32', 'b1');
    requireRank(draft, 'dy', dy, 4);
    requireRank(draft, 'x', x, 4);
    const { groups, kernel } = draft.attrs;
    const [n, height, width] = x.shape as Convolution['x'];
    const channels = requireNumber(draft, 'the number of channels', x.shape[3]);
    const outputs = requireNumber(draft, 'the number of outputs', dy.shape[3]);
    const shape = [outputs, ...kernel, Math.floor(channels / groups)] as const;
    requireConvolution(draft, { x: [n, height, width, channels], w: shape }, dy.shape);
    return { dtype: 'f32', shape };
  },
  method: (maker: NodeMaker<Conv2dWeightGradientAttrs>) =>
    ((dy, x, options) =>
      maker.node([dy, x], {}, options, {
        ...CONV_GRADIENT_DEFAULTS,
        kernel: options?.kernel,
      })) as Conv2dWeightGradientMethod,
  macs: macsOf,
  work: (node) => gradientWork(node, macsOf(node)),
  evaluate([dy, x], attrs, result) {
    const shape = result.shape as number[];
    const upstream = valuesOf(dy!);
    const data = valuesOf(x!);
    const sums = new Float64Array(shape.reduce((product, dim) => product * dim, 1));
    eachProduct(attrs, x!.shape, shape, dy!.shape, (i, j, k) => {
      sums[k]! += upstream[i]! * data[j]!;
    });
    return tensorOf('f32', sums, shape);
  },
  gradient({ inputs: [dy, x], attrs }, upstream, e) {
    const { kernel: _, ...geometry } = attrs as Conv2dWeightGradientAttrs;
    const [, height, width] = x!.shape;
    return [
      e.op('conv2d', [x!, upstream], { ...geometry, padValue: 0 }),
      e.op('conv2dInputGradient', [dy!, upstream], { ...geometry, height, width }),
    ];
  },
  channelsLast: true,
} satisfies OpDef<Conv2dWeightGradientAttrs>;

function macsOf({ inputs: [dy], shape }: Value): Macs {
  return gradientMacs(dy!.shape, shape as unknown as Convolution['w']);
}
