/**
 * Products of floats: convolutions, dense layers, matrices. Not here: those of integers, in ONNX's
 * own dialect (./integers.ts), poolings (./windows.ts).
 */
import { isByteInteger } from '../../../../core/dtype.js';
import type { Value } from '../../../../graph/value.js';
import { isOp } from '../../../../ops/index.js';
import { Tensor } from '../../../../tensor/tensor.js';
import { DataType } from '../../data-type.js';
import { type Emission, reordered } from '../emission.js';
import { baseOf, channelsSecond, type Order, plainOrder, toBase } from '../order.js';
import { constantIntegersOf } from '../patterns.js';
import { integerPayload, isHalfByte } from '../payload.js';
import { RAISE, raised, storedRange } from '../saturation.js';
import { writeCast } from './quantize.js';
import { convolutionAttributes } from './windows.js';
import type { Writer } from './writer.js';

const MAP = channelsSecond(4);

export const productWriters: Readonly<Record<string, Writer>> = {
  conv2d(emission, value) {
    emission.hold(value, convolution(emission, value, []), MAP);
  },

  /** The transposed convolution. Rows and columns that no window reaches are its output_padding. */
  conv2dInputGradient(emission, value) {
    if (!isOp(value, 'conv2dInputGradient')) return;
    const [dy, w] = value.inputs;
    const { strides, pads, dilations, height, width } = value.attrs;
    const kernel = (w.shape as readonly number[]).slice(1, 3);
    const more = [height, width].map((size, i) => {
      const [steps, reach] = [dy.shape[i + 1] as number, (kernel[i]! - 1) * dilations[i]! + 1];
      return size - ((steps - 1) * strides[i]! + reach - pads[i]! - pads[i + 2]!);
    });
    const attributes = {
      kernel_shape: kernel,
      ...convolutionAttributes(value.attrs),
      ...(more.some((size) => size > 0) && { output_padding: more }),
    };
    const inputs = [emission.float(dy, MAP), emission.float(w, MAP)];
    emission.hold(value, emission.node('ConvTranspose', inputs, value, { attributes }), MAP);
  },

  /** Gemm for matrices; MatMul wants the weights as [K, O]. */
  dense(emission, value) {
    emission.hold(value, dense(emission, value, []), plainOrder(value.shape.length));
  },

  matmul(emission, value) {
    const [a, b] = value.inputs as readonly [Value, Value];
    const operands = [emission.float(a), matrixOf(emission, a, b, plainOrder(2))];
    emission.hold(value, emission.node('MatMul', operands, value), plainOrder(value.shape.length));
  },
};

/**
 * Conv, in floats: sums of bits and integers are exact while they stay below 2^24. A border of -1
 * or +1 is a Pad of its own.
 */
function convolution(emission: Emission, value: Value, bias: readonly string[]): string {
  if (!isOp(value, 'conv2d')) throw emission.fail(value, 'expected a convolution');
  const [x, w] = value.inputs;
  const { pads, padValue, zeroPoint = 0, weightZeros } = value.attrs;
  let map = numbersOf(emission, x, MAP, [zeroPoint], value);
  if (padValue !== 0) {
    const [top, left, bottom, right] = pads;
    const border = emission.integers([0, 0, top, left, 0, 0, bottom, right]);
    const inputs = [map, border, emission.scalar(padValue)];
    map = emission.node('Pad', inputs, value, { suffix: '.padded' });
  }
  const weights = weightsOf(emission, w, MAP, weightZeros, value);
  const kernel = (w.shape as readonly number[]).slice(1, 3);
  return emission.node('Conv', [map, weights, ...bias], value, {
    attributes: {
      kernel_shape: kernel,
      ...convolutionAttributes(value.attrs),
      ...(padValue !== 0 && { pads: [0, 0, 0, 0] }),
    },
  });
}

function dense(emission: Emission, value: Value, bias: readonly string[]): string {
  if (!isOp(value, 'dense')) throw emission.fail(value, 'expected a dense layer');
  const [x, w] = value.inputs;
  const { zeroPoint = 0, weightZeros } = value.attrs;
  const rank = x.shape.length;
  const rows = numbersOf(emission, x, plainOrder(rank), [zeroPoint], value);
  if (rank !== 2) {
    const matrix = weightZeros
      ? weightsOf(emission, w, [1, 0], weightZeros, value, 1)
      : matrixOf(emission, x, w, [1, 0]);
    return emission.node('MatMul', [rows, matrix], value);
  }
  const attributes = { transB: 1 };
  const weights = weightsOf(emission, w, [0, 1], weightZeros, value);
  return emission.node('Gemm', [rows, weights, ...bias], value, { attributes });
}

/**
 * The weights of a MatMul. Where x is floats, onnxruntime's optimizer makes the MatMul of a
 * DequantizeLinear a MatMulNBits, which rounds x to 8 bits: the integers are cast, less their zero
 * point and times their scale there.
 */
function matrixOf(emission: Emission, x: Value, w: Value, order: Order): string {
  const isFloat = emission.dialect === 'onnx' && storedRange(x) === undefined;
  const base = baseOf(w);
  const written = isFloat ? writeCast(emission, base.value, toBase(order, base)) : undefined;
  return written ?? emission.float(w, order);
}

/**
 * The value as a product and a constant vector that is added to it: one node of ONNX. Not with
 * weights of 4 bits or fewer: onnxruntime has no such kernel, but its optimizer would round the
 * bias to multiples of the product of both scales, which are coarse then.
 */
export function biasOf(
  value: Value,
): { readonly product: Value; readonly bias: Value } | undefined {
  if (!isOp(value, 'add')) return undefined;
  const [product, bias] = value.inputs;
  const isProduct =
    isOp(product, 'conv2d') || (isOp(product, 'dense') && product.shape.length === 2);
  if (!isProduct || product.dtype !== 'f32' || bias.op !== 'constant') return undefined;
  const w = baseOf(product.inputs[1]).value;
  const { dtype } = constantIntegersOf(w)?.q ?? w;
  if (dtype === 'b1' || (dtype !== 'f32' && isHalfByte(dtype))) return undefined;
  const isVector = bias.shape.length === 1 && bias.shape[0] === product.shape.at(-1);
  return isVector ? { product, bias } : undefined;
}

export function writeBiased(emission: Emission, value: Value, product: Value, bias: Value): void {
  const vector = [emission.float(bias)];
  if (isOp(product, 'dense')) emission.hold(value, dense(emission, product, vector), plainOrder(2));
  else emission.hold(value, convolution(emission, product, vector), MAP);
}

/** Weights as floats, less zero points along an axis; INT8 with any as UINT8 (../saturation.ts). */
function weightsOf(
  emission: Emission,
  w: Value,
  order: Order,
  zeros: readonly number[] | undefined,
  product: Value,
  axis = 0,
): string {
  if (zeros === undefined || w.op !== 'constant' || w.dtype !== 'i8')
    return numbersOf(emission, w, order, zeros ?? [0], product, axis);
  const q = emission.once(`${emission.numberOf(w)} ${order} plus ${RAISE}`, () =>
    emission.tensor(w.name, reordered(raised(w.data as Tensor), order), DataType.UINT8),
  );
  const raisedZeros = zeros.map((zero) => zero + RAISE);
  return lessZeros(emission, q, DataType.UINT8, raisedZeros, product, axis);
}

/**
 * The operand of a product as floats, less its zero points, one or one for each element of an axis.
 * Integers are dequantized with a scale of 1, so that a file's reader sees integers.
 */
export function numbersOf(
  emission: Emission,
  x: Value,
  order: Order,
  zeros: readonly number[],
  product: Value,
  axis = 0,
): string {
  if (!isByteInteger(x.dtype)) return emission.float(x, order);
  const q = emission.inOrder(x, order);
  const dataType = emission.dataTypeOf(x);
  return dataType === DataType.FLOAT ? q : lessZeros(emission, q, dataType, zeros, product, axis);
}

function lessZeros(
  emission: Emission,
  q: string,
  dataType: number,
  zeros: readonly number[],
  product: Value,
  axis: number,
): string {
  return emission.once(`${q} less ${zeros}`, () => {
    const { length } = zeros;
    const raw = integerPayload(zeros, dataType);
    const operands =
      length === 1
        ? [emission.scalar(1), emission.scalar(zeros[0]!, raw, dataType)]
        : [
            emission.tensor('ones', ones(length)),
            emission.shared('zeros', dataType, [length], raw),
          ];
    return emission.node('DequantizeLinear', [q, ...operands], product, {
      suffix: '.integers',
      ...(length > 1 && { attributes: { axis } }),
    });
  });
}

function ones(length: number): Tensor {
  return new Tensor('f32', new Float32Array(length).fill(1), [length]);
}
