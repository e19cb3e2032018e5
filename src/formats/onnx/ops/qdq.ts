/**
 * QuantizeLinear and DequantizeLinear of every operator set, per tensor, along an axis or in
 * blocks, and DynamicQuantizeLinear. Float8 and float4 are refused. Not here: the arithmetic
 * (../quantization.ts).
 */
import { DTYPES, type Integer, integerBounds, integerDtype } from '../../../core/dtype.js';
import type { Value } from '../../../graph/value.js';
import { isOp } from '../../../ops/index.js';
import type { Importer, NodeContext } from '../context.js';
import { DataType, dataTypeName, quantizedType } from '../data-type.js';
import { valueItem } from '../item.js';
import {
  dequantized,
  type Grain,
  grained,
  quantized,
  resultType,
  saturated,
  scaleAt,
  signsOf,
  zeroAt,
} from '../quantization.js';

export const qdqImporters: Readonly<Record<string, Importer>> = {
  /** The result has the type of the zero point, else `output_dtype`, else UINT8. */
  QuantizeLinear(context) {
    const x = floatsOf(context);
    const scale = scaleAt(context, 1);
    const zero = zeroAt(context, 2);
    const asked = context.int('output_dtype', 0);
    if (asked !== 0 && zero.dataType !== undefined && zero.dataType !== asked)
      throw context.expected(
        'ERR_FORMAT',
        `output_dtype to be that of the zero point, ${dataTypeName(zero.dataType)}`,
        dataTypeName(asked),
      );
    requireFloat(context, 'precision');
    const type = resultType(context, zero.dataType ?? (asked === 0 ? undefined : asked));
    return grained(context, x, { scale, zero: zero.value }, grainOf(context, scale), (v, q) =>
      quantized(context, v, q, type),
    );
  },

  DequantizeLinear(context) {
    const { value: q, dataType } = context.quantized(0);
    const scale = scaleAt(context, 1);
    const zero = zeroAt(context, 2);
    const held = zero.dataType === undefined ? q.dtype : quantizedType(zero.dataType)?.dtype;
    if (held !== q.dtype || (dataType ?? zero.dataType) !== (zero.dataType ?? dataType))
      throw context.expected(
        'ERR_DTYPE',
        `a zero point of the type of the integers, ${dataTypeName(dataType ?? DataType.INT32)}`,
        dataTypeName(zero.dataType ?? DataType.INT32),
      );
    if (zero.dataType === DataType.INT32 && zero.value !== undefined)
      throw context.fail('ERR_UNSUPPORTED', 'expected a zero point of 0 for INT32');
    requireFloat(context, 'output_dtype');
    const signs = zero.value === undefined ? signsOf(context, q) : undefined;
    const own = signs ?? narrowed(context, q, zero.value);
    return grained(context, own, { scale, zero: zero.value }, grainOf(context, scale), (v, one) =>
      dequantized(context, v, one),
    );
  },

  /**
   * To UINT8 over the range of all elements, 0 included:
   * scale = (max - min) / 255, zero = round(clip(0 - min / scale)).
   */
  DynamicQuantizeLinear(context) {
    const x = floatsOf(context);
    const type = resultType(context);
    const axes = x.shape.map((_, axis) => axis);
    const bound = (kind: 'max' | 'min') => {
      const found = context.make('reduce', [x], { kind, axes, keepDims: false }, `/${kind}`);
      return context.make(kind, [found, context.scalar(0, '/0')], {}, `/${kind}_and_0`);
    };
    const [most, least] = [bound('max'), bound('min')];
    const extent = context.make('sub', [most, least], {}, '/extent');
    const fraction = context.make('div', [extent, context.scalar(type.hi, '/levels')], {}, '/step');
    // Where every element is 0, the scale is 1: 1 - signum(extent) is 1 there, and 0 elsewhere.
    const isNone = context.make(
      'sub',
      [context.scalar(1, '/1'), context.make('signum', [extent], {}, '/any')],
      {},
      '/none',
    );
    const scale = context.make('add', [fraction, isNone], {}, '/scale');
    const origin = context.make(
      'sub',
      [context.scalar(0, '/lowest'), context.make('div', [least, scale], {}, '/least_steps')],
      {},
      '/origin',
    );
    const inside = context.make('clip', [origin], { min: type.lo, max: type.hi }, '/in_range');
    const zero = context.make('round', [inside], {}, '/zero');
    const y = saturated(context, context.make('div', [x, scale], {}, '/divided'), zero, type);
    const zeroPoint = context.make('cast', [zero], { to: type.dtype }, '/zero_point');
    return [valueItem(y), valueItem(scale), valueItem(zeroPoint)];
  },
};

/**
 * Integers that a Clip limits after QuantizeLinear are integers of fewer bits, as PyTorch and
 * bitplane write them: cast(clip(cast(cast(clip(x))))) is one clip and one cast. Zero stays a
 * number of the smaller dtype, or nothing changes.
 */
function narrowed(context: NodeContext, q: Value<Integer>, zero: Value | undefined): Value {
  if (!isOp(q, 'cast') || !isOp(q.inputs[0], 'clip')) return q;
  const outer = q.inputs[0];
  const whole: Value = outer.inputs[0];
  if (!isOp(whole, 'cast') || !isOp(whole.inputs[0], 'cast')) return q;
  const inner: Value = whole.inputs[0].inputs[0];
  const { min, max } = outer.attrs;
  if (!isOp(inner, 'clip') || min < inner.attrs.min || max > inner.attrs.max || min > max) return q;
  const dtype = integerDtype(min, max);
  if (dtype === undefined || !(DTYPES[dtype].bits < DTYPES[q.dtype].bits)) return q;
  const { lo, hi } = integerBounds(dtype);
  const isInside = (number: number) => number >= lo && number <= hi;
  if (zero !== undefined && ![...(zero.data?.data ?? [NaN])].every(isInside)) return q;
  const clipped = context.make('clip', inner.inputs, { min, max }, '/clipped');
  return context.make('cast', [clipped], { to: dtype }, '/quantized');
}

/** int32 may be quantized too. */
function floatsOf(context: NodeContext): Value {
  const x = context.value(0);
  return x.dtype === 'i32' ? context.make('cast', [x], { to: 'f32' }, '/floats') : x;
}

/** Before operator set 13 there is one scale; blocks begin with 21. */
function grainOf(context: NodeContext, scale: Value): Grain {
  if (context.isStandard && context.opset < 13 && scale.shape.some((dim) => dim !== 1))
    throw context.expected(
      'ERR_SHAPE',
      'one scale, as before version 13 of the operators',
      `[${scale.shape.join(', ')}]`,
    );
  const block = context.int('block_size', 0);
  if (block < 0) throw context.expected('ERR_FORMAT', 'block_size to be 0 or more', block);
  return { axis: context.int('axis', 1), block };
}

function requireFloat(context: NodeContext, attribute: 'precision' | 'output_dtype'): void {
  const asked = context.int(attribute, 0);
  if (asked !== 0 && asked !== DataType.FLOAT)
    throw context.expected('ERR_UNSUPPORTED', `${attribute} to be FLOAT`, dataTypeName(asked));
}
