/**
 * conv2d: x [N, H, W, C] with w [O, kh, kw, C / groups] -> y [N, OH, OW, O], a cross-correlation
 * as in ONNX and PyTorch.
 *
 *   y[n, p, q, o] = sum over i, j, c of (w[o, i, j, c] - weightZeros[o]) *
 *                   (x[n, p * sh + i * dh - top, q * sw + j * dw - left, group(o) + c] - zeroPoint)
 *
 * Outside x stands padValue: 0, or for a binary x also +1 or -1. Where x holds integers, w does too
 * and the sum is exact; both may be stored with zero points, and outside x stands that of x. Not
 * here: bias, scale, activation (ops of their own, fused later).
 */
import type { ByteInteger } from '../core/dtype.js';
import { showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import { tensorOf, valuesOf } from '../tensor/values.js';
import {
  isOneOf,
  isPositive,
  isPositivePair,
  isSides,
  isZeroPoint,
  isZeroPoints,
  type Pair,
  type Sides,
} from './attributes.js';
import {
  macsPerRow,
  macWork,
  productDtype,
  productRange,
  type ZeroPointAttrs,
} from './multiply.js';
import type { Float, Named, NodeMaker, OpDef } from './op.js';
import { mismatch, operand, requireNumber, requireRank } from './operands.js';
import { windows } from './shapes.js';

export type Conv2dAttrs = {
  readonly strides: Pair;
  readonly pads: Sides;
  readonly dilations: Pair;
  readonly groups: number;
  readonly padValue: 0 | 1 | -1;
} & ZeroPointAttrs;

type ConvOptions = Partial<Omit<Conv2dAttrs, 'padValue' | keyof ZeroPointAttrs>> & Named;
type BinaryConvOptions = Partial<Omit<Conv2dAttrs, keyof ZeroPointAttrs>> & Named;
type IntegerConvOptions = Partial<Omit<Conv2dAttrs, 'padValue'>> & Named;

export interface Conv2dMethod {
  (x: Float, w: Value<'f32' | 'b1'>, options?: ConvOptions): Float;
  (x: Value<'b1'>, w: Value<'b1'>, options?: BinaryConvOptions): Value<'i32'>;
  (x: Value<ByteInteger>, w: Value<ByteInteger | 'b1'>, options?: IntegerConvOptions): Value<'i32'>;
}

const DEFAULTS = {
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  groups: 1,
  padValue: 0,
} as const;

export const conv2d = {
  name: 'conv2d',
  operands: ['x', 'w'],
  attributes: {
    strides: isPositivePair,
    pads: isSides,
    dilations: isPositivePair,
    groups: isPositive,
    padValue: isOneOf(0, 1, -1),
    zeroPoint: isZeroPoint,
    weightZeros: isZeroPoints,
  },
  infer(draft) {
    const dtype = productDtype(draft);
    const x = operand(draft, 'x');
    const w = operand(draft, 'w');
    requireRank(draft, 'x', x, 4);
    requireRank(draft, 'w', w, 4);
    const { strides, pads, dilations, groups, padValue } = draft.attrs;
    const [outputs, kh, kw, depth] = w.shape.map((dim) =>
      requireNumber(draft, 'every size of w', dim),
    ) as [number, number, number, number];
    const channels = requireNumber(draft, 'the number of channels', x.shape[3]);
    // A sum of nothing, or of padding alone, is 0; no kernel computes it, and no network asks for
    // it.
    if (channels === 0 || x.shape[1] === 0 || x.shape[2] === 0)
      throw mismatch(
        draft,
        'ERR_SHAPE',
        'at least one row, column and channel',
        showShape(x.shape),
      );
    if (kh < 1 || kw < 1)
      throw mismatch(draft, 'ERR_SHAPE', 'a kernel of at least 1 x 1', `${kh} x ${kw}`);
    if (depth * groups !== channels) {
      throw mismatch(
        draft,
        'ERR_SHAPE',
        `w of ${channels} channels divided by ${groups} groups`,
        depth,
      );
    }
    if (outputs % groups !== 0)
      throw mismatch(draft, 'ERR_SHAPE', `outputs divisible by ${groups} groups`, outputs);
    if (padValue !== 0 && x.dtype !== 'b1')
      throw mismatch(draft, 'ERR_DTYPE', `x of dtype b1 for padValue ${padValue}`, x.dtype);
    const height = {
      size: kh,
      stride: strides[0],
      dilation: dilations[0],
      before: pads[0],
      after: pads[2],
    };
    const width = {
      size: kw,
      stride: strides[1],
      dilation: dilations[1],
      before: pads[1],
      after: pads[3],
    };
    return {
      dtype,
      shape: [
        x.shape[0]!,
        windows(draft, 'height', x.shape[1]!, height),
        windows(draft, 'width', x.shape[2]!, width),
        outputs,
      ],
    };
  },
  method: (maker: NodeMaker<Conv2dAttrs>) =>
    ((x: Value, w: Value, options?: Partial<Conv2dAttrs> & Named) =>
      maker.node([x, w], {}, options, DEFAULTS)) as Conv2dMethod,
  gradient({ inputs: [x, w], attrs }, upstream, e) {
    const { strides, pads, dilations, groups } = attrs as Conv2dAttrs;
    const geometry = { strides, pads, dilations, groups };
    const [, height, width] = x!.shape;
    const [, kh, kw] = w!.shape;
    return [
      e.op('conv2dInputGradient', [upstream, w!], { ...geometry, height, width }),
      e.op('conv2dWeightGradient', [upstream, x!], { ...geometry, kernel: [kh, kw] }),
    ];
  },
  macs: macsPerRow,
  work: macWork,
  evaluate([x, w], attrs, result) {
    const { strides, pads, dilations, groups, padValue, zeroPoint = 0, weightZeros = [0] } = attrs;
    const [batch, height, width, channels] = x!.shape as [number, number, number, number];
    const [outputs, kh, kw, depth] = w!.shape as [number, number, number, number];
    const [, oh, ow] = result.shape as [number, number, number];
    const data = valuesOf(x!);
    const weights = valuesOf(w!);
    const sums = new Float64Array(batch * oh * ow * outputs);
    let at = 0;
    for (let n = 0; n < batch; n++) {
      for (let p = 0; p < oh; p++) {
        for (let q = 0; q < ow; q++) {
          for (let o = 0; o < outputs; o++) {
            const first = Math.floor(o / (outputs / groups)) * depth;
            const zero = weightZeros[weightZeros.length === 1 ? 0 : o]!;
            let sum = 0;
            for (let i = 0; i < kh; i++) {
              const row = p * strides[0] + i * dilations[0] - pads[0];
              for (let j = 0; j < kw; j++) {
                const column = q * strides[1] + j * dilations[1] - pads[1];
                const inside = row >= 0 && row < height && column >= 0 && column < width;
                const pixel = ((n * height + row) * width + column) * channels + first;
                const tap = ((o * kh + i) * kw + j) * depth;
                for (let c = 0; c < depth; c++) {
                  const value = inside ? data[pixel + c]! - zeroPoint : padValue;
                  sum += value * (weights[tap + c]! - zero);
                }
              }
            }
            sums[at++] = sum;
          }
        }
      }
    }
    return tensorOf(result.dtype, sums, result.shape as number[]);
  },
  range(node, rangeOf) {
    const { pads, padValue } = node.attrs as Conv2dAttrs;
    return productRange(node, rangeOf, pads.some((side) => side > 0) ? padValue : undefined);
  },
  channelsLast: true,
  // A depthwise one has so few that it reads floats.
  fewBitWeights: ({ inputs: [x], shape, attrs }) =>
    attrs.groups === 1 || attrs.groups !== shape.at(-1) || attrs.groups !== x!.shape.at(-1),
  epilogue: () => true,
} satisfies OpDef<Conv2dAttrs>;
