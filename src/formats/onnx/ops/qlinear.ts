/**
 * Products of quantized tensors: QLinearConv, QLinearMatMul, ConvInteger, MatMulInteger.
 *
 * The sums of the Integer ops are products of integers, exact in 32 bits (../integer-sums.ts).
 * Those of the QLinear ops are float32 ops: exact while they stay below 2^24, which a pass that
 * moves them into integers lifts. A border holds the zero point, so that it adds nothing. The
 * result of QLinear ops is requantized as onnxruntime does: one product with the scale x_scale *
 * w_scale / y_scale in float32, rounded half to even, then the zero point. (ONNX's own reference
 * adds the zero point first: a tie then differs where that is odd.) Not here: ops of com.microsoft
 * (./microsoft.ts).
 */
import type { Attrs, Value } from '../../../graph/value.js';
import type { OpName } from '../../../ops/index.js';
import type { Importer, NodeContext } from '../context.js';
import { integerSums } from '../integer-sums.js';
import { along, centered, isAll, resultType, saturated, scaleAt, zeroAt } from '../quantization.js';
import { convolution } from './conv.js';
import { product as matrixProduct } from './matmul.js';

export const qlinearImporters: Readonly<Record<string, Importer>> = {
  /** x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias of INT32. */
  QLinearConv(context) {
    const x = centered(context, context.quantized(0).value, oneZero(context, 2), '/x');
    const w = weights(context, 3, 5);
    const outputs = [w.shape[0] as number];
    const scale = product(context, [
      scaleAt(context, 1),
      along(context, scaleAt(context, 4), outputs, 0),
    ]);
    const combined = quotient(context, scale, scaleAt(context, 6));
    const zero = zeroAt(context, 7);
    const type = resultType(context, zero.dataType ?? context.quantized(0).dataType);
    return convolution(context, x, w, (sums) =>
      saturated(
        context,
        scaled(context, context.has(8) ? biased(context, sums, 8) : sums, combined),
        zero.value,
        type,
      ),
    );
  },

  ConvInteger(context) {
    const zeros = [zeroAt(context, 2), zeroAt(context, 3)] as const;
    const [x, w] = [context.quantized(0).value, context.quantized(1).value];
    requireOne(context, 2, zeros[0].value);
    // Of the rank that `convolution` gives its operands.
    const wZero = zeros[1].value && along(context, zeros[1].value, [w.shape[0] ?? 1, 1, 1, 1], 0);
    const sums = (map: Value, weights: Value, attrs: Attrs) =>
      integerSums(
        context,
        { op: 'conv2d', attrs },
        { q: map, zero: zeros[0] },
        { q: weights, zero: { ...zeros[1], value: wZero } },
      ) ?? inFloats(context, 'conv2d', [map, weights], [zeros[0].value, wZero], attrs);
    return convolution(context, x, w, (y) => y, sums);
  },

  /** a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero. */
  QLinearMatMul(context) {
    const sums = matrixProduct(context, rows(context, 0, 2, '/a'), columns(context, 3, 5));
    const scale = product(context, [perRow(context, scaleAt(context, 1)), scaleAt(context, 4)]);
    const combined = quotient(context, scale, scaleAt(context, 6));
    const zero = zeroAt(context, 7);
    const type = resultType(context, zero.dataType ?? context.quantized(0).dataType);
    return saturated(context, scaled(context, sums, combined), zero.value, type);
  },

  MatMulInteger(context) {
    const zeros = [zeroAt(context, 2), zeroAt(context, 3)] as const;
    const [a, b] = [context.quantized(0).value, context.quantized(1).value];
    const exact =
      b.shape.length === 2 &&
      integerSums(
        context,
        { op: 'dense', attrs: {} },
        { q: a, zero: zeros[0] },
        { q: context.transpose(b, [1, 0], '/columns'), zero: zeros[1] },
      );
    if (exact) return exact;
    const rowZero = zeros[0].value && perRow(context, zeros[0].value);
    return inFloats(context, 'matmul', [a, b], [rowZero, zeros[1].value], {});
  },
};

/** The sums of floats, as integers: exact below 2^24. */
function inFloats(
  context: NodeContext,
  op: OpName,
  [x, w]: readonly [Value, Value],
  [xZero, wZero]: readonly [Value | undefined, Value | undefined],
  attrs: Attrs,
): Value {
  const operands = [centered(context, x, xZero, '/x'), centered(context, w, wZero, '/w')];
  const [a, b] = operands as [Value, Value];
  const sums =
    op === 'matmul'
      ? matrixProduct(context, a, b, '/floats')
      : context.make(op, operands, attrs, '/floats');
  return context.make('cast', [sums], { to: 'i32' });
}

/** The product of scales, from the left. */
export function product(context: NodeContext, scales: readonly Value[]): Value {
  return scales.reduce((all, one) =>
    isAll(one, 1) ? all : context.make('mul', [all, one], {}, '/scale_product'),
  );
}

export function quotient(context: NodeContext, scale: Value, by: Value): Value {
  return isAll(by, 1) ? scale : context.make('div', [scale, by], {}, '/scale_ratio');
}

/** x * scale, or x where the scale is exactly 1. */
export function scaled(context: NodeContext, x: Value, scale: Value): Value {
  return isAll(scale, 1) ? x : context.make('mul', [x, scale], {}, '/scaled');
}

/** The bias has the scale of the sums and no zero point. */
export function biased(context: NodeContext, sums: Value, index: number): Value {
  const bias = context.make(
    'cast',
    [context.quantized(index).value],
    { to: 'f32' },
    '/bias_values',
  );
  return context.make('add', [sums, bias], {}, '/bias');
}

function oneZero(context: NodeContext, index: number): Value | undefined {
  const { value } = zeroAt(context, index);
  requireOne(context, index, value);
  return value;
}

function requireOne(context: NodeContext, index: number, value: Value | undefined): void {
  if (value?.shape.some((dim) => dim !== 1))
    throw context.expected(
      'ERR_SHAPE',
      `input ${index}, a zero point, to be one number`,
      `[${value.shape.join(', ')}]`,
    );
}

/** w - zero for weights [O, I, kh, kw] with one zero point or one an output. */
function weights(context: NodeContext, index: number, zeroIndex: number): Value {
  const { value } = context.quantized(index);
  const zero = zeroAt(context, zeroIndex).value;
  return centered(context, value, zero && along(context, zero, value.shape, 0), '/w');
}

function rows(context: NodeContext, index: number, zeroIndex: number, of: string): Value {
  const zero = zeroAt(context, zeroIndex).value;
  return centered(context, context.quantized(index).value, zero && perRow(context, zero), of);
}

/** One zero point, or one a column, as it broadcasts. */
function columns(context: NodeContext, index: number, zeroIndex: number): Value {
  return centered(context, context.quantized(index).value, zeroAt(context, zeroIndex).value, '/b');
}

/** [M], one number a row, as [M, 1]. */
function perRow(context: NodeContext, operand: Value): Value {
  const [size] = operand.shape;
  return operand.shape.length === 1 && size !== 1
    ? context.make('reshape', [operand], { shape: [size, 1] }, '/per_row')
    : operand;
}
