/**
 * Casts and binarizations. Bits are floats, -1 and +1: ONNX has no such type. Not here: casts that
 * end a quantization (./quantize.ts).
 */
import { type ByteInteger, integerBounds, isByteInteger } from '../../../../core/dtype.js';
import type { Value } from '../../../../graph/value.js';
import { isOp } from '../../../../ops/index.js';
import { constant } from '../../../../ops/make.js';
import { Tensor } from '../../../../tensor/tensor.js';
import { DataType } from '../../data-type.js';
import { type Emission, QONNX_DOMAIN } from '../emission.js';
import { computedType } from '../payload.js';
import { orderOfOperands } from './elementwise.js';
import type { Writer } from './writer.js';

export const castWriters: Readonly<Record<string, Writer>> = {
  /**
   * What lies outside an integer type becomes its end, which ONNX leaves undefined: floats are
   * clipped before. Of int32, no float is next to the upper end, so that only the file's readers
   * that saturate agree there.
   */
  cast(emission, value) {
    if (!isOp(value, 'cast')) return;
    const [x] = value.inputs;
    const order = orderOfOperands(emission, value);
    const from = emission.dataTypeOf(x);
    let tensor = emission.inOrder(x, order);
    if (value.dtype === 'f32') {
      emission.hold(value, emission.cast(tensor, from, DataType.FLOAT, value), order);
      return;
    }
    const to = computedType(value.dtype);
    if (isByteInteger(value.dtype) && !isClipped(x, value.dtype)) {
      const { lo, hi } = integerBounds(value.dtype);
      tensor = emission.cast(tensor, from, DataType.FLOAT, value);
      const limits = [tensor, emission.scalar(lo), emission.scalar(hi)];
      tensor = emission.node('Clip', limits, value, { suffix: '.clipped' });
      emission.hold(
        value,
        emission.node('Cast', [tensor], value, { attributes: { to } }),
        order,
        to,
      );
      return;
    }
    emission.hold(value, emission.cast(tensor, from, to, value), order, to);
  },

  sign(emission, value) {
    const order = orderOfOperands(emission, value);
    emission.hold(
      value,
      signOf(emission, emission.float(value.inputs[0] as Value, order), value),
      order,
    );
  },

  /** -1 iff (x < t) xor flip: the sign of x - t, of flipped channels that of t - 1 - x. */
  threshold(emission, value) {
    const [x, t, flip] = value.inputs as [Value, Value, Value];
    const [limits, flips] = [t.data?.data, flip.data?.data];
    if (limits === undefined || flips === undefined)
      throw emission.fail(value, 'expected thresholds that are constants');
    const order = emission.orderOf(x) ?? orderOfOperands(emission, value);
    const channels = (suffix: string, number: (i: number) => number) => {
      const data = Float32Array.from(limits, (_, i) => number(i));
      return constant(`${value.name}.${suffix}`, new Tensor('f32', data, [data.length]));
    };
    const turned = channels('direction', (i) => (flips[i] === 0 ? 1 : -1));
    const shift = channels('shift', (i) =>
      flips[i] === 0 ? -(limits[i] as number) : (limits[i] as number) - 1,
    );
    const rank = value.shape.length;
    const spread = (operand: Value) => emission.broadcast(operand, rank, order);
    let tensor = emission.float(x, order);
    tensor = emission.node('Mul', [tensor, spread(turned)], value, { suffix: '.directed' });
    tensor = emission.node('Add', [tensor, spread(shift)], value, { suffix: '.shifted' });
    emission.hold(value, signOf(emission, tensor, value), order);
  },
};

/** True where x is floats that a clip keeps within a dtype, or integers of a smaller one. */
function isClipped(x: Value, dtype: ByteInteger): boolean {
  const { lo, hi } = integerBounds(dtype);
  if (isOp(x, 'clip')) return x.attrs.min >= lo && x.attrs.max <= hi;
  if (!isByteInteger(x.dtype)) return false;
  const held = integerBounds(x.dtype);
  return held.lo >= lo && held.hi <= hi;
}

/**
 * -1 where x < 0, else +1. ONNX's Sign is 0 at 0: Sign(Sign(x) + 0.5) is not. Of NaN ONNX says
 * nothing.
 */
function signOf(emission: Emission, x: string, value: Value): string {
  if (emission.dialect === 'qonnx')
    return emission.node('BipolarQuant', [x, emission.scalar(1)], value, { domain: QONNX_DOMAIN });
  const ternary = emission.node('Sign', [x], value, { suffix: '.ternary' });
  const shifted = emission.node('Add', [ternary, emission.scalar(0.5)], value, {
    suffix: '.not_zero',
  });
  return emission.node('Sign', [shifted], value);
}
