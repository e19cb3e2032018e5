/**
 * Normalizations by the statistics of the value itself: means, then deviations, so that no large
 * mean costs accuracy. Not here: BatchNormalization with given statistics (./conv.ts).
 */
import { type Dim, isSize, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';
import { type Part, partsOf } from '../formula.js';
import { valueItem } from '../item.js';

const EPSILON = Math.fround(1e-5);

export const normalizeImporters: Readonly<Record<string, Importer>> = {
  /** Each channel of each picture by itself; scale and B are [C]. */
  InstanceNormalization(context) {
    const x = context.value(0);
    const rank = requireRank(context, x, 3);
    return context.channelsLast(x, (map) => {
      const axes = Array.from({ length: rank - 2 }, (_, i) => i + 1);
      const { y } = normalized(context, map, axes, context.float('epsilon', EPSILON));
      return scaled(context, y, context.value(1), context.value(2));
    });
  },

  /** Over all axes from `axis` on; the results are y, the mean, and 1 / the standard deviation. */
  LayerNormalization(context) {
    const x = context.value(0);
    const rank = x.shape.length;
    const from = context.axis(context.int('axis', -1), rank);
    const axes = Array.from({ length: rank - from }, (_, i) => from + i);
    const { y, mean, deviation } = normalized(context, x, axes, context.float('epsilon', EPSILON));
    const bias = context.has(2) ? context.value(2) : undefined;
    const result = valueItem(scaled(context, y, context.value(1), bias));
    if (context.outputCount === 1) return result;
    return [result, valueItem(mean), valueItem(partsOf(context)('div', [1, deviation]))];
  },

  /** x / sqrt(mean of x^2 + epsilon) * scale, over all axes from `axis` on. */
  RMSNormalization(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const rank = x.shape.length;
    const from = context.axis(context.int('axis', -1), rank);
    const axes = Array.from({ length: rank - from }, (_, i) => from + i);
    const deviation = root(part, part('mul', [x, x]), axes, context.float('epsilon', EPSILON));
    return context.make('mul', [part('div', [x, deviation]), context.value(1)], {});
  },

  /**
   * Groups of neighbouring channels of each picture. scale and bias are one number a channel from
   * operator set 21 on, one a group before.
   */
  GroupNormalization(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const rank = requireRank(context, x, 3);
    const [batch, channels, ...space] = x.shape as [Dim, Dim, ...Dim[]];
    const groups = context.int('num_groups');
    if (!isSize(channels) || groups < 1 || channels % groups !== 0)
      throw context.expected('ERR_SHAPE', `channels divisible by ${groups} groups`, channels);
    const shape = [batch, groups, channels / groups, ...space];
    const grouped = context.make('reshape', [x], { shape }, '/groups');
    const axes = Array.from({ length: rank - 1 }, (_, i) => i + 2);
    const { y } = normalized(context, grouped, axes, context.float('epsilon', EPSILON));
    const perChannel = context.opset >= 21;
    const along = [
      perChannel ? channels : groups,
      ...new Array<number>(perChannel ? rank - 2 : rank - 1).fill(1),
    ];
    const [scale, bias] = [1, 2].map((i) =>
      context.make('reshape', [context.value(i)], { shape: along }, `/operand_${i}`),
    ) as [Value, Value];
    const joined = (value: Value) => part('reshape', [value], { shape: x.shape });
    return perChannel
      ? scaled(context, joined(y), scale, bias)
      : joined(scaled(context, y, scale, bias));
  },

  /** Zero mean and a standard deviation of 1 over the axes; 1e-9 is added to the deviation. */
  MeanVarianceNormalization(context) {
    const part = partsOf(context);
    const x = context.value(0);
    const axes = context.axes(context.intList('axes') ?? [0, 2, 3], x.shape.length);
    const centered = part('sub', [x, mean(part, x, axes)]);
    const deviation = root(part, part('mul', [centered, centered]), axes, 0);
    return context.make('div', [centered, part('add', [deviation, Math.fround(1e-9)])], {});
  },

  /**
   * x / (bias + alpha / size * the sum of x^2 over `size` neighbouring channels)^beta. That sum,
   * divided by size, is an average pooling along the channels, with zeros beyond them.
   */
  LRN(context) {
    const part = partsOf(context);
    const x = context.value(0);
    requireRank(context, x, 3);
    const size = context.int('size');
    if (!isSize(size) || size < 1)
      throw context.expected('ERR_FORMAT', 'a size of 1 or more', size);
    const [batch, channels, ...space] = x.shape as [Dim, Dim, ...Dim[]];
    // Channels stand where a map has its rows: x is [N, C, H, W] already, or becomes [N, C, 1, W].
    const [rows, columns] = [space.slice(0, -1), space.at(-1) as Dim];
    const flat = [batch, channels, rows.length === 1 ? (rows[0] as Dim) : -1, columns];
    const map = rows.length === 1 ? x : part('reshape', [x], { shape: flat });
    const [less, more] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
    const average = part('avgPool2d', [part('mul', [map, map])], {
      kernel: [size, 1],
      strides: [1, 1],
      pads: [less, 0, more, 0],
      dilations: [1, 1],
      ceil: false,
      countPad: true,
    });
    const [alpha, beta] = [context.float('alpha', Math.fround(1e-4)), context.float('beta', 0.75)];
    const base = part('add', [part('mul', [average, alpha]), context.float('bias', 1)]);
    const y = part('div', [map, part('pow', [base, beta])]);
    return rows.length === 1 ? y : part('reshape', [y], { shape: x.shape });
  },
};

function requireRank(context: NodeContext, x: Value, least: number): number {
  const rank = x.shape.length;
  if (rank < least)
    throw context.expected('ERR_SHAPE', `an input of rank ${least} or more`, showShape(x.shape));
  return rank;
}

function mean(part: Part, x: Value, axes: readonly number[]): Value {
  return part('reduce', [x], { kind: 'mean', axes, keepDims: true });
}

/** sqrt(mean of the squares + epsilon) */
function root(part: Part, squares: Value, axes: readonly number[], epsilon: number): Value {
  const average = mean(part, squares, axes);
  return part('sqrt', [epsilon === 0 ? average : part('add', [average, epsilon])]);
}

/** y = (x - mean) / deviation, with deviation = sqrt(variance + epsilon). */
function normalized(
  context: NodeContext,
  x: Value,
  axes: readonly number[],
  epsilon: number,
): { y: Value; mean: Value; deviation: Value } {
  const part = partsOf(context);
  const center = mean(part, x, axes);
  const centered = part('sub', [x, center]);
  const deviation = root(part, part('mul', [centered, centered]), axes, epsilon);
  return { y: part('div', [centered, deviation]), mean: center, deviation };
}

function scaled(context: NodeContext, y: Value, scale: Value, bias: Value | undefined): Value {
  if (bias === undefined) return context.make('mul', [y, scale], {});
  return context.make('add', [partsOf(context)('mul', [y, scale]), bias], {});
}
