/**
 * The quantizers of QONNX (domains qonnx.custom_op.general, onnx.brevitas, finn.custom_op.general):
 * BipolarQuant, Quant, MultiThreshold. Each becomes elementary ops in the order in which the QONNX
 * reference implementation computes, one float32 rounding an op. Not here: speed; passes turn sign,
 * scale and thresholds into bits and integer comparisons.
 */
import { type Shape, showShape } from '../../../core/shape.js';
import type { Value } from '../../../graph/value.js';
import type { Importer, NodeContext } from '../context.js';

export const quantImporters: Readonly<Record<string, Importer>> = {
  /** x >= 0 ? scale : -scale. NaN counts as +1, as everywhere in bitplane. */
  BipolarQuant(context) {
    const bit = context.make('sign', [context.value(0)], {});
    return scaled(context, context.make('cast', [bit], { to: 'f32' }, '/values'), context.value(1));
  },

  Quant: quant,
  /** Its name in newer versions of QONNX. */
  IntQuant: quant,

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
  const [x, scale, zero] = [context.value(0), context.value(1), context.value(2)];
  const bits = context.number(3);
  const signed = context.int('signed', 1) !== 0;
  const narrow = context.int('narrow', 0) !== 0;
  // Beyond 24 bits a float32 does not hold every integer of the range.
  if (!Number.isInteger(bits) || bits < 1 || bits > 24)
    throw context.expected('ERR_UNSUPPORTED', 'a bit width of 1 to 24', bits);
  const shifted = isAll(zero, 0);

  let y = isAll(scale, 1) ? x : context.make('div', [x, scale], {}, '/divided');
  if (!shifted) y = context.make('add', [y, zero], {}, '/shifted');
  if (bits === 1 && signed) {
    y = context.make('cast', [context.make('sign', [y], {})], { to: 'f32' }, '/values');
  } else {
    const [min, max] = integerRange(bits, signed, narrow);
    y = round(context, context.make('clip', [y], { min, max }, '/clipped'));
  }
  if (!shifted) y = context.make('sub', [y, zero], {}, '/unshifted');
  return scaled(context, y, scale);
}

/**
 * The least and the greatest integer: narrow drops the least of a signed range, the greatest of an
 * unsigned one.
 */
function integerRange(bits: number, signed: boolean, narrow: boolean): [number, number] {
  if (signed) return [-(2 ** (bits - 1)) + (narrow ? 1 : 0), 2 ** (bits - 1) - 1];
  return [0, 2 ** bits - (narrow ? 2 : 1)];
}

/** y * scale, or y where the scale is exactly 1. */
function scaled(context: NodeContext, y: Value, scale: Value): Value {
  return isAll(scale, 1) ? y : context.make('mul', [y, scale], {}, '/scaled');
}

/**
 * The rounding modes of QONNX. Modes that numpy lacks are composed as in the QONNX reference:
 * sign(x) * f(|x|).
 */
function round(context: NodeContext, x: Value): Value {
  const mode = context.text('rounding_mode', 'ROUND').toUpperCase();
  const onMagnitude = (body: (magnitude: Value) => Value) => {
    const magnitude = body(context.make('abs', [x], {}, '/magnitude'));
    return context.make(
      'mul',
      [context.make('signum', [x], {}, '/signum'), magnitude],
      {},
      '/rounded',
    );
  };
  const half = () => context.scalar(0.5, '/half');
  switch (mode) {
    case 'ROUND':
    case 'HALF_EVEN':
      return context.make('round', [x], {});
    case 'CEIL':
      return context.make('ceil', [x], {});
    case 'FLOOR':
      return context.make('floor', [x], {});
    case 'UP':
      return onMagnitude((magnitude) => context.make('ceil', [magnitude], {}));
    case 'DOWN':
    case 'ROUND_TO_ZERO':
      return onMagnitude((magnitude) => context.make('floor', [magnitude], {}));
    case 'HALF_UP':
      return onMagnitude((magnitude) =>
        context.make('floor', [context.make('add', [magnitude, half()], {}, '/plus_half')], {}),
      );
    case 'HALF_DOWN':
      return onMagnitude((magnitude) =>
        context.make('ceil', [context.make('sub', [magnitude, half()], {}, '/minus_half')], {}),
      );
    default:
      throw context.expected(
        'ERR_UNSUPPORTED',
        'rounding_mode to be ROUND, HALF_EVEN, CEIL, FLOOR, UP, DOWN, ROUND_TO_ZERO, ' +
          'HALF_UP or HALF_DOWN',
        mode,
      );
  }
}

function isAll(value: Value, number: number): boolean {
  if (value.op !== 'constant' || value.data?.dtype !== 'f32' || value.data.size === 0) return false;
  return (value.data.data as Float32Array).every((element) => element === number);
}
