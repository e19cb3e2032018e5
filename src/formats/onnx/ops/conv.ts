/**
 * Conv, BatchNormalization and pooling: ops on feature maps, which arrive as [N, C, H, W] and run
 * as [N, H, W, C]. Not here: their windows (./window.ts).
 */
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Attrs, Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { partsOf } from '../formula.js';
import { type Item, valueItem } from '../item.js';
import {
  kernelOf,
  onMaps,
  requireWeights,
  type Sides,
  type WindowAttrs,
  weightsLast,
  windowAttributes,
} from './window.js';

export const convImporters: Readonly<Record<string, Importer>> = {
  Conv: (context) =>
    convolution(context, context.value(0), context.value(1), (y) =>
      context.has(2) ? context.make('add', [y, context.value(2)], {}, '/bias') : y,
    ),

  BatchNormalization(context) {
    if (context.int('spatial', 1) !== 1)
      throw context.fail(
        'ERR_UNSUPPORTED',
        'spatial = 0 (a statistic for each pixel) is not supported',
      );
    if (context.int('training_mode', 0) !== 0) return batchStatistics(context);
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

  /**
   * (sum of |x|^p)^(1/p) over each window: a convolution with ones, channel by channel. Elements
   * that a window lacks at the end add nothing.
   */
  LpPool(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const kernel = context.intList('kernel_shape');
    if (kernel === undefined)
      throw context.expected('ERR_FORMAT', 'an attribute kernel_shape', 'none');
    const p = context.opset < 2 ? context.float('p', 2) : context.int('p', 2);
    if (p < 1) throw context.expected('ERR_FORMAT', 'a p of 1 or more', p);
    const channels = x.shape[1];
    if (!isSize(channels))
      throw context.expected('ERR_UNSUPPORTED', 'a known number of channels', showShape(x.shape));
    const { size, strides, dilations, pads } = windowAttributes(context, x, kernel);
    return onMaps(context, x, (map) => {
      const sizes = part('abs', [map]);
      const powers = p === 1 ? sizes : part(p === 2 ? 'mul' : 'pow', [sizes, p === 2 ? sizes : p]);
      const ones = context.filled(1, [channels, ...size, 1]);
      const whole =
        context.int('ceil_mode', 0) === 1
          ? ceiled(context, map, { size, strides, dilations, pads })
          : pads;
      const attrs = { strides, pads: whole, dilations, groups: channels, padValue: 0 };
      const sums = context.make('conv2d', [powers, ones], attrs, '/sums');
      if (p === 1) return sums;
      return p === 2 ? part('sqrt', [sums]) : part('pow', [sums, Math.fround(1 / p)]);
    });
  },

  GlobalAveragePool: (context) => globalPool(context, 'mean', context.value(0)),
  GlobalMaxPool: (context) =>
    context.onFloats(context.value(0), (x) => globalPool(context, 'max', x)),
};

/**
 * training_mode = 1: the statistics of x itself, biased, over all axes but the channels; then the
 * running ones, momentum of which are the old.
 */
function batchStatistics(context: NodeContext): readonly Item[] {
  const part = partsOf(context);
  const [x, scale, bias] = [0, 1, 2].map((i) => context.value(i)) as [Value, Value, Value];
  const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const over = (value: Value) => part('reduce', [value], { kind: 'mean', axes, keepDims: true });
  const mean = over(x);
  const centered = part('sub', [x, mean]);
  const variance = over(part('mul', [centered, centered]));
  const epsilon = context.float('epsilon', Math.fround(1e-5));
  const deviation = part('sqrt', [part('add', [variance, epsilon])]);
  const channels = x.shape[1] as Dim;
  const perChannel = (value: Value) =>
    part('reshape', [value], { shape: [channels, ...axes.slice(1).map(() => 1)] });
  const normal = part('mul', [part('div', [centered, deviation]), perChannel(scale)]);
  const y = context.make('add', [normal, perChannel(bias)], {});
  const momentum = Math.fround(context.float('momentum', Math.fround(0.9)));
  const running = (index: number, now: Value) => {
    const own = part('reshape', [now], { shape: [channels] });
    const old = part('mul', [context.value(index), momentum]);
    return valueItem(part('add', [old, part('mul', [own, Math.fround(1 - momentum)])]));
  };
  return context.outputCount === 1
    ? [valueItem(y)]
    : [valueItem(y), running(3, mean), running(4, variance)];
}

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

/** Pads that make room for the last windows, which hang over the end, as pooling has it. */
function ceiled(context: NodeContext, map: Value, window: WindowAttrs): Sides {
  const { size, strides, pads } = window;
  const { dilations } = window;
  const attrs = { kernel: size, strides, pads, dilations, ceil: true };
  const { shape } = context.make('maxPool2d', [map], attrs, '/windows');
  const after = [0, 1].map((axis) => {
    const [from, to] = [map.shape[axis + 1] as Dim, shape[axis + 1] as Dim];
    const before = pads[axis] as number;
    if (!isSize(from) || !isSize(to)) return pads[axis + 2] as number;
    const reach = (size[axis as 0 | 1] - 1) * dilations[axis as 0 | 1] + 1;
    return Math.max(
      pads[axis + 2] as number,
      (to - 1) * strides[axis as 0 | 1] + reach - from - before,
    );
  });
  return [pads[0], pads[1], after[0] as number, after[1] as number];
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
