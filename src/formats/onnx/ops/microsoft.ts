/**
 * Quantized ops of onnxruntime (domain com.microsoft), which its quantizer writes: each is
 * dequantization, the float op, and quantization to the result's scale, as onnxruntime's operator
 * documentation defines them. onnxruntime itself merges scales, so that its result may be one step
 * away. Not here: products of ONNX's own operator sets (./qlinear.ts), MatMulNBits (./nbits.ts).
 */
import type { Value } from '../../../graph/value.js';
import type { OpName } from '../../../ops/index.js';
import type { Importer, NodeContext } from '../context.js';
import {
  centered,
  dequantized,
  quantizationAt,
  quantized,
  resultType,
  saturated,
  scaleAt,
  zeroAt,
} from '../quantization.js';
import { chosen } from './conditions.js';
import { averagePool, globalPool } from './conv.js';
import { biased, product, quotient, scaled } from './qlinear.js';
import { softmaxAlong } from './reduce.js';

export const microsoftImporters: Readonly<Record<string, Importer>> = {
  QLinearAdd: binary('add'),
  QLinearMul: binary('mul'),

  QLinearAveragePool: unary((context, x) => averagePool(context, x)),
  QLinearGlobalAveragePool: unary((context, x) => globalPool(context, 'mean', x)),
  QLinearSigmoid: unary((context, x) => context.make('sigmoid', [x], {}, '/floats')),
  /** `opset` says which operator set's Softmax it is; onnxruntime's own `axis` is -1 by default. */
  QLinearSoftmax: unary((context, x) => {
    const axis = context.axis(context.int('axis', -1), x.shape.length);
    return softmaxAlong(context, x, axis, context.int('opset'), '/floats');
  }),
  QLinearLeakyRelu: unary((context, x) =>
    context.make('leakyRelu', [x], { alpha: context.float('alpha', Math.fround(0.01)) }, '/floats'),
  ),

  QLinearReduceMean: unary((context, x) => {
    const listed = context.intList('axes') ?? [];
    const axes = listed.length === 0 ? [...x.shape.keys()] : context.axes(listed, x.shape.length);
    const attrs = { kind: 'mean', axes, keepDims: context.int('keepdims', 1) === 1 };
    return context.make('reduce', [x], attrs, '/floats');
  }),

  /** condition, x, x_scale, x_zero, y, y_scale, y_zero, z_scale, z_zero. */
  QLinearWhere(context) {
    const [x, y] = [floatsAt(context, 1, '/x'), floatsAt(context, 4, '/y')];
    return requantized(context, chosen(context, x, y, '/floats'), 7, 1);
  },

  /** y_scale, y_zero, then x, x_scale, x_zero of each part. */
  QLinearConcat(context) {
    const parts: Value[] = [];
    for (let i = 2; i < context.inputCount; i += 3) parts.push(floatsAt(context, i, `/${i}`));
    const axis = context.axis(context.int('axis'), parts[0]?.shape.length ?? 0);
    return requantized(context, context.make('concat', parts, { axis }, '/floats'), 0, 2);
  },

  /**
   * (alpha * a_scale * b_scale / y_scale) * (a * b + c), where c is INT32; without y_scale the
   * result is float. Inputs: a, a_scale, a_zero, b, b_scale, b_zero, c, y_scale, y_zero.
   */
  QGemm(context) {
    const transposed = (attribute: string, x: Value) =>
      context.int(attribute, 0) === 0 ? x : context.transpose(x, [1, 0], `/${attribute}`);
    const a = context.quantized(0).value;
    const { value: b } = context.quantized(3);
    const left = centered(context, transposed('transA', a), zeroAt(context, 2).value, '/a');
    const right = centered(context, transposed('transB', b), zeroAt(context, 5).value, '/b');
    let sums = context.make('matmul', [left, right], {});
    if (context.has(6)) sums = biased(context, sums, 6);
    const alpha = context.scalar(context.float('alpha', 1), '/alpha');
    const scale = product(context, [alpha, scaleAt(context, 1), scaleAt(context, 4)]);
    if (!context.has(7)) return scaled(context, sums, scale);
    const zero = zeroAt(context, 8);
    const combined = quotient(context, scale, scaleAt(context, 7));
    const type = resultType(context, zero.dataType ?? context.quantized(0).dataType);
    return saturated(context, scaled(context, sums, combined), zero.value, type);
  },
};

/** a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero. */
function binary(op: OpName): Importer {
  return (context) => {
    const operands = [floatsAt(context, 0, '/a'), floatsAt(context, 3, '/b')];
    return requantized(context, context.make(op, operands, {}, '/floats'), 6, 0);
  };
}

/** x, x_scale, x_zero, y_scale, y_zero. */
function unary(body: (context: NodeContext, x: Value) => Value): Importer {
  return (context) => {
    if (context.int('channels_last', 0) !== 0)
      throw context.fail('ERR_UNSUPPORTED', 'channels_last = 1 is not supported');
    return requantized(context, body(context, floatsAt(context, 0, '/x')), 3, 0);
  };
}

/** Quantized input `index` as floats; its scale and zero point follow it. */
function floatsAt(context: NodeContext, index: number, of: string): Value {
  const quantization = quantizationAt(context, index + 1, index + 2);
  return dequantized(context, context.quantized(index).value, quantization, of);
}

/** In the type of the zero point behind the scale, else that of input `like`. */
function requantized(context: NodeContext, x: Value, scale: number, like: number): Value {
  const { dataType } = context.has(scale + 1)
    ? zeroAt(context, scale + 1)
    : context.quantized(like);
  const type = resultType(context, dataType);
  return quantized(context, x, quantizationAt(context, scale, scale + 1), type);
}
