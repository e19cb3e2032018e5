/**
 * Conv, BatchNormalization and pooling: ops on feature maps, which arrive as [N, C, H, W] and run
 * as [N, H, W, C]. Not here: their windows (./window.ts).
 */
import { showShape } from '../../../core/shape.js';
import type { Attrs, Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { kernelOf, onMaps, requireWeights, weightsLast, windowAttributes } from './window.js';

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
 * with channels last. Signals [N, C, W] are maps of one row.
 */
export function convolution(
  context: NodeContext,
  x: Value,
  w: Value,
  finish: (y: Value) => Value,
  multiply = (map: Value, weights: Value, attrs: Attrs) =>
    context.make('conv2d', [map, weights], attrs),
): Value {
  requireWeights(context, x, w);
  const window = windowAttributes(context, x, kernelOf(context, w));
  const { strides, pads, dilations } = window;
  const weights = weightsLast(context, w);
  return onMaps(context, x, (map) => {
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
  const kernel = context.intList('kernel_shape');
  if (kernel === undefined)
    throw context.expected('ERR_FORMAT', 'an attribute kernel_shape', 'none');
  const { size, ...window } = windowAttributes(context, x, kernel);
  const ceil = context.int('ceil_mode', 0) === 1;
  return onMaps(context, x, (map) =>
    context.make(op, [map], { kernel: size, ...window, ceil, ...more }),
  );
}

/** Over all axes behind the channels, however many. */
export function globalPool(context: NodeContext, kind: 'mean' | 'max', x: Value): Value {
  const rank = x.shape.length;
  if (rank < 3)
    throw context.expected('ERR_SHAPE', 'an input of rank 3 or more', showShape(x.shape));
  const axes = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  return context.channelsLast(x, (map) =>
    context.make('reduce', [map], { kind, axes, keepDims: true }),
  );
}
