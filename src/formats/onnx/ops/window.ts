/**
 * The windows of convolutions and pooling: strides, dilations, pads and auto_pad as our ops take
 * them, and signals [N, C, W] as maps of one row. Not here: what is made of a window (./conv.ts,
 * ./conv-transpose.ts); three spatial dimensions (ERR_UNSUPPORTED).
 */
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { NodeContext } from '../context.js';

/** Along height and width. */
export type Pair = readonly [number, number];
/** [top, left, bottom, right] */
export type Sides = readonly [number, number, number, number];

export interface WindowAttrs {
  readonly size: Pair;
  readonly strides: Pair;
  readonly pads: Sides;
  readonly dilations: Pair;
}

/**
 * Runs `body` on x [N, C, H, W] as [N, H, W, C] and turns the result back; x [N, C, W] runs as
 * [N, 1, W, C], so that its transpositions have three axes and cancel between layers.
 */
export function onMaps(context: NodeContext, x: Value, body: (map: Value) => Value): Value {
  if (spatialAxes(context, x) === 2) return context.nhwc(x, body);
  return context.channelsLast(x, (signal) => {
    const [n, w, c] = signal.shape as [Dim, Dim, Dim];
    const y = body(context.make('reshape', [signal], { shape: [n, 1, w, c] }, '/map'));
    const [, , width, channels] = y.shape as [Dim, Dim, Dim, Dim];
    return context.make('reshape', [y], { shape: [n, width, channels] }, '/signal');
  });
}

/** The axes of x behind its batch and channels: 1 or 2. */
export function spatialAxes(context: NodeContext, x: Value): 1 | 2 {
  const axes = x.shape.length - 2;
  if (axes !== 1 && axes !== 2)
    throw context.expected(
      'ERR_UNSUPPORTED',
      'an input of rank 4, [N, C, H, W], or 3, [N, C, W],',
      showShape(x.shape),
    );
  return axes;
}

/** Refuses weights of another rank than x. */
export function requireWeights(context: NodeContext, x: Value, w: Value): void {
  const rank = spatialAxes(context, x) + 2;
  if (w.shape.length !== rank)
    throw context.expected(
      'ERR_UNSUPPORTED',
      `weights of rank ${rank}, as of a ${rank - 2}-d convolution`,
      `rank ${w.shape.length}`,
    );
}

/** The kernel of weights [., ., k...], which kernel_shape may repeat. */
export function kernelOf(context: NodeContext, w: Value): Dim[] {
  const kernel = context.intList('kernel_shape') ?? w.shape.slice(2);
  if (kernel.length !== w.shape.length - 2 || kernel.some((size, i) => size !== w.shape[i + 2]))
    throw context.expected(
      'ERR_FORMAT',
      `kernel_shape to be that of the weights, [${w.shape.slice(2).join(', ')}]`,
      kernel,
    );
  return kernel;
}

/** Weights [A, B, k...] as [A, kh, kw, B], where kh is 1 for signals. */
export function weightsLast(context: NodeContext, w: Value): Value {
  if (w.shape.length === 4) return context.transpose(w, [0, 2, 3, 1], '/weights_channels_last');
  const turned = context.transpose(w, [0, 2, 1], '/weights_channels_last');
  const [a, k, b] = turned.shape as [Dim, Dim, Dim];
  return context.make('reshape', [turned], { shape: [a, 1, k, b] }, '/weights_map');
}

/** strides, dilations and pads of a window over x, auto_pad resolved. */
export function windowAttributes(
  context: NodeContext,
  x: Value,
  kernel: readonly Dim[],
): WindowAttrs {
  const axes = spatialAxes(context, x);
  const size = sizesOf(context, 'kernel_shape', kernel, axes);
  const strides = pairOf(context, 'strides', axes);
  const dilations = pairOf(context, 'dilations', axes);
  const window = { size, strides, dilations };
  const mode = autoPad(context);
  if (mode === 'VALID') return { ...window, pads: [0, 0, 0, 0] };
  if (mode === 'NOTSET') return { ...window, pads: sides(context, axes) };
  const [height, width] = [axes === 1 ? 1 : x.shape[2], x.shape[axes + 1]];
  const [top, bottom] = samePads(context, mode, height, size[0], strides[0], dilations[0]);
  const [left, right] = samePads(context, mode, width, size[1], strides[1], dilations[1]);
  return { ...window, pads: [top, left, bottom, right] };
}

export type AutoPad = 'NOTSET' | 'VALID' | 'SAME_UPPER' | 'SAME_LOWER';

export function autoPad(context: NodeContext): AutoPad {
  const mode = context.text('auto_pad', 'NOTSET');
  if (mode !== 'NOTSET' && mode !== 'VALID' && mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER')
    throw context.expected(
      'ERR_FORMAT',
      'auto_pad to be NOTSET, VALID, SAME_UPPER or SAME_LOWER',
      mode,
    );
  return mode;
}

/** The attribute pads; ONNX orders its numbers as ours: all beginnings, then all ends. */
export function sides(context: NodeContext, axes: 1 | 2): Sides {
  const pads = context.intList('pads') ?? new Array<number>(2 * axes).fill(0);
  if (pads.length !== 2 * axes || !pads.every(isSize))
    throw context.expected(
      'ERR_UNSUPPORTED',
      `pads to be ${axes === 1 ? 'two' : 'four'} sizes, as of a ${axes}-d window`,
      pads,
    );
  const [a, b, c, d] = pads as [number, number, number, number];
  return axes === 1 ? [0, a, 0, b] : [a, b, c, d];
}

/** An attribute of one number an axis, 1 or `otherwise` unless given; `otherwise` for the row. */
export function pairOf(
  context: NodeContext,
  name: string,
  axes: 1 | 2,
  otherwise: 0 | 1 = 1,
): Pair {
  const list = context.intList(name) ?? new Array<number>(axes).fill(otherwise);
  return sizesOf(context, name, list, axes, otherwise);
}

/** Numbers along the axes of x as those along height and width; `row` for the row of signals. */
export function sizesOf(
  context: NodeContext,
  what: string,
  list: readonly Dim[],
  axes: 1 | 2,
  row: 0 | 1 = 1,
): Pair {
  const [h, w] = axes === 1 ? [row, list[0]] : list;
  if (list.length !== axes || !isSize(h) || !isSize(w))
    throw context.expected(
      'ERR_UNSUPPORTED',
      `${what} to be ${axes === 1 ? 'one size' : 'two sizes'}, as of a ${axes}-d window`,
      list,
    );
  return [h, w];
}

/**
 * The padding that makes ceil(size / stride) windows fit; an odd element goes to the end (UPPER) or
 * the beginning (LOWER).
 */
function samePads(
  context: NodeContext,
  mode: 'SAME_UPPER' | 'SAME_LOWER',
  size: Dim | undefined,
  kernel: number,
  stride: number,
  dilation: number,
): Pair {
  const reach = (kernel - 1) * dilation + 1;
  let total = reach - 1;
  if (typeof size === 'number')
    total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  else if (stride !== 1)
    throw context.expected(
      'ERR_UNSUPPORTED',
      `a height and width that are numbers for auto_pad ${mode}`,
      size,
    );
  const less = Math.floor(total / 2);
  return mode === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
}
