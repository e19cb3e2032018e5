/**
 * The shape rule and the walk that maxPool2d and avgPool2d share: windows over x [N, H, W, C], each
 * channel by itself. Not here: what is made of a window (./max-pool2d.ts, ./avg-pool2d.ts).
 */
import { type Dim, elementCount, type Shape, sameShape, showShape } from '../core/shape.js';
import type { Value } from '../graph/value.js';
import type { Tensor } from '../tensor/tensor.js';
import { valuesOf } from '../tensor/values.js';
import { isBoolean, isPositivePair, isSides, type Pair, type Sides } from './attributes.js';
import type { NodeDraft } from './op.js';
import { mismatch, requireRank } from './operands.js';
import { type Window, windows } from './shapes.js';

export type Pool2dAttrs = {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly pads: Sides;
  readonly dilations: Pair;
  /** Round the output size up instead of down. */
  readonly ceil: boolean;
};

export const POOL2D_ATTRIBUTES = {
  kernel: isPositivePair,
  strides: isPositivePair,
  pads: isSides,
  dilations: isPositivePair,
  ceil: isBoolean,
};

/** Of the options; the stride is the kernel if none is given. */
export const POOL2D_DEFAULTS = { pads: [0, 0, 0, 0], dilations: [1, 1], ceil: false } as const;

/** The windows along height (0) and width (1). */
function along(axis: 0 | 1, { kernel, strides, pads, dilations }: Pool2dAttrs): Window {
  return {
    size: kernel[axis],
    stride: strides[axis],
    dilation: dilations[axis],
    before: pads[axis],
    after: pads[axis + 2]!,
  };
}

export function poolShape(draft: NodeDraft<Pool2dAttrs>, x: Value): Shape {
  requireRank(draft, 'x', x, 4);
  return windowsOf(draft, x.shape);
}

/** That dy is what a pooling of a map of this shape gives. */
export function requireWindows(draft: NodeDraft<Pool2dAttrs>, dy: Value, shape: Shape): void {
  requireRank(draft, 'dy', dy, 4);
  if (shape.length !== 4) throw mismatch(draft, 'ERR_SHAPE', 'x of rank 4', showShape(shape));
  const pooled = windowsOf(draft, shape);
  if (!sameShape(dy.shape, pooled))
    throw mismatch(draft, 'ERR_SHAPE', `dy of shape ${showShape(pooled)}`, showShape(dy.shape));
}

/** The result of pooling a map [N, H, W, C]. */
function windowsOf(draft: NodeDraft<Pool2dAttrs>, shape: Shape): Shape {
  const sizes = (['height', 'width'] as const).map((name, i) => {
    const axis = i as 0 | 1;
    const window = along(axis, draft.attrs);
    const size = shape[axis + 1]!;
    const count = windows(draft, name, size, window, draft.attrs.ceil);
    requireElements(draft, name, size, count, window);
    return count;
  });
  return [shape[0]!, sizes[0]!, sizes[1]!, shape[3]!];
}

/** A window of nothing but padding has no largest element and no mean. */
function requireElements(
  draft: NodeDraft,
  axis: string,
  size: Dim,
  count: Dim,
  window: Window,
): void {
  if (typeof size === 'string' || typeof count === 'string') {
    // The smallest size a symbol may stand for: one element meets each window only if padding stays
    // below the kernel's reach on both sides, and dilation leaves no gap for it to fall into.
    if (window.before + window.after > 0 && window.dilation > 1) {
      throw mismatch(
        draft,
        'ERR_SHAPE',
        `a ${axis} that is a number, as the dilated window is padded`,
        size,
      );
    }
    return;
  }
  if (count > 0 && !meetsElements(size, count, window))
    throw mismatch(
      draft,
      'ERR_SHAPE',
      `padding that leaves an element of x in every window along the ${axis}`,
      `[${window.before}, ${window.after}]`,
    );
}

/**
 * Windows that begin in the padding and are looked at one by one, where the dilation steps over x.
 */
const MOST_STEPPING = 1 << 12;

/**
 * True if each of `count` windows has a tap on one of the `size` elements. Window i has its taps at
 * s + k * dilation for s = i * stride - before.
 *
 * With s >= 0 its first tap is the nearest: s < size, which is hardest for the last window. With s
 * < 0 it must reach x, -s <= dilation * (taps - 1), which is hardest for the first window, and then
 * its first tap at or behind 0, s mod dilation, must be below size. Where x is as long as the
 * dilation it always is.
 */
function meetsElements(
  size: number,
  count: number,
  { size: taps, stride, dilation, before }: Window,
): boolean {
  if (size === 0 || (count - 1) * stride - before >= size) return false;
  const early = Math.min(count, Math.ceil(before / stride));
  if (early === 0) return true;
  if (before > dilation * (taps - 1)) return false;
  if (size >= dilation) return true;
  // s mod dilation takes every value that is s mod step once there are dilation / step windows.
  const step = gcd(stride, dilation);
  const first = (dilation - (before % dilation)) % dilation;
  if (early >= dilation / step) return (first % step) + dilation - step < size;
  if (early > MOST_STEPPING) return false;
  for (let i = 0, at = first; i < early; i++, at = (at + stride) % dilation)
    if (at >= size) return false;
  return true;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/**
 * Elements of x that all windows together read, and the cells they look at: what `eachWindow`
 * costs.
 */
export function poolWork(node: Value): number {
  const { kernel } = node.attrs as Pool2dAttrs;
  const [, height, width] = (node.inputs[0] as Value).shape as number[];
  return (
    elementCount(node.shape) * (1 + Math.min(kernel[0], height!) * Math.min(kernel[1], width!))
  );
}

/** The same of the gradient: dy is the first operand. */
export function poolGradientWork(node: Value): number {
  const { kernel } = node.attrs as Pool2dAttrs;
  const [, height, width] = node.shape as number[];
  const windows = elementCount((node.inputs[0] as Value).shape);
  const taps = Math.min(kernel[0], height!) * Math.min(kernel[1], width!);
  return elementCount(node.shape) + windows * (1 + taps);
}

/**
 * The taps [first, end) of a window that begins at `start`, of those that lie on 0 ... size - 1.
 */
function tapsOn(start: number, taps: number, dilation: number, size: number): [number, number] {
  const first = start < 0 ? Math.ceil(-start / dilation) : 0;
  return [first, Math.min(taps, Math.ceil((size - start) / dilation))];
}

/**
 * Calls `visit(elements, cells)` for each element of the result in order: the elements of x in its
 * window, and how many cells of the padded x the window covers (a window that hangs over the end
 * under `ceil` covers fewer than the kernel has).
 */
export function eachWindow(
  x: Tensor,
  attrs: Pool2dAttrs,
  shape: readonly number[],
  visit: (elements: number[], cells: number) => void,
): void {
  const data = valuesOf(x);
  eachWindowOf(x.shape, attrs, shape, (places, cells) =>
    visit(
      places.map((place) => data[place]!),
      cells,
    ),
  );
}

/** The same with the places of the elements in a map of shape `map`. */
export function eachWindowOf(
  map: readonly number[],
  attrs: Pool2dAttrs,
  shape: readonly number[],
  visit: (places: number[], cells: number) => void,
): void {
  const [, height, width, channels] = map as [number, number, number, number];
  const [batch, oh, ow] = shape as [number, number, number];
  const { kernel, strides, pads, dilations } = attrs;
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < oh; p++) {
      const top = p * strides[0] - pads[0];
      const [i0, i1] = tapsOn(top, kernel[0], dilations[0], height);
      const rows = Math.min(kernel[0], Math.ceil((height + pads[2] - top) / dilations[0]));
      for (let q = 0; q < ow; q++) {
        const left = q * strides[1] - pads[1];
        const [j0, j1] = tapsOn(left, kernel[1], dilations[1], width);
        const cells =
          rows * Math.min(kernel[1], Math.ceil((width + pads[3] - left) / dilations[1]));
        for (let c = 0; c < channels; c++) {
          const places: number[] = [];
          for (let i = i0; i < i1; i++) {
            const row = top + i * dilations[0];
            for (let j = j0; j < j1; j++)
              places.push(((n * height + row) * width + left + j * dilations[1]) * channels + c);
          }
          visit(places, cells);
        }
      }
    }
  }
}
