/**
 * Conv, BatchNormalization and pooling: ops on feature maps, which arrive as [N, C, H, W] and run
 * as [N, H, W, C]. Not here: one or three spatial dimensions (ERR_UNSUPPORTED).
 */
import { type Dim, isSize } from '../../../core/shape.js';
import type { Attrs, Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';

export const convImporters: Readonly<Record<string, Importer>> = {
  Conv: (context) =>
    convolution(context, context.value(0), context.value(1), (y) =>
      context.has(2) ? context.make('add', [y, context.value(2)], {}, '/bias') : y,
    ),

  BatchNormalization(context) {
    if (context.int('training_mode', 0) !== 0)
      throw context.fail(
        'ERR_UNSUPPORTED',
        'batch statistics (training_mode = 1) are not inference',
      );
    if (context.int('spatial', 1) !== 1)
      throw context.fail(
        'ERR_UNSUPPORTED',
        'spatial = 0 (a statistic for each pixel) is not supported',
      );
    const parameters = [1, 2, 3, 4].map((i) => context.value(i));
    const epsilon = context.float('epsilon', Math.fround(1e-5));
    return context.channelsLast(context.value(0), (x) =>
      context.make('batchNorm', [x, ...parameters], { epsilon }),
    );
  },

  MaxPool(context) {
    if (context.int('storage_order', 0) !== 0)
      throw context.fail('ERR_UNSUPPORTED', 'storage_order = 1 is not supported');
    return context.onFloats(context.value(0), (x) => pool(context, 'maxPool2d', x, {}));
  },

  AveragePool: (context) => averagePool(context, context.value(0)),

  GlobalAveragePool: (context) => globalPool(context, 'mean', context.value(0)),
  GlobalMaxPool: (context) =>
    context.onFloats(context.value(0), (x) => globalPool(context, 'max', x)),
};

/**
 * The convolution of x [N, C, H, W] with weights [O, I / groups, kh, kw], by the node's attributes;
 * `finish` goes on with the result while its channels are last. `multiply` is given both operands
 * with channels last.
 */
export function convolution(
  context: NodeContext,
  x: Value,
  w: Value,
  finish: (y: Value) => Value,
  multiply = (map: Value, weights: Value, attrs: Attrs) =>
    context.make('conv2d', [map, weights], attrs),
): Value {
  if (w.shape.length !== 4)
    throw context.expected(
      'ERR_UNSUPPORTED',
      'weights of rank 4, as of a 2-d convolution',
      `rank ${w.shape.length}`,
    );
  const kernel = context.intList('kernel_shape') ?? w.shape.slice(2);
  if (kernel[0] !== w.shape[2] || kernel[1] !== w.shape[3]) {
    throw context.expected(
      'ERR_FORMAT',
      `kernel_shape to be that of the weights, [${w.shape.slice(2).join(', ')}]`,
      kernel,
    );
  }
  const window = windowAttributes(context, x, pair(context, 'kernel_shape', kernel));
  const { strides, pads, dilations } = window;
  const weights = context.transpose(w, [0, 2, 3, 1], '/weights_channels_last');
  return context.nhwc(x, (map) => {
    const attrs = { strides, pads, dilations, groups: context.int('group', 1), padValue: 0 };
    return finish(multiply(map, weights, attrs));
  });
}

export function averagePool(context: NodeContext, x: Value): Value {
  return pool(context, 'avgPool2d', x, { countPad: context.int('count_include_pad', 0) === 1 });
}

function pool(
  context: NodeContext,
  op: 'maxPool2d' | 'avgPool2d',
  x: Value,
  more: { countPad?: boolean },
): Value {
  const kernelShape = context.intList('kernel_shape');
  if (kernelShape === undefined)
    throw context.expected('ERR_FORMAT', 'an attribute kernel_shape', 'none');
  const kernel = pair(context, 'kernel_shape', kernelShape);
  const attrs = {
    kernel,
    ...windowAttributes(context, x, kernel),
    ceil: context.int('ceil_mode', 0) === 1,
    ...more,
  };
  return context.nhwc(x, (map) => context.make(op, [map], attrs));
}

export function globalPool(context: NodeContext, kind: 'mean' | 'max', x: Value): Value {
  return context.nhwc(x, (map) =>
    context.make('reduce', [map], { kind, axes: [1, 2], keepDims: true }),
  );
}

type Pair = readonly [number, number];
type Sides = readonly [number, number, number, number];

/**
 * strides, dilations and pads, auto_pad resolved. ONNX orders pads as ours: [top, left, bottom,
 * right].
 */
function windowAttributes(
  context: NodeContext,
  x: Value,
  kernel: Pair,
): { strides: Pair; pads: Sides; dilations: Pair } {
  const strides = pair(context, 'strides', context.intList('strides') ?? [1, 1]);
  const dilations = pair(context, 'dilations', context.intList('dilations') ?? [1, 1]);
  const mode = context.text('auto_pad', 'NOTSET');
  if (mode === 'VALID') return { strides, dilations, pads: [0, 0, 0, 0] };
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const [top, bottom] = samePads(context, mode, x.shape[2], kernel[0], strides[0], dilations[0]);
    const [left, right] = samePads(context, mode, x.shape[3], kernel[1], strides[1], dilations[1]);
    return { strides, dilations, pads: [top, left, bottom, right] };
  }
  if (mode !== 'NOTSET')
    throw context.expected(
      'ERR_FORMAT',
      'auto_pad to be NOTSET, VALID, SAME_UPPER or SAME_LOWER',
      mode,
    );
  const pads = context.intList('pads') ?? [0, 0, 0, 0];
  if (pads.length !== 4 || !pads.every(isSize))
    throw context.expected('ERR_UNSUPPORTED', 'pads to be four sizes, as of a 2-d window', pads);
  return { strides, dilations, pads: pads as unknown as Sides };
}

/**
 * The padding that makes ceil(size / stride) windows fit; an odd element goes to the end (UPPER) or
 * the beginning (LOWER).
 */
function samePads(
  context: NodeContext,
  mode: string,
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

function pair(context: NodeContext, what: string, list: readonly Dim[]): Pair {
  const [h, w] = list;
  if (list.length !== 2 || !isSize(h) || !isSize(w))
    throw context.expected('ERR_UNSUPPORTED', `${what} to be two sizes, as of a 2-d window`, list);
  return [h, w];
}
