/**
 * The quantizers of QONNX (domains qonnx.custom_op.general, onnx.brevitas, finn.custom_op.general):
 * BipolarQuant, Quant, MultiThreshold; Trunc is in ./trunc.ts. Each becomes elementary ops in the
 * order in which the QONNX reference implementation computes, one float32 rounding an op. Not here:
 * speed; passes turn sign, scale and thresholds into bits and integer comparisons.
 */
import { type Shape, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import { misplacedThreshold } from '../../../ops/multi-threshold.js';
import type { Importer, NodeContext } from '../context.js';
import { isAll, knownFloats, realScaleAt } from '../quantization.js';
import { bitWidth, integerRange, rounded } from './rounding.js';
import { trunc } from './trunc.js';

export const quantImporters: Readonly<Record<string, Importer>> = {
  /** x >= 0 ? scale : -scale. NaN counts as +1, as everywhere in bitplane. */
  BipolarQuant(context) {
    const scale = realScaleAt(context, 1);
    const bit = context.signs(0);
    return scaled(context, context.make('cast', [bit], { to: 'f32' }, '/values'), scale);
  },

  Quant: quant,
  /** Its name in newer versions of QONNX. */
  IntQuant: quant,
  Trunc: trunc,

  /** out_bias + out_scale * #{thresholds t of the channel: x >= t}. */
  MultiThreshold(context) {
    const [x, thresholds] = [context.value(0), context.value(1)];
    const attrs = { scale: context.float('out_scale', 1), bias: context.float('out_bias', 0) };
    if (thresholds.shape.length !== 2)
      throw context.expected(
        'ERR_SHAPE',
        'thresholds of shape [channels, steps]',
        showShape(thresholds.shape),
      );
    // Those of a channel do not fall, as QONNX has them; NaN is no threshold.
    const bad = misplacedThreshold(thresholds);
    if (bad !== undefined) throw context.expected('ERR_UNSUPPORTED', bad.wanted, bad.number);
    const axis = channelAxis(context, x.shape, thresholds.shape[0] === 1);
    return context.channelsLast(
      x,
      (map) => context.make('multiThreshold', [map, thresholds], attrs),
      axis,
    );
  },
};

/**
 * The axis of the channels of a MultiThreshold: that of the C in `data_layout`, else axis 1. A C at
 * axis 1 counts even if the layout's length differs from the input's rank. A later C then counts
 * only for a matrix, whose channels are at axis 1 in every layout. With one row of thresholds any
 * axis gives the same result.
 */
function channelAxis(context: NodeContext, shape: Shape, oneRow: boolean): number {
  const rank = shape.length;
  if (context.choices.multiThresholdAxis === 'last' && rank !== 2 && rank !== 4) return rank - 1;
  const layout = context.text('data_layout', 'NCHW');
  if (/[^A-Z]/.test(layout))
    throw context.expected(
      'ERR_UNSUPPORTED',
      'data_layout to be letters such as NCHW, NHWC or NC',
      layout,
    );
  const place = layout.indexOf('C');
  if (oneRow && (place >= rank || rank < 2)) return rank - 1;
  if (place < 0 || place === 1 || (rank === 2 && place > 1)) return 1;
  if (layout.length === rank) return place;
  throw context.expected(
    'ERR_UNSUPPORTED',
    `an input of rank ${layout.length}, as data_layout ${layout} says`,
    showShape(shape),
  );
}

/**
 * (round(clip(x / scale + zero)) - zero) * scale, where the bounds of the clip follow from bit
 * width, signed and narrow. One bit, signed, is bipolar whatever narrow says: x / scale + zero < 0
 * is -1, all else +1 (NaN too, where the reference gives -1).
 */
function quant(context: NodeContext): Value {
  const [x, scale, zero] = [context.value(0), realScaleAt(context, 1), context.real(2)];
  const bits = bitWidth(context, 3);
  const signed = context.int('signed', 1) !== 0;
  const narrow = context.int('narrow', 0) !== 0;
  const [min, max] = integerRange(bits, signed, narrow);
  const shifted = !isAll(zero, 0);

  let y = isAll(scale, 1) ? x : context.make('div', [x, scale], {}, '/divided');
  if (shifted) y = context.make('add', [y, zero], {}, '/shifted');
  if (bits === 1 && signed) {
    // Two levels, between which any zero point may lie.
    const wrong = knownFloats(zero)?.find((one) => !Number.isFinite(one));
    if (wrong !== undefined)
      throw context.expected('ERR_UNSUPPORTED', 'a zero point that is finite', wrong);
    y = context.make('cast', [context.make('sign', [y], {})], { to: 'f32' }, '/values');
  } else {
    requireZero(context, zero, min, max);
    y = rounded(context, context.make('clip', [y], { min, max }, '/clipped'), 'ROUND');
  }
  if (shifted) y = context.make('sub', [y, zero], {}, '/unshifted');
  return scaled(context, y, scale);
}

/** A zero point outside the range, or between two integers, would make 0 itself no level. */
function requireZero(context: NodeContext, zero: Value, min: number, max: number): void {
  const isLevel = (one: number) => Number.isInteger(one) && one >= min && one <= max;
  const outside = knownFloats(zero)?.find((one) => !isLevel(one));
  if (outside !== undefined)
    throw context.expected(
      'ERR_UNSUPPORTED',
      `a zero point that is a whole number from ${min} to ${max}`,
      outside,
    );
}

/** y * scale, or y where the scale is exactly 1. */
function scaled(context: NodeContext, y: Value, scale: Value): Value {
  return isAll(scale, 1) ? y : context.make('mul', [y, scale], {}, '/scaled');
}
