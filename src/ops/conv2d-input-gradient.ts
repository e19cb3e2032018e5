/**
 * conv2dInputGradient: dy [N, OH, OW, O] with w [O, kh, kw, C / groups] -> dx [N, H, W, C], the
 * gradient of y = conv2d(x, w) with respect to x, for the gradient dy with respect to y.
 *
 *   dx[n, r, s, c] = sum over all p, q, o, i, j with p * sh + i * dh - top = r and
 *                    q * sw + j * dw - left = s of dy[n, p, q, o] * w[o, i, j, c - group(o)]
 *
 * The strides, pads, dilations and groups are those of the convolution; height and width are H and
 * W, which strides hide. It is also the transposed convolution. Not here: the gradient with respect
 * to w (./conv2d-weight-gradient.ts).
 */
import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import { isPositive } from './attributes.js';
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

export type Conv2dInputGradientAttrs = ConvGradientAttrs & {
  readonly height: number;
  readonly width: number;
};

export type Conv2dInputGradientMethod = (
  dy: Float,
  w: Value<'f32' | 'b1'>,
  options: Pick<Conv2dInputGradientAttrs, 'height' | 'width'> & Partial<ConvGradientAttrs> & Named,
) => Float;

export const conv2dInputGradient = {
  name: 'conv2dInputGradient',
  operands: ['dy', 'w'],
  attributes: { ...CONV_GRADIENT_ATTRIBUTES, height: isPositive, width: isPositive },
  infer(draft) {
    const dy = operand(draft, 'dy', 'f32');
    const w = operand(draft, 'w', 'f32', 'b1');
    requireRank(draft, 'dy', dy, 4);
    requireRank(draft, 'w', w, 4);
    const { height, width, groups } = draft.attrs;
    const sizes = w.shape.map((dim) => requireNumber(draft, 'every size of w', dim));
    const kernel = sizes as unknown as Convolution['w'];
    const shape = [dy.shape[0]!, height, width, kernel[3] * groups] as const;
    requireConvolution(draft, { x: shape, w: kernel }, dy.shape);
    return { dtype: 'f32', shape };
  },
  method: (maker: NodeMaker<Conv2dInputGradientAttrs>) =>
    ((dy, w, options) =>
      maker.node([dy, w], {}, options, {
        ...CONV_GRADIENT_DEFAULTS,
        height: options?.height,
        width: options?.width,
      })) as Conv2dInputGradientMethod,
  macs: macsOf,
  work: (node) => gradientWork(node, macsOf(node)),
  evaluate([dy, w], attrs, result) {
    const shape = result.shape as number[];
    const upstream = valuesOf(dy!);
    const weights = valuesOf(w!);
    const sums = new Float64Array(shape.reduce((product, dim) => product * dim, 1));
    eachProduct(attrs, shape, w!.shape, dy!.shape, (i, j, k) => {
      sums[j]! += upstream[i]! * weights[k]!;
    });
    return tensorOf('f32', sums, shape);
  },
  gradient({ inputs: [dy, w], attrs }, upstream, e) {
    const { height: _, width: __, ...geometry } = attrs as Conv2dInputGradientAttrs;
    const [, kh, kw] = w!.shape;
    return [
      e.op('conv2d', [upstream, w!], { ...geometry, padValue: 0 }),
      e.op('conv2dWeightGradient', [dy!, upstream], { ...geometry, kernel: [kh, kw] }),
    ];
  },
  channelsLast: true,
  epilogue: () => true,
} satisfies OpDef<Conv2dInputGradientAttrs>;

function macsOf({ inputs: [dy, w] }: Value): Macs {
  return gradientMacs(dy!.shape, w!.shape as Convolution['w']);
}
