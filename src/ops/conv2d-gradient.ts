/**
 * What the two gradients of a convolution share: the attributes, the check of the shapes of the
 * convolution whose gradient it is, and the walk over its products. Not here: the ops
 * (./conv2d-input-gradient.ts, ./conv2d-weight-gradient.ts).
 *
 * The convolution takes x [N, H, W, C] and w [O, kh, kw, C / groups] to y [N, OH, OW, O]; outside x
 * stands 0. dy has the shape of y.
 */
import type { Dim, Shape } from '../core/shape.js';
import { showShape } from '../core/shape.js';
import type { Attrs, Value } from '../graph/value.js';
import { isPositive, isPositivePair, isSides, type Pair, type Sides } from './attributes.js';
import type { Macs, NodeDraft } from './op.js';
import { mismatch } from './operands.js';
import { windows } from './shapes.js';
import { elementsTouched } from './work.js';

export type ConvGradientAttrs = {
  readonly strides: Pair;
  readonly pads: Sides;
  readonly dilations: Pair;
  readonly groups: number;
};

export const CONV_GRADIENT_ATTRIBUTES = {
  strides: isPositivePair,
  pads: isSides,
  dilations: isPositivePair,
  groups: isPositive,
};

export const CONV_GRADIENT_DEFAULTS = {
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  groups: 1,
} as const;

/** The shapes of x and w. */
export interface Convolution {
  readonly x: readonly [n: Dim, h: Dim, w: Dim, c: number];
  readonly w: readonly [o: number, kh: number, kw: number, depth: number];
}

/** Refuses shapes that no convolution has, and a dy that is not of the shape of its result. */
export function requireConvolution(
  draft: NodeDraft<Attrs & ConvGradientAttrs>,
  { x, w }: Convolution,
  dy: Shape,
): void {
  const { strides, pads, dilations, groups } = draft.attrs;
  const [n, height, width, channels] = x;
  const [outputs, kh, kw] = w;
  if (channels === 0 || height === 0 || width === 0)
    throw mismatch(draft, 'ERR_SHAPE', 'at least one row, column and channel', showShape(x));
  if (kh < 1 || kw < 1)
    throw mismatch(draft, 'ERR_SHAPE', 'a kernel of at least 1 x 1', `${kh} x ${kw}`);
  if (channels % groups !== 0)
    throw mismatch(draft, 'ERR_SHAPE', `channels divisible by ${groups} groups`, channels);
  if (outputs === 0 || outputs % groups !== 0)
    throw mismatch(draft, 'ERR_SHAPE', `outputs divisible by ${groups} groups`, outputs);
  const along = (i: 0 | 1, size: number) => ({
    size,
    stride: strides[i],
    dilation: dilations[i],
    before: pads[i],
    after: pads[i + 2]!,
  });
  const wanted = [
    n,
    windows(draft, 'height', height, along(0, kh)),
    windows(draft, 'width', width, along(1, kw)),
    outputs,
  ];
  if (dy.length !== 4 || wanted.some((dim, i) => dim !== dy[i]))
    throw mismatch(draft, 'ERR_SHAPE', `dy of shape ${showShape(wanted)}`, showShape(dy));
}

/** As many as the convolution has: each element of dy meets the weights of its output. */
export function gradientMacs(dy: Shape, [, kh, kw, depth]: Convolution['w']): Macs {
  const float = (dy as readonly number[]).reduce((product, dim) => product * dim, kh * kw * depth);
  return { binary: 0, integer: 0, float };
}

/** A step for each product, and one for each element that is read or written. */
export function gradientWork(node: Value, macs: Macs): number {
  return macs.float + elementsTouched(node);
}

/**
 * Calls visit(i, j, k) for each product y[i] += x[j] * w[k] of the convolution whose x lies inside
 * the map, in the order of y.
 */
export function eachProduct(
  { strides, pads, dilations, groups }: ConvGradientAttrs,
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  visit: (i: number, j: number, k: number) => void,
): void {
  const [batch, height, width, channels] = x as [number, number, number, number];
  const [outputs, kh, kw, depth] = w as [number, number, number, number];
  const [, oh, ow] = y as [number, number, number];
  let at = 0;
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < oh; p++) {
      for (let q = 0; q < ow; q++) {
        for (let o = 0; o < outputs; o++, at++) {
          const first = Math.floor(o / (outputs / groups)) * depth;
          for (let i = 0; i < kh; i++) {
            const row = p * strides[0] + i * dilations[0] - pads[0];
            if (row < 0 || row >= height) continue;
            for (let j = 0; j < kw; j++) {
              const column = q * strides[1] + j * dilations[1] - pads[1];
              if (column < 0 || column >= width) continue;
              const pixel = ((n * height + row) * width + column) * channels + first;
              const tap = ((o * kh + i) * kw + j) * depth;
              for (let c = 0; c < depth; c++) visit(at, pixel + c, tap + c);
            }
          }
        }
      }
    }
  }
}
